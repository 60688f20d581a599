"""Railway's limits: requests per hour and per second, and the headers that tell of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from .switches import Switches

HOUR = 3600


class RateLimiter:
    def __init__(self, switches: Switches, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._switches = switches
        self._monotonic = monotonic
        self._window_start = monotonic()
        self._used = 0
        self._second: deque[float] = deque()

    def take(self) -> int | None:
        """Count one request; seconds to wait when it is one too many, which is not counted."""
        now = self._monotonic()
        if now - self._window_start >= HOUR:
            self._window_start, self._used = now, 0
        if self._used >= self._switches.requests_per_hour:
            return max(1, int(HOUR - (now - self._window_start)))
        while self._second and now - self._second[0] >= 1:
            self._second.popleft()
        if len(self._second) >= self._switches.requests_per_second:
            return 1
        self._used += 1
        self._second.append(now)
        return None

    def headers(self) -> dict[str, str]:
        """Of every answer."""
        left = max(0.0, HOUR - (self._monotonic() - self._window_start))
        reset = time.time() + left
        shown = {
            "epoch": str(int(reset)),
            "epoch_ms": str(int(reset * 1000)),
            "iso": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(reset)),
        }
        limit = self._switches.requests_per_hour
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - self._used)),
            "X-RateLimit-Reset": shown[self._switches.reset_format],
            "RateLimit-Policy": f"{limit};w={HOUR}",
        }
