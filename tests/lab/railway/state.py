"""What the double knows: project, environment, services with their settings, deployments, volumes and workflows.

Nothing here acts; `lifecycle` changes it, `views` shows it.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

IN_PROGRESS = ("INITIALIZING", "QUEUED", "WAITING", "NEEDS_APPROVAL", "BUILDING", "DEPLOYING")
ENDED = ("CRASHED", "FAILED", "REMOVED", "SKIPPED")
SETTINGS: dict[str, Any] = {
    "buildCommand": None,
    "cronSchedule": None,
    "drainingSeconds": None,
    "healthcheckPath": None,
    "healthcheckTimeout": 300,
    "multiRegionConfig": None,
    "numReplicas": 1,
    "overlapSeconds": None,
    "preDeployCommand": None,
    "region": None,
    "restartPolicyMaxRetries": 10,
    "restartPolicyType": "ON_FAILURE",
    "sleepApplication": False,
    "startCommand": None,
}
"""Settings of a service instance, by their names in the API, with Railway's defaults."""


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Commit:
    """One commit of a repository; building it yields ``image``."""

    hash: str
    message: str
    image: str


@dataclass(frozen=True)
class Runtime:
    """How a service's containers are run: what Railway finds out or decides by itself."""

    port: int
    http: bool = True
    memory: int = 192 * 1024 * 1024
    tmpfs: dict[str, str] = field(default_factory=dict)
    mount: str = ""
    """Where the service's volume is mounted; empty without one."""
    ready: tuple[str, ...] = ()
    """Command in the container that tells when it works, where no HTTP path does; only the double asks it."""


@dataclass
class Service:
    """A service and its instance in the only environment."""

    id: str
    instance_id: str
    name: str
    runtime: Runtime
    created_at: datetime
    source: dict[str, str]
    """``{"image": ...}`` or ``{"repo": ...}``."""
    traffic_port: int
    commit: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    sealed: set[str] = field(default_factory=set)
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    limits: dict[str, Any] | None = None
    deleted_at: datetime | None = None
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    """What will become of the next deployments, one each; see `outcomes`."""

    def replicas(self) -> int:
        regions = [region for region in (self.settings["multiRegionConfig"] or {}).values() if region]
        return sum(int(region.get("numReplicas", 1)) for region in regions) or self.settings["numReplicas"] or 1


@dataclass
class Replica:
    """One container of a deployment."""

    id: str
    container: str = ""
    status: str = "CREATED"
    restarts: int = 0
    expected_to_end: bool = False
    """Whether the double itself ends it, so that its end is no crash."""
    address: tuple[str, int] | None = None
    since: float = 0
    """Lines its container wrote before this (seconds since 1970) belong to an earlier life of the lab."""


@dataclass
class Event:
    step: str
    created_at: datetime
    id: str = field(default_factory=new_id)
    completed_at: datetime | None = None
    error: str | None = None


@dataclass
class Deployment:
    """One deployment, frozen at its creation: image, variables and settings never change afterwards."""

    service: Service
    created_at: datetime
    image: str
    """Reference, as people write it."""
    digest: str | None
    """The engine's identity of the image; None when there was no such image."""
    variables: dict[str, str]
    settings: dict[str, Any]
    meta: dict[str, Any]
    creator: str
    build: bool
    id: str = field(default_factory=new_id)
    status: str = "INITIALIZING"
    status_updated_at: datetime | None = None
    updated_at: datetime | None = None
    removed_at: datetime | None = None
    succeeded: bool = False
    stopped: bool = False
    outcome: dict[str, Any] = field(default_factory=dict)
    replicas: list[Replica] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    build_log: list[dict[str, Any]] = field(default_factory=list)
    kept_log: list[dict[str, Any]] = field(default_factory=list)
    """Lines of containers that are gone."""
    approved: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    hidden_polls: int = 0
    """How many more lists leave it out."""
    stale: dict[str, Any] | None = None
    """What it looked like before, shown ``polls`` more times."""

    def runs(self) -> bool:
        """Whether this is (one of) the service's active deployments."""
        return self.status in ("SUCCESS", "SLEEPING", "CRASHED") and self.succeeded and self.removed_at is None


@dataclass
class Backup:
    id: str
    name: str | None
    created_at: datetime
    volume: str
    """The engine's volume that holds the copy."""
    expires_at: datetime | None = None
    size_mb: int = 0


@dataclass
class VolumeInstance:
    id: str
    volume_id: str
    name: str
    service: Service
    mount: str
    volume: str
    """The engine's volume."""
    created_at: datetime
    backups: list[Backup] = field(default_factory=list)
    schedules: list[str] = field(default_factory=list)
    state: str = "READY"


@dataclass
class Workflow:
    id: str
    status: str = "Running"
    asked: bool = False
    """Whether somebody has asked for it: the first answer is NotFound."""
    error: str | None = None


@dataclass
class World:
    """Everything of one lab: one workspace, project and environment."""

    workspace_id: str
    project_id: str
    environment_id: str
    token_id: str
    created_at: datetime
    project_name: str = "lab"
    environment_name: str = "production"
    services: dict[str, Service] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    volumes: dict[str, VolumeInstance] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    commits: dict[str, list[Commit]] = field(default_factory=dict)
    staged: dict[str, Any] = field(default_factory=dict)
    incident: dict[str, Any] | None = None

    def of(self, service: Service) -> list[Deployment]:
        """A service's deployments, newest first."""
        found = [d for d in self.deployments.values() if d.service is service]
        return sorted(found, key=lambda d: d.created_at, reverse=True)

    def active(self, service: Service) -> list[Deployment]:
        return [d for d in self.of(service) if d.runs()]

    def named(self, name: str) -> Service:
        """The service with this name or id; KeyError names it."""
        for service in self.services.values():
            if name in (service.name, service.id):
                return service
        raise KeyError(name)
