"""The SQL for each version, the tree of lock waits, and the report made of what was read."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._postgres import activity, blocking, session
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import Session

VERSIONS = (130015, 140010, 150004, 160001, 170002, 180000)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_sql_names_nothing_a_version_lacks(version):
    for sql in (session.look_sql(version, False), session.look_sql(version, True), activity.activity_sql(version)):
        assert ("a.query_id" in sql) is (version >= 140000)
        assert ("pg_signal_autovacuum_worker" in sql) is (version >= 180000)
        assert "%" not in sql, "psycopg2 would take it for a placeholder"
    assert ("pg_is_in_backup()" in activity.activity_sql(version)) is (version < 150000)
    assert "current_setting('reserved_connections', true)" in activity.activity_sql(version)


def test_lock_waits_are_asked_for_only_when_needed():
    assert "pg_blocking_pids" not in session.look_sql(150000, False)
    assert "CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid)" in session.look_sql(150000, True)


def waits(pid, *blockers, **changes):
    return Session(pid=pid, backend_start="s", state="active", query_age=1.0, blocked_by=blockers, **changes)


def shape(*sessions):
    found = blocking.tree(sessions, [{"gid": "tx"}])
    return (
        [(root["pid"], root["kind"], root["blocked"], root["depth"]) for root in found["roots"]],
        [(waiter["pid"], waiter["depth"]) for waiter in found["waiting"]],
    )


@pytest.mark.parametrize(
    ("sessions", "roots", "waiting"),
    [
        ([waits(1), waits(2)], [], []),
        (
            [waits(1), waits(2, 1), waits(3, 2), waits(4, 3, 1)],
            [(1, "session", [2, 3, 4], 3)],
            [(2, 1), (3, 2), (4, 3)],
        ),
        (
            [waits(1), waits(2, 1), waits(5, 0), waits(6, 0), waits(9)],
            [(0, "prepared_transaction", [5, 6], 1), (1, "session", [2], 1)],
            [(2, 1), (5, 1), (6, 1)],
        ),
        ([waits(1, 2), waits(2, 1)], [], [(1, 1), (2, 2)]),
        ([waits(2, 77)], [(77, "session", [2], 1)], [(2, 1)]),  # a blocker that is gone by now
    ],
)
def test_the_tree(sessions, roots, waiting):
    assert shape(*sessions) == (roots, waiting)


def test_a_long_queue_for_one_lock_is_no_effort():
    queue = [waits(1), *(waits(pid, *range(1, pid)) for pid in range(2, 400))]
    roots, waiting = shape(*queue)
    assert roots == [(1, "session", list(range(2, 400)), 398)]
    assert waiting[-1] == (399, 398)


def row(pid, **changes):
    fields = {name: None for name in Session._fields}
    fields |= {
        "pid": pid, "backend_start": f"start-{pid}", "backend_type": "client backend", "database": "shop",
        "user": "app", "application": "web", "state": "idle", "backend_age": 50.0 + pid, "query_age": 9.0,
        "state_age": 8.0, "query": "SELECT 'secret'", "superuser": False, "signalable": True, "own": False,
    }  # fmt: skip
    return {**fields, **changes}


READ = {
    "server": {"version": "15.4", "version_num": 150004, "in_recovery": False, "started_at": "x", "database": "shop",
               "database_bytes": 7, "exclusive_backup": False},
    "limits": {"max": 10, "superuser_reserved": 3, "reserved": None},
    "database_limits": {"shop": 6},
    "user_limits": None,
    "sessions": [],
    "senders": [],
    "slots": [],
    "prepared": [],
    "frozen": [],
}  # fmt: skip
QUESTIONS = {
    "long_query": 5.0,
    "long_idle_in_transaction": 0.0,
    "finished_within": 10.0,
    "max_sessions": 3,
    "query_length": 100,
}


def reported(*rows, **changes):
    return activity.report({**READ, "server": dict(READ["server"]), "sessions": list(rows), **changes}, QUESTIONS)


def test_connections_against_the_limits():
    hidden = {"backend_start": None, "backend_type": None, "state": None, "query": session.HIDDEN_QUERY}
    found = reported(
        row(1, own=True, state="active"),
        row(2),
        row(3, user="reports"),
        row(4, **hidden),
        row(5, backend_type="walsender"),
        row(6, backend_type="checkpointer", database=None, user=None, state=None),
    )["connections"]
    assert found["by_database"] == [{"name": "shop", "count": 4, "limit": 6}]
    assert [(one["name"], one["count"]) for one in found["by_user"]] == [("app", 3), ("reports", 1)]
    assert found["by_state"] == {"active": 1, "idle": 2, "unknown": 1}
    assert (found["used"], found["ordinary"], found["free"], found["used_percent"], found["hidden"]) == (
        4,
        7,
        3,
        40.0,
        1,
    )


def test_reserved_connections_leave_fewer_for_others():
    limits = {"max": 10, "superuser_reserved": 3, "reserved": 5}
    found = reported(*(row(pid) for pid in range(4)), limits=limits)["connections"]
    assert (found["ordinary"], found["free"]) == (2, 0)


def test_what_was_slow_and_has_just_ended():
    found = reported(
        row(1, query_age=9.0, state_age=3.5),
        row(2, query_age=19.0, state_age=9.9, state="idle in transaction"),
        row(3, query_age=9.0, state_age=4.0),  # 5 s are not more than 5 s
        row(4, query_age=90.0, state_age=10.0),  # too long ago
        row(5, query_age=9.0, state_age=1.0, own=True),
        row(6, query_age=9.0, state_age=9.0, state="active"),
        row(7, query_age=None, state_age=None),
        row(8, query_age=9.0, state_age=1.0, backend_type="walsender"),
    )
    assert [(one["pid"], one["seconds"], one["ended"]) for one in found["finished_queries"]] == [
        (2, 9.1, 9.9),
        (1, 5.5, 3.5),
    ]


@pytest.mark.parametrize(
    ("rows", "slow"),
    [
        ([row(1), row(2, own=True, state="active", query_age=9.0)], False),
        ([row(1, state="active", query_age=9.0)], True),
        ([row(1, state="active", query_age=9.0, database="other")], False),
        ([row(1, state="active", query_age=9.0, application="pg_dump")], False),
        ([row(1, query_age=9.0, state_age=1.0)], True),
        ([row(1), row(2, state="active", query_age=0.1, blocked_by=[1])], True),
    ],
)
def test_when_there_is_no_need_to_look_again(rows, slow):
    assert activity.has_slow(reported(*rows)) is slow


def test_long_ones_and_the_length_of_lists():
    found = reported(
        row(1, state="active", query_age=6.0),
        row(2, state="active", query_age=60.0),
        row(3, state="active", query_age=5.0),
        row(4, state="active", query_age=99.0, own=True),
        row(5, state="idle in transaction", xact_age=2.0),
    )
    assert [(one["pid"], one["age"]) for one in found["long_queries"]] == [(2, 60.0), (1, 6.0)]
    assert [one["pid"] for one in found["idle_in_transaction"]] == [5]
    assert ([one["pid"] for one in found["sessions"]], found["sessions_left_out"]) == ([5, 4, 3], 2)
    assert "secret" not in str(found)
    assert found["database"] == {"name": "shop", "bytes": 7}


def test_who_holds_back_vacuum():
    sessions = [row(1, xmin_age=5), row(2, xmin_age=9, own=True), row(3)]
    assert reported(*sessions)["oldest_xmin"] == {"kind": "session", "name": "1@start-1", "age": 5}
    slots = [{"name": "standby", "xmin_age": 6}, {"name": "idle", "xmin_age": None}]
    prepared = [{"gid": "tx", "xmin_age": 7}]
    assert reported(*sessions, slots=slots)["oldest_xmin"]["name"] == "standby"
    assert reported(*sessions, slots=slots, prepared=prepared)["oldest_xmin"]["kind"] == "prepared_transaction"
    assert reported(row(3))["oldest_xmin"] is None


def test_backups():
    senders = [{"pid": 5, "kind": "backup"}, {"pid": 6, "kind": "physical"}]
    rows = [row(1, application="pg_dump"), row(2, query="SELECT pg_backup_start('x')"), row(3)]
    rows += [row(pid, backend_type="walsender") for pid in (5, 6)]
    assert {one["pid"] for one in reported(*rows, senders=senders)["backups"]} == {1, 2, 5}
