"""How a deployment ended, by its own id: as tables, and the waiting itself against a stub."""

from __future__ import annotations

import pytest
from ecs_history import START, definition_arn, make_service, revision_arn, rollout_arn

from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsError
from ansible_collections.sre.remediation.plugins.module_utils._ecs import wait

OWN = "ecs-svc/1"


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        ("SUCCESSFUL", "SUCCESSFUL", None),
        ("ROLLBACK_SUCCESSFUL", "SUCCESSFUL", "reverted_by_ecs"),
        ("ROLLBACK_FAILED", "SUCCESSFUL", "rollback_failed"),
        ("STOPPED", "SUCCESSFUL", "deployment_stopped"),
        ("ROLLBACK_SUCCESSFUL", "ROLLBACK_SUCCESSFUL", None),
        ("ROLLBACK_FAILED", "ROLLBACK_SUCCESSFUL", "rollback_failed"),
        ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "finished_meanwhile"),
    ],
)
def test_how_it_ended(status, expected, code):
    assert wait.judge(status, expected).code == code


@pytest.mark.parametrize(
    "status", ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"]
)
def test_it_has_not_ended(status):
    assert wait.judge(status, "SUCCESSFUL") is None


def primary(**changes):
    deployment = {**make_service("v2")["deployments"][0], "rolloutState": "IN_PROGRESS", **changes}
    return make_service("v2", deployments=[deployment])


@pytest.mark.parametrize(
    ("service", "ended"),
    [
        (primary(), None),
        (primary(rolloutState="COMPLETED"), (None, "SUCCESSFUL")),
        (primary(rolloutState="FAILED", rolloutStateReason="circuit breaker"), ("reverted_by_ecs", "FAILED")),
        # Steady, and another version: what services_stable is content with.
        (primary(id="ecs-svc/2", rolloutState="COMPLETED"), ("reverted_by_ecs", "REPLACED")),
        (make_service("v2", deployments=[]), ("reverted_by_ecs", "REPLACED")),
    ],
)
def test_without_the_history(service, ended):
    found = wait.judge_primary(service, OWN)
    assert (found and (found.code, found.status)) == ended


@pytest.mark.parametrize(
    ("change", "breaker", "expected"),
    [
        ({"failedTasks": 3, "runningCount": 0}, False, True),
        ({"failedTasks": 2, "runningCount": 0}, False, False),
        ({"failedTasks": 30, "runningCount": 1}, False, False),
        ({"failedTasks": 3, "runningCount": 0}, True, False),
        ({"failedTasks": 3, "runningCount": 0, "id": "ecs-svc/2"}, False, False),
    ],
)
def test_a_deployment_that_will_not_come_up(change, breaker, expected):
    service = primary(**change)
    service["deploymentConfiguration"] = {"deploymentCircuitBreaker": {"enable": breaker, "rollback": breaker}}
    assert (wait.hopeless(service, OWN) is not None) is expected


def described(status, **more):
    return {"serviceDeployments": [{"serviceDeploymentArn": rollout_arn(1), "status": status, **more}]}


def waiter(ecs, clock, seconds=600.0, poll=5.0):
    return wait.Waiter(ecs, seconds, poll, clock, clock.sleep)


def test_it_waits_with_growing_pauses_until_the_end(aws, ecs, clock):
    for status in ("PENDING", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCESSFUL"):
        asked = {"serviceDeploymentArns": [rollout_arn(1)]}
        aws.expect("describe_service_deployments", described(status), **asked)
    assert waiter(ecs, clock).rollout(rollout_arn(1), "SUCCESSFUL").ok
    assert clock.slept == [1.0, 1.5, 2.25, 3.375, 5.0]


def test_it_gives_up_at_its_deadline(aws, ecs, clock):
    for _look in range(4):
        aws.expect("describe_service_deployments", described("IN_PROGRESS"))
    ended = waiter(ecs, clock, seconds=4).rollout(rollout_arn(1), "SUCCESSFUL")
    assert ended.code == "timeout"
    assert sum(clock.slept) == 4


def test_what_ecs_took_back_is_no_success(aws, ecs, clock):
    aws.expect("describe_service_deployments", described("ROLLBACK_IN_PROGRESS"))
    reason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
    aws.expect("describe_service_deployments", described("ROLLBACK_SUCCESSFUL", statusReason=reason))
    ended = waiter(ecs, clock).rollout(rollout_arn(1), "SUCCESSFUL")
    assert ended.code == "reverted_by_ecs"
    assert reason in ended.said


def test_being_throttled_while_waiting_is_no_end(aws, ecs, clock):
    aws.refuse("describe_service_deployments", "ThrottlingException")
    aws.refuse("describe_service_deployments", "ServerException", 500)
    aws.expect("describe_service_deployments", described("SUCCESSFUL"))
    assert waiter(ecs, clock).rollout(rollout_arn(1), "SUCCESSFUL").ok


def test_being_denied_while_waiting_is_an_error(aws, ecs, clock):
    aws.refuse("describe_service_deployments", "AccessDeniedException")
    with pytest.raises(AwsError, match="ecs:DescribeServiceDeployments"):
        waiter(ecs, clock).rollout(rollout_arn(1), "SUCCESSFUL")


def test_its_own_deployment_is_the_new_one_that_leads_to_its_target(aws, ecs, clock):
    """Somebody else's deployment began at the same moment, and the list comes in no order."""

    def brief(number, target):
        return {
            "serviceDeploymentArn": rollout_arn(number),
            "createdAt": START,
            "targetServiceRevisionArn": revision_arn(target),
        }

    listed = {"serviceDeployments": [brief(2, "v3"), brief(0, "v1"), brief(3, "v2")]}
    revisions = [
        {"serviceRevisionArn": revision_arn(name), "taskDefinition": definition_arn(name)} for name in ("v3", "v2")
    ]
    aws.expect("list_service_deployments", {"serviceDeployments": [brief(0, "v1")]})
    aws.expect("list_service_deployments", listed)
    aws.expect("describe_service_revisions", {"serviceRevisions": revisions})
    assert waiter(ecs, clock).own_rollout([rollout_arn(0)], definition_arn("v2")) == rollout_arn(3)


def test_a_deployment_that_is_never_listed_is_not_waited_for_long(aws, ecs, clock):
    for _look in range(10):
        aws.expect("list_service_deployments", {"serviceDeployments": []})
    assert waiter(ecs, clock).own_rollout([], definition_arn("v2")) is None
    assert 30 < sum(clock.slept) < 40


@pytest.mark.parametrize(("seen", "code"), [((2, 2), None), ((2, 3), "deployment_stopped")])
def test_waiting_for_a_number_of_tasks(aws, ecs, clock, seen, code):
    running, desired = seen
    aws.expect("describe_services", {"services": [{"status": "ACTIVE", "desiredCount": 2, "runningCount": 1}]})
    later = {"status": "ACTIVE", "desiredCount": desired, "runningCount": running}
    aws.expect("describe_services", {"services": [later]})
    assert waiter(ecs, clock).running(2).code == code
