# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newest log lines of a container's current or last run, taken apart from the engine's stream with bounded memory.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from collections import deque

from ansible_collections.sre.remediation.plugins.module_utils._docker import events as event_log
from ansible_collections.sre.remediation.plugins.module_utils._docker import times
from ansible_collections.sre.remediation.plugins.module_utils._docker.events import Event

#: Characters of a line that are kept.
LINE_LENGTH = 4000

#: Seconds by which the engine may note a start too late.
START_SLACK = 5.0

Json = dict[str, t.Any]


def payloads(chunks: t.Iterable[bytes], multiplexed: bool) -> t.Iterator[tuple[int, bytes]]:
    """Yield (stream, bytes): 1 is stdout, 2 is stderr.

    Without a terminal the engine sends frames: one byte for the stream, three zero bytes, four bytes of length (big
    endian), the payload.
    """
    buffer = b""
    for chunk in chunks:
        if not multiplexed:
            yield 1, chunk
            continue
        buffer += chunk
        while len(buffer) >= 8:
            end = 8 + int.from_bytes(buffer[4:8], "big")
            if len(buffer) < end:
                break
            yield buffer[0], buffer[8:end]
            buffer = buffer[end:]


def last_lines(chunks: t.Iterable[bytes], multiplexed: bool, count: int) -> list[tuple[str, str]]:
    """Return the last ``count`` lines as (timestamp, text), in the order of the stream. The engine writes the timestamp
    before each line."""
    lines: deque[tuple[str, str]] = deque(maxlen=count)
    rest: dict[int, bytes] = {}
    for stream, payload in payloads(chunks, multiplexed):
        *complete, unfinished = (rest.get(stream, b"") + payload).split(b"\n")
        lines.extend(_read(line) for line in complete)
        rest[stream] = unfinished[: 2 * LINE_LENGTH]
    lines.extend(_read(line) for line in rest.values() if line)
    return list(lines)


def _read(line: bytes) -> tuple[str, str]:
    stamp, _space, text = line.rstrip(b"\r").decode(errors="replace").partition(" ")
    return (stamp, text[:LINE_LENGTH])


def merged(by_instance: dict[str, list[tuple[str, str]]], count: int) -> list[str]:
    """Return the newest ``count`` lines of all instances, oldest first; with several instances each line names its
    own."""
    several = len(by_instance) > 1
    lines = [
        (stamp, f"{name} | {text}" if several else text)
        for name, entries in by_instance.items()
        for stamp, text in entries
    ]
    if several:
        lines.sort(key=lambda line: line[0])
    return [text for stamp, text in lines[-count:]] if count else []


def since(container: Json, status: str, events: list[Event]) -> str | None:
    """Return where the current or last run begins, as the engine's ``since``; None when the container never ran.

    The engine notes a start after the process began, under load seconds after its first line and even after its end; so
    the run begins a little before its start, but not before the end of the run before. In a crash loop the run before
    is taken along, as the newest one may not have said anything yet.
    """
    state = container["State"]
    started = times.epoch(state.get("StartedAt"))
    if started is None:
        return None
    if status == "crash_loop":
        started = max((start for start, end, code in event_log.runs(events) if end <= started), default=started)
    ends = [event.at for event in events if event.action == "die"]
    if state.get("Running") and not state.get("Restarting"):  # else the end noted is that of this very run
        ends.append(times.epoch(state.get("FinishedAt")) or 0.0)
    return f"{max(started - START_SLACK, *(end for end in ends if end <= started), 0.0):.6f}"
