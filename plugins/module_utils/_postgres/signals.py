# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cancel statements and end sessions of a PostgreSQL server, and wait until it has happened.

A process id may belong to another session by the time of the signal, so the statement that signals also checks that the
process still has the start it was chosen with, and, for sessions chosen by what they do, that they have done nothing
else since (``state_change``). ``pg_stat_activity`` is read anew by each statement because each is a transaction of its
own.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import RUNNING
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import AUTOVACUUM, Session

FUNCTIONS = {"cancel": "pg_cancel_backend", "terminate": "pg_terminate_backend"}
POLL_SECONDS = (0.005, 0.25)
"""Pauses between two looks at whether they are gone: shortest and longest."""

_CHOSEN = "unnest(%(pids)s::int[], %(starts)s::timestamptz[], %(changes)s::timestamptz[])"
_SAME = "a.pid = v.pid AND a.backend_start = v.backend_start AND a.pid <> pg_backend_pid()"
_MOVED_ON = "v.state_change IS NOT NULL AND a.state_change IS DISTINCT FROM v.state_change"


class Rows(t.Protocol):
    """What a ``connection.Connection`` can do."""

    def rows(self, sql: str, arguments: t.Mapping[str, t.Any] | None = None) -> list[tuple]: ...


@dataclass
class Fate:
    """What became of a victim.

    :ivar signal: the last signal sent, or None.
    :ivar result: ``gone``; ``cancelled`` (the statement ended, the session lives); ``remaining``; or why it was not
        signalled: ``vanished``, ``moved_on``, ``not_permitted``.
    """

    signal: str | None = None
    result: str = "remaining"
    reason: str = ""


@dataclass(frozen=True)
class Order:
    """What to do: ``action`` cancel, terminate or cancel_then_terminate; times in seconds.

    :ivar grace: how long a cancelled statement has to end.
    :ivar wait: how long a terminated session has to go.
    :ivar by_activity: the sessions were chosen by what they did.
    """

    action: str
    grace: float
    wait: float
    by_activity: bool


def signal_sql(signal: str) -> str:
    """The statement that checks the identity and signals: per session 'vanished', 'moved_on' or 'signalled'."""
    return (
        f"SELECT v.pid, CASE WHEN a.pid IS NULL THEN 'vanished' WHEN {_MOVED_ON} THEN 'moved_on' "
        f"WHEN {FUNCTIONS[signal]}(a.pid) THEN 'signalled' ELSE 'vanished' END "
        f"FROM {_CHOSEN} AS v(pid, backend_start, state_change) LEFT JOIN pg_stat_activity a ON {_SAME}"
    )


STILL_SQL = (
    f"SELECT v.pid, {_MOVED_ON}, concat_ws(':', a.wait_event_type, a.wait_event) "
    f"FROM {_CHOSEN} AS v(pid, backend_start, state_change) JOIN pg_stat_activity a ON {_SAME}"
)


def identities(sessions: t.Sequence[Session], by_activity: bool) -> dict[str, list]:
    """The arguments of both statements. An autovacuum worker goes from table to table: its activity always counts."""
    return {
        "pids": [session.pid for session in sessions],
        "starts": [session.backend_start for session in sessions],
        "changes": [
            session.state_change if by_activity or session.backend_type == AUTOVACUUM else None for session in sessions
        ],
    }


def next_pause(last: float, passed: float, first: int, left: int) -> float:
    """Seconds until the next look: sessions that go one after the other are given the time the rest will take.

    Many sessions keep the server busy while they go, and each look costs it more than they do. Of those that do not go,
    the pause grows.

    :param last: the pause before.
    :param passed: seconds since the signal, in which ``first`` sessions became ``left``.
    """
    gone = first - left
    wanted = passed * left / gone if gone else last * 1.5
    return min(max(wanted, POLL_SECONDS[0]), POLL_SECONDS[1])


