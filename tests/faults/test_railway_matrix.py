"""The fault matrix on the lab's double of Railway: break one thing, plan, heal, and count what was asked of Railway."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import world
import yaml

sys.path.insert(0, str(world.LAB))

from railway.client import ControlClient  # noqa: E402

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("railway_matrix.yml").read_text(encoding="utf-8"))
INVENTORY = world.ROOT / "inventories/lab_railway"
MOST_REQUESTS = 60  # of one healing run; the smallest paid plan allows 1000 an hour
WRITES = ("Rollback", "Restart", "Redeploy", "DeployV2", "Upsert", "Delete", "Commit", "Stop", "Create", "Update")
REASON = "Ana: checkout charges twice"


def name(row: dict[str, Any]) -> str:
    return f"{row['playbook']}-{row['fault']}"


@pytest.fixture
def railway(railway_lab, monkeypatch):
    """The double with nothing broken; its clients' variables are in the environment."""
    for key, value in railway_lab.items():
        monkeypatch.setitem(os.environ, key, value)
    control = ControlClient(railway_lab["LAB_RAILWAY_CONTROL"])
    control.call("reset")
    control.call("clear")
    yield control
    control.call("reset")


def served() -> str:
    """The version that users of the API on Railway get."""
    with urllib.request.urlopen(os.environ["LAB_RAILWAY_API_URL"] + "/api/version", timeout=5) as reply:
        return json.load(reply)["version"]


def writes(control: ControlClient) -> list[str]:
    return [item["operation"] for item in control.journal() if item["operation"].endswith(WRITES)]


def known(control: ControlClient) -> dict[str, Any]:
    """The deployments there are, once none is being removed any more."""
    for _look in range(50):
        state = control.call("state")["services"]
        if not any(item["status"] == "REMOVING" for item in state["api"]["deployments"]):
            break
        time.sleep(0.2)
    return {name: [(item["id"], item["status"]) for item in state[name]["deployments"]] for name in ("api", "db")}


def settings(row: dict[str, Any]) -> dict[str, Any]:
    return {"playbook": row["playbook"], "target": row["target"], "inventory": INVENTORY}


def ids(world_known: dict[str, list[tuple[str, str]]]) -> dict[str, list[str]]:
    """The deployments of each service, whatever became of them: one that was under way may end meanwhile."""
    return {service: [row[0] for row in rows] for service, rows in world_known.items()}


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_fault_on_railway(row: dict[str, Any], railway, workplace) -> None:
    world.break_it(row["fault"])
    before = known(railway)
    railway.call("clear")

    plan = workplace.run(cmdline="--check", **settings(row))
    assert writes(railway) == []
    assert known(railway) == before
    assert plan.result["verdict"] == ("planned" if row["remedies"] else "refused"), plan.output[-4000:]

    railway.call("clear")
    run = workplace.run(**settings(row))
    assert (run.result["verdict"], run.result["cause"], run.remedies) == (
        row["verdict"],
        row["cause"],
        row["remedies"],
    ), run.output[-6000:]
    assert run.result["code"] == row.get("code")
    assert run.result["plan_hash"] == plan.result["plan_hash"]
    assert run.rc == (0 if row["verdict"] == "recovered" else 2)
    assert len(writes(railway)) == len(row["remedies"])
    assert len(railway.journal()) <= MOST_REQUESTS
    assert served() == row["serves"]


def test_an_emergency_rollback_is_carried_out_once(railway, workplace) -> None:
    order = {"playbook": "emergency_rollback", "target": "api_railway", "inventory": INVENTORY}
    begun = time.monotonic()
    run = workplace.run(**order, remediation_reason=REASON)
    assert (run.rc, run.result["verdict"], run.remedies) == (0, "recovered", ["rollback"]), run.output[-5000:]
    assert time.monotonic() - begun < 120  # runbook Kaviar, Rollback Imediato: less than two minutes
    assert (served(), writes(railway)) == ("1.0.0", ["DeploymentRollback"])
    again = workplace.run(**order, remediation_reason=REASON)
    assert (again.rc, again.result["verdict"]) == (0, "no_action_needed"), again.output[-4000:]
    assert writes(railway) == ["DeploymentRollback"]


def test_no_answer_to_the_rollback_makes_no_second_deployment_and_no_secret_shows(railway, workplace) -> None:
    world.break_it("railway-bad-image")
    before = {item["id"] for item in railway.deployments("api")}
    railway.fault("gateway_timeout", on="DeploymentRollback", when="after")
    run = workplace.run("api_down", target="api_railway", inventory=INVENTORY, verbosity=3)
    assert (run.rc, run.result["verdict"], run.remedies) == (0, "recovered", ["rollback"]), run.output[-5000:]
    made = {item["id"] for item in railway.deployments("api")} - before
    assert len(made) == 1
    state = Path(os.environ.get("LAB_STATE") or world.ROOT / ".lab" / world.PROJECT)
    secrets = [*json.loads((state / "secrets.json").read_text(encoding="utf-8")).values()]
    secrets += [os.environ[name] for name in ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN", "LAB_RAILWAY_WORKSPACE_TOKEN")]
    evidence = [path.read_text(errors="replace") for path in Path(run.result["evidence"]).rglob("*") if path.is_file()]
    for secret in secrets:
        assert secret not in run.output
        assert not [text for text in evidence if secret in text]


def test_an_incident_of_railway_is_told_apart_and_a_healthy_service_is_left_alone(railway, workplace) -> None:
    world.break_it("railway-incident")
    railway.call("clear")
    run = workplace.run("api_down", target="api_railway", inventory=INVENTORY)
    assert (run.rc, run.result["verdict"]) == (0, "no_action_needed"), run.output[-4000:]
    assert writes(railway) == []
    railway.fault("bad_gateway", count=0)
    deployments_before = ids(known(railway))
    unreachable = workplace.run(
        "emergency_rollback", target="api_railway", inventory=INVENTORY, remediation_reason=REASON
    )
    assert (unreachable.rc, unreachable.result["verdict"], unreachable.result["cause"]) == (
        2,
        "refused",
        "control_plane_down",
    ), unreachable.output[-4000:]
    assert ids(known(railway)) == deployments_before


def test_a_success_that_crashes_inside_the_window_is_not_recovered(railway, workplace) -> None:
    world.break_it("railway-bad-image")
    railway.call("clear")
    railway.outcome("api", "crash_late", seconds=1)
    run = workplace.run("deploy_failed", target="api_railway", inventory=INVENTORY)
    assert (run.rc, run.result["verdict"], run.remedies) == (2, "not_recovered", ["rollback"]), run.output[-5000:]
    assert writes(railway) == ["DeploymentRollback"]
