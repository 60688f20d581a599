"""Names, ports and paths of one lab. Everything that differs between two labs side by side is decided here.

The inventory ``inventories/lab`` computes the same values from the same environment variables; a test compares them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .shell import LabError

LAB_DIRECTORY = Path(__file__).resolve().parent.parent
REPOSITORY = LAB_DIRECTORY.parent.parent

LABEL = "com.sre-remediation.lab"
"""Label of every container, network and volume a lab makes; its value is the project's name."""

IMAGE_PREFIX = "sre-remediation-lab"
"""Repository prefix of every image the lab builds; all labs of a machine share them, but for `Settings.releases`."""

PORT_OFFSETS: Mapping[str, int] = {
    "api": 1,
    "api_process": 2,
    "database": 32,
    "cache": 79,
    "proxy": 80,
    "frontend": 81,
}
"""Published port of each service, counted from the port base."""

PART_PORT_OFFSETS: Mapping[str, int] = {
    "aws": 66,
    "railway": 67,
    "railway_control": 68,
    "ecs_api": 100,
    "ecs_database": 101,
    "railway_api": 120,
    "railway_database": 121,
}
"""Ports of the optional parts: their doubles of a cloud's API, and where the services they run take their traffic."""

DEFAULT_PROJECT = "sre-lab"
DEFAULT_PORT_BASE = 18000


@dataclass(frozen=True)
class Settings:
    """One lab: compose project, first port, where its files lie, and the address its inventory uses for the engine."""

    project: str
    port_base: int
    state: Path
    socket_directory: Path

    @property
    def socket(self) -> Path:
        """Symbolic link to the engine's socket. Removing it cuts off whoever uses the inventory, and nobody else."""
        return self.socket_directory / "docker.sock"

    @property
    def releases(self) -> str:
        """Repository of the API's releases. Each lab has its own: what one publishes is no version another could go to."""
        return f"{IMAGE_PREFIX}/{self.project}/api"

    def port(self, service: str) -> int:
        return self.port_base + {**PORT_OFFSETS, **PART_PORT_OFFSETS}[service]

    def url(self, service: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port(service)}{path}"

    def container(self, service: str) -> str:
        """Name compose gives the only container of a service."""
        return f"{self.project}-{service}-1"


def read_settings(environ: Mapping[str, str] | None = None, uid: int | None = None) -> Settings:
    """Settings from ``LAB_PROJECT``, ``LAB_PORT_BASE`` and ``LAB_STATE``; an unusable value raises `LabError`."""
    environ = os.environ if environ is None else environ
    project = environ.get("LAB_PROJECT") or DEFAULT_PROJECT
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", project):
        raise LabError(f"LAB_PROJECT={project!r}: use up to 40 of a-z, 0-9, - and _, beginning with a letter or digit")
    base_text = environ.get("LAB_PORT_BASE") or str(DEFAULT_PORT_BASE)
    highest = 65535 - max({**PORT_OFFSETS, **PART_PORT_OFFSETS}.values())
    if not base_text.isdecimal() or not 1024 <= int(base_text) <= highest:
        raise LabError(f"LAB_PORT_BASE={base_text!r}: use a number from 1024 to {highest}")
    state = environ.get("LAB_STATE")
    owner = os.getuid() if uid is None else uid
    return Settings(
        project=project,
        port_base=int(base_text),
        state=Path(state).resolve() if state else REPOSITORY / ".lab" / project,
        # Not under the state directory: a socket's path may have 107 characters at most, and checkouts can lie deep.
        socket_directory=Path(f"/tmp/{project}-{owner}"),
    )