@dataclass
class Ending:
    """Ends sessions over one connection; ``fates`` by process id, complete after ``run``."""

    connection: Rows
    order: Order
    fates: dict[int, Fate] = field(default_factory=dict)

    @property
    def any_signalled(self) -> bool:
        return any(fate.signal for fate in self.fates.values())

    def run(self, victims: t.Sequence[Session]) -> dict[int, Fate]:
        """Signal, wait, and signal those that did not heed a cancel again.

        :raises RemediationError: the server did not answer in time or is lost; some may have been signalled.
        """
        self.fates = {victim.pid: Fate() for victim in victims}
        action = self.order.action
        to_cancel, to_terminate = [], []
        for victim in victims:
            if action != "terminate" and victim.state in RUNNING:
                to_cancel.append(victim)
            elif action != "cancel":
                to_terminate.append(victim)
        ended = self._signal("terminate", to_terminate, self.order.by_activity)
        cancelled = self._signal("cancel", to_cancel, by_activity=True)
        deaf = self._wait(cancelled, self.order.grace, "cancelled")
        if deaf and action == "cancel_then_terminate":
            ended += self._signal("terminate", deaf, by_activity=True)
        self._wait(ended, self.order.wait, "gone")
        return self.fates

    def _signal(self, signal: str, sessions: t.Sequence[Session], by_activity: bool) -> list[Session]:
        """Signal those that still are who they were; returns those that were signalled."""
        if not sessions:
            return []
        for session in sessions:
            self.fates[session.pid].signal = signal  # until the answer is known: it may have been sent
        answers = self._ask(signal, sessions, by_activity)
        for session in sessions:
            fate, answer = self.fates[session.pid], answers[session.pid]
            if answer == "signalled":
                continue
            cancelled_before = signal == "terminate" and fate.reason == "deaf"
            fate.signal = "cancel" if cancelled_before else None
            if cancelled_before:
                fate.result = "gone" if answer == "vanished" else "cancelled"
                fate.reason = ""
            else:
                fate.result, fate.reason = answer, _WHY[answer]
        return [session for session in sessions if answers[session.pid] == "signalled"]

    def _ask(self, signal: str, sessions: t.Sequence[Session], by_activity: bool) -> dict[int, str]:
        try:
            return dict(self.connection.rows(signal_sql(signal), identities(sessions, by_activity)))
        except RemediationError as error:
            if error.code != "not_permitted":
                raise
        if len(sessions) == 1:
            return {sessions[0].pid: "not_permitted"}
        # The server refused one and with it the statement, after it had signalled some: ask for each by itself.
        answers = {}
        for session in sessions:
            answer = self._ask(signal, [session], by_activity)[session.pid]
            answers[session.pid] = "signalled" if answer == "vanished" else answer
        return answers

    def _wait(self, sessions: t.Sequence[Session], seconds: float, result: str) -> list[Session]:
        """Wait until all are gone, or have at least moved on when ``result`` is cancelled; returns those that did not."""
        started, waiting, pause = time.monotonic(), list(sessions), POLL_SECONDS[0]
        while waiting:
            by_activity = result == "cancelled"
            still = {pid: (moved, event) for pid, moved, event in
                     self.connection.rows(STILL_SQL, identities(waiting, by_activity))}  # fmt: skip
            there = []
            for session in waiting:
                fate = self.fates[session.pid]
                if session.pid not in still:
                    fate.result, fate.reason = "gone", ""
                elif by_activity and still[session.pid][0]:
                    fate.result, fate.reason = "cancelled", ""
                else:
                    there.append(session)
            waiting = there
            passed = time.monotonic() - started
            if not waiting or passed >= seconds:
                break
            pause = next_pause(pause, passed, len(sessions), len(waiting))
            time.sleep(min(pause, seconds - passed))
        for session in waiting:
            event = still[session.pid][1] or "nothing"
            word = "deaf" if result == "cancelled" and self.order.action != "cancel" else (
                f"it was signalled and is still there after {seconds:g} s (it waits for {event})"
            )  # fmt: skip
            self.fates[session.pid].reason = word
        return waiting


_WHY = {
    "vanished": "it ended by itself before it was signalled",
    "moved_on": "it did something else by the time of the signal",
    "not_permitted": "the server does not let this user signal it",
}
