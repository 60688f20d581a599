"""The AWS lab as a whole: the double's process, and in it the cluster with its services, healthy and with a history."""

from __future__ import annotations

import json
import urllib.request

from lablib.background import BackgroundProcess, python_with
from lablib.docker import Docker
from lablib.faults.model import Lab
from lablib.health import is_ok, status_of
from lablib.images import CURRENT_RELEASE
from lablib.settings import IMAGE_PREFIX, LAB_DIRECTORY, LABEL, Settings
from lablib.shell import LabError, wait_until

from . import definitions
from .client import Client, Data
from .definitions import API, CLUSTER, DATABASE, FIRST_RELEASE, LOG_GROUPS, REGION

SECONDS_TO_SETTLE = 120
QUICK, USUAL = 0.5, 2.0
"""Seconds tasks have to run before a deployment is complete: while the lab is set up, and afterwards."""


def process(settings: Settings) -> BackgroundProcess:
    return BackgroundProcess("double", settings.state / "aws")


def client(settings: Settings) -> Client:
    return Client(settings.url("aws"), REGION)


def volume(settings: Settings) -> str:
    """The database's data, which outlives its tasks and the double."""
    return f"{settings.project}_ecs-database"


def mutable_repository(settings: Settings) -> str:
    """Repository of the images only this lab tags: all labs of a machine share the engine's tags."""
    return f"{IMAGE_PREFIX}/ecs-{settings.project}"


def bring_up(lab: Lab) -> None:
    """Start the double and its services, or take them back to the state they were first brought to."""
    aws = client(lab.settings)
    running = process(lab.settings)
    if running.runs() and status_of(aws.endpoint + "/_lab/settings") == 200 and aws.lab("GET", "settings")["baseline"]:
        _reset(lab, aws)
    else:
        running.stop()
        _start(lab)
        _set_up(lab, aws)
    _wait_for_health(lab.settings, aws)


def _start(lab: Lab) -> None:
    settings = lab.settings
    labels = (f"--label={LABEL}={settings.project}", f"--label={LABEL}.part=aws")
    lab.docker.run("volume", "create", *labels, volume(settings))
    traffic = f"{API}={settings.port('ecs_api')}:8000,{DATABASE}={settings.port('ecs_database')}:5432"
    process(settings).start(
        [python_with("ministack"), "-m", "aws.double"],
        env={
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(settings.port("aws")),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "false",  # it would take a port of its own, on every address
            "LOG_LEVEL": "WARNING",
            "DOCKER_HOST": lab.docker.host,
            "LAB_PROJECT": settings.project,
            "LAB_ECS_TRAFFIC": traffic,
        },
        ready=lambda: status_of(settings.url("aws", "/_lab/settings")) == 200,
        cwd=LAB_DIRECTORY,
    )


def _set_up(lab: Lab, aws: Client) -> None:
    """Create everything in an empty double: the API gets two good deployments, so that it has a previous version."""
    aws.lab("PUT", "settings", steady_seconds=QUICK)
    secrets = _store_secrets(lab.settings, aws)
    aws.ecs("CreateCluster", clusterName=CLUSTER)
    for group in LOG_GROUPS.values():
        aws.call("logs", "CreateLogGroup", logGroupName=group)
    database = register(aws, definitions.database_task_definition(secrets))
    first, current = (
        register(aws, definitions.api_task_definition(secrets, definitions.api_image(release)))
        for release in (FIRST_RELEASE, CURRENT_RELEASE)
    )
    aws.ecs("CreateService", **definitions.service(DATABASE, database))
    wait_for_deployment(aws, DATABASE)
    _migrate(aws, current)
    aws.ecs("CreateService", **definitions.service(API, first))
    wait_for_deployment(aws, API)
    aws.ecs("UpdateService", cluster=CLUSTER, service=API, taskDefinition=current)
    wait_for_deployment(aws, API)
    aws.lab("PUT", "settings", steady_seconds=USUAL)
    aws.lab("POST", "baseline")
    aws.lab("DELETE", "journal")


