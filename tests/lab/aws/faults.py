"""What `break` can do to the AWS part: deployments that go wrong, services that are stopped, an API that refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lablib.faults.model import Fault, Lab
from lablib.images import CURRENT_RELEASE
from lablib.settings import IMAGE_PREFIX
from lablib.shell import wait_until

from . import definitions, site
from .client import Client
from .definitions import API, CLUSTER, DATABASE

CRASHING, WITHOUT_COMMAND, WITHOUT_DEFAULTS = "1.2.0-bad", "1.2.2-bad", "1.3.0-bad"
SECONDS = 120
NEVER_HEALTHY = "curl -fsS -m 2 -o /dev/null http://127.0.0.1:8000/api/ready || exit 1"
NO_BREAKER = {"enable": False, "rollback": False}
ROLLING_BACK = {"enable": True, "rollback": True}
STAYING = {"enable": True, "rollback": False}
TAKEN_BACK = "never_served"
"""The cause that is left to find when ECS took the version back and users are served by the one before."""
API_HOST = ("api_ecs",)
HISTORY = ("ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions")


def _aws(lab: Lab) -> Client:
    return site.client(lab.settings)


def _tagged(lab: Lab, release: str, tag: str = "") -> str:
    """Give a release a name only this lab uses, and return it."""
    name = f"{site.mutable_repository(lab.settings)}:{tag or release}"
    repository = "api-unpublished" if release.endswith("-bad") else "api"
    lab.docker.run("tag", f"{IMAGE_PREFIX}/{repository}:{release}", name)
    return name


def _deploy(lab: Lab, image: str, *, breaker: dict[str, bool] | None = None, **changes: Any) -> str:
    """Register a task definition of the API and deploy it; return its ARN."""
    aws = _aws(lab)
    secrets = {**site.secret_arns(aws), **changes.pop("secret_arns", {})}
    registered = site.register(aws, definitions.api_task_definition(secrets, image, **changes))
    configuration = {"deploymentCircuitBreaker": breaker or NO_BREAKER}
    aws.ecs(
        "UpdateService",
        cluster=CLUSTER,
        service=API,
        taskDefinition=registered,
        deploymentConfiguration=configuration,
    )
    return registered


# Each of these deploys one kind of bad version. How the service then stands depends on the circuit breaker.


def _bad_image(lab: Lab, breaker: dict[str, bool]) -> None:
    _deploy(lab, f"{IMAGE_PREFIX}/api:1.9.9", breaker=breaker)


def _crash_at_start(lab: Lab, breaker: dict[str, bool]) -> None:
    _deploy(lab, _tagged(lab, CRASHING), breaker=breaker)


def _crash_late(lab: Lab, breaker: dict[str, bool]) -> None:
    script = 'timeout -s KILL 8 python3 -m app.serve; echo "ERROR worker pool lost, giving up" >&2; exit 3'
    _deploy(lab, definitions.api_image(), breaker=breaker, entryPoint=["/bin/sh", "-c"], command=[script])


def _crash_before_success(lab: Lab) -> None:
    _aws(lab).lab("PUT", "settings", steady_seconds=20)
    _crash_late(lab, ROLLING_BACK)


def _unhealthy(lab: Lab, breaker: dict[str, bool]) -> None:
    check = {"command": ["CMD-SHELL", NEVER_HEALTHY], "interval": 1, "timeout": 2, "retries": 2, "startPeriod": 1}
    _deploy(lab, definitions.api_image(), breaker=breaker, healthCheck=check)


def _missing_secret(lab: Lab, breaker: dict[str, bool]) -> None:
    arn = f"arn:aws:secretsmanager:{definitions.REGION}:{definitions.ACCOUNT}:secret:lab/jwt-secret-v2-AbCdEf"
    _deploy(lab, definitions.api_image(), breaker=breaker, secret_arns={"lab/jwt-secret": arn})


def _missing_variable(lab: Lab, breaker: dict[str, bool]) -> None:
    run = [{"name": "ORDERS_RUN", "value": "/tmp/orders"}]
    _deploy(lab, _tagged(lab, WITHOUT_DEFAULTS), breaker=breaker, environment=run)


def _wrong_command(lab: Lab, breaker: dict[str, bool]) -> None:
    _deploy(lab, _tagged(lab, WITHOUT_COMMAND), breaker=breaker)


def _hanging(lab: Lab) -> None:
    """The new task runs, and its health check neither passes nor counts yet."""
    check = {"command": ["CMD-SHELL", NEVER_HEALTHY], "interval": 5, "timeout": 2, "retries": 3, "startPeriod": 300}
    _deploy(lab, definitions.api_image(), healthCheck=check)


def _tag_moved(lab: Lab) -> None:
    """A deployment by a mutable tag that went well; then the tag moves to a bad image and is deployed again."""
    aws = _aws(lab)
    registered = _deploy(lab, _tagged(lab, CURRENT_RELEASE, "stable"))
    site.wait_for_deployment(aws, API)
    _tagged(lab, CRASHING, "stable")
    aws.ecs("UpdateService", cluster=CLUSTER, service=API, taskDefinition=registered, forceNewDeployment=True)


def _previous_bad(lab: Lab) -> None:
    """Two bad versions in a row: the circuit breaker took the first one back, the second one stays."""
    _bad_image(lab, ROLLING_BACK)
    wait_until("the first bad version to be taken back", lambda: _taken_back(lab), seconds=SECONDS)
    site.wait_for_deployment(_aws(lab), API)
    _crash_at_start(lab, NO_BREAKER)


def _deregistered(lab: Lab) -> None:
    """A bad version, and somebody has deregistered the good one before it."""
    good = site.described(_aws(lab), API)["taskDefinition"]
    _crash_at_start(lab, NO_BREAKER)
    _aws(lab).ecs("DeregisterTaskDefinition", taskDefinition=good)


def _scale(service: str, count: int) -> Callable[[Lab], object]:
    return lambda lab: _aws(lab).ecs("UpdateService", cluster=CLUSTER, service=service, desiredCount=count)


def _lose_old_tasks(lab: Lab) -> None:
    """A bad version without a circuit breaker, and then the tasks of the good one end: nobody answers."""
    _crash_at_start(lab, NO_BREAKER)
    aws = _aws(lab)
    for arn in aws.ecs("ListTasks", cluster=CLUSTER, serviceName=API)["taskArns"]:
        aws.ecs("StopTask", cluster=CLUSTER, task=arn, reason="Host maintenance")


def _throttle(lab: Lab) -> None:
    for action in ("Describe*", "List*", "UpdateService", "StopServiceDeployment", "RegisterTaskDefinition"):
        _aws(lab).lab("POST", "faults", action=f"ecs:{action}", error="ThrottlingException", times=2)


def _deny_history(lab: Lab) -> None:
    for action in HISTORY:
        _aws(lab).lab("POST", "faults", action=f"ecs:{action}", error="AccessDeniedException")


# What can be seen of it.


def _failing(lab: Lab) -> bool:
    """Whether the newest deployment has lost a task."""
    return _lost(lab) > 0


def _failing_again(lab: Lab) -> bool:
    """Whether it has lost a second one, by which everybody can tell that it was no bad luck."""
    return _lost(lab) > 1


def _lost(lab: Lab) -> int:
    return max(int(deployment["failedTasks"]) for deployment in site.described(_aws(lab), API)["deployments"])


def _newest(lab: Lab) -> str:
    found = _aws(lab).ecs("ListServiceDeployments", cluster=CLUSTER, service=API)["serviceDeployments"]
    return str(found[0]["status"])


def _taken_back(lab: Lab) -> bool:
    return _newest(lab) == "ROLLBACK_SUCCESSFUL"


def _given_up(lab: Lab) -> bool:
    """Whether the circuit breaker has failed the deployment and left it at that."""
    return str(site.described(_aws(lab), API)["deployments"][0]["rolloutState"]) == "FAILED"


def _crashed_after_success(lab: Lab) -> bool:
    """Whether ECS called the deployment complete, and a task of it has ended since."""
    aws = _aws(lab)
    stopped = aws.ecs("ListTasks", cluster=CLUSTER, serviceName=API, desiredStatus="STOPPED")["taskArns"]
    tasks = aws.ecs("DescribeTasks", cluster=CLUSTER, tasks=stopped)["tasks"] if stopped else []
    ended = any(task.get("stopCode") == "EssentialContainerExited" for task in tasks)
    return ended and _newest(lab) == "SUCCESSFUL"


def _hangs(lab: Lab) -> bool:
    newest = site.described(_aws(lab), API)["deployments"][0]
    return newest["rolloutState"] == "IN_PROGRESS" and newest["runningCount"] == 1


def _silent(lab: Lab) -> bool:
    return site.served_version(lab.settings) is None


def _set(lab: Lab) -> bool:
    return bool(_aws(lab).lab("GET", "faults")["faults"])


def _no_database(lab: Lab) -> bool:
    return site.described(_aws(lab), DATABASE)["runningCount"] == 0


def _variants(
    name: str, summary: str, cause: str, deploy: Callable[[Lab, dict[str, bool]], None]
) -> tuple[Fault, Fault, Fault]:
    """A bad version in three settings of the circuit breaker: off, on with rollback, on without."""

    def fault(
        suffix: str, then: str, breaker: dict[str, bool], symptom: Callable[[Lab], bool], found: str = cause
    ) -> Fault:
        return Fault(
            f"ecs-{name}{suffix}",
            API_HOST,
            f"{summary}; {then}",
            found,
            lambda lab: deploy(lab, breaker),
            symptom,
            seconds=SECONDS,
        )

    return (
        fault("", "no circuit breaker: ECS tries for ever beside the good task", NO_BREAKER, _failing),
        fault("-reverted", "the circuit breaker takes it back", ROLLING_BACK, _taken_back, TAKEN_BACK),
        fault("-given-up", "the circuit breaker gives up and leaves the good task alone", STAYING, _given_up),
    )


FAULTS: tuple[Fault, ...] = (
    *_variants("bad-image", "deploys an image that does not exist", "image_unusable", _bad_image),
    *_variants("crash-at-start", "deploys a version that ends at its start", "bad_release", _crash_at_start),
    *_variants("unhealthy", "deploys a version that never gets healthy", "unhealthy", _unhealthy),
    *_variants(
        "missing-secret", "deploys a reference to a secret that is not there", "env_lost_in_release", _missing_secret
    ),
    *_variants("missing-env", "deploys a version without ORDERS_CURRENCY", "env_lost_in_release", _missing_variable),
    *_variants("bad-command", "deploys a version whose command does not exist", "bad_release", _wrong_command),
    Fault(
        "ecs-crash-late",
        API_HOST,
        "deploys a version that ends after 8 s, when ECS has called its deployment a success",
        "crash_loop",
        lambda lab: _crash_late(lab, ROLLING_BACK),
        _crashed_after_success,
        seconds=SECONDS,
    ),
    Fault(
        "ecs-crash-late-reverted",
        API_HOST,
        "deploys a version that ends after 8 s, when ECS has not called its deployment a success: it is taken back",
        TAKEN_BACK,
        _crash_before_success,
        _taken_back,
        seconds=2 * SECONDS,
    ),
    Fault(
        "ecs-hanging-rollout",
        API_HOST,
        "deploys a version whose health check gives no verdict: the rollout never ends",
        "deploying",
        _hanging,
        _hangs,
        seconds=SECONDS,
    ),
    Fault(
        "ecs-tag-moved",
        API_HOST,
        "moves a mutable tag to a version that ends at its start and deploys it again, by the same task definition",
        "bad_release",
        _tag_moved,
        _failing,
        seconds=SECONDS,
    ),
    Fault(
        "ecs-previous-bad",
        API_HOST,
        "deploys two bad versions in a row: the revision before the current one is bad as well",
        "bad_release",
        _previous_bad,
        _failing_again,
        seconds=SECONDS,
    ),
    Fault(
        "ecs-deregistered",
        API_HOST,
        "deploys a version that ends at its start and deregisters the good one",
        "bad_release",
        _deregistered,
        _failing,
        seconds=SECONDS,
    ),
    Fault(
        "ecs-outage",
        API_HOST,
        "deploys a version that ends at its start and stops the good task: nobody answers",
        "bad_release",
        _lose_old_tasks,
        lambda lab: _failing(lab) and _silent(lab),
        seconds=SECONDS,
    ),
    Fault("ecs-stopped", API_HOST, "sets the API's desired count to 0", "stopped", _scale(API, 0), _silent, SECONDS),
    Fault(
        "ecs-database-stopped",
        ("database_ecs", "api_ecs"),
        "sets the database's desired count to 0",
        "stopped",
        _scale(DATABASE, 0),
        _no_database,
        seconds=SECONDS,
    ),
    Fault(
        "ecs-throttled",
        API_HOST,
        "makes the API of ECS throttle the first calls of each kind; adds to another fault",
        "none",
        _throttle,
        _set,
    ),
    Fault(
        "ecs-denied",
        API_HOST,
        "makes ECS deny the history of deployments; adds to another fault",
        "none",
        _deny_history,
        _set,
    ),
)
