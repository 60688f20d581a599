"""What a fault is, and the lab as faults see it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import health, stack
from ..docker import Docker
from ..images import CURRENT_RELEASE, UNPUBLISHED
from ..processes import identify
from ..settings import IMAGE_PREFIX, Settings
from ..shell import LabError
from ..state_files import api_environment, compose_variables, environment_text, write_file


@dataclass(frozen=True)
class Lab:
    """The lab a fault is made in."""

    docker: Docker
    settings: Settings

    @property
    def api(self) -> str:
        """Name of the API's container."""
        return self.settings.container("api")

    def is_up(self, service: str = "api") -> bool:
        """Whether ``service`` (api or api_process) says that it is healthy."""
        return health.is_ok(self.settings.url(service, "/api/health"))

    def reaches_users(self) -> bool:
        """Whether the API is healthy for those who come through the proxy."""
        return health.is_ok(self.settings.url("proxy", "/api/health"), seconds=3)

    def state(self, service: str) -> dict[str, Any]:
        """The engine's state of a service's container, empty when there is none."""
        found = self.docker.inspect(self.settings.container(service))
        return found[0]["State"] if found else {}

    def has_ended(self, service: str = "api") -> bool:
        return self.state(service).get("Status") in ("exited", "created")

    def is_reported_unhealthy(self) -> bool:
        """Whether the engine has noticed as well: its health check runs a little after ours."""
        return bool(self.state("api").get("Health", {}).get("Status") == "unhealthy")

    def address(self, service: str) -> str:
        """IP address of a service's container in the lab's network."""
        networks = self.docker.inspect(self.settings.container(service))[0]["NetworkSettings"]["Networks"]
        return str(networks[f"{self.settings.project}_default"]["IPAddress"])

    def version(self) -> str:
        """The version the API says it is, empty when it does not answer."""
        return health.version_of(self.settings.url("api", "/api/version"))

    def deploy(
        self, version: str = CURRENT_RELEASE, *, without: str = "", extra: Mapping[str, str] | None = None
    ) -> None:
        """Deploy the API as an operator would: change the files, run compose up. A failing start is not an error here."""
        if version != CURRENT_RELEASE:
            self.docker.run("tag", f"{IMAGE_PREFIX}/{UNPUBLISHED}:{version}", f"{self.settings.releases}:{version}")
        environment = {**api_environment(self.settings), **(extra or {})}
        environment.pop(without, None)
        write_file(self.settings.state / ".env", environment_text(compose_variables(self.settings, version)))
        write_file(self.settings.state / "env" / "api.env", environment_text(environment))
        stack.compose(self.docker, self.settings, "up", "--detach", "--quiet-pull", "api", check=False)

    def start_process(self, *argv: str) -> None:
        """Start a process on this machine; `tests/lab/up` and `down` end it."""
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        identity = identify(process.pid)
        if identity is None:
            raise LabError(f"`{' '.join(argv)}` ended at once")
        record = self.settings.state / stack.FAULT_PROCESSES
        known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else []
        write_file(record, json.dumps([*known, identity]))


@dataclass(frozen=True)
class Fault:
    """One way to break the lab."""

    name: str
    services: tuple[str, ...]
    """Inventory hosts that fail by it."""
    summary: str
    """What it does, in the third person: "stops the database"."""
    cause: str
    """What a diagnosis should find."""
    inject: Callable[[Lab], object]
    symptom: Callable[[Lab], bool]
    """Whether the fault can be seen from outside by now."""
    seconds: float = 20
    """How long the symptom may take to show."""
