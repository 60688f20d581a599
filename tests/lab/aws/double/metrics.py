"""CPU and memory of services for CloudWatch, measured on their containers at the moment somebody asks for metrics."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import NamedTuple

import docker
from docker.errors import DockerException

from . import ministack_seams
from .model import Task, World
from .wire import Data, tail

NAMESPACE = "AWS/ECS"
CPU_UNITS = 1024
"""Units of one processor."""
MIB = 1024 * 1024
QUESTIONS = frozenset({"cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics"})
"""Calls before which is measured."""


class Reading(NamedTuple):
    """What a container had used at a time: seconds of processors since its start, and bytes of memory then."""

    at: float
    processor_seconds: float
    memory_bytes: float


def read(stats: Data, at: float) -> Reading | None:
    """The reading in an answer of the engine; None of a container that does not run."""
    memory: Data = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    # The kernel takes the cache of files back when memory is short, so it does not count.
    cache = (memory.get("stats") or {}).get("inactive_file", 0)
    return Reading(at, stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, memory["usage"] - cache)


def reserved(definition: Data, what: str) -> float:
    """CPU units or MiB a task reserves: for the whole task, or the sum of what its containers do; 0 for none."""
    if definition.get(what):
        return float(definition[what])
    return float(
        sum(
            container.get(what) or (container.get("memoryReservation") if what == "memory" else 0) or 0
            for container in definition["containerDefinitions"]
        )
    )


def utilisation(definition: Data, spans: list[tuple[Reading, Reading]]) -> dict[str, float]:
    """Percent of its reservations a task used, from two readings of each container; nothing where none is reserved."""
    found = {}
    units, mebibytes = reserved(definition, "cpu"), reserved(definition, "memory")
    if units:
        used = sum((b.processor_seconds - a.processor_seconds) / max(b.at - a.at, 0.001) for a, b in spans)
        found["CPUUtilization"] = 100 * used * CPU_UNITS / units
    if mebibytes:
        found["MemoryUtilization"] = 100 * sum(b.memory_bytes for _a, b in spans) / (mebibytes * MIB)
    return found


class Meter:
    """Measures all running tasks of services and gives CloudWatch a point of each."""

    def __init__(self, client: docker.DockerClient, world: World) -> None:
        self._client = client
        self._world = world
        self._lock = threading.Lock()
        self._readings: dict[str, Reading] = {}
        """The last ones, by container."""

    def measure(self) -> None:
        with self._lock:
            with self._world.lock:
                services = list(self._world.services.values())
                tasks = [
                    (task, service) for service in services for task in self._world.tasks_of(service) if task.running
                ]
            before, self._readings = self._readings, {}
            for task, service in tasks:
                spans = self._spans(task, before)
                if len(spans) == len(task.containers):
                    dimensions = {"ClusterName": tail(service.cluster_arn), "ServiceName": service.name}
                    with ministack_seams.within(task.scope):
                        for name, percent in utilisation(task.definition, spans).items():
                            ministack_seams.put_metric(NAMESPACE, name, percent, "Percent", dimensions)

    def _spans(self, task: Task, before: dict[str, Reading]) -> list[tuple[Reading, Reading]]:
        """Two readings of each container: the last one, at first its start, and one of now."""
        spans = []
        for shown in task.containers:
            container: str = shown.get("runtimeId", "")
            with contextlib.suppress(DockerException):  # it ends at this moment
                now = read(self._client.api.stats(container, stream=False, one_shot=True), time.time())
                if now:
                    self._readings[container] = now
                    spans.append((before.get(container) or Reading(task.times["startedAt"], 0, 0), now))
        return spans

    def forget(self) -> None:
        """Forget all points: they are of a time before the reset."""
        ministack_seams.forget_metrics(NAMESPACE)
