# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened to a container lately, from the engine's event stream: a short readable list, last exits, and quick
exits in a row.

The engine keeps only its newest 256 events in memory, so the list may be short; nothing here relies on it being
complete.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._docker import times

#: Seconds a container must run to count as started; the engine's own restart back-off resets after the same time.
STABLE_SECONDS = 10.0

#: Exits within STABLE_SECONDS of a start, in a row, that make a crash loop.
QUICK_EXITS = 3

#: Seconds by which the clocks of engine and kernel, and the moments they note, may differ.
CLOCK_SLACK = 1.0

#: How far back the engine is asked, in seconds, and how many events are shown.
WINDOW_SECONDS = 3600
SHOWN = 20

#: What the engine is asked for; ``health_status`` stands for every result of a health check.
ACTIONS = ("die", "oom", "kill", "stop", "start", "health_status")


@dataclass(frozen=True)
class Event:
    """One event of a container: ``at`` in epoch seconds, ``action`` as the engine names it, the exit code of a ``die``,
    the signal of a ``kill``."""

    container: str
    at: float
    action: str
    exit_code: int | None = None
    signal: str | None = None

    @property
    def what(self) -> str:
        """The event in words."""
        if self.exit_code is not None:
            return f"{self.action}, exit code {self.exit_code}"
        return f"{self.action}, signal {self.signal}" if self.signal else self.action


def read(documents: t.Iterable[dict[str, t.Any]]) -> list[Event]:
    """Turn the engine's documents into events, oldest first."""
    events = []
    for document in documents:
        attributes = document["Actor"].get("Attributes") or {}
        code = attributes.get("exitCode", "")
        events.append(
            Event(
                container=document["Actor"]["ID"],
                at=document["timeNano"] / 1e9 if document.get("timeNano") else float(document["time"]),
                action=document["Action"],
                exit_code=int(code) if document["Action"] == "die" and code.lstrip("-").isdigit() else None,
                signal=attributes.get("signal") if document["Action"] == "kill" else None,
            )
        )
    return sorted(events, key=lambda event: event.at)


def shown(events: list[Event]) -> list[dict[str, t.Any]]:
    """Return the newest events for people, oldest first."""
    return [{"at": times.iso(event.at), "what": event.what} for event in events[-SHOWN:]]


def runs(events: list[Event]) -> list[tuple[float, float, int]]:
    """Return the ended runs of one container as (start, end, exit code), oldest first; runs whose start was not seen
    are left out."""
    ended: list[tuple[float, float, int]] = []
    started: float | None = None
    for event in events:
        if event.action == "start":
            started = event.at
        elif event.action == "die" and event.exit_code is not None and started is not None:
            ended.append((started, event.at, event.exit_code))
            started = None
    return ended


def exits_quickly(events: list[Event]) -> bool:
    """Tell whether the newest runs of one container all failed within seconds of their start."""
    newest = runs(events)[-QUICK_EXITS:]
    return len(newest) == QUICK_EXITS and all(code != 0 and end - start < STABLE_SECONDS for start, end, code in newest)


def last_exit(events: list[Event]) -> tuple[float, int, bool] | None:
    """Return (at, exit code, killed for memory) of the newest exit of one container."""
    died = next((event for event in reversed(events) if event.action == "die" and event.exit_code is not None), None)
    if died is None or died.exit_code is None:
        return None
    begun = max((event.at for event in events if event.action == "start" and event.at < died.at), default=0.0)
    return (died.at, died.exit_code, ran_out_of_memory(events, begun, died.at, died.exit_code))


def ran_out_of_memory(events: list[Event], begun: float, ended: float, code: int) -> bool:
    """Tell whether a run of one container, from ``begun`` to ``ended`` (epoch seconds) with exit code ``code``, was
    killed for memory."""
    inside = (begun - CLOCK_SLACK, ended + CLOCK_SLACK)
    return code == 137 and any(event.action == "oom" and inside[0] <= event.at <= inside[1] for event in events)
