"""The fault matrix on ECS: break the double, plan, heal, look at what users get; and every call one the policy allows."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import world
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration/aws"))

from iam_policies import Journals, of_role  # noqa: E402

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "matrix_ecs.yml").read_text(encoding="utf-8"))
INVENTORY = world.ROOT / "inventories/lab_aws"
CHANGES = ("Create", "Update", "Delete", "Register", "Deregister", "Stop", "Run")
ECS = 100
"""Offset of the port users of the API on ECS come to."""


def name(row: dict[str, Any]) -> str:
    return f"{row['playbook']}-{row['fault']}" + ("-unreachable" if row.get("unreachable") else "")


class Double:
    """The double, as the tests ask it what it was asked."""

    def __init__(self, endpoint: str, journals: Journals) -> None:
        self.endpoint, self._journals = endpoint, journals

    def control(self, method: str, path: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.endpoint}/_lab/{path}", b"{}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def calls(self, role: str) -> dict[str, int]:
        """The calls since the last time, each of which the role's own policies and the one of all roles must allow."""
        counts: dict[str, int] = self.control("GET", "journal")["counts"]
        self.control("DELETE", "journal")
        self._journals.note("scenario_roles", counts)
        self._journals.note(role, counts, of_role(role))
        return counts

    def end_what_serves(self) -> None:
        """End the tasks that run: the machine under them is gone."""
        import boto3

        api = boto3.client("ecs")
        for arn in api.list_tasks(cluster="lab", serviceName="api")["taskArns"]:
            api.stop_task(cluster="lab", task=arn, reason="Host maintenance")


@pytest.fixture(scope="module")
def journals() -> Journals:
    return Journals()


@pytest.fixture
def double(aws_lab: dict[str, str], journals: Journals, monkeypatch: pytest.MonkeyPatch) -> Double:
    """The healthy double, and its clients' environment."""
    for key, value in aws_lab.items():
        monkeypatch.setenv(key, value)
    world.lab("up", "--with", "aws", "--reset")
    return Double(aws_lab["AWS_ENDPOINT_URL"], journals)


def service_variables(**changes: Any) -> dict[str, Any]:
    """service_ecs as the inventory has it, with changes."""
    port = int(os.environ.get("LAB_PORT_BASE") or "18000") + 66
    ecs = {"cluster": "lab", "service": "api", "region": "us-east-1", "endpoint_url": f"http://127.0.0.1:{port}"}
    return {**ecs, "retries": 0, **changes}


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_fault_on_ecs(row: dict[str, Any], double: Double, workplace) -> None:
    world.break_it(row["fault"])
    if row.get("outage"):
        double.end_what_serves()
    extra = dict(row.get("extra", {}))
    if row.get("unreachable"):
        extra["service_ecs"] = service_variables(endpoint_url="http://127.0.0.1:9")
    options = {"inventory": INVENTORY, "target": row.get("target", "api_ecs"), **extra}
    double.control("DELETE", "journal")

    plan = workplace.run(row["playbook"], cmdline="--check", **options)
    assert not [action for action in double.calls(row["playbook"]) if action.split(":")[1].startswith(CHANGES)]
    assert plan.result["verdict"] == ("planned" if row["remedies"] else "refused"), plan.output[-3000:]
    assert plan.result["cause"] == row["cause"], plan.output[-5000:]

    run = workplace.run(row["playbook"], **options)
    double.calls(row["playbook"])
    assert (run.result["verdict"], run.result["cause"], run.remedies) == (
        row["verdict"],
        row["cause"],
        row["remedies"],
    ), run.output[-5000:]
    assert run.result["code"] == row.get("code")
    assert [item["name"] for item in run.result["planned"]] == [item["name"] for item in plan.result["planned"]]
    assert run.rc == (0 if row["verdict"] == "recovered" else 2)
    if "version" in row:
        assert world.served_version(ECS) == row["version"]
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []


def test_an_order_is_carried_out_once_and_put_back(double: Double, workplace) -> None:
    options = {"inventory": INVENTORY, "target": "api_ecs"}
    run = workplace.run("emergency_rollback", remediation_reason="Ana: checkout charges twice", **options)
    assert (run.rc, run.result["verdict"], run.remedies) == (0, "recovered", ["rollback"]), run.output[-5000:]
    assert world.served_version(ECS) == "1.0.0"
    again = workplace.run("emergency_rollback", remediation_reason="Ana: checkout charges twice", **options)
    assert (again.rc, again.result["verdict"], again.remedies) == (0, "no_action_needed", []), again.output[-5000:]
    assert world.served_version(ECS) == "1.0.0"
    attempt = run.result["remedies"][0]["attempt"]
    undone = workplace.run("undo", undo_attempt=attempt, **options)
    assert undone.rc == 0, undone.output[-3000:]
    double.calls("emergency_rollback")


def test_of_two_orders_at_once_exactly_one_goes_back(double: Double, workplace) -> None:
    world.break_it("ecs-crash-late")
    double.control("DELETE", "journal")
    outputs = [workplace.directory / f"run-{number}.txt" for number in (1, 2)]
    words = ("-e", "target=api_ecs", "-e", '{"remediation_reason": "it crashes"}')
    runs = [
        workplace.start(*words, playbook="emergency_rollback", inventory=INVENTORY, output=output) for output in outputs
    ]
    codes = sorted(run.wait(timeout=200) for run in runs)
    assert codes == [0, 2], [output.read_text()[-3000:] for output in outputs]
    results = {
        entry["verdict"]: entry for output in outputs for entry in json.loads(Path(f"{output}.json").read_text())
    }
    assert set(results) == {"recovered", "refused"}
    assert results["refused"]["code"] == "busy"
    calls = double.calls("emergency_rollback")
    assert calls.get("ecs:UpdateService", 0) + calls.get("ecs:StopServiceDeployment", 0) == 1
    assert world.served_version(ECS) == "1.1.0"


def test_a_throttled_api_holds_up_no_order(double: Double, workplace) -> None:
    world.break_it("ecs-crash-at-start")
    world.break_it("ecs-throttled")
    double.control("DELETE", "journal")
    options = {"inventory": INVENTORY, "target": "api_ecs", "remediation_reason": "it crashes"}
    run = workplace.run("emergency_rollback", **options)
    assert (run.rc, run.result["verdict"], run.remedies) == (0, "recovered", ["rollback"]), run.output[-5000:]
    refused = [call for call in double.control("GET", "journal")["calls"] if call["status"] == 400]
    assert {call["action"] for call in refused} >= {"ecs:DescribeServices", "ecs:StopServiceDeployment"}
    double.calls("emergency_rollback")
    assert world.served_version(ECS) == "1.1.0"


def test_a_healthy_service_is_left_alone(double: Double, workplace) -> None:
    run = workplace.run("api_down", inventory=INVENTORY, target="api_ecs")
    assert (run.rc, run.result["verdict"]) == (0, "no_action_needed"), run.output[-3000:]
    assert not [action for action in double.calls("api_down") if action.split(":")[1].startswith(CHANGES)]
