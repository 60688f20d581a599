# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From inspected containers to the normalized state of a service. Pure: nothing here asks the engine.

Status of one instance:

* ``crash_loop`` while the engine waits to restart it; when it failed after two or more restarts, or failed within
  seconds of its last three starts; and when it runs after two or more restarts but not yet ten seconds and no health
  check has passed.
* ``unhealthy`` and ``starting`` are what its health check says. Without a health check a running container is
  ``running`` at once.
* ``paused``; and ``stopped`` for created, exited, dead and removing containers.

A service has the status of its worst instance; ``running`` and ``healthy`` count the others.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker import events as event_log
from ansible_collections.sre.remediation.plugins.module_utils._docker import times
from ansible_collections.sre.remediation.plugins.module_utils._docker.events import Event
from ansible_collections.sre.remediation.plugins.module_utils._docker.select import name_of
from ansible_collections.sre.remediation.plugins.module_utils._service import STATUS_ORDER, State, empty_state

Json = dict[str, t.Any]

#: Restarts by the engine that make a failed container a crash loop.
LOOP_RESTARTS = 2

#: Statuses in which the main process exists.
UP = ("running", "starting", "unhealthy")

EXIT_REASONS = {
    0: "completed",
    125: "could not be started",
    126: "command cannot be executed",
    127: "command not found",
    137: "killed (SIGKILL)",
    139: "segmentation fault",
    143: "terminated (SIGTERM)",
}


def is_up(container: Json) -> bool:
    """Tell whether the main process of an inspected container runs (a container between two restarts does not)."""
    return container["State"]["Status"] == "running"


