"""Talking to the double's control endpoint, for faults and tests. Standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SECONDS = 200


@dataclass(frozen=True)
class ControlClient:
    url: str

    def call(self, name: str, **given: Any) -> Any:
        """Call one path of the control endpoint; RuntimeError with its own words when it refuses."""
        request = urllib.request.Request(f"{self.url}/{name}", data=json.dumps(given).encode(), method="POST")
        try:
            with OPENER.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{name}: {error.read().decode(errors='replace')}") from error

    def answers(self) -> bool:
        try:
            self.call("state")
        except (OSError, RuntimeError):
            return False
        return True

    def fault(self, kind: str, **given: Any) -> None:
        self.call("fault", kind=kind, **given)

    def outcome(self, service: str, outcome: str, **given: Any) -> None:
        self.call("outcome", service=service, outcome=outcome, **given)

    def switch(self, **values: Any) -> None:
        self.call("switch", **values)

    def journal(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.call("journal")
        return entries

    def deployments(self, service: str) -> list[dict[str, Any]]:
        """A service's deployments, newest first, as the double itself knows them."""
        listed: list[dict[str, Any]] = self.call("state")["services"][service]["deployments"]
        return listed

    def serving(self, service: str) -> dict[str, Any] | None:
        return next((d for d in self.deployments(service) if d["serves"]), None)
