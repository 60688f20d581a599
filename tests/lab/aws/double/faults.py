"""Faults of the API itself, made on request: refusals, throttling, server errors and slow answers, counted down."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

MESSAGES = {
    "ThrottlingException": (400, "Rate exceeded"),
    "AccessDeniedException": (400, "User is not authorized to perform: {action}"),
    "ServerException": (500, "Service Unavailable. Please try again later."),
    "UnsupportedFeatureException": (400, "The specified feature is not supported in this Region."),
}
"""Status and text of the errors one usually wants; any other may be given with a text of its own."""


@dataclass
class ApiFault:
    """What happens to some calls instead of, or before, their answer."""

    action: str
    """Which calls, as in a policy: ``ecs:UpdateService``, ``ecs:*``."""
    error: str = ""
    """Error code; empty to answer as usual (after ``delay``)."""
    status: int = 0
    message: str = ""
    delay: float = 0.0
    """Seconds before the answer."""
    times: int | None = None
    """How many calls are left; None for all."""

    def __post_init__(self) -> None:
        status, message = MESSAGES.get(self.error, (400, self.error))
        self.status = self.status or status
        self.message = self.message or message

    def error_body(self, action: str) -> dict[str, str]:
        return {"__type": self.error, "message": self.message.format(action=action)}


class ApiFaults:
    """The faults set now, and the journal of calls, which is how a test knows what was called."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[ApiFault] = []
        self._calls: list[dict[str, Any]] = []

    def add(self, fault: ApiFault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, action: str) -> ApiFault | None:
        """The fault this call falls under, its count taken down by one."""
        with self._lock:
            for fault in self._faults:
                if fault.times != 0 and fnmatchcase(action, fault.action):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def record(self, action: str, status: int, target: str) -> None:
        """Add a call to the journal."""
        with self._lock:
            self._calls.append({"action": action, "status": status, "target": target})

    def journal(self) -> dict[str, Any]:
        """Every call since the last reset, and how often each action was called."""
        with self._lock:
            counts: dict[str, int] = {}
            for call in self._calls:
                counts[call["action"]] = counts.get(call["action"], 0) + 1
            return {"total": len(self._calls), "counts": counts, "calls": list(self._calls)}

    def reset_journal(self) -> None:
        with self._lock:
            self._calls.clear()
