"""Runs tasks on the engine: starts and stops their containers in threads of their own, and notes what becomes of them."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from . import containers
from .containers import TASK_LABEL, CannotStart, Place
from .logs import LogForwarder
from .ministack_seams import within
from .model import Task, World
from .wire import Data, now, number

STOP_SECONDS = 30
"""What ECS grants a container between SIGTERM and SIGKILL where its definition says nothing."""


class Runner:
    """Containers of tasks. Nothing here decides which tasks there are."""

    def __init__(self, client: docker.DockerClient, place: Place, world: World) -> None:
        self.client = client
        self.place = place
        self.world = world
        self._logs: dict[str, LogForwarder] = {}

    def start(self, task: Task) -> None:
        """Begin to start a task; the lock is held by the caller and needed again when it runs."""
        self._in_background(self._start, task)

    def stop(self, task: Task) -> None:
        """Begin to stop a task whose fate is decided."""
        self._in_background(self._stop, task)

    def _in_background(self, work: Callable[[Task], None], task: Task) -> None:
        threading.Thread(target=work, args=(task,), daemon=True, name=f"{work.__name__}-{task.id[:8]}").start()

    def _start(self, task: Task) -> None:
        with self.world.lock:
            task.last_status = "PENDING"
            task.times["pullStartedAt"] = now()
            pinned = dict(task.deployment.revision.digests) if task.deployment else {}
        try:
            with within(task.scope):
                for index, definition in enumerate(task.definition["containerDefinitions"]):
                    self._start_container(task, index, definition, pinned)
        except CannotStart as reason:
            self._give_up(task, str(reason))
            return
        except APIError as error:
            self._give_up(task, f"CannotStartContainerError: Error response from daemon: {error.explanation}")
            return
        except DockerException as error:
            self._give_up(task, f"CannotCreateContainerError: {error}")
            return
        with self.world.lock:
            if task.live:
                task.last_status = "RUNNING"
                task.times.update(pullStoppedAt=now(), startedAt=now(), connectivityAt=now())

    def _start_container(self, task: Task, index: int, definition: Data, pinned: dict[str, str]) -> None:
        name = definition["name"]
        digest = pinned.get(name) or containers.image_digest(self.client, definition["image"])
        override: Data = next((o for o in task.overrides.get("containerOverrides", []) if o.get("name") == name), {})
        service = task.group.removeprefix("service:") if task.group.startswith("service:") else ""
        container = self.client.containers.create(
            digest,
            name=f"{self.place.project}-ecs-{task.definition['family']}-{task.id[:8]}-{name}",
            environment=containers.environment(definition, override),
            labels=self._labels(task, name),
            network=self.place.network,
            networking_config={self.place.network: self._endpoint([service] if service else [])},
            **containers.options(task.definition, definition, override, self.place),
        )
        with self.world.lock:
            shown = task.containers[index]
            shown.update(runtimeId=container.id, imageDigest=digest, lastStatus="PENDING")
            if task.deployment:
                task.deployment.revision.digests.setdefault(name, digest)
            wanted = task.live
        if not wanted:  # stopped while this container was made: whoever stopped the task did not know of it
            container.remove(force=True, v=True)
            return
        container.start()
        attributes = containers.attributes_of(self.client, container.id)
        forwarder = LogForwarder.of(self.client, container.id, definition, task)
        with self.world.lock:
            if forwarder:
                self._logs[container.id] = forwarder
            shown["lastStatus"] = "RUNNING"
            if attributes:
                shown["networkBindings"] = containers.network_bindings(attributes)
                task.addresses.append(containers.address(attributes, self.place))

    def _labels(self, task: Task, name: str) -> dict[str, str]:
        return {
            **self.place.labels,
            TASK_LABEL: task.arn,
            "com.amazonaws.ecs.cluster": task.cluster_arn,
            "com.amazonaws.ecs.container-name": name,
            "com.amazonaws.ecs.task-definition-family": task.definition["family"],
            "com.amazonaws.ecs.task-definition-version": str(task.definition["revision"]),
        }

    def _endpoint(self, aliases: list[str]) -> Any:
        """The other tasks find a service by its name, as with Service Connect."""
        return self.client.api.create_endpoint_config(aliases=aliases)

    def _give_up(self, task: Task, reason: str) -> None:
        with self.world.lock:
            task.fate("TaskFailedToStart", reason)
        self._stop(task)

    def _stop(self, task: Task) -> None:
        with self.world.lock:
            if task.last_status in ("DEPROVISIONING", "STOPPED"):
                return
            task.last_status = "DEPROVISIONING"
            started = copy.deepcopy(task.containers)
        for index, (shown, definition) in enumerate(zip(started, task.definition["containerDefinitions"])):
            if shown.get("runtimeId"):
                self._remove(task, index, shown["runtimeId"], definition.get("stopTimeout", STOP_SECONDS))
        with self.world.lock:
            for shown in task.containers:
                shown["lastStatus"] = "STOPPED"
            task.last_status = "STOPPED"
            task.times.update(executionStoppedAt=now(), stoppedAt=now())

    def _remove(self, task: Task, index: int, container_id: str, patience: int) -> None:
        """Stop a container, note how it ended, let its last lines reach the logs, and remove it."""
        with contextlib.suppress(DockerException):  # it has ended, or is gone: what follows finds out
            self.client.api.stop(container_id, timeout=patience)
        attributes = containers.attributes_of(self.client, container_id)
        self.note_end(task, index, attributes)
        with self.world.lock:
            forwarder = self._logs.pop(container_id, None)
        if forwarder:
            forwarder.finish()
        with contextlib.suppress(NotFound):
            self.client.api.remove_container(container_id, force=True, v=True)

    def note_end(self, task: Task, index: int, attributes: Data | None) -> None:
        """Write down how a container ended; one that was removed from outside counts as killed."""
        state = attributes["State"] if attributes else {"ExitCode": 137}
        with self.world.lock:
            shown = task.containers[index]
            shown["lastStatus"] = "STOPPED"
            if not state.get("StartedAt", "-").startswith("0001"):
                shown.setdefault("exitCode", state["ExitCode"])
            if state.get("OOMKilled"):
                shown.setdefault("reason", "OutOfMemoryError: Container killed due to memory usage")
            elif state.get("Error"):
                shown.setdefault("reason", f"CannotStartContainerError: Error response from daemon: {state['Error']}")

    def new_containers(self, definition: Data, task_arn: str) -> list[Data]:
        """The containers of a task that has not started yet."""
        return [
            {
                "containerArn": f"{task_arn.replace(':task/', ':container/')}/{number(12)}",
                "taskArn": task_arn,
                "name": container["name"],
                "image": container["image"],
                "lastStatus": "PENDING",
                "networkBindings": [],
                "networkInterfaces": [],
                "healthStatus": "UNKNOWN",
                "cpu": str(container.get("cpu", 0)),
                "memory": str(container.get("memory") or container.get("memoryReservation") or 0),
            }
            for container in definition["containerDefinitions"]
        ]
