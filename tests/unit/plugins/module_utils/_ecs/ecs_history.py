"""A short way to write down what ECS remembers about a service, for the tables of the decision tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._ecs import history

ACCOUNT = "arn:aws:ecs:us-east-1:111122223333"
START = datetime(2026, 11, 1, tzinfo=UTC)


def definition_arn(name: str) -> str:
    """``v2`` or ``api:2`` -> the ARN of a task definition."""
    name = f"api:{name[1:]}" if name.startswith("v") else name
    return f"{ACCOUNT}:task-definition/{name}"


def revision_arn(name: str) -> str:
    return f"{ACCOUNT}:service-revision/lab/api/{name}"


def rollout_arn(number: int) -> str:
    return f"{ACCOUNT}:service-deployment/lab/api/d{number}"


def make_revision(name: str) -> history.Revision:
    """``v2`` has the digest of its own; ``v2@b`` is the same task definition with another image under its tag."""
    base, _at, image = name.partition("@")
    return history.Revision(revision_arn(name), definition_arn(base), (("api", f"sha256:{base}{image}"),))


def make_history(*steps: str, originals: dict[str, str] | None = None) -> history.History:
    """``"v1 SUCCESSFUL", "v2 ROLLBACK_SUCCESSFUL>v1", "v3 IN_PROGRESS"``, oldest first."""
    rollouts, revisions = [], {}
    for number, step in enumerate(steps):
        name, ended = step.split(" ")
        status, _arrow, back = ended.partition(">")
        for each in filter(None, (name, back)):
            revisions[each] = make_revision(each)
        rollouts.append(
            history.Rollout(
                rollout_arn(number),
                status,
                START + timedelta(hours=number),
                revision_arn(name),
                revision_arn(back) if back else None,
            )
        )
    known = {definition_arn(copy): definition_arn(original) for copy, original in (originals or {}).items()}
    # ECS promises no order.
    return history.make_history(reversed(rollouts), revisions.values(), known)


def make_service(current: str, **changes: Any) -> dict[str, Any]:
    """A service as DescribeServices has it."""
    service = {
        "serviceName": "api",
        "status": "ACTIVE",
        "taskDefinition": definition_arn(current),
        "desiredCount": 2,
        "runningCount": 2,
        "deployments": [
            {
                "id": "ecs-svc/1",
                "status": "PRIMARY",
                "taskDefinition": definition_arn(current),
                "rolloutState": "COMPLETED",
                "failedTasks": 0,
            }
        ],
    }
    return {**service, **changes}
