# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills for memory that the engine missed, from the kernel's own log.

Newer kernels no longer tell older engines (20.10 on control groups v1) of such a kill, so a container that ran out of
memory looks as if somebody had killed it. The kernel log names the container in the line of each kill. It is read only
after an unexplained exit code 137, where the engine is on this machine and the user may read it.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import os
import re
import time
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker import times
from ansible_collections.sre.remediation.plugins.module_utils._docker.events import Event

KILLED = 137

#: Longest record the kernel gives, in bytes.
RECORD_BYTES = 8192

_KILL = re.compile(r"^\d+,\d+,(\d+),[^;]*;oom-kill:.*\btask_memcg=([^,]*)")

Json = dict[str, t.Any]


def unexplained(container: Json, events: list[Event]) -> bool:
    """Tell whether a container ended with exit code 137 and the engine neither sent the signal nor saw a kill for
    memory."""
    state = container["State"]
    died = next((event for event in reversed(events) if event.action == "die"), None)
    down = state["Status"] in ("exited", "restarting", "dead")
    code = state.get("ExitCode") if down else died.exit_code if died else None
    return (
        code == KILLED and not state.get("OOMKilled") and not any(event.action in ("oom", "kill") for event in events)
    )


def kills(records: t.Iterable[str], container_id: str, boot: float) -> list[Event]:
    """Return the kills for memory in ``container_id`` among the kernel's records; ``boot`` is epoch seconds of the
    kernel's time 0."""
    found = []
    for record in records:
        match = _KILL.match(record)
        if match and container_id in match.group(2):
            found.append(Event(container_id, boot + int(match.group(1)) / 1e6, "oom"))
    return found


def seen_by_kernel(container: Json) -> list[Event]:
    """Return the kills for memory of a container of this machine since it was made; none when the log cannot be
    read."""
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    made = times.epoch(container["Created"]) or 0.0
    return [event for event in kills(_records(), container["Id"], boot) if event.at >= made]


def _records(path: str = "/dev/kmsg") -> list[str]:
    records: list[str] = []
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return records
    try:
        while True:
            try:
                record = os.read(log, RECORD_BYTES)
            except BrokenPipeError:  # overwritten while we read; the next read goes on with the oldest that is left
                continue
            if not record:
                return records
            records.append(record.decode(errors="replace"))
    except OSError:  # BlockingIOError: no further record
        return records
    finally:
        os.close(log)