def has_health_check(container: Json) -> bool:
    """Tell whether the engine measures the health of this container."""
    test = (container["Config"].get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"


def health_of(container: Json) -> str | None:
    """Return healthy, unhealthy or starting; None when nothing measures it or it does not run (the engine keeps a stale
    result then)."""
    status = (container["State"].get("Health") or {}).get("Status")
    return status if is_up(container) and status in ("healthy", "unhealthy", "starting") else None


def instance_status(container: Json, events: list[Event], now: float) -> str:
    """Return the status of one inspected container; ``events`` are its own, ``now`` is epoch seconds."""
    state, restarts, health = container["State"], container.get("RestartCount", 0), health_of(container)
    if state["Status"] == "restarting":
        return "crash_loop"
    if state["Status"] == "paused":
        return "paused"
    if is_up(container):
        young = now - (times.epoch(state.get("StartedAt")) or 0.0) < event_log.STABLE_SECONDS
        if young and restarts >= LOOP_RESTARTS and health != "healthy":
            return "crash_loop"
        return health if health in ("unhealthy", "starting") else "running"
    failed = state["Status"] == "exited" and state.get("ExitCode", 0) not in (0, 143)
    return "crash_loop" if failed and (restarts >= LOOP_RESTARTS or event_log.exits_quickly(events)) else "stopped"


def last_exit(container: Json, events: list[Event]) -> Json | None:
    """Return the last exit of one container: from its own state when it is down, from its events when it runs again."""
    state = container["State"]
    ended = times.epoch(state.get("FinishedAt"))
    if is_up(container) or state["Status"] == "paused":
        newest = event_log.last_exit(events)
        if newest is None:
            return None
        at, code, oom_killed = newest
    elif ended is None:
        return None
    else:
        at, code = ended, state.get("ExitCode", 0)
        oom_killed = bool(state.get("OOMKilled")) or event_log.ran_out_of_memory(
            events, times.epoch(state.get("StartedAt")) or 0.0, ended, code
        )
    reason = "out of memory" if oom_killed else EXIT_REASONS.get(code, "error")
    return {"code": code, "reason": reason, "oom_killed": oom_killed, "at": times.iso(at)}


def networks_of(container: Json) -> list[str]:
    """Return the names of the networks a container is attached to. The network of ``none`` connects to nothing and does
    not count."""
    return sorted(name for name in container["NetworkSettings"].get("Networks") or {} if name != "none")


def env_names(env: t.Iterable[str] | None) -> list[str]:
    """Return the names of ``NAME=value`` entries, sorted."""
    return sorted({entry.partition("=")[0] for entry in env or []})


def env_of(container: Json) -> dict[str, str]:
    """Return the environment of a container. Values never leave the module."""
    return {
        name: value for name, _equals, value in (entry.partition("=") for entry in container["Config"].get("Env") or [])
    }


def ports_of(container: Json) -> list[Json]:
    """Return the published ports: as bound while it runs, as configured otherwise (a port the engine chooses is left
    out then)."""
    bound = container["NetworkSettings"].get("Ports") if is_up(container) else None
    bindings = bound or container["HostConfig"].get("PortBindings") or {}
    ports = []
    for inner, outers in bindings.items():
        port, _slash, protocol = inner.partition("/")
        for outer in outers or []:
            if str(outer.get("HostPort") or "").isdigit() and int(outer["HostPort"]):
                address = outer.get("HostIp") or "0.0.0.0"
                ports.append(
                    {
                        "address": address,
                        "host_port": int(outer["HostPort"]),
                        "port": int(port),
                        "protocol": protocol or "tcp",
                    }
                )
    return ports


def limits_of(container: Json) -> Json:
    """Return the limits of one container; None where there is none."""
    host = container["HostConfig"]
    cpus = None
    if host.get("NanoCpus"):
        cpus = host["NanoCpus"] / 1e9
    elif host.get("CpuQuota") and host["CpuQuota"] > 0:
        cpus = host["CpuQuota"] / (host.get("CpuPeriod") or 100000)
    return {"memory_bytes": host.get("Memory") or None, "cpus": cpus}


def instance_state(container: Json, events: list[Event], now: float) -> Json:
    """Return one entry of ``instances``."""
    state = container["State"]
    ended = last_exit(container, [])
    return {
        "id": container["Id"],
        "name": name_of(container),
        "status": instance_status(container, events, now),
        "health": health_of(container),
        "started_at": times.iso(state.get("StartedAt")),
        "restarts": container.get("RestartCount", 0),
        "exit_code": ended["code"] if ended else None,
        "networks": networks_of(container),
    }


def service_state(
    name: str, containers: list[Json], events: list[Event], now: float, memory: dict[str, int | None]
) -> State:
    """Return the normalized state of a service.

    :param containers: its inspected live containers; none means missing.
    :param events: their events, oldest first.
    :param now: epoch seconds on the engine's clock.
    :param memory: bytes used by container id. Usage is that of the largest instance, as limits hold for each instance.
    """
    service = empty_state("docker", name)
    service["exists"] = bool(containers)
    service["desired"] = max(1, len(containers))
    if not containers:
        service["status"] = "missing"
        return service
    own = {
        container["Id"]: [event for event in events if event.container == container["Id"]] for container in containers
    }
    instances = [instance_state(container, own[container["Id"]], now) for container in containers]
    newest = max(containers, key=lambda container: container["Created"])
    exits = [found for found in (last_exit(container, own[container["Id"]]) for container in containers) if found]
    errors = [
        container["State"]["Error"]
        for container in containers
        if container["State"].get("Error") and not is_up(container)
    ]
    measured = any(has_health_check(container) for container in containers)
    service.update(
        instances=instances,
        status=max((instance["status"] for instance in instances), key=lambda status: STATUS_ORDER[status]),
        running=sum(is_up(container) for container in containers),
        healthy=sum(instance["health"] == "healthy" for instance in instances) if measured else None,
        version=newest["Image"],
        version_name=newest["Config"]["Image"],
        started_at=max((instance["started_at"] for instance in instances if instance["started_at"]), default=None),
        restarts=sum(instance["restarts"] for instance in instances),
        last_exit=max(exits, key=lambda found: found["at"]) if exits else None,
        limits=limits_of(newest),
        usage={"memory_bytes": max((used for used in memory.values() if used is not None), default=None)},
        env_names=env_names(newest["Config"].get("Env")),
        ports=[port for container in containers for port in ports_of(container)],
        networks=sorted({network for instance in instances for network in instance["networks"]}),
        start_error=errors[0] if errors else None,
        events=event_log.shown(events),
    )
    return service
