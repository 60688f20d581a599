"""The calls themselves: pages, batches, errors with names, and the deadline; and what one look asks."""

from __future__ import annotations

import builtins

import pytest
from ecs_history import ACCOUNT, START, definition_arn, make_service, revision_arn, rollout_arn

from ansible_collections.sre.remediation.plugins.module_utils import _aws
from ansible_collections.sre.remediation.plugins.module_utils._ecs import logs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.look import Questions, look
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


def brief(number, status="SUCCESSFUL", target="v1"):
    return {
        "serviceDeploymentArn": rollout_arn(number),
        "createdAt": START.replace(minute=number % 60, hour=number // 60),
        "targetServiceRevisionArn": revision_arn(target),
        "status": status,
    }


def test_all_pages_of_the_history_are_read_and_put_in_order(aws, ecs):
    first, second = [brief(1), brief(5)], [brief(3)]
    aws.expect("list_service_deployments", {"serviceDeployments": first, "nextToken": "more"})
    asked = {"cluster": "lab", "service": "api", "maxResults": 100, "nextToken": "more"}
    aws.expect("list_service_deployments", {"serviceDeployments": second}, **asked)
    found = [item["serviceDeploymentArn"] for item in ecs.list_rollouts()]
    assert found == [rollout_arn(5), rollout_arn(3), rollout_arn(1)]


def test_a_list_that_never_ends_is_an_error(aws, ecs, monkeypatch):
    monkeypatch.setattr(_aws, "MAX_PAGES", 3)
    for number in range(3):
        aws.expect("list_service_deployments", {"serviceDeployments": [], "nextToken": str(number)})
    with pytest.raises(_aws.AwsError) as failed:
        ecs.list_rollouts()
    assert failed.value.code == "too_many_pages"


def test_a_token_that_comes_again_ends_the_list(aws, ecs):
    for _page in range(2):
        aws.expect("list_service_deployments", {"serviceDeployments": [brief(1)], "nextToken": "same"})
    assert len(ecs.list_rollouts()) == 2


def test_arns_are_asked_for_twenty_at_a_time(aws, ecs):
    arns = [rollout_arn(number) for number in range(45)]
    for chunk in (arns[:20], arns[20:40], arns[40:]):
        aws.expect("describe_service_deployments", {"serviceDeployments": []}, serviceDeploymentArns=chunk)
    assert ecs.rollouts(arns) == []


@pytest.mark.parametrize(
    ("aws_code", "status", "code"),
    [
        ("AccessDeniedException", 400, "access_denied"),
        ("ClusterNotFoundException", 400, "cluster_missing"),
        ("ThrottlingException", 400, "throttled"),
        ("UnsupportedFeatureException", 400, "unsupported_feature"),
        ("ServiceNotActiveException", 400, "service_inactive"),
        ("ExpiredTokenException", 400, "platform_unreachable"),
        ("UnrecognizedClientException", 400, "platform_unreachable"),
        ("ServerException", 500, "platform_unreachable"),
        ("InvalidParameterException", 400, "aws_error"),
    ],
)
def test_errors_have_names(aws, ecs, aws_code, status, code):
    aws.refuse("describe_services", aws_code, status, message="told\nso")
    with pytest.raises(_aws.AwsError, match="ecs:DescribeServices: .*told so") as failed:
        ecs.find()
    assert failed.value.code == code
    assert isinstance(failed.value, _aws.AwsUnreachable) is (code == "platform_unreachable")


def test_no_call_begins_after_the_deadline(aws, ecs, clock):
    aws.expect("describe_services", {"services": []})
    assert ecs.find() is None
    clock.now += 61
    with pytest.raises(_aws.AwsUnreachable, match="no time left"):
        ecs.find()
    aws.extend(10)
    aws.expect("describe_services", {"services": []})
    assert ecs.find() is None


@pytest.mark.parametrize("change", [{"retries": -1}, {"timeout": 0}, {"deadline": 0}])
def test_options_that_are_none(change):
    params = {"region": None, "profile": None, "endpoint_url": "", "retry_mode": "standard", "retries": 4, "timeout": 5}
    with pytest.raises(RemediationError, match=next(iter(change))):
        _aws.aws_options({**params, "deadline": 60, **change})
    assert _aws.aws_options({**params, "deadline": 60}).endpoint_url is None


def test_a_client_tries_again_as_it_is_told():
    options = _aws.AwsOptions(region="us-east-1", retries=2, retry_mode="adaptive", timeout=3)
    config = _aws.Aws(options).client("ecs").meta.config
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 3}
    assert (config.connect_timeout, config.read_timeout) == (3, 3)


