"""Faults of the API as a container, of the database behind it and of the engine under it."""

from __future__ import annotations

import sys

from ..health import status_of
from ..images import PYTHON
from ..legacy_process import PORT
from ..settings import LABEL
from ..stack import DATA_DIRECTORY, FAULT_LABEL, compose
from ..state_files import write_file
from .model import Fault, Lab

# Six old log files of 2 MiB, a fresh one, and uploads that take the rest of the 16 MiB.
FILL_DISK = f"""
set -eu
mkdir -p {DATA_DIRECTORY}/logs {DATA_DIRECTORY}/uploads
for days in 8 12 16 20 24 28; do
    file={DATA_DIRECTORY}/logs/api-$days-days.log
    head -c 2M /dev/zero | tr '\\0' 'x' >"$file"
    touch -d "$days days ago" "$file"
done
echo 'still written to' >{DATA_DIRECTORY}/logs/api.log
cat /dev/zero >{DATA_DIRECTORY}/uploads/batch.bin 2>/dev/null || true
"""


def _down(lab: Lab) -> bool:
    return not lab.is_up() and lab.has_ended()


def _unhealthy(lab: Lab) -> bool:
    return not lab.is_up() and lab.is_reported_unhealthy()


def _stop(lab: Lab) -> None:
    lab.docker.run("stop", "--time", "2", lab.api)


def _hang(lab: Lab) -> None:
    # From inside, the first process of a container cannot be stopped; from outside, only that one can.
    lab.docker.execute(lab.api, "sh", "-c", "kill -STOP -1", user="root")
    lab.docker.run("kill", "--signal", "STOP", lab.api)


def _leave_stale_container(lab: Lab) -> None:
    _stop(lab)
    name, label = f"{lab.settings.project}-api-run-forgotten", f"{FAULT_LABEL}=port-taken-stale"
    options = ("--detach", "--no-deps", "--service-ports", "--name", name, "--label", label)
    compose(lab.docker, lab.settings, "run", *options, "api", "sleep", "infinity")


def _start_foreign_container(lab: Lab) -> None:
    _stop(lab)
    labels = ("--label", f"{LABEL}={lab.settings.project}", "--label", f"{FAULT_LABEL}=port-taken-foreign")
    publish = f"127.0.0.1:{lab.settings.port('api')}:{PORT}"
    server = ("python3", "-m", "http.server", "--directory", "/srv", str(PORT))
    lab.docker.run(
        "run",
        "--detach",
        "--name",
        f"{lab.settings.project}-neighbour",
        *labels,
        "--publish",
        publish,
        PYTHON.reference,
        *server,
    )


def _start_foreign_process(lab: Lab) -> None:
    _stop(lab)
    empty = str(lab.settings.socket_directory)
    lab.start_process(
        sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", empty, str(lab.settings.port("api"))
    )


def _answers_wrongly(lab: Lab) -> bool:
    """The port answers, and it is not the API that does."""
    return lab.has_ended() and status_of(lab.settings.url("api", "/api/health")) == 404


def _slow_start(lab: Lab) -> None:
    lab.deploy(extra={"ORDERS_START_DELAY": "8"})
    _stop(lab)


def _cut_engine(lab: Lab) -> None:
    _stop(lab)
    lab.settings.socket.unlink(missing_ok=True)


def _break_health_check(lab: Lab) -> None:
    file = lab.settings.state / "compose.yaml"
    write_file(file, file.read_text(encoding="utf-8").replace(":8000/api/health", ":8000/healthz"))
    lab.deploy()


def _schema_is_old(lab: Lab) -> None:
    lab.docker.execute(lab.api, "python3", "-m", "app.migrate", "down")


def _both_down(lab: Lab) -> bool:
    return _unhealthy(lab) and not lab.is_up("api_process")


BOTH = ("api", "api_process")

