"""From what ECS says to the normalized state: tables of single decisions, and whole states with their signals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ecs_history import ACCOUNT, definition_arn

from ansible_collections.sre.remediation.plugins.module_utils._ecs import state
from ansible_collections.sre.remediation.plugins.module_utils._service import empty_state, signals

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:lab/jwt-AbCdEf"
PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s): api:9: not found"
NO_SECRET = f"ResourceInitializationError: unable to pull secrets: failed to fetch secret {SECRET}: not found"


def task(number=1, status="RUNNING", deployment="ecs-svc/1", exit_code=None, age=100, container=None, **changes):
    """A task as DescribeTasks has it."""
    made = {
        "taskArn": f"{ACCOUNT}:task/lab/t{number}",
        "taskDefinitionArn": definition_arn("v2"),
        "lastStatus": status,
        "startedBy": deployment,
        "startedAt": NOW - timedelta(seconds=age),
        "containers": [{"name": "api", "exitCode": exit_code, **(container or {})}],
    }
    if status == "STOPPED":
        made |= {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"}
        made |= {"stoppedAt": NOW - timedelta(seconds=50 - number)}
    return {**made, **changes}


def not_started(number=1, reason=PULL):
    return task(number, "STOPPED", stopCode="TaskFailedToStart", stoppedReason=reason, startedAt=None)


def sick(number):
    """One that ECS stopped as its health check failed."""
    reason = "Task failed container health checks"
    return task(number, "STOPPED", exit_code=137, stopCode="ServiceSchedulerInitiated", stoppedReason=reason)


def crashed(number):
    return task(number, "STOPPED", exit_code=1)


def definition(checked=False, env=("A",), secrets=(), **changes):
    container = {
        "name": "api",
        "image": "api:2",
        "environment": [{"name": name, "value": "1"} for name in env],
        "secrets": [{"name": name, "valueFrom": source} for name, source in secrets],
        **changes,
    }
    if checked:
        container["healthCheck"] = {"command": ["CMD", "true"]}
    return {"family": "api", "revision": 2, "containerDefinitions": [container], "networkMode": "awsvpc"}


def service(desired=1, failed=0, running=1, rollout="COMPLETED", **changes):
    primary = {
        "id": "ecs-svc/1",
        "status": "PRIMARY",
        "taskDefinition": definition_arn("v2"),
        "rolloutState": rollout,
        "failedTasks": failed,
        "runningCount": running,
    }
    made = {"serviceName": "api", "status": "ACTIVE", "taskDefinition": definition_arn("v2"), "desiredCount": desired}
    return {**made, "runningCount": running, "pendingCount": 0, "deployments": [primary], **changes}


def look(tasks, wanted=None, described=None, **more):
    seen = state.Seen(wanted or service(), described or definition(), tasks, **more)
    found = state.service_state("api", seen, NOW)
    return found, signals(found)


@pytest.mark.parametrize(
    ("tasks", "wanted", "checked", "expected"),
    [
        ([task()], {}, False, ["running"]),
        ([task(healthStatus="HEALTHY")], {}, True, ["running"]),
        ([task(healthStatus="UNKNOWN")], {}, True, ["starting"]),
        ([task(healthStatus="UNHEALTHY")], {}, True, ["unhealthy"]),
        ([task(status="PENDING")], {}, False, ["starting"]),
        ([task(status="PROVISIONING")], {}, True, ["starting"]),
        ([], {"desired": 0}, False, ["stopped"]),
        ([], {"pendingCount": 1}, False, ["starting"]),
        # It was scaled to none: an orderly end.
        ([task(status="STOPPED", exit_code=0, stopCode="ServiceSchedulerInitiated")], {"desired": 0}, False,
         ["exited_orderly", "stopped"]),
        ([task(status="STOPPED", exit_code=137, stopCode="UserInitiated")], {"desired": 1}, False, ["killed", "stopped"]),
        # One failure is none yet, two are a loop; so is what the deployment counts when ECS forgot the tasks.
        ([task(status="STOPPED", exit_code=1)], {}, False, ["exited_with_error", "stopped"]),
        ([task(1, "STOPPED", exit_code=1), task(2, "STOPPED", exit_code=1)], {}, False, ["crash_loop", "exited_with_error"]),
        ([task(1, "STOPPED", exit_code=1)], {"failed": 9}, False, ["crash_loop", "exited_with_error"]),
        # A young task after failures is not trusted yet, an old one is.
        ([task(1, "STOPPED", exit_code=1), task(2, "STOPPED", exit_code=1), task(3, age=2)], {}, False,
         ["crash_loop", "exited_with_error"]),
        ([task(1, "STOPPED", exit_code=1), task(2, "STOPPED", exit_code=1), task(3)], {}, False, ["running"]),
        ([task(1, "STOPPED", exit_code=1), task(2, "STOPPED", exit_code=1), task(3, "PENDING")], {}, False,
         ["crash_loop", "exited_with_error"]),
        # Out of memory, in the words of ECS.
        ([task(status="STOPPED", exit_code=137, container={"reason": "OutOfMemoryError: Container killed due to memory"})],
         {}, False, ["oom_killed", "stopped"]),
        # Stopped by ECS as it was not healthy: no orderly end, whatever its exit code and stop code.
        ([task(status="STOPPED", exit_code=0, stoppedReason="Task failed container health checks")], {}, True,
         ["exited_with_error", "stopped"]),
        ([task(status="STOPPED", exit_code=143, stopCode="ServiceSchedulerInitiated",
               stoppedReason="Task failed ELB health checks in (target-group x)")], {}, False,
         ["exited_with_error", "stopped"]),
        # The tasks of a deployment that ECS has taken back do not speak for the service.
        ([task(1, "STOPPED", "ecs-svc/0", 1), task(2, "STOPPED", "ecs-svc/0", 1), task(3)], {}, False, ["running"]),
        # A rollout fails beside the task that serves.
        ([task(1, "STOPPED", exit_code=1), task(2, "STOPPED", exit_code=1), task(3, deployment="ecs-svc/0")], {}, False,
         ["running"]),
    ],
)  # fmt: skip
def test_signals(tasks, wanted, checked, expected):
    _found, seen = look(tasks, service(**wanted), definition(checked))
    assert seen == expected


def test_a_service_that_is_not_there():
    for gone in (None, service(status="INACTIVE")):
        found = state.service_state("api", state.Seen(gone), NOW)
        assert (found["status"], found["exists"], signals(found)) == ("missing", False, ["missing"])


def test_a_draining_service_is_shown():
    found, _seen = look([task()], service(status="DRAINING"))
    assert found["exists"]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([not_started()], PULL),
        ([task(status="STOPPED", exit_code=1)], None),
        ([not_started(), task(2)], None),
        ([not_started(1, "ResourceInitializationError: old"), not_started(2)], PULL),
        ([task(1, "STOPPED", startedAt=None, container={"reason": "CannotStartContainerError: no such file"})],
         "CannotStartContainerError: no such file"),
    ],
)  # fmt: skip
def test_why_nothing_starts(tasks, expected):
    assert look(tasks)[0]["start_error"] == expected


@pytest.mark.parametrize(
    ("before", "lost"),
    [
        # The version before had the variable from another secret, or in plain text: a rollback brings it back.
        ({"secrets": [("JWT", SECRET.replace("jwt", "old"))]}, ["JWT"]),
        ({"env": ["JWT"]}, ["JWT"]),
        # It names the same secret: going back would not help.
        ({"secrets": [("JWT", SECRET)]}, []),
        ({"env": ["OTHER"]}, []),
    ],
)
def test_a_secret_that_is_not_there_is_a_missing_variable(before, lost):
    described = definition(secrets=[("JWT", f"{SECRET}:key::"), ("DB", SECRET.replace("jwt", "db"))])
    found, seen = look(
        [not_started(1, NO_SECRET)],
        described=described,
        previous_definition=definition(**before),
        required_env=("JWT", "DB"),
    )
    # The same secret by another key of it is the same secret.
    if before == {"secrets": [("JWT", SECRET)]}:
        lost = ["JWT"]
    assert found["env_names"] == ["A", "DB"]
    assert found["env_lost_since_previous"] == lost
    assert found["start_error"].endswith("(value of JWT)")


def test_the_same_reference_is_not_lost():
    found, _seen = look(
        [not_started(1, NO_SECRET)],
        described=definition(secrets=[("JWT", SECRET)]),
        previous_definition=definition(secrets=[("JWT", SECRET)]),
        required_env=("JWT",),
    )
    assert found["env_lost_since_previous"] == []
    assert "JWT" not in found["env_names"]


def rollout(status, version="v2", reason=""):
    return {"version": definition_arn(version), "status": status, "reason": reason}


@pytest.mark.parametrize(
    ("rollouts", "tasks", "wanted", "status", "word"),
    [
        ([rollout("SUCCESSFUL")], [task()], {}, "succeeded", None),
        ([rollout("IN_PROGRESS")], [task(status="PENDING")], {"running": 0}, "in_progress", None),
        ([rollout("ROLLBACK_IN_PROGRESS")], [not_started(1), not_started(2)], {"running": 0}, "in_progress", None),
        ([rollout("IN_PROGRESS")], [not_started(1), not_started(2)], {"running": 0}, "failed", "CannotPull"),
        ([rollout("IN_PROGRESS")], [not_started(1)], {"running": 0}, "in_progress", None),
        # The health check ends one after the other: the one that runs at this moment proves nothing.
        ([rollout("IN_PROGRESS")], [sick(1), sick(2), task(3, healthStatus="UNKNOWN")], {}, "failed", "health checks"),
        ([rollout("IN_PROGRESS")], [sick(1), sick(2), task(3, healthStatus="HEALTHY")], {}, "in_progress", None),
        ([rollout("IN_PROGRESS")], [sick(1), task(3, healthStatus="UNKNOWN")], {}, "in_progress", None),
        ([rollout("IN_PROGRESS")], [not_started(1), not_started(2), task(3)], {}, "in_progress", None),
        # It ends soon after each start: the one that has just started proves nothing.
        ([rollout("IN_PROGRESS")], [crashed(1), crashed(2), task(3, age=2)], {}, "failed", "code 1"),
        ([rollout("IN_PROGRESS")], [crashed(1), crashed(2), task(3)], {}, "in_progress", None),
        ([rollout("ROLLBACK_SUCCESSFUL", "v3", "circuit breaker")], [task()], {}, "failed", "circuit breaker"),
        (
            [rollout("ROLLBACK_SUCCESSFUL", "v3", "rolled back because of user request.")],
            [task()],
            {},
            "withdrawn",
            None,
        ),
        ([rollout("STOPPED", "v2", "threshold")], [task()], {}, "failed", "threshold"),
        ([], [task()], {}, "succeeded", None),
        ([], [task()], {"rollout": "FAILED"}, "failed", None),
        ([], [task()], {"rollout": "IN_PROGRESS"}, "in_progress", None),
    ],
)
def test_the_newest_deployment(rollouts, tasks, wanted, status, word):
    found, _seen = look(tasks, service(**wanted), rollouts=rollouts)
    assert found["deployment"]["status"] == status
    assert (word or "") in (found["deployment"]["error"] or "")


def test_the_whole_state():
    running = task(1, healthStatus="HEALTHY", attachments=[{"details": [{"name": "subnetId", "value": "subnet-1"}]}])
    running["containers"][0] |= {
        "imageDigest": "sha256:2",
        "networkBindings": [{"hostPort": 49153, "containerPort": 80}],
    }
    events = [{"createdAt": NOW, "message": "steady"}, {"createdAt": NOW - timedelta(hours=1), "message": "began"}]
    described = {**definition(checked=True, secrets=[("JWT", SECRET)], memory=256), "cpu": "512"}
    gone = task(2, "STOPPED", "ecs-svc/0", 3)
    found, _seen = look([running, gone], service(events=events), described)
    assert set(empty_state("ecs", "api")) <= set(found)
    assert (found["running"], found["healthy"], found["desired"]) == (1, 1, 1)
    assert found["limits"] == {"memory_bytes": 256 * 1024 * 1024, "cpus": 0.5}
    assert found["env_names"] == ["A", "JWT"]
    assert found["networks"] == ["subnet-1"]
    assert found["ports"] == [{"address": "0.0.0.0", "host_port": 49153, "port": 80, "protocol": "tcp"}]
    assert [event["what"] for event in found["events"]] == ["began", "steady"]
    assert found["instances"][0]["image_digest"] == "sha256:2"
    assert (found["version_name"], found["started_at"]) == ("api:2", "2026-11-26T11:58:20Z")
    assert found["ecs"]["secret_names"] == ["JWT"]
    stopped = found["ecs"]["stopped_tasks"]
    assert [(item["id"], item["exit_code"], item["failed"]) for item in stopped] == [("t2", 3, True)]


def test_an_exit_of_another_essential_container_is_told():
    ended = task(1, "STOPPED", exit_code=0)
    ended["containers"].append({"name": "proxy", "exitCode": 7})
    assert look([ended])[0]["last_exit"]["code"] == 7
