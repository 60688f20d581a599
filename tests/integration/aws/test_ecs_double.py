"""The lab's double of Amazon ECS by way of boto3: what the modules rely on holds on real containers."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

LAB = Path(__file__).resolve().parents[2] / "lab"
PORT_BASE = int(os.environ.get("LAB_PORT_BASE", "18000"))
SECONDS = 120
PLAIN = Config(retries={"total_max_attempts": 1})
"""Every call once, so that an injected fault shows."""


class Ecs:
    """The double, as a test looks at it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        session = boto3.Session(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self.api = session.client("ecs", endpoint_url=self.endpoint, config=PLAIN)
        self.logs = session.client("logs", endpoint_url=self.endpoint, config=PLAIN)

    def control(self, method: str, path: str, **data: Any) -> Any:
        request = urllib.request.Request(f"{self.endpoint}/_lab/{path}", json.dumps(data).encode(), method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def service(self, name: str = "api") -> Any:
        return self.api.describe_services(cluster="lab", services=[name])["services"][0]

    def history(self, **filters: Any) -> list[Any]:
        return self.api.list_service_deployments(cluster="lab", service="api", **filters)["serviceDeployments"]

    def revision(self, brief: Any) -> Any:
        arns = [brief["targetServiceRevisionArn"]]
        return self.api.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"][0]

    def tasks(self, status: str = "RUNNING") -> list[Any]:
        arns = self.api.list_tasks(cluster="lab", serviceName="api", desiredStatus=status)["taskArns"]
        return self.api.describe_tasks(cluster="lab", tasks=arns)["tasks"] if arns else []

    def served(self) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT_BASE + 100}/api/version", timeout=3) as answer:
                return str(json.load(answer)["version"])
        except OSError:
            return None

    def lines(self) -> str:
        return "\n".join(e["message"] for e in self.logs.filter_log_events(logGroupName="/ecs/lab-api")["events"])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    """The error code a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def break_it(fault: str) -> None:
    subprocess.run([LAB / "break", fault], check=True, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def double(aws_lab: dict[str, str]) -> Ecs:
    return Ecs(aws_lab)


@pytest.fixture
def ecs(double: Ecs) -> Iterator[Ecs]:
    """The double in its healthy state, before and after."""
    subprocess.run([LAB / "up", "--with", "aws", "--reset"], check=True, capture_output=True, timeout=300)
    yield double
    subprocess.run([LAB / "up", "--with", "aws", "--reset"], check=True, capture_output=True, timeout=300)


def test_a_healthy_service_has_a_previous_version_and_serves_the_current_one(ecs: Ecs) -> None:
    newest, previous = ecs.history()
    assert (newest["status"], previous["status"]) == ("SUCCESSFUL", "SUCCESSFUL")
    first = ecs.api.list_service_deployments(cluster="lab", service="api", maxResults=1)
    second = ecs.api.list_service_deployments(cluster="lab", service="api", maxResults=1, nextToken=first["nextToken"])
    assert first["serviceDeployments"] == [newest] and second["serviceDeployments"] == [previous]
    assert "nextToken" not in second
    assert ecs.history(status=["IN_PROGRESS"]) == []
    assert ecs.history(createdAt={"before": newest["createdAt"], "after": previous["createdAt"]}) != []
    assert ecs.history(createdAt={"after": newest["finishedAt"]}) == []
    images = [ecs.revision(brief)["containerImages"][0] for brief in (newest, previous)]
    assert [image["image"].rpartition(":")[2] for image in images] == ["1.1.0", "1.0.0"]
    assert len({image["imageDigest"] for image in images}) == 2
    service = ecs.service()
    assert service["currentServiceDeployment"] == newest["serviceDeploymentArn"]
    assert [r["arn"] for r in service["currentServiceRevisions"]] == [newest["targetServiceRevisionArn"]]
    assert "has reached a steady state" in service["events"][0]["message"]
    (task,) = ecs.tasks()
    assert (task["healthStatus"], task["startedBy"]) == ("HEALTHY", service["deployments"][0]["id"])
    assert ecs.served() == "1.1.0"


def test_the_circuit_breaker_takes_back_a_crashing_version_and_users_notice_nothing(ecs: Ecs) -> None:
    break_it("ecs-crash-at-start-reverted")
    assert ecs.served() == "1.1.0"
    newest = ecs.history()[0]
    (shown,) = ecs.api.describe_service_deployments(serviceDeploymentArns=[newest["serviceDeploymentArn"]])[
        "serviceDeployments"
    ]
    assert (newest["status"], shown["deploymentCircuitBreaker"]["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
    assert shown["rollback"]["serviceRevisionArn"] == ecs.history()[1]["targetServiceRevisionArn"]
    wait_for(lambda: len(ecs.service()["deployments"]) == 1)
    ecs.api.get_waiter("services_stable").wait(cluster="lab", services=["api"])
    stopped = [task for task in ecs.tasks("STOPPED") if task["stopCode"] == "EssentialContainerExited"]
    assert len(stopped) == 3 and {task["containers"][0]["exitCode"] for task in stopped} == {1}
    assert "exchange_rates" in ecs.lines()  # the module the release lacks
    assert ecs.service()["taskDefinition"].endswith(":2")


def test_given_up_without_rollback_the_good_task_stays(ecs: Ecs) -> None:
    break_it("ecs-missing-secret-given-up")
    bad, good = ecs.service()["deployments"]
    assert (bad["status"], bad["rolloutState"], bad["failedTasks"]) == ("PRIMARY", "FAILED", 3)
    assert (good["status"], good["rolloutState"], good["runningCount"]) == ("ACTIVE", "COMPLETED", 1)
    assert ecs.history()[0]["status"] == "STOPPED" and ecs.served() == "1.1.0"
    reason = ecs.tasks("STOPPED")[-1]["stoppedReason"]
    assert reason.startswith("ResourceInitializationError") and "lab/jwt-secret-v2" in reason


def test_a_hanging_rollout_can_be_stopped_once(ecs: Ecs) -> None:
    break_it("ecs-hanging-rollout")
    arn = ecs.history(status=["IN_PROGRESS"])[0]["serviceDeploymentArn"]
    assert ecs.service()["currentServiceDeployment"] == arn
    ecs.api.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    wait_for(lambda: ecs.history()[0]["status"] == "ROLLBACK_SUCCESSFUL")
    assert code_of(ecs.api.stop_service_deployment, serviceDeploymentArn=arn) == "ConflictException"
    wait_for(lambda: len(ecs.tasks()) == 1)
    assert ecs.served() == "1.1.0" and ecs.service()["taskDefinition"].endswith(":2")


def test_a_moved_tag_makes_another_revision_of_the_same_task_definition(ecs: Ecs) -> None:
    break_it("ecs-tag-moved")
    bad, good = (ecs.revision(brief) for brief in ecs.history()[:2])
    assert bad["taskDefinition"] == good["taskDefinition"]
    assert bad["containerImages"][0]["image"] == good["containerImages"][0]["image"]
    assert bad["containerImages"][0]["imageDigest"] != good["containerImages"][0]["imageDigest"]
    # The digest can be deployed, and brings back what the tag no longer names.
    definition = ecs.api.describe_task_definition(taskDefinition=good["taskDefinition"])["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    repository = container["image"].rpartition(":")[0]
    container["image"] = f"{repository}@{good['containerImages'][0]['imageDigest']}"
    kept = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "containerDefinitions")
    pinned = ecs.api.register_task_definition(**{name: definition[name] for name in kept})
    arn = pinned["taskDefinition"]["taskDefinitionArn"]
    ecs.api.update_service(cluster="lab", service="api", taskDefinition=arn)
    wait_for(lambda: ecs.service()["deployments"][0]["rolloutState"] == "COMPLETED")
    assert ecs.served() == "1.1.0"


def test_lost_tasks_are_replaced(ecs: Ecs) -> None:
    (first,) = ecs.tasks()
    ecs.api.stop_task(cluster="lab", task=first["taskArn"], reason="maintenance")
    wait_for(
        lambda: [t["taskArn"] for t in ecs.tasks() if t["healthStatus"] == "HEALTHY"] not in ([], [first["taskArn"]])
    )
    (second,) = ecs.tasks()
    subprocess.run(["docker", "rm", "--force", second["containers"][0]["runtimeId"]], check=True, capture_output=True)
    wait_for(lambda: second["taskArn"] not in [task["taskArn"] for task in ecs.tasks()])
    wait_for(lambda: ecs.served() == "1.1.0")
    reasons = {task["taskArn"]: task for task in ecs.tasks("STOPPED")}
    assert (reasons[first["taskArn"]]["stopCode"], reasons[first["taskArn"]]["stoppedReason"]) == (
        "UserInitiated",
        "maintenance",
    )
    assert reasons[second["taskArn"]]["containers"][0]["exitCode"] == 137
    assert len(ecs.history()) == 2


def test_what_aws_refuses_is_refused(ecs: Ecs) -> None:
    update = ecs.api.update_service
    before = ecs.service()
    assert code_of(update, cluster="lab", service="api", taskDefinition="lab-api:99") == "ClientException"
    assert code_of(update, cluster="lab", service="nobody", desiredCount=1) == "ServiceNotFoundException"
    assert code_of(update, cluster="nowhere", service="api", desiredCount=1) == "ClusterNotFoundException"
    ecs.api.deregister_task_definition(taskDefinition="lab-api:1")
    assert code_of(update, cluster="lab", service="api", taskDefinition="lab-api:1") == "ClientException"
    many = [f"service-{number}" for number in range(11)]
    assert code_of(ecs.api.describe_services, cluster="lab", services=many) == "InvalidParameterException"
    missing = ecs.api.describe_services(cluster="lab", services=["nobody"])
    assert missing["services"] == [] and missing["failures"][0]["reason"] == "MISSING"
    assert ecs.api.list_task_definitions(familyPrefix="lab")["taskDefinitionArns"] == []
    listed = ecs.api.list_task_definitions(familyPrefix="lab-api", sort="DESC")["taskDefinitionArns"]
    assert [arn.rpartition("/")[2] for arn in listed] == ["lab-api:2"]
    unchanged = ("taskDefinition", "desiredCount", "deployments")
    assert {name: ecs.service()[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_many_services_are_listed_in_pages_and_reset_forgets_them(ecs: Ecs) -> None:
    for number in range(23):
        ecs.api.create_service(cluster="lab", serviceName=f"idle-{number}", taskDefinition="lab-api", desiredCount=0)
    pages = list(ecs.api.get_paginator("list_services").paginate(cluster="lab"))
    assert [len(found["serviceArns"]) for found in pages] == [10, 10, 5]
    code_deploy = {"type": "CODE_DEPLOY"}
    ecs.api.create_service(
        cluster="lab", serviceName="bg", taskDefinition="lab-api", desiredCount=0, deploymentController=code_deploy
    )
    shown = ecs.service("bg")
    assert shown["deployments"] == [] and shown["taskSets"][0]["status"] == "PRIMARY"
    refused = code_of(ecs.api.update_service, cluster="lab", service="bg", taskDefinition="lab-api:1")
    assert refused == "InvalidParameterException"
    ecs.control("POST", "reset")
    assert len(ecs.api.list_services(cluster="lab")["serviceArns"]) == 2


def test_a_task_runs_as_its_definition_says_and_its_output_reaches_the_logs(ecs: Ecs) -> None:
    (image,) = [c["image"] for c in ecs.tasks()[0]["containers"]]
    options = {"awslogs-group": "/ecs/odd-jobs", "awslogs-create-group": "true", "awslogs-stream-prefix": "job"}
    container = {
        "name": "job",
        "image": image,
        "entryPoint": ["/bin/sh", "-c"],
        "command": ['echo "I am $(id -u) in $(pwd)"; exit 7'],
        "user": "4321",
        "workingDirectory": "/var/tmp",
        "memory": 64,
        "logConfiguration": {"logDriver": "awslogs", "options": {**options, "awslogs-region": "us-east-1"}},
    }
    ecs.api.register_task_definition(family="job", networkMode="bridge", containerDefinitions=[container])
    arn = ecs.api.run_task(cluster="lab", taskDefinition="job")["tasks"][0]["taskArn"]

    def state() -> Any:
        return ecs.api.describe_tasks(cluster="lab", tasks=[arn])["tasks"][0]

    wait_for(lambda: state()["lastStatus"] == "STOPPED")
    assert state()["containers"][0]["exitCode"] == 7
    stream = f"job/job/{arn.rpartition('/')[2]}"
    events = ecs.logs.get_log_events(logGroupName="/ecs/odd-jobs", logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["I am 4321 in /var/tmp"]


def test_the_api_can_be_made_to_refuse_and_says_what_was_called(ecs: Ecs) -> None:
    ecs.control("DELETE", "journal")
    ecs.control("POST", "faults", action="ecs:DescribeServices", error="ThrottlingException", times=2)
    ecs.control("POST", "faults", action="ecs:ListServiceDeployments", error="AccessDeniedException")
    ecs.control("POST", "faults", action="ecs:ListTasks", error="ServerException", times=1)
    ecs.control("POST", "faults", action="ecs:ListClusters", delay=0.5, times=1)
    describe = {"cluster": "lab", "services": ["api"]}
    assert [code_of(ecs.api.describe_services, **describe) for _time in range(2)] == ["ThrottlingException"] * 2
    assert ecs.service()["status"] == "ACTIVE"
    denied = code_of(ecs.api.list_service_deployments, cluster="lab", service="api")
    assert denied == "AccessDeniedException"
    assert code_of(ecs.api.list_tasks, cluster="lab") == "ServerException"
    started = time.monotonic()
    ecs.api.list_clusters()
    assert time.monotonic() - started >= 0.5
    journal = ecs.control("GET", "journal")
    assert journal["counts"] == {
        "ecs:DescribeServices": 3,
        "ecs:ListServiceDeployments": 1,
        "ecs:ListTasks": 1,
        "ecs:ListClusters": 1,
    }
    assert [call["status"] for call in journal["calls"][:3]] == [400, 400, 200]
    assert journal["calls"][3]["target"] == "api"
    ecs.control("DELETE", "faults")
    assert len(ecs.history()) == 2


def test_only_containers_of_this_lab_run_the_tasks(ecs: Ecs) -> None:
    project = os.environ.get("LAB_PROJECT", "sre-lab")
    ids = [task["containers"][0]["runtimeId"] for task in ecs.tasks()]
    shown = subprocess.run(["docker", "inspect", *ids], check=True, capture_output=True, text=True).stdout
    (container,) = json.loads(shown)
    assert container["Config"]["Labels"]["com.sre-remediation.lab"] == project
    assert container["HostConfig"]["Memory"] == 192 * 2**20
    assert not any(container["NetworkSettings"]["Ports"].values())
