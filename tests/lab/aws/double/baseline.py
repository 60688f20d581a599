"""The healthy state, remembered: services with their history and task definitions; and the way back to it."""

from __future__ import annotations

import copy
from typing import Any

from .ministack_seams import restore_task_definitions, snapshot_task_definitions, within
from .model import Service, World
from .runner import Runner

GONE = "Service removed"
LIVING = ("deployments", "history", "events")
"""Members of a service whose entries stay the same objects, for tasks point to them."""


class Baseline:
    """A state to come back to. Tasks are not part of it: the scheduler starts those that are missing."""

    def __init__(self, world: World) -> None:
        with world.lock:
            self.steady_seconds = world.steady_seconds
            self.services = [(service, _saved(service)) for service in world.services.values()]
            self.deployments = [
                (deployment, copy.copy(vars(deployment)))
                for service in world.services.values()
                for deployment in service.history
            ]
            self.scope = next((service.scope for service in world.services.values()), None)
            if self.scope:
                with within(self.scope):
                    self.task_definitions = snapshot_task_definitions()

    def restore(self, world: World, runner: Runner) -> None:
        """Take the world back; what was started since is stopped, what runs as it should goes on."""
        with world.lock:
            world.steady_seconds = self.steady_seconds
            for deployment, saved in self.deployments:
                vars(deployment).update(saved)
            for service, saved in self.services:
                vars(service).update(_copied(saved))
            world.services = {service.arn: service for service, _saved_state in self.services}
            wanted = {id(service.primary) for service, _saved_state in self.services if service.deployments}
            for task in world.tasks.values():
                if id(task.deployment) not in wanted and task.fate("ServiceSchedulerInitiated", GONE):
                    runner.stop(task)
                if not task.live:
                    task.counted = task.forgotten = True
            world.forget_old_tasks()
            if self.scope:
                with within(self.scope):
                    restore_task_definitions(self.task_definitions)


def _saved(service: Service) -> dict[str, Any]:
    return _copied(vars(service))


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """A copy that shares nothing that changes, but for the entries of the living lists."""
    return {
        name: list(value) if name in LIVING else copy.deepcopy(value) if name == "settings" else value
        for name, value in state.items()
    }
