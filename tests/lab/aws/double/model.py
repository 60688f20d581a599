"""What the double knows: services with their deployments and revisions, and tasks. One lock guards all of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from .rollout import Limits
from .wire import Data, Scope, now, number, tail

ENDED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
"""States a service deployment never leaves."""
EVENTS_KEPT = 100
STOPPED_TASKS_KEPT = 200


@dataclass
class Revision:
    """What one deployment runs: a task definition and the service's settings at that time, never changed."""

    arn: str
    task_definition: Data
    settings: Data
    digests: dict[str, str] = field(default_factory=dict)
    """Image by container, pinned when the first task started."""
    created_at: float = field(default_factory=now)

    @property
    def task_definition_arn(self) -> str:
        return str(self.task_definition["taskDefinitionArn"])


@dataclass
class Deployment:
    """One deployment: an entry of the service's ``deployments`` while it has tasks, and of its history for ever."""

    id: str
    arn: str
    revision: Revision
    sources: list[Revision]
    """What ran before; the first one is what a rollback goes back to."""
    configuration: Data
    status: str = "IN_PROGRESS"
    """Of the service deployment."""
    status_reason: str | None = None
    rollout: str = "IN_PROGRESS"
    """Of the entry in ``deployments``."""
    rollout_reason: str = ""
    failed_tasks: int = 0
    failures_in_row: int = 0
    breaker_triggered: bool = False
    hold_off_until: float = 0.0
    announced_trouble: bool = False
    created_at: float = field(default_factory=now)
    updated_at: float = field(default_factory=now)
    finished_at: float | None = None
    rollback: Data | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def breaker(self) -> Data:
        breaker: Data = self.configuration.get("deploymentCircuitBreaker") or {}
        return breaker

    def enter(self, status: str, reason: str | None = None) -> None:
        """Move the service deployment on; an ended one stays as it is."""
        if self.ended:
            return
        self.status, self.updated_at = status, now()
        self.status_reason = reason or self.status_reason
        if self.ended:
            self.finished_at = now()

    def settle(self, rollout: str, reason: str) -> None:
        """Set the state of the entry in ``deployments``."""
        self.rollout, self.rollout_reason, self.updated_at = rollout, reason, now()


@dataclass
class Task:
    """One task, with the containers that run it."""

    arn: str
    cluster_arn: str
    definition: Data
    scope: Scope
    group: str
    started_by: str
    launch_type: str
    containers: list[Data]
    overrides: Data = field(default_factory=dict)
    deployment: Deployment | None = None
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    health: str = "UNKNOWN"
    addresses: list[str] = field(default_factory=list)
    times: Data = field(default_factory=lambda: {"createdAt": now()})
    stop_code: str | None = None
    stopped_reason: str | None = None
    tags: list[Data] = field(default_factory=list)
    counted: bool = False
    """Whether its end was looked at and held against its deployment where that is due."""
    forgotten: bool = False
    """Of a past that was reset: it takes room until it has stopped, and is not shown."""

    @property
    def id(self) -> str:
        return tail(self.arn)

    @property
    def live(self) -> bool:
        """Neither stopped nor told to stop."""
        return self.desired_status == "RUNNING"

    @property
    def running(self) -> bool:
        return self.live and self.last_status == "RUNNING"

    @property
    def has_health_check(self) -> bool:
        return any("healthCheck" in container for container in self.definition["containerDefinitions"])

    @property
    def healthy(self) -> bool:
        return self.running and (self.health == "HEALTHY" or not self.has_health_check)

    def fate(self, code: str, reason: str) -> bool:
        """Decide that the task has to stop; False when that was decided before, and then nothing changes."""
        if not self.live:
            return False
        self.desired_status, self.stop_code, self.stopped_reason = "STOPPED", code, reason
        self.times["stoppingAt"] = now()
        return True


@dataclass
class Service:
    """One service."""

    arn: str
    name: str
    cluster_arn: str
    scope: Scope
    settings: Data
    """What CreateService and UpdateService said and what is shown again as it is."""
    desired: int
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    """The primary one first, then older ones that still have tasks."""
    history: list[Deployment] = field(default_factory=list)
    """Newest first."""
    events: list[Data] = field(default_factory=list)
    created_at: float = field(default_factory=now)
    steady: bool = False
    """Whether the last thing said was that it has reached a steady state."""

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    @property
    def controller(self) -> str:
        return str((self.settings.get("deploymentController") or {}).get("type", "ECS"))

    @property
    def configuration(self) -> Data:
        configuration: Data = self.settings["deploymentConfiguration"]
        return configuration

    @property
    def limits(self) -> Limits:
        configuration = self.configuration
        return Limits(
            self.desired, configuration.get("minimumHealthyPercent", 100), configuration.get("maximumPercent", 200)
        )

    def say(self, text: str) -> None:
        """Add an event, as AWS words them."""
        event = {"id": f"{number(8)}-{number(12)}", "createdAt": now(), "message": f"(service {self.name}) {text}"}
        self.events.insert(0, event)
        del self.events[EVENTS_KEPT:]


class World:
    """Everything at once. Whoever reads or changes it holds `lock`, and holds it only for a moment."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.services: dict[str, Service] = {}
        """By ARN."""
        self.tasks: dict[str, Task] = {}
        """By ARN, oldest first."""
        self.steady_seconds = 2.0
        """How long all tasks have to run before a deployment is complete."""

    def tasks_of(self, service: Service) -> list[Task]:
        group = f"service:{service.name}"
        return [t for t in self.tasks.values() if t.group == group and t.cluster_arn == service.cluster_arn]

    def forget_old_tasks(self) -> None:
        """Keep as many stopped tasks as a client may still want to see."""
        stopped = [task for task in self.tasks.values() if task.last_status == "STOPPED"]
        shown = [task for task in stopped if not task.forgotten]
        for task in [*(task for task in stopped if task.forgotten), *shown[:-STOPPED_TASKS_KEPT]]:
            del self.tasks[task.arn]
