"""What can be broken in the lab's Railway part. A reset (`tests/lab/up --with railway --reset`) undoes all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lablib.faults.model import Fault, Lab
from lablib.health import is_ok
from lablib.images import UNPUBLISHED
from lablib.settings import IMAGE_PREFIX

from .client import ControlClient

API = ("api_railway",)
BOTH = ("api_railway", "database_railway")
NO_HEALTH_CHECK = {"healthcheckPath": None}
INCIDENT = "Deployments are delayed while we investigate"


def _control(lab: Lab) -> ControlClient:
    return ControlClient(lab.settings.url("railway_control"))


def _up(lab: Lab) -> bool:
    return is_ok(lab.settings.url("railway_api", "/api/health"))


def _latest(lab: Lab, service: str = "api") -> dict[str, Any]:
    return _control(lab).deployments(service)[0]


def _down_and(status: str) -> Callable[[Lab], bool]:
    """The service does not answer, and its newest deployment has this status."""
    return lambda lab: not _up(lab) and _latest(lab)["status"] == status


def _still_served_but(status: str) -> Callable[[Lab], bool]:
    """The old deployment serves on, and the newest one has this status."""
    return lambda lab: _up(lab) and _latest(lab)["status"] == status


def _push(lab: Lab, release: str) -> None:
    image = f"{IMAGE_PREFIX}/{UNPUBLISHED}:{release}"
    _control(lab).call("push", service="api", image=image, message=f"Release {release}")


def _push_unchecked(lab: Lab, release: str) -> None:
    """Deploy a release of a service that has lost its health check: it counts as a success once its container starts."""
    _control(lab).call("settings", service="api", settings=NO_HEALTH_CHECK)
    _push(lab, release)


def _deploy_with(lab: Lab, **changes: Any) -> None:
    _control(lab).call("settings", service="api", **changes)
    _control(lab).call("deploy", service="api")


def _deploy_and(lab: Lab, outcome: str) -> None:
    _control(lab).outcome("api", outcome)
    _control(lab).call("deploy", service="api")


def _fail_until_restart(lab: Lab) -> None:
    serving = _control(lab).serving("api") or {"instances": []}
    for instance in serving["instances"]:
        lab.docker.execute(instance["container"], "touch", "/run/orders/unhealthy")


def _begin_incident(lab: Lab) -> None:
    _control(lab).call("incident", message=INCIDENT)
    _control(lab).call("deploy", service="api")


FAULTS = (
    Fault(
        name="railway-bad-image",
        services=API,
        summary="deploys release 1.2.0-bad of the API without a health check: SUCCESS, then CRASHED, and nothing answers",
        cause="bad_release",
        inject=lambda lab: _push_unchecked(lab, "1.2.0-bad"),
        symptom=_down_and("CRASHED"),
        seconds=60,
    ),
    Fault(
        name="railway-crash-at-start",
        services=API,
        summary="deploys release 1.2.0-bad of the API, which crashes before its health check can pass: the old one serves on",
        cause="never_served",
        inject=lambda lab: _push(lab, "1.2.0-bad"),
        symptom=_still_served_but("CRASHED"),
        seconds=60,
    ),
    Fault(
        name="railway-crash-late",
        services=API,
        summary="deploys the API again and lets it crash a second after its SUCCESS",
        cause="crash_loop",
        inject=lambda lab: _deploy_and(lab, "crash_late"),
        symptom=_down_and("CRASHED"),
        seconds=60,
    ),
    Fault(
        name="railway-unhealthy",
        services=API,
        summary="deploys the API with a health check that never passes: FAILED, and the old one serves on",
        cause="never_served",
        inject=lambda lab: _deploy_with(lab, settings={"healthcheckPath": "/healthz", "healthcheckTimeout": 3}),
        symptom=_still_served_but("FAILED"),
        seconds=60,
    ),
    Fault(
        name="railway-failing",
        services=API,
        summary="makes the API on Railway answer 503 until its next start",
        cause="unhealthy",
        inject=_fail_until_restart,
        symptom=_down_and("SUCCESS"),
    ),
    Fault(
        name="railway-missing-variable",
        services=API,
        summary="deploys the API without JWT_SECRET and without a health check, so that it crashes",
        cause="env_lost_in_release",
        inject=lambda lab: _deploy_with(lab, settings=NO_HEALTH_CHECK, variables={"JWT_SECRET": None}),
        symptom=_down_and("CRASHED"),
        seconds=60,
    ),
    Fault(
        name="railway-stopped",
        services=API,
        summary="stops the API's deployment on Railway",
        cause="stopped",
        inject=lambda lab: _control(lab).call("stop", service="api"),
        symptom=lambda lab: not _up(lab) and _latest(lab)["stopped"],
    ),
    Fault(
        name="railway-removed",
        services=API,
        summary="removes the API's deployment on Railway",
        cause="missing",
        inject=lambda lab: _control(lab).call("remove", service="api"),
        symptom=_down_and("REMOVED"),
    ),
    Fault(
        name="railway-database-stopped",
        services=BOTH,
        summary="stops the database's deployment on Railway",
        cause="database_down",
        inject=lambda lab: _control(lab).call("stop", service="db"),
        symptom=lambda lab: not _up(lab) and _latest(lab, "db")["stopped"],
    ),
    Fault(
        name="railway-stuck-queued",
        services=API,
        summary="deploys the API, and the deployment stays QUEUED",
        cause="deploying",
        inject=lambda lab: _deploy_and(lab, "stuck_queued"),
        symptom=_still_served_but("QUEUED"),
    ),
    Fault(
        name="railway-incident",
        services=API,
        summary="begins an incident of Railway: it says so, and new deployments stay QUEUED",
        cause="control_plane_down",
        inject=_begin_incident,
        symptom=_still_served_but("QUEUED"),
    ),
)
