"""Faults of the API as a container, of the database behind it and of the engine under it."""

from __future__ import annotations

import sys

from ..health import status_of
from ..images import PYTHON
from ..legacy_process import PORT
from ..settings import LABEL
from ..stack import DATA_DIRECTORY, FAULT_LABEL, compose
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


def _schema_is_old(lab: Lab) -> None:
    lab.docker.execute(lab.api, "python3", "-m", "app.migrate", "down")


def _both_down(lab: Lab) -> bool:
    return _unhealthy(lab) and not lab.is_up("api_process")


BOTH = ("api", "api_process")

FAULTS = (
    Fault("api-stopped", ("api",), "stops the API's container", "stopped", _stop, _down),
    Fault(
        "api-missing",
        ("api",),
        "removes the API's container",
        "missing",
        lambda lab: lab.docker.run("rm", "--force", lab.api),
        lambda lab: not lab.state("api") and not lab.is_up(),
    ),
    Fault(
        "api-killed",
        ("api",),
        "kills the API's main process (SIGKILL)",
        "stopped",
        lambda lab: lab.docker.run("kill", lab.api),
        _down,
    ),
    Fault("api-hung", ("api",), "freezes all processes of the API (SIGSTOP)", "hung", _hang, _unhealthy),
    Fault(
        "api-unhealthy",
        ("api",),
        "makes the API answer 503 until its next start",
        "unhealthy",
        lambda lab: lab.docker.execute(lab.api, "touch", "/run/orders/unhealthy"),
        _unhealthy,
    ),
    Fault(
        "port-taken-stale",
        ("api",),
        "stops the API and lets a forgotten container of its own project hold its port",
        "port_taken_stale",
        _leave_stale_container,
        _down,
    ),
    Fault(
        "port-taken-foreign",
        ("api",),
        "stops the API and lets a container outside its project hold its port",
        "port_taken_foreign",
        _start_foreign_container,
        _answers_wrongly,
    ),
    Fault(
        "port-taken-process",
        ("api",),
        "stops the API and lets a process of this machine hold its port",
        "port_taken_foreign",
        _start_foreign_process,
        _answers_wrongly,
    ),
    Fault(
        "database-stopped",
        BOTH,
        "stops the database",
        "database_down",
        lambda lab: lab.docker.run("stop", "--time", "10", lab.settings.container("db")),
        _both_down,
    ),
    Fault(
        "missing-env",
        ("api",),
        "deploys the API without JWT_SECRET, so that it ends at start",
        "missing_env",
        lambda lab: lab.deploy(without="JWT_SECRET"),
        _down,
    ),
    Fault(
        "missing-env-in-release",
        ("api",),
        "deploys release 1.3.0-bad, whose image lost ORDERS_CURRENCY",
        "env_lost_in_release",
        lambda lab: lab.deploy("1.3.0-bad"),
        _down,
    ),
    Fault(
        "pending-migration",
        BOTH,
        "takes the database back to schema 1 while the API needs 2",
        "pending_migration",
        _schema_is_old,
        _both_down,
    ),
    Fault(
        "bad-image",
        ("api",),
        "deploys release 1.2.0-bad, which misses a module and ends at start",
        "bad_release",
        lambda lab: lab.deploy("1.2.0-bad"),
        _down,
    ),
    Fault(
        "bad-code",
        ("api",),
        "deploys release 1.2.1-bad, whose workers die of a wrong import",
        "bad_release",
        lambda lab: lab.deploy("1.2.1-bad"),
        _down,
    ),
    Fault(
        "bad-entrypoint",
        ("api",),
        "deploys release 1.2.2-bad, whose command is not in the image",
        "bad_release",
        lambda lab: lab.deploy("1.2.2-bad"),
        _down,
    ),
    Fault(
        "oom",
        ("api",),
        "lets the API leak until the kernel kills it at its memory limit",
        "oom_killed",
        lambda lab: lab.docker.execute(lab.api, "touch", "/run/orders/leak"),
        _down,
    ),
    Fault(
        "disk-full",
        ("api",),
        "fills /data, mostly with old logs",
        "disk_full",
        lambda lab: lab.docker.execute(lab.settings.container("worker"), "sh", "-c", FILL_DISK),
        _unhealthy,
    ),
    Fault(
        "engine-unreachable",
        ("api",),
        "stops the API and cuts the inventory off from the engine",
        "control_plane_down",
        _cut_engine,
        lambda lab: _down(lab) and not lab.settings.socket.exists(),
    ),
    Fault(
        "restart-fails",
        ("api",),
        "deploys the API with a setting no release accepts: nothing on the ladder helps",
        "boot_failure",
        lambda lab: lab.deploy(extra={"ORDERS_REGION": "atlantis"}),
        _down,
    ),
    Fault("slow-start", ("api",), "stops the API and makes it need 8 s to start", "stopped", _slow_start, _down),
)
