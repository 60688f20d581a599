# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for a container that was just started, with a deadline; what counts as up, as failed and as not known yet is
pure.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker import state, times
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine, NotFound

#: Seconds a container without a health check must run before it counts as up: a command that cannot work ends well
#: within it.
SETTLED_SECONDS = 1.0

#: Seconds in which a health check may fail while a program starts: many have no start period, and a busy machine is slow.
PATIENCE_SECONDS = 10.0

#: Seconds between two looks: at first, and at most.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 0.5

Json = dict[str, t.Any]


def verdict(container: Json, now: float) -> tuple[bool | None, str]:
    """Judge a container that was started: True is up, False has failed, None is not known yet; with the reason.

    :param now: epoch seconds on the engine's clock.
    """
    status, health = container["State"]["Status"], state.health_of(container)
    if container.get("RestartCount", 0) or status == "restarting":
        return False, f"it ended with exit code {container['State'].get('ExitCode')} and was restarted"
    if status in ("exited", "dead", "removing"):
        return False, f"it ended with exit code {container['State'].get('ExitCode')}"
    running = now - (times.epoch(container["State"].get("StartedAt")) or now)
    if health == "unhealthy":
        return (False if running >= PATIENCE_SECONDS else None), "its health check fails"
    if status != "running":
        return None, f"it is {status}"
    if state.has_health_check(container):
        return (True, "healthy") if health == "healthy" else (None, "its health check has not passed yet")
    return (True, "running") if running >= SETTLED_SECONDS else (None, "it has just been started")


def until_up(engine: Engine, container_id: str, seconds: float) -> str | None:
    """Wait until the container is up; return None, or why it is not (it failed, or ``seconds`` are over). 0 seconds do
    not wait."""
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
    while seconds > 0:
        try:
            up, reason = verdict(engine.get(f"/containers/{container_id}/json"), engine.now())
        except NotFound:
            return "it vanished"
        if up is not None:
            return None if up else reason
        left = deadline - time.monotonic()
        if left <= 0:
            return f"{reason} after {seconds:g} s (option wait)"
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)
    return None
