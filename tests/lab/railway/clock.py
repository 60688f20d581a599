"""Time in the double: real, with a factor for everything that takes time there, and an offset to let days pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone


@dataclass
class Clock:
    factor: float = 1.0
    """Every delay of the double is multiplied by it; 0 makes all of it immediate."""
    offset: timedelta = timedelta()
    """How far the double's calendar is ahead of the real one."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.offset

    def advance(self, seconds: float) -> None:
        """Let time pass for what has a lifetime (images kept for rollbacks, backups); nothing waits shorter for it."""
        self.offset += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.factor)


def text(moment: datetime | None) -> str | None:
    """A moment as Railway writes it."""
    return moment and moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
