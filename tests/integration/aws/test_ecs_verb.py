"""The platform verb on ECS goes where the plan or the undo record says, and nowhere else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ecs_lab import CURRENT, AwsLab

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from run_tasks import play  # noqa: E402


def test_a_version_that_is_back_already_is_not_gone_back_from(aws: AwsLab, tmp_path) -> None:
    """What an undo record names runs. The history would offer the version before it."""
    now = aws.info()["service"]["version"]
    verb = {"name": "sre.remediation.platform", "tasks_from": "rollback"}
    given = {"platform_candidates": [now], "platform_seen": {"service": {"version": now}}}
    ecs = {"cluster": "lab", "service": "api", "region": "us-east-1", "endpoint_url": aws.endpoint, "poll": 1}
    service = {"service_platform": "ecs", "service_ecs": ecs}
    tasks = [{"name": "Roll back", "include_role": verb, "vars": given}]
    results, output = play(tmp_path, tasks, "-e", json.dumps(service))
    done = results["sre.remediation.platform : Return to what ran stably before"]
    assert (done["changed"], done["to"]["found_by"]) == (False, "already_known_good"), output[-3000:]
    assert aws.served() == CURRENT
