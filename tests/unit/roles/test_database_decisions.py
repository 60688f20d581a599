"""What the database scenarios make of a look: how full it is, how many are to end, and which signals the causes rest on."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

# From ansible-core 2.19 on a file's templates are filled in only when it is trusted.
TRUSTED = (
    {"trusted_as_template": True} if "trusted_as_template" in signature(DataLoader.load_from_file).parameters else {}
)
ROLES = Path(__file__).resolve().parents[3] / "roles"
POSTGRES = {"service_postgres": {"login_db": "shop"}}


def decide(role: str, name: str, look: dict[str, Any], **given: Any) -> Any:
    """The value of one variable of a role, with the role's own defaults and a look at the server."""
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROLES / role / "defaults/main.yml"), **TRUSTED),
        **loader.load_from_file(str(ROLES / role / "vars/main.yml"), **TRUSTED),
        "inventory_hostname": "database",
        "hostvars": {"database": POSTGRES},
        **POSTGRES,
        "database_activity": look,
        **given,
    }
    return Templar(loader, variables=variables).template(variables[f"{role}_{name}"])


def session(pid: int, state: str = "idle", age: float = 0.0, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"{pid}@then", "pid": pid, "database": "shop", "user": "app", "application": "web", "state": state, "age": age,
        "query_age": 8.0, "query": "SELECT 1", "blocked_by": [], **changes,
    }  # fmt: skip


def server(used: int, *sessions: dict[str, Any], ordinary: int = 97, **changes: Any) -> dict[str, Any]:
    counts = {"used": used, "ordinary": ordinary, "by_database": [], "by_user": [], **changes.pop("limits", {})}
    blocking = {"roots": [], "waiting": []}
    return {
        "server": {},
        "connections": counts,
        "sessions": list(sessions),
        "blocking": blocking,
        "backups": [],
        **changes,
    }


USER = {"by_user": [{"name": "app", "count": 10, "limit": 10}, {"name": "other", "count": 9, "limit": 9}]}
DATABASE = {
    "by_database": [{"name": "shop", "count": 19, "limit": 20}, {"name": "postgres", "count": 9, "limit": None}]
}
CLOSED = {"by_user": [{"name": "app", "count": 2, "limit": 0}]}


@pytest.mark.parametrize(
    ("look", "full", "needed", "room"),
    [
        (server(87), 0, 10, 0),
        (server(88), 1, 11, -1),
        (server(98), 1, 21, -11),
        (server(10), 0, 1, 77),
        (server(7, ordinary=7), 1, 2, -1),
        (server(20, session(1), limits=USER), 1, 2, -1),
        (server(20, limits=USER), 0, 1, 67),
        (server(30, session(1), limits=DATABASE), 1, 3, -1),
        (server(30, session(1), limits=CLOSED), 1, 2, -2),
    ],
    ids=["88-percent", "90-percent", "over", "easy", "small", "user-limit", "another-user", "database-limit", "closed"],
)
def test_how_full_it_is_and_how_few_have_to_end(look, full, needed, room) -> None:
    role = "connection_pool_exhausted"
    assert len(decide(role, "full", look)) == full
    assert int(decide(role, "needed", look)) == needed
    assert int(decide(role, "room", look)) == room


WAITING = {"roots": [{"kind": "session", "pid": 1}], "waiting": [{"id": f"{pid}@then"} for pid in range(2, 14)]}
QUEUE = [session(pid, "active", 1.0) for pid in range(2, 14)]


@pytest.mark.parametrize(
    ("look", "signals"),
    [
        (server(20, session(1, age=900)), []),
        (server(90, session(1, age=299)), []),
        (server(90, session(1, age=301)), ["idle"]),
        (server(90, session(1, age=301, database="another")), []),
        (server(90, session(1, age=301), backups=[{"id": "1@then"}]), []),
        (server(90, session(1, "idle in transaction (aborted)", 31)), ["idle_in_transaction"]),
        (server(90, session(1, "active", 31), session(2, age=400)), ["idle", "active"]),
        (server(90, *QUEUE, blocking=WAITING), []),
        (server(88, *QUEUE, blocking=WAITING), ["blocked"]),
        ({"code": "no_connection_slot", "msg": "no"}, ["no_connection_slot"]),
        ({"code": "timeout", "msg": "no"}, ["database_unreachable"]),
        ({"unreachable": True, "msg": "no"}, ["host_unreachable"]),
    ],
)
def test_who_keeps_the_connections(look, signals) -> None:
    assert decide("connection_pool_exhausted", "signals", look) == signals


