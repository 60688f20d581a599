"""Faults of the API as a plain process on the legacy host."""

from __future__ import annotations

from .. import legacy_process
from ..health import status_of
from ..legacy_process import DIRECTORY, PID_FILE, PORT, USER
from .model import Fault, Lab


def _shell(lab: Lab, script: str) -> None:
    lab.docker.execute(lab.settings.container(legacy_process.SERVICE), "sh", "-c", script, user="root")


def _runs(lab: Lab) -> bool:
    """Whether any process of the API's user is left."""
    container = lab.settings.container(legacy_process.SERVICE)
    return lab.docker.execute(container, "pgrep", "-u", USER, check=False).returncode == 0


def _gone(lab: Lab) -> bool:
    return not lab.is_up("api_process") and not _runs(lab)


def _failing(lab: Lab) -> bool:
    return not lab.is_up("api_process") and _runs(lab)


def _stop(lab: Lab) -> None:
    _shell(lab, f"start-stop-daemon --stop --quiet --retry TERM/2/KILL/2 --pidfile {PID_FILE} --remove-pidfile")


def _take_port(lab: Lab) -> None:
    _stop(lab)
    daemon = "start-stop-daemon --start --background --make-pidfile --pidfile /run/neighbour.pid --chuid nobody"
    _shell(lab, f"{daemon} --startas /usr/bin/python3 -- -m http.server --directory /srv {PORT}")


def _port_taken(lab: Lab) -> bool:
    return not _runs(lab) and status_of(lab.settings.url("api_process", "/api/health")) == 404


def _restart_with(lab: Lab, environment: dict[str, str]) -> None:
    _stop(lab)
    legacy_process.write_environment(lab.docker, lab.settings, environment)
    legacy_process.start(lab.docker, lab.settings)


def _lose_variable(lab: Lab) -> None:
    environment = legacy_process.environment(lab.settings)
    del environment["JWT_SECRET"]
    _restart_with(lab, environment)


def _refuse_to_start(lab: Lab) -> None:
    _restart_with(lab, {**legacy_process.environment(lab.settings), "ORDERS_REGION": "atlantis"})


HOST = ("api_process",)

FAULTS = (
    Fault(
        name="process-stopped",
        services=HOST,
        summary="stops the API's process",
        cause="stopped",
        inject=_stop,
        symptom=_gone,
    ),
    Fault(
        name="process-killed",
        services=HOST,
        summary="kills the API's processes (SIGKILL); the pid file stays",
        cause="stopped",
        inject=lambda lab: _shell(lab, f"pkill -KILL -u {USER}"),
        symptom=_gone,
    ),
    Fault(
        name="process-hung",
        services=HOST,
        summary="freezes the API's processes (SIGSTOP)",
        cause="hung",
        inject=lambda lab: _shell(lab, f"pkill -STOP -u {USER}"),
        symptom=_failing,
    ),
    Fault(
        name="process-unhealthy",
        services=HOST,
        summary="makes the API answer 503 until its next start",
        cause="unhealthy",
        inject=lambda lab: _shell(lab, f"touch {DIRECTORY}/run/unhealthy"),
        symptom=_failing,
    ),
    Fault(
        name="process-port-taken",
        services=HOST,
        summary="stops the API's process and lets a foreign process hold its port",
        cause="port_taken_foreign",
        inject=_take_port,
        symptom=_port_taken,
    ),
    Fault(
        name="process-missing-env",
        services=HOST,
        summary="starts the API's process without JWT_SECRET, so that it ends",
        cause="missing_env",
        inject=_lose_variable,
        symptom=_gone,
    ),
    Fault(
        name="process-restart-fails",
        services=HOST,
        summary="gives the API's process a setting it refuses: no start helps",
        cause="boot_failure",
        inject=_refuse_to_start,
        symptom=_gone,
    ),
)
