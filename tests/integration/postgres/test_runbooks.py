"""The runbooks' SQL as selectors: on the same server at the same time the same victims, minus the protected ones."""

from __future__ import annotations

import time

import pytest

SNIPPETS = {
    "statements of more than the age": (
        "state = 'active' AND query_start < NOW() - INTERVAL '{age} seconds'",
        {"states": ["active"]},
    ),
    "everything of one database that is not idle": (
        "state != 'idle' AND now() - query_start > interval '{age} seconds' AND datname = 'shop'",
        {
            "states": [
                "active",
                "idle in transaction",
                "idle in transaction (aborted)",
                "fastpath function call",
                "disabled",
            ],
            "clock": "query_start",
            "databases": ["shop"],
        },
    ),
    "idle connections": (
        "state = 'idle' AND state_change < NOW() - INTERVAL '{age} seconds'",
        {"states": ["idle"]},
    ),
}
"""What it is for: (the condition of the runbook's SELECT pg_terminate_backend(pid), the selector)."""

AGE = 1.0


@pytest.fixture
def busy(world):
    """Old and new sessions of every kind, ours and protected ones; returns the process ids of the protected ones."""
    directory = world.server.base / "wal"
    directory.mkdir(exist_ok=True)
    world.program("pg_receivewal", "-U", "admin", "-D", str(directory))
    world.sql("SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')")
    world.program("pg_recvlogical", "-U", "admin", "-d", "postgres", "--slot", "cdc", "--start", "-f", "/dev/null")
    world.until(lambda: world.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == [(2,)])
    protected = [world.connect(application_name="pg_dump"), world.connect(user="admin")]
    world.sql("SELECT 1")
    for number in range(2):
        for dbname in ("shop", "postgres"):
            world.in_background("SELECT pg_sleep(60)", dbname=dbname)
            world.connect(dbname=dbname)
            failed = world.connect(dbname=dbname)
            failed.autocommit = False
            with pytest.raises(Exception, match="division"), failed.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
            idle = world.connect(dbname=dbname)
            idle.autocommit = False
            idle.cursor().execute("SELECT 1")
        protected.append(world.in_background("SELECT pg_sleep(60)", user="admin"))
        dump = world.connect(application_name="pg_dump")
        dump.autocommit = False
        dump.cursor().execute("SELECT 1")
        protected.append(dump)
        if number == 0:
            time.sleep(AGE + 0.5)
    senders = {pid for (pid,) in world.sql("SELECT pid FROM pg_stat_replication")}
    return senders | {one.get_backend_pid() for one in protected}


@pytest.mark.parametrize("purpose", SNIPPETS)
def test_the_same_victims(world, busy, purpose):
    condition, selector = SNIPPETS[purpose]
    sql = f"SELECT pid FROM pg_stat_activity WHERE {condition.format(age=AGE)}"
    planned = world.plan(**selector, min_age=AGE)
    original = {pid for (pid,) in world.sql(sql)} - {world.admin.get_backend_pid()}
    victims = {int(one.partition("@")[0]) for one in planned["victims"]}
    assert victims, "nothing to compare"
    assert original & busy, "no protected session among them"
    assert victims == original - busy
    assert {one["code"] for one in planned["spared"]} <= {"replication", "backup", "superuser"}
    done = world.end(**selector, min_age=AGE, action="terminate")
    assert {int(one.partition("@")[0]) for one in done["gone"]} >= victims
    alive = {pid for (pid,) in world.sql("SELECT pid FROM pg_stat_activity")}
    assert busy <= alive
    assert not victims & alive
