# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client for Railway's GraphQL API: one POST a request, repeated only where that is harmless, never past a deadline
or the number of requests a task may make.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import random
import time
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer, Request, fetch
from ansible_collections.sre.remediation.plugins.module_utils._railway.answers import (
    RailwayError,
    data_of,
    remaining,
    retry_delay,
)
from ansible_collections.sre.remediation.plugins.module_utils._railway.operations import KIND, ONCE, OPERATIONS

ENDPOINT = "https://backboard.railway.com/graphql/v2"
SOURCE = "ansible_sre_remediation"
#: Cloudflare in front of Railway turns away clients that look like scripts.
USER_AGENT = "sre.remediation/0.1 (Ansible collection)"
ANSWER_LIMIT = 8 * 1024 * 1024  #: bytes of one answer; 500 log lines and 100 services stay far below
LOW = 50  #: requests left in the hour below which polls come less often
SLOW_POLL = 30.0  #: seconds between two polls then

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Connection:
    """Where Railway is, and who asks. ``token`` is not shown in a traceback.

    :ivar timeout: seconds one request may take.
    :ivar max_requests: requests one task may make.
    """

    token: str = field(repr=False)
    token_type: str
    endpoint: str = ENDPOINT
    timeout: float = 30.0
    max_requests: int = 60
    tls: t.Any = field(default=None, repr=False)


class Deadline:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._begin = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since it was set."""
        return self._clock() - self._begin

    @property
    def left(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self.seconds - self.elapsed)


class Client:
    """Sends operations by name. One object a task, so that it knows how many requests the task has made."""

    def __init__(
        self,
        connection: Connection,
        *,
        fetcher: t.Callable[[Request, float], Answer] = fetch,
        sleep: t.Callable[[float], None] = time.sleep,
        clock: t.Callable[[], float] = time.monotonic,
        jitter: t.Callable[[], float] = random.random,
    ) -> None:
        self.connection = connection
        self.requests = 0
        self.left_this_hour: int | None = None
        self._fetch = fetcher
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter

    def deadline(self, seconds: float) -> Deadline:
        """Return a deadline on this client's clock."""
        return Deadline(seconds, self._clock)

    def pause(self, seconds: float, deadline: Deadline) -> None:
        """Wait between two polls: a little less than asked, but longer when few requests are left this hour."""
        if self.left_this_hour is not None and self.left_this_hour < LOW:
            seconds = max(seconds, SLOW_POLL)
        self._sleep(min(seconds * (1.0 - 0.2 * self._jitter()), deadline.left))

    def execute(self, name: str, variables: Json | None = None, deadline: Deadline | None = None) -> Json:
        """Send the operation ``name`` and return its data.

        :raises RailwayError: ``outcome_unknown`` when a write that must not be repeated may or may not have been done.
        """
        deadline = deadline or self.deadline(2 * self.connection.timeout)
        kind, failures = KIND[name], 0
        while True:
            try:
                return self._once(name, variables or {}, deadline)
            except RailwayError as error:
                failures += 1
                delay = retry_delay(kind, error, failures, self._jitter())
                if delay is not None and delay < deadline.left and self.requests < self.connection.max_requests:
                    self._sleep(delay)
                    continue
                if kind == ONCE and error.transient and not error.untouched:
                    raise RailwayError(
                        f"nobody can say whether Railway did {name}: {error.message}", "outcome_unknown"
                    ) from error
                if error.retry_after is None:
                    raise
                message = f"{error.message}; it asks to wait {error.retry_after:.0f} s"
                raise RailwayError(
                    message, error.code, transient=True, untouched=error.untouched, retry_after=error.retry_after
                ) from error

    def _once(self, name: str, variables: Json, deadline: Deadline) -> Json:
        if self.requests >= self.connection.max_requests:
            raise RailwayError(
                f"max_requests: this task has made its {self.connection.max_requests} requests to Railway",
                "request_budget",
                untouched=True,
            )
        self.requests += 1
        # Some of the time is kept, so that a late failure can still be explained.
        answer = self._fetch(self._request(name, variables), max(1.0, min(self.connection.timeout, deadline.left)))
        left = remaining(answer.headers)
        self.left_this_hour = self.left_this_hour if left is None else left
        return data_of(answer)

    def _request(self, name: str, variables: Json) -> Request:
        token = self.connection.token
        body = {"query": OPERATIONS[name], "variables": variables, "operationName": name}
        return Request(
            url=with_source(self.connection.endpoint),
            method="POST",
            headers={
                "User-Agent": USER_AGENT,
                "Content-Type": "application/json",
                "Accept": "application/json",
                **(
                    {"Project-Access-Token": token}
                    if self.connection.token_type == "project"
                    else {"Authorization": f"Bearer {token}"}
                ),
            },
            # A token follows no redirect, and a redirected POST would lose its body.
            follow_redirects=False,
            use_proxy=True,
            tls=self.connection.tls,
            content=json.dumps(body).encode(),
            body_limit=ANSWER_LIMIT,
        )

    def pages(self, name: str, variables: Json, path: tuple[str, ...], first: int, most: int = 50) -> list[Json]:
        """Return the nodes of all pages of the connection at ``path``, deleted ones left out.

        An empty page is not the last one while Railway says that there is more; a cursor that comes back is.
        """
        nodes: list[Json] = []
        cursor, seen = None, set()
        for _page in range(most):
            found: t.Any = self.execute(name, {**variables, "first": first, "after": cursor})
            for key in path:
                found = (found or {}).get(key)
            found = found or {}
            nodes += [edge["node"] for edge in found.get("edges") or [] if not edge["node"].get("deletedAt")]
            info = found.get("pageInfo") or {}
            cursor = info.get("endCursor")
            if not info.get("hasNextPage") or cursor is None or cursor in seen:
                return nodes
            seen.add(cursor)
        raise RailwayError(f"{name} has more than {most} pages of {first}", "too_many")


def with_source(endpoint: str) -> str:
    """Return the endpoint with a query string: without one Cloudflare limits it much harder."""
    return endpoint if urlsplit(endpoint).query else f"{endpoint}?source={SOURCE}"
