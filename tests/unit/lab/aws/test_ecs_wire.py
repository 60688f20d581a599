"""The double at its edges: pages, names of actions, faults counted down, log lines, what the engine says of health."""

from __future__ import annotations

from typing import Any

import pytest
from aws import definitions, faults
from aws.double.containers import Place, options
from aws.double.faults import ApiFault, ApiFaults
from aws.double.logs import destination, lines_of
from aws.double.observer import health_in, overall
from aws.double.requests import action_of, target_of
from aws.double.traffic import Route, parse_routes
from aws.double.wire import ApiError, page
from lablib.faults.registry import as_table
from lablib.settings import LAB_DIRECTORY

README = LAB_DIRECTORY / "aws" / "README.md"


def signed(service: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request", **headers}


def test_pages_lead_to_the_end() -> None:
    data: dict[str, Any] = {"maxResults": 2}
    found: list[int] = []
    while True:
        answer = page(range(5), data, "numbers")
        found += answer["numbers"]
        if "nextToken" not in answer:
            break
        data = {"maxResults": 2, "nextToken": answer["nextToken"]}
    assert found == list(range(5))
    assert "nextToken" not in page(range(4), {"maxResults": 4}, "numbers")
    assert len(page(range(50), {}, "numbers", default=10)["numbers"]) == 10


@pytest.mark.parametrize("data", [{"maxResults": 101}, {"maxResults": -1}, {"nextToken": "what?"}])
def test_impossible_pages_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        page(range(5), data, "numbers")
    assert refused.value.code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("path", "headers", "body", "action"),
    [
        ("/", signed("ecs", **{"x-amz-target": "AmazonEC2ContainerServiceV20141113.ListTasks"}), b"", "ecs:ListTasks"),
        ("/service/G/operation/GetMetricData", signed("monitoring"), b"", "cloudwatch:GetMetricData"),
        (
            "/",
            signed("sts", **{"content-type": "application/x-www-form-urlencoded; charset=utf-8"}),
            b"Action=GetCallerIdentity&Version=2011-06-15",
            "sts:GetCallerIdentity",
        ),
        ("/_ministack/health", {}, b"", ""),
        ("/", signed("ecs"), b"", ""),
    ],
)
def test_requests_are_known_by_the_name_a_policy_uses(
    path: str, headers: dict[str, str], body: bytes, action: str
) -> None:
    assert action_of(path, headers, body) == action


def test_the_journal_says_what_a_call_was_about() -> None:
    headers = {"content-type": "application/x-amz-json-1.1"}
    assert target_of(headers, b'{"cluster": "lab", "service": "api"}') == "api"
    assert target_of(headers, b"[1]") == target_of(headers, b"{") == target_of({}, b'{"service": "api"}') == ""


def test_faults_are_matched_by_action_and_counted_down() -> None:
    known = ApiFaults()
    known.add(ApiFault("ecs:List*", "ThrottlingException", times=2))
    known.add(ApiFault("ecs:*", "AccessDeniedException"))
    taken = [
        known.take(action) for action in ("ecs:ListTasks", "ecs:ListServices", "ecs:ListTasks", "logs:GetLogEvents")
    ]
    assert [fault.error if fault else None for fault in taken] == [
        "ThrottlingException",
        "ThrottlingException",
        "AccessDeniedException",
        None,
    ]
    denied = ApiFault("ecs:*", "AccessDeniedException")
    assert denied.status == 400 and "ecs:StopTask" in denied.error_body("ecs:StopTask")["message"]
    assert ApiFault("ecs:*", "ServerException").status == 500
    known.clear()
    assert known.take("ecs:ListTasks") is None


def test_the_journal_counts_and_can_be_emptied() -> None:
    known = ApiFaults()
    for action in ("ecs:ListTasks", "ecs:ListTasks", "logs:GetLogEvents"):
        known.record(action, 200, "api")
    assert known.journal()["counts"] == {"ecs:ListTasks": 2, "logs:GetLogEvents": 1}
    known.reset_journal()
    assert known.journal() == {"total": 0, "counts": {}, "calls": []}


