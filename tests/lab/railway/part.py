"""The Railway part as `up --with railway`, `down` and `break` see it."""

from __future__ import annotations

import json
import secrets

from lablib.background import BackgroundProcess, python_with
from lablib.faults.model import Lab
from lablib.images import CURRENT_RELEASE
from lablib.part import Part
from lablib.settings import IMAGE_PREFIX, LAB_DIRECTORY, LABEL, Settings
from lablib.stack import SCHEMA
from lablib.state_files import api_environment, read_secrets, write_file

from .client import ControlClient
from .lab_faults import FAULTS

TOKENS = ("account", "workspace", "project")
HISTORY = ("1.0.0", CURRENT_RELEASE)
SECONDS_TO_START = 200


def _double(settings: Settings) -> BackgroundProcess:
    return BackgroundProcess("double", settings.state / "railway")


def control(settings: Settings) -> ControlClient:
    return ControlClient(settings.url("railway_control"))


def tokens(settings: Settings) -> dict[str, str]:
    """The tokens of this lab's double, drawn on the first call; they open nothing else."""
    path = settings.state / "railway" / "tokens.json"
    if not path.exists():
        write_file(path, json.dumps({name: secrets.token_urlsafe(24) for name in TOKENS}))
    drawn: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return drawn


def environment(settings: Settings) -> dict[str, str]:
    """What clients need: the project token and, for the account, the other variable Railway's CLI knows."""
    known = tokens(settings)
    return {
        "RAILWAY_TOKEN": known["project"],
        "RAILWAY_API_TOKEN": known["account"],
        "LAB_RAILWAY_WORKSPACE_TOKEN": known["workspace"],
        "LAB_RAILWAY_ENDPOINT": settings.url("railway", "/graphql/v2"),
        "LAB_RAILWAY_CONTROL": settings.url("railway_control"),
        "LAB_RAILWAY_API_URL": settings.url("railway_api"),
        "LAB_RAILWAY_DATABASE_PORT": str(settings.port("railway_database")),
    }


def _config(settings: Settings) -> dict[str, object]:
    variables = {name: value for name, value in api_environment(settings).items() if name != "DATABASE_URL"}
    return {
        "port": settings.port("railway"),
        "control_port": settings.port("railway_control"),
        "tokens": tokens(settings),
        "plan": {
            "project": settings.project,
            "api_port": settings.port("railway_api"),
            "database_port": settings.port("railway_database"),
            "api_images": [f"{IMAGE_PREFIX}/api:{release}" for release in HISTORY],
            "database_image": f"{IMAGE_PREFIX}/db:15",
            "api_variables": variables,
            "database_password": read_secrets(settings)["database_password"],
            "schema": SCHEMA,
        },
    }


def bring_up(lab: Lab) -> None:
    """Start the double; one that runs is reset."""
    settings, double = lab.settings, _double(lab.settings)
    if double.runs():
        control(settings).call("reset")
        return
    double.start(
        [python_with("aiohttp"), "-m", "railway"],
        env={"RAILWAY_DOUBLE": json.dumps(_config(settings)), "DOCKER_HOST": lab.docker.host},
        ready=control(settings).answers,
        seconds=SECONDS_TO_START,
        cwd=LAB_DIRECTORY,
    )


def take_down(lab: Lab) -> None:
    """Stop the double, and remove what it made on the engine: found by its label, so nothing else is touched."""
    _double(lab.settings).stop()
    docker, selection = lab.docker, ("--quiet", "--filter", f"label={LABEL}.railway={lab.settings.project}")
    for kind, listing in (("container", "ps --all"), ("network", "network ls"), ("volume", "volume ls")):
        found = docker.lines(*listing.split(), *selection)
        if found:
            docker.run(kind, "rm", *(["--force", "--volumes"] if kind == "container" else []), *found)


PART = Part(
    name="railway",
    bring_up=bring_up,
    take_down=take_down,
    is_up=lambda lab: _double(lab.settings).runs(),
    faults=FAULTS,
    environment=environment,
    addresses=lambda settings: {
        "railway": settings.url("railway", "/graphql/v2"),
        "control": settings.url("railway_control"),
        "railway api": settings.url("railway_api", "/api/health"),
        "railway db": f"127.0.0.1:{settings.port('railway_database')}",
    },
)
