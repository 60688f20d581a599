"""Numbers of CloudWatch through the double: what its containers really use, and nothing for what is not there."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from ecs_lab import AwsLab

TASK_MEMORY = 512 * 1024 * 1024
"""What a task of the API reserves."""
BURN = "import time; end = time.monotonic() + 2\nwhile time.monotonic() < end: pass"


def ask(aws: AwsLab, metric: str, service: str = "api", **arguments: Any) -> dict[str, Any]:
    dimensions = {"ClusterName": "lab", "ServiceName": service}
    query = {"namespace": "AWS/ECS", "metric": metric, "dimensions": dimensions, "statistic": "Maximum"}
    return aws.module("metrics_info", cloudwatch=query, region="us-east-1", **arguments)


def container_of_the_api(aws: AwsLab) -> str:
    """The engine's id of the one container of the API."""
    (instance,) = aws.info()["service"]["instances"]
    found = subprocess.run(
        ["docker", "ps", "-q", "--filter", f"label=com.amazonaws.ecs.task-arn={instance['id']}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def test_what_the_containers_use(aws: AwsLab) -> None:
    container = container_of_the_api(aws)
    memory = ask(aws, "MemoryUtilization", threshold=90)
    shown = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "{{json .}}", container], capture_output=True, check=True
    )
    used, unit = json.loads(shown.stdout)["MemUsage"].split(" ")[0].removesuffix("MiB"), 1024 * 1024
    assert memory["value"] == pytest.approx(100 * float(used) * unit / TASK_MEMORY, rel=0.2)
    assert (memory["breached"], memory["no_data"]) == (False, False)
    assert memory["api_calls"] == ["cloudwatch:GetMetricData"]

    idle = ask(aws, "CPUUtilization", threshold=80)["value"]
    subprocess.run(["docker", "exec", container, "python3", "-c", BURN], check=True)
    busy = ask(aws, "CPUUtilization", threshold=80)
    assert busy["breached"], busy
    assert busy["value"] > idle
    assert busy["series"][0]["labels"] == {"ClusterName": "lab", "ServiceName": "api"}

    # Having no data is not being below: nobody of this name, a service that reserves no CPU, one without a task.
    assert ask(aws, "CPUUtilization", "nobody", threshold=80)["breached"] is None
    assert ask(aws, "CPUUtilization", "db")["no_data"]
    assert ask(aws, "MemoryUtilization", "db")["value"] > 0
    aws.control("POST", "reset")
    aws.break_it("ecs-stopped")
    assert ask(aws, "MemoryUtilization", window=300)["no_data"]
    assert ask(aws, "MemoryUtilization", require_data=True)["code"] == "no_data"
