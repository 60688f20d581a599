"""Signal, wait, signal again: the course, against a server that is a table."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import signals
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import Session
from ansible_collections.sre.remediation.plugins.module_utils._postgres.signals import Ending, Fate, Order


def victim(pid, state="active", backend_type="client backend"):
    return Session(pid=pid, backend_start=f"s{pid}", backend_type=backend_type, state=state, state_change=f"c{pid}")


class Server:
    """Sessions by what they do when signalled: 'heeds', 'deaf' (to a cancel), 'stuck', 'vanished', 'moved_on', 'refused'."""

    version = 150000

    def __init__(self, **kinds):
        self.kinds = {int(name[1:]): kind for name, kind in kinds.items()}
        self.there = {pid for pid, kind in self.kinds.items() if kind != "vanished"}
        self.moved = {pid for pid, kind in self.kinds.items() if kind == "moved_on"}
        self.sent = []

    def rows(self, sql, arguments=None):
        pids, changes = arguments["pids"], dict(zip(arguments["pids"], arguments["changes"]))
        if sql == signals.STILL_SQL:
            return [
                (pid, changes[pid] is not None and pid in self.moved, "Lock:x") for pid in pids if pid in self.there
            ]
        name = "cancel" if "pg_cancel_backend" in sql else "terminate"
        return [(pid, self._signal(name, pid, changes[pid])) for pid in pids]

    def _signal(self, name, pid, change):
        if pid not in self.there:
            return "vanished"
        if pid in self.moved and change is not None:
            return "moved_on"
        if self.kinds[pid] == "refused":
            raise RemediationError("must be a member", code="not_permitted")
        self.sent.append((name, pid))
        if self.kinds[pid] != "stuck":
            if name == "terminate":
                self.there.discard(pid)
            elif self.kinds[pid] == "heeds":
                self.moved.add(pid)
        return "signalled"


def fates(server, *victims, action="cancel_then_terminate", by_activity=True):
    found = Ending(server, Order(action, 0.0, 0.0, by_activity)).run(victims)
    return {pid: (fate.signal, fate.result) for pid, fate in found.items()}


def test_terminate():
    server = Server(p1="heeds", p2="stuck", p3="vanished", p4="moved_on")
    assert fates(server, *map(victim, (1, 2, 3, 4)), action="terminate") == {
        1: ("terminate", "gone"),
        2: ("terminate", "remaining"),
        3: (None, "vanished"),
        4: (None, "moved_on"),
    }


def test_what_it_does_does_not_matter_when_it_was_not_chosen_for_it():
    server = Server(p4="moved_on")
    assert fates(server, victim(4), action="terminate", by_activity=False) == {4: ("terminate", "gone")}
    worker = victim(4, backend_type="autovacuum worker")
    assert fates(Server(p4="moved_on"), worker, action="terminate", by_activity=False) == {4: (None, "moved_on")}


def test_cancel_then_terminate():
    server = Server(p1="heeds", p2="deaf", p3="stuck", p4="heeds")
    victims = [victim(1), victim(2), victim(3), victim(4, "idle in transaction")]
    assert fates(server, *victims) == {
        1: ("cancel", "cancelled"),
        2: ("terminate", "gone"),
        3: ("terminate", "remaining"),
        4: ("terminate", "gone"),
    }
    assert server.sent == [
        ("terminate", 4), ("cancel", 1), ("cancel", 2), ("cancel", 3), ("terminate", 2), ("terminate", 3)
    ]  # fmt: skip


def test_cancel_leaves_the_deaf_alone_and_says_so():
    ending = Ending(Server(p2="deaf"), Order("cancel", 0.0, 0.0, False))
    assert ending.run([victim(2)])[2] == Fate(
        "cancel", "remaining", "it was signalled and is still there after 0 s (it waits for Lock:x)"
    )


def test_one_refusal_does_not_shield_the_others():
    server = Server(p1="heeds", p2="refused", p3="heeds")
    assert fates(server, *map(victim, (1, 2, 3)), action="terminate") == {
        1: ("terminate", "gone"),
        2: (None, "not_permitted"),
        3: ("terminate", "gone"),
    }


def test_a_lost_connection_says_that_something_may_have_been_signalled():
    class Lost:
        version = 150000

        def rows(self, sql, arguments=None):
            raise RemediationError("the connection was lost", code="lost")

    ending = Ending(Lost(), Order("terminate", 0.0, 0.0, False))
    with pytest.raises(RemediationError, match="lost"):
        ending.run([victim(1)])
    assert ending.any_signalled


@pytest.mark.parametrize(
    ("last", "passed", "first", "left", "expected"),
    [
        (0.1, 0.2, 500, 250, 0.2),  # half took 0.2 s, the other half takes as long
        (0.1, 0.3, 500, 100, 0.075),
        (0.1, 0.4, 500, 1, signals.POLL_SECONDS[0]),  # the last one is there in no time
        (0.1, 0.2, 500, 499, signals.POLL_SECONDS[1]),  # a guess of two minutes is no reason not to look
        (0.1, 0.2, 1, 1, 0.15),  # none has gone: ever longer,
        (0.2, 9.0, 3, 3, signals.POLL_SECONDS[1]),  # up to the longest
    ],
)
def test_pause_until_the_next_look(last, passed, first, left, expected):
    assert signals.next_pause(last, passed, first, left) == pytest.approx(expected)
