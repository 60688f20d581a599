"""The API as a plain process on the "legacy host": a container that plays a server without containers of its own.

The values below are what ``inventories/lab`` says in ``service_process``; a test compares them.
"""

from __future__ import annotations

from .docker import Docker
from .settings import Settings
from .state_files import api_environment, environment_text

SERVICE = "legacy-host"
DIRECTORY = "/srv/api"
PID_FILE = f"{DIRECTORY}/api.pid"
LOG_FILE = f"{DIRECTORY}/api.log"
ENV_FILE = f"{DIRECTORY}/api.env"
USER = "orders"
PORT = 8000
COMMAND = ("python3", "-m", "app.serve")

_START = f"""
set -eu
start-stop-daemon --start --quiet --background --make-pidfile --pidfile {PID_FILE} --chuid {USER} --chdir {DIRECTORY} \\
    --output {LOG_FILE} --startas /bin/sh -- -c 'set -a; . {ENV_FILE}; set +a; exec {" ".join(COMMAND)}'
"""


def environment(settings: Settings) -> dict[str, str]:
    return {
        **api_environment(settings),
        "ORDERS_CURRENCY": "BRL",
        "ORDERS_DATA": f"{DIRECTORY}/data",
        "ORDERS_RUN": f"{DIRECTORY}/run",
    }


def write_environment(docker: Docker, settings: Settings, values: dict[str, str]) -> None:
    """Write the process's env file, readable by its user only; the values travel by standard input."""
    script = f"umask 077; cat >{ENV_FILE}.partial; chown {USER} {ENV_FILE}.partial; mv {ENV_FILE}.partial {ENV_FILE}"
    docker.execute(settings.container(SERVICE), "sh", "-c", script, user="root", stdin=environment_text(values))


def start(docker: Docker, settings: Settings) -> None:
    docker.execute(settings.container(SERVICE), "sh", "-c", _START, user="root")
