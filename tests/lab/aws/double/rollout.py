"""Pure decisions of the scheduler: how many tasks to start and stop, when to give up, how long to hold off."""

from __future__ import annotations

import math
from dataclasses import dataclass

LONGEST_PAUSE = 10.0
"""Seconds between two starts after many failures in a row. AWS goes up to 15 minutes, which is too long for a lab."""


@dataclass(frozen=True)
class Counts:
    """The tasks of a service, those of its primary deployment apart from those of older ones."""

    new_live: int
    """Not stopped and not told to stop."""
    new_healthy: int
    """Running, and healthy where there is a health check."""
    old_live: int
    old_healthy: int
    stopping: int
    """Told to stop and not yet gone, of any deployment: they still take room."""


@dataclass(frozen=True)
class Limits:
    """What a service asks for."""

    desired: int
    minimum_percent: int = 100
    maximum_percent: int = 200

    @property
    def lowest(self) -> int:
        return math.ceil(self.desired * self.minimum_percent / 100)

    @property
    def highest(self) -> int:
        return math.floor(self.desired * self.maximum_percent / 100)


def to_start(counts: Counts, limits: Limits) -> int:
    """How many tasks of the primary deployment may be started now."""
    room = limits.highest - counts.new_live - counts.old_live - counts.stopping
    return max(0, min(limits.desired - counts.new_live, room))


def old_to_stop(counts: Counts, limits: Limits) -> int:
    """How many tasks of older deployments may be stopped now: all of them once the new ones can do without."""
    if limits.desired == 0:
        return counts.old_live
    dispensable = counts.new_healthy + counts.old_healthy - limits.lowest + (counts.old_live - counts.old_healthy)
    missing = limits.desired - counts.new_healthy
    lacks_room = limits.highest - counts.new_live - counts.old_live - counts.stopping <= 0
    # An old task goes when a new one has taken its place, or when it stands in the place of one to be started.
    surplus = counts.old_live - missing
    if lacks_room and counts.new_live < limits.desired:
        surplus = max(surplus, limits.desired - counts.new_live)
    return max(0, min(counts.old_live, dispensable, surplus))


def breaker_threshold(desired: int) -> int:
    """Failures in a row after which the circuit breaker gives up: half of the desired count, 3 to 200."""
    return min(200, max(3, math.ceil(desired / 2)))


def pause_after(failures: int) -> float:
    """Seconds to hold off the next start after so many failures in a row."""
    return 0.0 if failures <= 0 else min(LONGEST_PAUSE, 0.5 * 2 ** (failures - 1))
