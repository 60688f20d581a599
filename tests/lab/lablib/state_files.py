"""The files of one lab: secrets drawn once, and the deployment (compose file, .env, env files, proxy site) made from them.

The state directory plays the server's /opt/<application>: faults change its files the way a bad deployment would, and
`write_deployment` puts them back. All of it is readable by the owner only.
"""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import TypedDict

from .images import CURRENT_RELEASE
from .settings import LAB_DIRECTORY, Settings

PROXY_SITE = LAB_DIRECTORY / "config" / "proxy" / "site.conf"


class Secrets(TypedDict):
    """Random per lab. They live in the state directory and in the services' environment, nowhere else."""

    database_password: str
    cache_password: str
    jwt_secret: str
    demo_password: str
    operator_password: str


def write_file(path: Path, text: str) -> None:
    """Write ``text`` at once or not at all, readable by the owner only; an unchanged file keeps its time."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def has_secrets(state: Path) -> bool:
    """Whether a lab's passwords are in this state directory."""
    return (state / "secrets.json").exists()


def read_secrets(settings: Settings) -> Secrets:
    """The lab's secrets, drawn on the first call (a lab of an earlier checkout gets those it has not)."""
    path = settings.state / "secrets.json"
    known = json.loads(path.read_text(encoding="utf-8")) if has_secrets(settings.state) else {}
    if not known.keys() >= Secrets.__annotations__.keys():
        drawn = Secrets(
            database_password=secrets.token_urlsafe(24),
            cache_password=secrets.token_urlsafe(24),
            jwt_secret=secrets.token_urlsafe(48),
            demo_password=secrets.token_urlsafe(16),
            operator_password=secrets.token_urlsafe(24),
        )
        known = {**drawn, **known}
        write_file(path, json.dumps(known, indent=2) + "\n")
    return Secrets(**known)


def compose_variables(settings: Settings, api_version: str = CURRENT_RELEASE) -> dict[str, str]:
    """Contents of .env: what compose fills into compose.yaml. A deployment of the API is a change of LAB_API_VERSION."""
    ports = {
        f"LAB_PORT_{name.upper()}": str(settings.port(name))
        for name in ("api", "api_process", "database", "cache", "proxy", "frontend")
    }
    return {
        "LAB_PROJECT": settings.project,
        "LAB_API_RELEASES": settings.releases,
        "LAB_API_VERSION": api_version,
        **ports,
    }


def api_environment(settings: Settings) -> dict[str, str]:
    """Environment of the API, in its container and on the legacy host."""
    drawn = read_secrets(settings)
    return {
        "DATABASE_URL": f"postgresql://orders:{drawn['database_password']}@db:5432/orders",
        "REDIS_URL": f"redis://:{drawn['cache_password']}@cache:6379/0",
        "JWT_SECRET": drawn["jwt_secret"],
        "ORDERS_DEMO_PASSWORD": drawn["demo_password"],
    }


def environment_text(values: dict[str, str]) -> str:
    """``values`` as the lines of an env file (our values need no quoting: letters, digits and -_:/@. only)."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def write_deployment(settings: Settings) -> None:
    """Write every file of the deployment as a healthy lab has it."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    drawn = read_secrets(settings)
    write_file(settings.state / "compose.yaml", (LAB_DIRECTORY / "compose.yaml").read_text(encoding="utf-8"))
    write_file(settings.state / ".env", environment_text(compose_variables(settings)))
    write_file(settings.state / "env" / "api.env", environment_text(api_environment(settings)))
    write_file(settings.state / "env" / "db.env", environment_text({"POSTGRES_PASSWORD": drawn["database_password"]}))
    write_file(settings.state / "env" / "cache.env", environment_text({"REDISCLI_AUTH": drawn["cache_password"]}))
    write_file(settings.state / "operator.secret", drawn["operator_password"])
    write_file(settings.state / "proxy" / "site.conf", PROXY_SITE.read_text(encoding="utf-8"))


def remove_state(settings: Settings) -> None:
    shutil.rmtree(settings.state, ignore_errors=True)