FAULTS = (
    Fault(
        name="api-stopped",
        services=("api",),
        summary="stops the API's container",
        cause="stopped",
        inject=_stop,
        symptom=_down,
    ),
    Fault(
        name="api-missing",
        services=("api",),
        summary="removes the API's container",
        cause="missing",
        inject=lambda lab: lab.docker.run("rm", "--force", lab.api),
        symptom=lambda lab: not lab.state("api") and not lab.is_up(),
    ),
    Fault(
        name="api-killed",
        services=("api",),
        summary="kills the API's main process (SIGKILL)",
        cause="stopped",
        inject=lambda lab: lab.docker.run("kill", lab.api),
        symptom=_down,
    ),
    Fault(
        name="api-hung",
        services=("api",),
        summary="freezes all processes of the API (SIGSTOP)",
        cause="hung",
        inject=_hang,
        symptom=_unhealthy,
    ),
    Fault(
        name="api-unhealthy",
        services=("api",),
        summary="makes the API answer 503 until its next start",
        cause="unhealthy",
        inject=lambda lab: lab.docker.execute(lab.api, "touch", "/run/orders/unhealthy"),
        symptom=_unhealthy,
    ),
    Fault(
        name="port-taken-stale",
        services=("api",),
        summary="stops the API and lets a forgotten container of its own project hold its port",
        cause="port_taken_stale",
        inject=_leave_stale_container,
        symptom=_down,
    ),
    Fault(
        name="port-taken-foreign",
        services=("api",),
        summary="stops the API and lets a container outside its project hold its port",
        cause="port_taken_foreign",
        inject=_start_foreign_container,
        symptom=_answers_wrongly,
    ),
    Fault(
        name="port-taken-process",
        services=("api",),
        summary="stops the API and lets a process of this machine hold its port",
        cause="port_taken_foreign",
        inject=_start_foreign_process,
        symptom=_answers_wrongly,
    ),
    Fault(
        name="database-stopped",
        services=BOTH,
        summary="stops the database",
        cause="database_down",
        inject=lambda lab: lab.docker.run("stop", "--time", "10", lab.settings.container("db")),
        symptom=_both_down,
    ),
    Fault(
        name="missing-env",
        services=("api",),
        summary="deploys the API without JWT_SECRET, so that it ends at start",
        cause="missing_env",
        inject=lambda lab: lab.deploy(without="JWT_SECRET"),
        symptom=_down,
    ),
    Fault(
        name="missing-env-in-release",
        services=("api",),
        summary="deploys release 1.3.0-bad, whose image lost ORDERS_CURRENCY",
        cause="env_lost_in_release",
        inject=lambda lab: lab.deploy("1.3.0-bad"),
        symptom=_down,
    ),
    Fault(
        name="pending-migration",
        services=BOTH,
        summary="takes the database back to schema 1 while the API needs 2",
        cause="pending_migration",
        inject=_schema_is_old,
        symptom=_both_down,
    ),
    Fault(
        name="bad-image",
        services=("api",),
        summary="deploys release 1.2.0-bad, which misses a module and ends at start",
        cause="bad_release",
        inject=lambda lab: lab.deploy("1.2.0-bad"),
        symptom=_down,
    ),
    Fault(
        name="bad-code",
        services=("api",),
        summary="deploys release 1.2.1-bad, whose workers die of a wrong import",
        cause="bad_release",
        inject=lambda lab: lab.deploy("1.2.1-bad"),
        symptom=_down,
    ),
    Fault(
        name="bad-entrypoint",
        services=("api",),
        summary="deploys release 1.2.2-bad, whose command is not in the image",
        cause="bad_release",
        inject=lambda lab: lab.deploy("1.2.2-bad"),
        symptom=_down,
    ),
    Fault(
        name="half-a-deploy",
        services=("api",),
        summary="deploys release 1.2.0 of the API, and leaves the front page at 1.1.0",
        cause="versions_disagree",
        inject=lambda lab: lab.deploy("1.2.0"),
        symptom=lambda lab: lab.is_up() and lab.version() == "1.2.0",
    ),
    Fault(
        name="bad-feature",
        services=("api",),
        summary="deploys release 1.2.3-bad, which is healthy and fails at every request for orders",
        cause="failing_release",
        inject=lambda lab: lab.deploy("1.2.3-bad"),
        symptom=lambda lab: lab.is_up() and lab.version() == "1.2.3-bad",
    ),
    Fault(
        name="health-check-wrong",
        services=("api",),
        summary="deploys the API with a health check of the engine that asks for a page there is not",
        cause="health_check_misconfigured",
        inject=_break_health_check,
        symptom=lambda lab: lab.is_up() and lab.is_reported_unhealthy(),
    ),
    Fault(
        name="oom",
        services=("api",),
        summary="lets the API leak until the kernel kills it at its memory limit",
        cause="oom_killed",
        inject=lambda lab: lab.docker.execute(lab.api, "touch", "/run/orders/leak"),
        symptom=_down,
    ),
    Fault(
        name="disk-full",
        services=("api",),
        summary="fills /data, mostly with old logs",
        cause="disk_full",
        inject=lambda lab: lab.docker.execute(lab.settings.container("worker"), "sh", "-c", FILL_DISK),
        symptom=_unhealthy,
    ),
    Fault(
        name="engine-unreachable",
        services=("api",),
        summary="stops the API and cuts the inventory off from the engine",
        cause="control_plane_down",
        inject=_cut_engine,
        symptom=lambda lab: _down(lab) and not lab.settings.socket.exists(),
    ),
    Fault(
        name="restart-fails",
        services=("api",),
        summary="deploys the API with a setting no release accepts: nothing on the ladder helps",
        cause="boot_failure",
        inject=lambda lab: lab.deploy(extra={"ORDERS_REGION": "atlantis"}),
        symptom=_down,
    ),
    Fault(
        name="slow-start",
        services=("api",),
        summary="stops the API and makes it need 8 s to start",
        cause="stopped",
        inject=_slow_start,
        symptom=_down,
    ),
)