def busy(*long: dict[str, Any], roots: list | None = None, waiting: list | None = None) -> dict[str, Any]:
    return {
        "long_queries": list(long), "sessions": list(long), "backups": [],
        "blocking": {"roots": roots or [], "waiting": waiting or []},
    }  # fmt: skip


ROOT = {"kind": "session", "pid": 7, "id": "7@then", "blocked": [1]}
PREPARED = {"kind": "prepared_transaction", "pid": 0, "id": None, "blocked": [1]}
MISSING = {"results": [{"changed": True, "slow_queries_index": {"name": "i", "table": "orders", "columns": ["a"]}}]}


@pytest.mark.parametrize(
    ("look", "given", "signals"),
    [
        (busy(), {}, []),
        (busy(session(1, "active", 6)), {}, ["slow"]),
        (busy(session(1, "active", 6, database="another")), {}, []),
        (busy(session(1, "active", 301)), {}, ["stuck", "slow"]),
        (busy(session(1, "active", 301, blocked_by=[7]), roots=[ROOT], waiting=[{"id": "1@then", "pid": 1, "age": 29}]), {}, ["slow"]),
        (busy(session(1, "active", 31), roots=[ROOT], waiting=[{"id": "1@then", "pid": 1, "age": 31}]), {}, ["blocked", "slow"]),
        (busy(session(1, "active", 31), roots=[PREPARED], waiting=[{"id": "1@then", "pid": 1, "age": 31}]), {}, ["blocked_by_prepared", "slow"]),
        (busy(session(1, "active", 6, query="SELECT a FROM orders")), {"slow_queries_indexes": MISSING}, ["missing_index", "slow"]),
        (busy(session(1, "active", 6, query="SELECT a FROM reorders")), {"slow_queries_indexes": MISSING}, ["slow"]),
        ({**busy(), "finished_queries": [session(1)]}, {}, ["slow"]),
        ({**busy(), "finished_queries": [session(1)]}, {"slow_queries_acted": {"started_at": None}}, ["slow"]),
        ({**busy(), "finished_queries": [session(1)]}, {"slow_queries_acted": {"started_at": 991.0}}, ["slow"]),
        # It began before the last remedy acted.
        ({**busy(), "finished_queries": [session(1)]}, {"slow_queries_acted": {"started_at": 993.0}}, []),
        ({**busy(), "finished_queries": [session(1, database="another"), session(2, application="report")]}, {"slow_queries_protected": ["report"]}, []),
        ({**busy(), "finished_queries": [session(1, query="SELECT a FROM orders")]}, {"slow_queries_indexes": MISSING}, ["missing_index", "slow"]),
        ({"code": "lost", "msg": "no"}, {}, ["database_unreachable"]),
    ],
)  # fmt: skip
def test_what_holds_a_database_up(look, given, signals) -> None:
    assert (
        decide(
            "slow_queries",
            "signals",
            look,
            **{"slow_queries_indexes": {}, "slow_queries_acted": {}, "slow_queries_looked_at": 1000.0, **given},
        )
        == signals
    )


@pytest.mark.parametrize(
    ("look", "signals"),
    [
        (server(1), []),
        ({"code": "unreachable", "msg": 'FATAL: database "shop" does not exist'}, ["database_gone"]),
        ({"code": "unreachable", "msg": "connection refused"}, ["database_unreachable"]),
        ({"code": "timeout", "msg": "too slow"}, ["database_unreachable"]),
        ({"code": "authentication_failed", "msg": "no"}, ["authentication_failed"]),
        ({"code": "no_connection_slot", "msg": "no"}, ["no_connection_slot"]),
        ({"unreachable": True, "msg": "ssh"}, ["host_unreachable"]),
    ],
)
def test_why_a_database_cannot_be_asked(look, signals) -> None:
    assert decide("database_down", "signals", look, database_down_seen={}, database_down_probes={}) == signals
