"""What the double measures: one sample of the containers that serve, taken when somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any

from . import views
from .double import Double
from .state import Replica, Service

SECONDS_BETWEEN = 0.3
"""CPU is what a container used between two looks at it."""
CPUS = 8.0


async def measured(
    double: Double, service: Service, measurements: Collection[str], by_instance: bool
) -> list[views.View]:
    """The results of one service; none for what the engine does not tell."""
    replicas = [r for deployment in double.world.active(service)[:1] for r in deployment.replicas if r.container]
    samples = await asyncio.gather(*(_sample(double, service, replica, measurements) for replica in replicas))
    now = int(double.clock.now().timestamp())
    groups = [[one] for one in zip(replicas, samples)] if by_instance else [list(zip(replicas, samples))]
    found = []
    for group in groups:
        tags = {"serviceId": service.id, "deploymentId": None, "region": None}
        tags["deploymentInstanceId"] = group[0][0].id if by_instance else None
        for name in measurements:
            values = [sample[name] for _replica, sample in group if name in sample]
            if values:
                found.append({"measurement": name, "tags": tags, "values": [{"ts": now, "value": sum(values)}]})
    return found


async def _sample(
    double: Double, service: Service, replica: Replica, measurements: Collection[str]
) -> dict[str, float]:
    """All measurements of one container, by name."""
    engine = double.runner.engine
    first = await engine.stats(replica.container)
    second = first
    if "CPU_USAGE" in measurements:
        await asyncio.sleep(SECONDS_BETWEEN)
        second = await engine.stats(replica.container)
    found = of_stats(first, second)
    volume = double.runner.volume_of(service)
    if volume and "DISK_USAGE_GB" in measurements:
        said = await engine.output(replica.container, ("du", "-s", "-B1", volume.mount))
        found["DISK_USAGE_GB"] = int(said.split()[0]) / 1e9
    return found


def of_stats(first: dict[str, Any], second: dict[str, Any]) -> dict[str, float]:
    """What two samples of the engine say: of nothing that they leave out, for a container that has ended has none."""
    found: dict[str, float] = {}
    memory = second.get("memory_stats") or {}
    if "usage" in memory:
        found |= {"MEMORY_USAGE_GB": memory["usage"] / 1e9, "MEMORY_LIMIT_GB": memory["limit"] / 1e9, "CPU_LIMIT": CPUS}
    networks = (second.get("networks") or {}).values()
    if networks:
        found |= {f"NETWORK_{way.upper()}_GB": sum(n[f"{way}_bytes"] for n in networks) / 1e9 for way in ("rx", "tx")}
    seconds = (_moment(second) - _moment(first)).total_seconds() if "read" in first and "read" in second else 0
    if seconds > 0 and found:
        used = [sample["cpu_stats"]["cpu_usage"]["total_usage"] for sample in (first, second)]
        found["CPU_USAGE"] = (used[1] - used[0]) / 1e9 / seconds
    return found


def _moment(sample: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(sample["read"][:26].rstrip("Z") + "+00:00")
