"""Every request the double has seen, for tests to count and check. Tokens are never in it; values of variables are: a
test must be able to see what was sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Entry:
    time: str
    operation: str
    """Name of the operation, or its first field where it has none."""
    fields: list[str]
    variables: dict[str, Any]
    auth: str
    user_agent: str
    query_string: str
    status: int = 0
    """HTTP status of the answer; 0 when the connection was cut."""
    errors: list[str] = field(default_factory=list)
    fault: str = ""
    executed: bool = False


class Journal:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> Entry:
        self.entries.append(entry)
        return entry

    def as_data(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries]
