# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory a container uses, without the page cache the kernel would give back (as ``docker stats`` counts).

The engine's own statistics may take a second even when asked for one sample, which is the price of a whole look. So the control group is read
directly where the engine is on this machine (well under a millisecond), and the engine is asked only where that cannot be done.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine

#: Statistics without waiting for a second sample exist since this API version; an older engine is not asked.
ONE_SHOT_API = (1, 41)

Json = dict[str, t.Any]


def group_files(membership: str) -> tuple[str, str, str] | None:
    """Return (file of bytes used, file of details, name of the cache detail) for the text of ``/proc/<pid>/cgroup``; None without a memory group."""
    for line in membership.splitlines():
        controllers, path = line.split(":", 2)[1:]
        if "memory" in controllers.split(","):
            base = f"/sys/fs/cgroup/memory{path}"
            return (f"{base}/memory.usage_in_bytes", f"{base}/memory.stat", "total_inactive_file")
    for line in membership.splitlines():
        if line.startswith("0::"):
            base = f"/sys/fs/cgroup{line[3:]}"
            return (f"{base}/memory.current", f"{base}/memory.stat", "inactive_file")
    return None


def working_set(usage: int, details: t.Mapping[str, int], *cache_names: str) -> int:
    """Return the bytes used without inactive file pages, the first of ``cache_names`` that ``details`` has."""
    cache = next((details[name] for name in cache_names if name in details), 0)
    return usage - cache if cache < usage else usage


def used_here(container: Json) -> int | None:
    """Return the bytes a running container of this machine uses; None when its control group cannot be read."""
    try:
        membership = _read(f"/proc/{container['State']['Pid']}/cgroup")
        files = group_files(membership) if container["Id"] in membership else None
        if files is None:
            return None
        usage, details, cache_name = files
        pairs = (line.split() for line in _read(details).splitlines())
        return working_set(int(_read(usage)), {name: int(value) for name, value in pairs}, cache_name)
    except (OSError, ValueError):
        return None


def used_by_engine(engine: Engine, container: Json) -> int | None:
    """Return the bytes a running container uses as the engine measures it; None when it cannot measure quickly. EngineError when it fails."""
    if engine.api_version < ONE_SHOT_API:
        return None
    stats = engine.get(f"/containers/{container['Id']}/stats", stream=0, **{"one-shot": 1}) or {}
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    return working_set(memory["usage"], memory.get("stats") or {}, "total_inactive_file", "inactive_file")


def _read(path: str) -> str:
    with open(path, encoding="ascii") as source:
        return source.read()