@pytest.mark.parametrize("options", [{"region": None}, {"region": "us-east-1", "profile": "nobody-has-this"}])
def test_a_connection_that_cannot_be_made(monkeypatch, options):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(RemediationError, match="check region, profile") as failed:
        _aws.Aws(_aws.AwsOptions(**options)).client("ecs")
    assert failed.value.code == "invalid_option"


def test_without_the_library_it_says_which(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("botocore"):
            raise ModuleNotFoundError(f"No module named '{name}'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RemediationError, match="boto3") as failed:
        _aws.Aws(_aws.AwsOptions(region="us-east-1")).client("ecs")
    assert failed.value.code == "library_missing"


LOGGED = {
    "name": "api",
    "image": "api:1",
    "environment": [{"name": "API_TOKEN", "value": "value-of-the-token"}],
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/ecs/api", "awslogs-stream-prefix": "ecs"},
    },
}


def task(number, status, deployment="ecs-svc/1", **changes):
    made = {"taskArn": f"{ACCOUNT}:task/lab/t{number}", "lastStatus": status, "startedBy": deployment}
    made |= {"startedAt": START, "stoppedAt": START.replace(second=number) if status == "STOPPED" else None}
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("tasks", "streams"),
    [
        ([task(1, "RUNNING")], ["t1"]),
        ([task(1, "PENDING", startedAt=None)], []),
        ([task(1, "STOPPED"), task(2, "STOPPED"), task(3, "STOPPED")], ["t2", "t3"]),
        ([task(1, "STOPPED"), task(2, "STOPPED"), task(3, "RUNNING")], ["t2", "t3"]),
        ([task(1, "STOPPED", "ecs-svc/0"), task(3, "RUNNING")], ["t3"]),
        ([task(1, "STOPPED", stopCode="UserInitiated")], ["t1"]),
        ([task(number, "RUNNING") for number in range(9)], ["t5", "t6", "t7", "t8"]),
    ],
)
def test_whose_log_is_read(tasks, streams):
    found = logs.sources(tasks, make_service("v1"), LOGGED)
    assert [source.stream for source in found] == [f"ecs/api/{name}" for name in streams]


@pytest.mark.parametrize("options", [{"awslogs-group": "g"}, {"awslogs-stream-prefix": "p"}, {}])
def test_without_a_known_stream_no_log_is_read(options):
    container = {"name": "api", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    assert logs.sources([task(1, "RUNNING")], make_service("v1"), container) == []


def test_one_look_asks_few_things_and_shows_no_secret(aws, ecs):
    definition = {"taskDefinitionArn": definition_arn("v1"), "family": "api", "revision": 1}
    aws.expect("describe_services", {"services": [make_service("v1", desiredCount=1)]})
    aws.expect("describe_task_definition", {"taskDefinition": {**definition, "containerDefinitions": [LOGGED]}})
    running, stopped = task(1, "RUNNING"), task(2, "STOPPED")
    aws.expect("list_tasks", {"taskArns": [running["taskArn"], stopped["taskArn"]]})
    aws.expect("list_tasks", {"taskArns": [stopped["taskArn"]]})
    asked = {"cluster": "lab", "tasks": [running["taskArn"], stopped["taskArn"]]}
    aws.expect("describe_tasks", {"tasks": [running, stopped]}, **asked)
    aws.refuse("list_service_deployments", "AccessDeniedException")
    aws.refuse("get_log_events", "ResourceNotFoundException", service="logs")
    events = [
        {"timestamp": 2, "message": "Authorization: value-of-the-token refused\n"},
        {"timestamp": 1, "message": "begins"},
    ]
    aws.expect("get_log_events", {"events": events}, "logs")
    found = look(ecs, Questions(log_lines=50))
    assert found.logs[0] == "t1 | begins"
    assert "value-of-the-token" not in "".join(found.logs)
    assert found.service["previous_version"] is None
    assert any("ecs:ListServiceDeployments" in warning for warning in found.warnings)
    assert len(aws.calls) == 8
