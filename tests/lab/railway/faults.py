"""Faults of single requests: which requests they hit, and what they do to them. The kinds are data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

CLOUDFLARE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><p>cloudflare</p></body></html>"
HTML = {"Content-Type": "text/html; charset=UTF-8"}


def _page(status: int, title: str, **headers: str) -> dict[str, Any]:
    return {"status": status, "body": CLOUDFLARE.format(title), "headers": {**HTML, **headers}}


def _errors(message: str, **extensions: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": "INTERNAL_SERVER_ERROR", **extensions}}]}


KINDS: dict[str, dict[str, Any]] = {
    # Too many requests.
    "rate_limited": {
        "status": 429,
        "headers": {"Retry-After": "2", "Content-Type": "application/json"},
        "body": '{"errors":[{"message":"Rate limit exceeded","extensions":{"code":"RATE_LIMITED"}}],"data":null}',
    },
    "cloudflare_1015": _page(429, "error code: 1015"),
    "budget_exhausted": {
        "status": 429,
        "headers": {"Retry-After": "3", "X-RateLimit-Remaining": "0", "Content-Type": "application/json"},
        "body": '{"errors":[{"message":"Rate limit exceeded","extensions":{"code":"RATE_LIMITED"}}],"data":null}',
    },
    # Broken ways.
    "bad_gateway": _page(502, "502 Bad Gateway"),
    "gateway_timeout": _page(504, "504 Gateway Time-out"),
    "service_unavailable": _page(503, "503 Service Unavailable"),
    "connection_reset": {"reset": True},
    # Answers with status 200 that are none, and a refusal that looks like one of the token.
    "not_authorized": _errors("Not Authorized"),
    "problem_processing": _errors("Problem processing request"),
    "too_quickly": _errors(
        "You are creating environments too quickly. This workspace allows 1 environment per 30 seconds."
    ),
    "two_factor": _errors("Two Factor Authentication Required", workspaceName="Lab"),
    "partial_data": {**_errors("Problem processing request"), "keep_data": True},
    "data_null": {"body": '{"data":null}', "headers": {"Content-Type": "application/json"}},
    "not_json": {"body": "<html>welcome</html>", "headers": HTML},
    "cloudflare_1010": {"status": 403, "body": "error code: 1010", "headers": {"Content-Type": "text/plain"}},
    # Slow and short ones.
    "slow": {"pass": True},
    "truncated": {"truncate": True},
    # Answers changed after the execution.
    "returns": {"returns": False},
    "patch": {"patch": {}},
}
"""What each kind does. ``slow`` lets the request pass after its delay; every kind may be delayed."""


@dataclass
class FaultRule:
    """One fault: on the ``nth`` matching request and those after it, ``count`` times."""

    kind: str
    on: str = "*"
    """operationName or name of a field of Query or Mutation, in any case; ``*``: any."""
    nth: int = 1
    count: int = 1
    """How often; 0: for ever."""
    when: str = "before"
    """``before`` the operation takes effect (it then does not), or ``after`` it."""
    delay: float = 0
    """Seconds before the answer, before the clock's factor."""
    with_: dict[str, Any] = field(default_factory=dict)
    """Replaces parts of what the kind does, such as the ``headers`` or the value it ``returns``."""
    id: int = 0
    seen: int = 0
    used: int = 0

    def effect(self) -> dict[str, Any]:
        return {**KINDS[self.kind], **self.with_}

    def matches(self, names: Sequence[str]) -> bool:
        return self.on == "*" or self.on.lower() in {name.lower() for name in names}


class FaultRules:
    def __init__(self) -> None:
        self.rules: list[FaultRule] = []
        self._ids = itertools.count(1)

    def add(self, given: dict[str, Any]) -> FaultRule:
        """Add a rule; ValueError says what is wrong with it."""
        values = {("with_" if name == "with" else name): value for name, value in given.items()}
        if values.get("kind") not in KINDS:
            raise ValueError(f"no kind of fault {values.get('kind')!r}; there are {', '.join(KINDS)}")
        unknown = values.keys() - {"kind", "on", "nth", "count", "when", "delay", "with_"}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        rule = FaultRule(**values, id=next(self._ids))
        if rule.when not in ("before", "after") or rule.nth < 1 or rule.count < 0:
            raise ValueError("when is before or after, nth is 1 or more, count is 0 or more")
        if rule.effect().keys() & {"truncate", "keep_data", "returns", "patch"}:
            rule.when = "after"  # these change the answer of an operation that was executed
        self.rules.append(rule)
        return rule

    def hit(self, names: Sequence[str]) -> FaultRule | None:
        """The rule this request runs into, if any; counts it."""
        chosen = None
        for rule in self.rules:
            if not rule.matches(names):
                continue
            rule.seen += 1
            if chosen is None and rule.seen >= rule.nth and (rule.count == 0 or rule.used < rule.count):
                rule.used += 1
                chosen = rule
        return chosen

    def clear(self) -> None:
        self.rules.clear()

    def as_data(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]
