"""New deployments, other sizes and variables on the double; what the policies must allow; and a second opinion."""

from __future__ import annotations

import json

import pytest
from ecs_lab import CURRENT, FIRST, AwsLab, run_module

VALUE = "a-value-nobody-must-see"


def test_variables_size_and_number_of_tasks(aws: AwsLab) -> None:
    planned = aws.redeploy(check=True, env={"ORDERS_CURRENCY": VALUE}, memory=256)
    assert planned["changed"]
    done = aws.redeploy(env={"ORDERS_CURRENCY": VALUE}, memory=256)
    assert done["verified"], done
    assert done["diff"] == planned["diff"]
    assert VALUE not in json.dumps({key: value for key, value in done.items() if key != "invocation"})
    after = aws.info()["service"]
    assert (after["version"], after["limits"]["memory_bytes"]) == (done["to"]["version"], 256 * 1024 * 1024)
    assert not aws.redeploy(env={"ORDERS_CURRENCY": VALUE}, memory=256)["changed"]

    undone = aws.rollback(to=done["undo"]["version"])
    assert undone["verified"]
    assert aws.served() == CURRENT

    none = aws.redeploy(desired_count=0)
    assert (none["changed"], none["verified"], none["undo"]["desired_count"]) == (True, False, 1)
    assert aws.info()["service"]["status"] == "stopped"
    # A rollback of a service that is wanted nowhere does not start it, and says that it proved nothing.
    stopped = aws.rollback(to="1")
    assert (stopped["status"], stopped["verified"]) == ("SUCCESSFUL", False)
    assert aws.served() is None
    assert aws.redeploy(desired_count=1)["verified"]
    assert aws.comes_to_serve() == FIRST


def test_each_policy_allows_what_its_module_needs_and_no_more(aws: AwsLab) -> None:
    """That every call is allowed is checked wherever a module runs; here, that everything allowed is needed."""
    aws.break_it("ecs-hanging-rollout")
    assert aws.info()["service"]["deployment"]["status"] == "in_progress"
    assert aws.rollback()["to"]["found_by"] == "in_flight"
    restarted = aws.redeploy()
    assert (restarted["verified"], restarted["digest_drift"]) == (True, {})
    assert aws.rollback(to="1")["verified"]
    for module in ("ecs_service_info", "ecs_rollback", "ecs_redeploy"):
        assert aws.never_used(module) == set(), module


@pytest.mark.parametrize("fault", [None, "ecs-bad-image-reverted"])
def test_community_aws_sees_the_same_service(aws: AwsLab, fault: str | None) -> None:
    if fault:
        aws.break_it(fault)
    theirs = run_module(
        "ansible_collections.community.aws.plugins.modules.ecs_service_info",
        False,
        {"cluster": "lab", "service": ["api"], "details": True, "region": "us-east-1", "endpoint_url": aws.endpoint},
    )["services"][0]
    ours = aws.info()["service"]
    assert ours["version"] == theirs["taskDefinition"]
    assert (ours["desired"], ours["running"]) == (theirs["desiredCount"], theirs["runningCount"])
    assert ours["ecs"]["service_arn"] == theirs["serviceArn"]
    assert [(item["id"], item["rollout_state"], item["failed_tasks"]) for item in ours["ecs"]["deployments"]] == [
        (item["id"], item["rolloutState"], item["failedTasks"]) for item in theirs["deployments"]
    ]
