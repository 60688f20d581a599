# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a service: all questions to the engine in the cheapest order, answered as the normalized state and its
newest log lines.

What is not needed for the status (logs, events, statistics, older images) is best effort: when the engine cannot answer
it, the look goes on and says so in a warning.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._docker import events as event_log
from ansible_collections.sre.remediation.plugins.module_utils._docker import (
    images,
    logs,
    memory,
    oom,
    ports,
    state,
    times,
)
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine, EngineError
from ansible_collections.sre.remediation.plugins.module_utils._docker.events import Event
from ansible_collections.sre.remediation.plugins.module_utils._docker.select import (
    PROJECT,
    SERVICE,
    Selector,
    find,
    labels_of,
    name_of,
)
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact, secret_values
from ansible_collections.sre.remediation.plugins.module_utils._service import State

Json = dict[str, t.Any]

T = t.TypeVar("T")


@dataclass
class Look:
    """What one look found."""

    service: State
    logs: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Questions:
    """What a look is asked beyond the state itself. ``log_lines`` 0 reads no logs; ``ports`` are checked besides the
    published ones."""

    log_lines: int = 200
    required_env: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


class _Reader:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.warnings: list[str] = []

    def optional(self, what: str, ask: t.Callable[[], T], default: T) -> T:
        try:
            return ask()
        except EngineError as error:
            self.warnings.append(f"{what}: {error.message}")
            return default

    def events(self, container: Json, now: float) -> list[Event]:
        filters = {"container": [container["Id"]], "event": list(event_log.ACTIONS)}
        begin, end = f"{now - event_log.WINDOW_SECONDS:.6f}", f"{now:.6f}"
        documents = self.optional(
            "events", lambda: self.engine.documents("/events", since=begin, until=end, filters=filters), []
        )
        found = event_log.read(documents)
        if self.engine.options.is_local and oom.unexplained(container, found):
            found = sorted(found + oom.seen_by_kernel(container), key=lambda event: event.at)
        return found

    def memory(self, container: Json) -> int | None:
        if not state.is_up(container):
            return None
        used = memory.used_here(container) if self.engine.options.is_local else None
        if used is not None:
            return used
        return self.optional("statistics", lambda: memory.used_by_engine(self.engine, container), None)

    def log(self, container: Json, status: str, events: list[Event], count: int) -> list[tuple[str, str]]:
        since = logs.since(container, status, events)
        if not count or since is None:
            return []
        path = f"/containers/{container['Id']}/logs"
        query = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": count, "since": since}
        multiplexed = not container["Config"].get("Tty")
        return self.optional("logs", lambda: logs.last_lines(self.engine.chunks(path, **query), multiplexed, count), [])

    def previous_version(self, container: Json) -> Json | None:
        current = self.engine.get(f"/images/{container['Image']}/json")
        names = images.repositories(current, container["Config"]["Image"])
        chosen = images.previous(images.siblings(self.engine, names, current), current["Id"], images.created(current))
        if chosen is None:
            return None
        config = self.engine.get(f"/images/{chosen['Id']}/json").get("Config") or {}
        return {
            "version": chosen["Id"],
            "name": images.display_name(chosen, names),
            "created": times.iso(chosen["Created"]),
            "env_names": state.env_names(config.get("Env")),
        }


def look(engine: Engine, selector: Selector, questions: Questions) -> Look:
    """Read the state of a service and its newest log lines, with every secret taken out.

    Raises EngineUnreachable when the engine does not answer, EngineError when it cannot say which containers there are.
    """
    reader = _Reader(engine)
    containers = find(engine, selector)
    now = engine.now()
    own = {container["Id"]: reader.events(container, now) for container in containers}
    events = sorted((event for found in own.values() for event in found), key=lambda event: event.at)
    used = {container["Id"]: reader.memory(container) for container in containers}
    service = state.service_state(selector.name, containers, events, now, used)
    if containers:
        newest = max(containers, key=lambda container: container["Created"])
        service["previous_version"] = reader.optional("previous version", lambda: reader.previous_version(newest), None)
    previous_env = (service["previous_version"] or {}).get("env_names", [])
    service["env_lost_since_previous"] = images.env_lost(questions.required_env, previous_env, service["env_names"])
    if not service["running"]:
        service["port_conflicts"] = _conflicts(engine, selector, containers, service["ports"], questions.ports)
    statuses = {instance["id"]: instance["status"] for instance in service["instances"]}
    lines = {
        name_of(container): reader.log(container, statuses[container["Id"]], own[container["Id"]], questions.log_lines)
        for container in containers
    }
    secrets = [value for container in containers for value in secret_values(state.env_of(container))]
    service["start_error"] = redact(service["start_error"], secrets)
    return Look(
        service, redact(logs.merged(lines, questions.log_lines), secrets), redact(sorted(set(reader.warnings)), secrets)
    )


def _conflicts(
    engine: Engine, selector: Selector, containers: list[Json], published: list[Json], extra: tuple[int, ...]
) -> list[Json]:
    wanted = ports.wanted_ports(published, list(extra))
    if not wanted:
        return []
    labels = labels_of(containers[0]) if containers else {}
    project, service = selector.project or labels.get(PROJECT), selector.service or labels.get(SERVICE)
    live_ids = {container["Id"] for container in containers}
    return ports.find_conflicts(
        wanted, engine.get("/containers/json"), live_ids, project, service, engine.options.is_local
    )
