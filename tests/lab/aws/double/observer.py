"""What has become of the containers: one look at the engine for all tasks, several times a second."""

from __future__ import annotations

import docker

from . import containers
from .containers import LABEL, TASK_LABEL, Place
from .model import Task, World
from .runner import Runner
from .wire import Data

HEALTH = {"(healthy)": "HEALTHY", "(unhealthy)": "UNHEALTHY", "(health: starting)": "UNKNOWN"}
ESSENTIAL_EXITED = "Essential container in task exited"
UNHEALTHY = "Task failed container health checks"


def health_in(status: str) -> str | None:
    """The health in an engine's one-line status such as ``Up 3 seconds (healthy)``; None without a health check."""
    return next((health for mark, health in HEALTH.items() if status.endswith(mark)), None)


def overall(healths: list[str]) -> str:
    """Health of a task from that of its containers that have a check."""
    if "UNHEALTHY" in healths:
        return "UNHEALTHY"
    return "HEALTHY" if healths and set(healths) == {"HEALTHY"} else "UNKNOWN"


class Observer:
    """Compares running tasks with the engine."""

    def __init__(self, client: docker.DockerClient, place: Place, world: World, runner: Runner) -> None:
        self._client = client
        self._filter = {"label": [f"{LABEL}={place.project}", TASK_LABEL]}
        self._world = world
        self._runner = runner

    def look(self) -> None:
        """Note exits, removals and health. Only tasks that ran before the look are judged by it."""
        with self._world.lock:
            running = [task for task in self._world.tasks.values() if task.running]
        if not running:
            return
        seen: dict[str, Data] = {c["Id"]: c for c in self._client.api.containers(all=True, filters=dict(self._filter))}
        for task in running:
            for index, shown in enumerate(list(task.containers)):
                container = seen.get(shown.get("runtimeId", ""))
                if container is None or container["State"] not in ("running", "paused", "restarting"):
                    self._ended(task, index, shown["runtimeId"])
                else:
                    health = health_in(container["Status"])
                    if health:
                        shown["healthStatus"] = health
            self._judge_health(task)

    def _ended(self, task: Task, index: int, container_id: str) -> None:
        if task.containers[index]["lastStatus"] != "STOPPED":
            self._runner.note_end(task, index, containers.attributes_of(self._client, container_id))
        definitions = task.definition["containerDefinitions"]
        ended = [shown["lastStatus"] == "STOPPED" for shown in task.containers]
        with self._world.lock:
            matters = definitions[index].get("essential", True) or all(ended)
            if matters and task.fate("EssentialContainerExited", ESSENTIAL_EXITED):
                self._runner.stop(task)

    def _judge_health(self, task: Task) -> None:
        checked = [
            shown["healthStatus"]
            for shown, definition in zip(task.containers, task.definition["containerDefinitions"])
            if "healthCheck" in definition
        ]
        with self._world.lock:
            task.health = overall(checked)
            replaced = task.health == "UNHEALTHY" and task.group.startswith("service:")
            if replaced and task.fate("ServiceSchedulerInitiated", UNHEALTHY):
                self._runner.stop(task)