def _store_secrets(settings: Settings, aws: Client) -> dict[str, str]:
    """Fill Secrets Manager and the Parameter Store; return the secrets' ARNs by name."""
    for name, value in definitions.parameter_values(settings).items():
        aws.call("ssm", "PutParameter", Name=name, Value=value, Type="SecureString")
    return {
        name: str(aws.call("secretsmanager", "CreateSecret", Name=name, SecretString=value)["ARN"])
        for name, value in definitions.secret_values(settings).items()
    }


def secret_arns(aws: Client) -> dict[str, str]:
    """ARNs of the secrets by name."""
    listed: list[Data] = aws.call("secretsmanager", "ListSecrets", MaxResults=100)["SecretList"]
    return {secret["Name"]: secret["ARN"] for secret in listed}


def register(aws: Client, definition: Data) -> str:
    """Register a task definition; return its ARN."""
    return str(aws.ecs("RegisterTaskDefinition", **definition)["taskDefinition"]["taskDefinitionArn"])


def _migrate(aws: Client, task_definition: str) -> None:
    """Bring the schema to the current release's version, as a task of its own."""
    override = {"containerOverrides": [{"name": API, "command": ["python3", "-m", "app.migrate"]}]}
    started = aws.ecs("RunTask", cluster=CLUSTER, taskDefinition=task_definition, overrides=override)["tasks"][0]

    def state() -> Data:
        shown: Data = aws.ecs("DescribeTasks", cluster=CLUSTER, tasks=[started["taskArn"]])["tasks"][0]
        return shown

    wait_until("the migration to end", lambda: state()["lastStatus"] == "STOPPED", seconds=SECONDS_TO_SETTLE)
    ended = state()
    if ended["containers"][0].get("exitCode") != 0:
        raise LabError(f"the migration failed: {ended.get('stoppedReason')}, see {LOG_GROUPS[API]}")


def described(aws: Client, service: str) -> Data:
    """A service as DescribeServices has it."""
    found: Data = aws.ecs("DescribeServices", cluster=CLUSTER, services=[service])["services"][0]
    return found


def wait_for_deployment(aws: Client, service: str) -> None:
    """Wait until the service's deployment is complete and alone."""

    def complete() -> bool:
        deployments = described(aws, service)["deployments"]
        return len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED"

    wait_until(f"the deployment of {service} to complete", complete, seconds=SECONDS_TO_SETTLE)


def served_version(settings: Settings) -> str | None:
    """What users are served: the version the API tells them, None when it does not answer."""
    if not is_ok(api_url(settings, "/api/health")):
        return None
    with urllib.request.urlopen(api_url(settings, "/api/version"), timeout=2) as answer:
        return str(json.load(answer)["version"])


def api_url(settings: Settings, path: str = "") -> str:
    return f"http://127.0.0.1:{settings.port('ecs_api')}{path}"


def _reset(lab: Lab, aws: Client) -> None:
    aws.lab("POST", "reset")
    _remove_mutable_tags(lab.docker, lab.settings)
    for group in LOG_GROUPS.values():  # what earlier faults wrote must not be found as evidence of a later one
        aws.call("logs", "DeleteLogGroup", logGroupName=group)
        aws.call("logs", "CreateLogGroup", logGroupName=group)


def _wait_for_health(settings: Settings, aws: Client) -> None:
    for service in (DATABASE, API):
        wait_until(
            f"the ECS service {service} to be steady",
            lambda service=service: _steady(described(aws, service)),
            seconds=SECONDS_TO_SETTLE,
        )
    wait_until("the API on ECS to answer", lambda: served_version(settings) == CURRENT_RELEASE, seconds=30)
    aws.lab("DELETE", "journal")


def _steady(service: Data) -> bool:
    return len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"] == 1


def _remove_mutable_tags(docker: Docker, settings: Settings) -> None:
    tags = docker.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", mutable_repository(settings))
    if tags:
        docker.run("rmi", *tags, check=False)


def take_down(lab: Lab) -> None:
    """End the double. Containers, network and volume carry the lab's label, by which `down` removes them."""
    process(lab.settings).stop()
    _remove_mutable_tags(lab.docker, lab.settings)
