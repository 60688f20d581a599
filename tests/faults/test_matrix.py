"""The fault matrix: break one thing for real, plan, heal, and compare the world before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import world
import yaml
from pipeline import INVENTORY

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "matrix.yml").read_text(encoding="utf-8"))
PAGE = world.ROOT / "docs/fault-matrix.md"
HEAD = """# Fault matrix

Every row was broken for real in the lab and healed (or rightly refused) by the playbook it names; the test run that proves it
writes this page. "Dry run" means that `--check` had printed the same plan, with the same hash, and that the engine had seen
no change.

| playbook | fault | service | platform | cause found | remedies | verdict | exit code | dry run |
|---|---|---|---|---|---|---|---|---|
"""
seen: dict[str, str] = {}


def playbook(row: dict[str, Any]) -> str:
    return row.get("playbook", "api_down")


def name(row: dict[str, Any]) -> str:
    first = "" if playbook(row) == "api_down" else f"{playbook(row)}-"
    return f"{first}{row['fault']}-{row['target']}"


def settings(row: dict[str, Any]) -> dict[str, Any]:
    """What both runs of a row are given: the playbook, its target, another inventory, more variables."""
    inventory = {"inventory": INVENTORY.parent / row["inventory"]} if "inventory" in row else {}
    return {"playbook": playbook(row), "target": row["target"], **inventory, **row.get("extra", {})}


@pytest.fixture(scope="module", autouse=True)
def page():
    """Write the page once every row has passed."""
    yield
    if len(seen) == len(ROWS):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(HEAD + "".join(seen[name(row)] for row in ROWS), encoding="utf-8")


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_fault(row: dict[str, Any], clean_lab, workplace) -> None:
    world.break_it(row["fault"])
    before = world.containers()

    with world.Watch() as watch:
        plan = workplace.run(cmdline="--check", **settings(row))
        assert watch.changes() == []
    assert world.containers() == before
    expected_plan = "planned" if row["remedies"] and not row.get("approve") else "refused"
    assert plan.result["verdict"] == expected_plan, plan.output[-3000:]
    assert plan.rc == (0 if row["remedies"] else 2)
    assert plan.result["remedies"] == []

    approval = {"remediation_approve": plan.result["plan_hash"]} if row.get("approve") else {}
    run = workplace.run(**settings(row), **approval)
    assert (run.result["verdict"], run.result["cause"], run.remedies) == (
        row["verdict"],
        row["cause"],
        row["remedies"],
    ), run.output[-5000:]
    assert run.result["code"] == row.get("code")
    assert run.result["plan_hash"] == plan.result["plan_hash"]
    assert [item["name"] for item in run.result["planned"]] == [item["name"] for item in plan.result["planned"]]
    assert run.remedies == [item["name"] for item in plan.result["planned"]][: len(run.remedies)]
    healed = row["verdict"] == "recovered"
    assert run.rc == (0 if healed else 2)
    assert run.artifacts["remediation_results"][0]["verdict"] == row["verdict"]
    assert world.changed(before, world.containers()) <= set(row["changes"])
    if healed:
        assert world.answers(port=2 if row["target"] == "api_process" else 80)
        assert Path(run.result["evidence"], "attempt-1", "SHA256SUMS").is_file()
    if "version" in row:
        assert world.served_version() == row["version"]
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []

    platform = row.get("platform", "host" if row["target"] == "api_process" else "docker")
    seen[name(row)] = (
        f"| {playbook(row)} | {row['fault']} | {row['target']} | {platform} | {run.result['cause']} | {', '.join(run.remedies) or 'none'} "
        f"| {run.result['verdict']} | {run.rc} | same plan |\n"
    )
