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


def playbook(row: dict[str, Any]) -> str:
    return row.get("playbook", "api_down")


def name(row: dict[str, Any]) -> str:
    first = "" if playbook(row) == "api_down" else f"{playbook(row)}-"
    return f"{first}{row['fault']}-{row['target']}"


def settings(row: dict[str, Any]) -> dict[str, Any]:
    """What both runs of a row are given: the playbook, its target, another inventory, more variables."""
    inventory = {"inventory": INVENTORY.parent / row["inventory"]} if "inventory" in row else {}
    return {"playbook": playbook(row), "target": row["target"], **inventory, **row.get("extra", {})}


def note(row: dict[str, Any], line: str, run_directory: Path) -> None:
    """Keep a row's line where every worker of this test run finds it; write the page once every row has passed."""
    directory = run_directory / "fault-matrix"
    directory.mkdir(exist_ok=True)
    (directory / name(row)).write_text(line, encoding="utf-8")
    lines = [directory / name(other) for other in ROWS]
    if all(path.exists() for path in lines):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(HEAD + "".join(path.read_text(encoding="utf-8") for path in lines), encoding="utf-8")


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_fault(row: dict[str, Any], clean_lab, workplace, run_directory) -> None:
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
    if "undo" in row:
        assert not world.environment("api").items() >= row["undo"].items()
        undone = workplace.run("undo", target=row["target"], undo_attempt=run.result["remedies"][-1]["attempt"])
        assert undone.rc == 0, undone.output[-3000:]
        assert world.environment("api").items() >= row["undo"].items()
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []

    platform = row.get("platform", "host" if row["target"] == "api_process" else "docker")
    line = (
        f"| {playbook(row)} | {row['fault']} | {row['target']} | {platform} | {run.result['cause']} | {', '.join(run.remedies) or 'none'} "
        f"| {run.result['verdict']} | {run.rc} | same plan |\n"
    )
    note(row, line, run_directory)