def test_lines_are_whole_however_they_arrive() -> None:
    assert list(lines_of([b"on", b"e\ntw", b"o\r\n", b"\xff", b"\nlast"])) == ["one", "two", "\ufffd", "last"]
    assert list(lines_of([])) == []


def test_log_streams_are_named_as_by_the_awslogs_driver() -> None:
    configured = {"logDriver": "awslogs", "options": {"awslogs-group": "/g", "awslogs-stream-prefix": "ecs"}}
    assert destination({"name": "api", "logConfiguration": configured}, "t1", "c1") == ("/g", "ecs/api/t1", False)
    del configured["options"]["awslogs-stream-prefix"]  # type: ignore[attr-defined]
    assert destination({"name": "api", "logConfiguration": configured}, "t1", "c1") == ("/g", "c1", False)
    assert destination({"name": "api"}, "t1", "c1") is None


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 seconds (healthy)", "HEALTHY"),
        ("Up 3 seconds (unhealthy)", "UNHEALTHY"),
        ("Up Less than a second (health: starting)", "UNKNOWN"),
        ("Up 3 seconds", None),
    ],
)
def test_the_engine_tells_health_in_words(status: str, health: str | None) -> None:
    assert health_in(status) == health


def test_a_task_is_as_healthy_as_its_containers() -> None:
    assert overall(["HEALTHY", "HEALTHY"]) == "HEALTHY"
    assert overall(["HEALTHY", "UNHEALTHY"]) == "UNHEALTHY"
    assert overall(["HEALTHY", "UNKNOWN"]) == overall([]) == "UNKNOWN"


def test_a_container_definition_reaches_the_engine() -> None:
    definition = {
        "entryPoint": ["/bin/sh", "-c"],
        "command": ["run"],
        "user": "1000",
        "workingDirectory": "/srv",
        "memory": 64,
        "healthCheck": {"command": ["CMD", "true"], "interval": 5},
        "portMappings": [{"containerPort": 80, "hostPort": 0}],
        "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
    }
    task_definition = {"networkMode": "bridge", "volumes": [{"name": "data"}]}
    found = options(task_definition, definition, {"command": ["other"]}, Place("lab-x"))
    assert (found["entrypoint"], found["command"], found["user"]) == (["/bin/sh", "-c"], ["other"], "1000")
    assert (found["working_dir"], found["mem_limit"], found["memswap_limit"]) == ("/srv", 64 * 2**20, 64 * 2**20)
    assert found["healthcheck"]["interval"] == 5 * 10**9 and found["healthcheck"]["retries"] == 3
    assert found["ports"] == {"80/tcp": ("127.0.0.1", None)}  # never on another address than the loopback
    assert found["volumes"] == ["lab-x_ecs-data:/data:rw"]


def test_routes_are_read() -> None:
    assert parse_routes("api=23100:8000,db=23101:5432") == [Route("api", 23100, 8000), Route("db", 23101, 5432)]
    assert parse_routes("") == []


def test_the_readme_lists_what_can_be_broken() -> None:
    assert as_table({fault.name: fault for fault in faults.FAULTS}) in README.read_text(encoding="utf-8")


def test_no_secret_value_is_in_a_task_definition() -> None:
    arns = dict.fromkeys(("lab/database-password", "lab/database-url", "lab/redis-url", "lab/jwt-secret"), "arn:x")
    api = definitions.api_task_definition(arns, definitions.api_image())["containerDefinitions"][0]
    assert {entry["name"] for entry in api["secrets"]} >= {"DATABASE_URL", "JWT_SECRET"}
    assert {entry["name"] for entry in api["environment"]} == {"ORDERS_CURRENCY", "ORDERS_RUN"}
