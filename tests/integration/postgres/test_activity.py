"""pg_activity_info against a real server under load: what each kind of trouble looks like, and no secret in it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

SECRET = "correct-horse-battery"


@pytest.fixture
def table(world):
    with world.connect() as shop, shop.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS orders; CREATE TABLE orders AS SELECT g AS id, 0 AS n FROM generate_series(1, 9) g"
        )
    return "orders"


def in_transaction(world, statement, **changes):
    made = world.connect(**changes)
    made.autocommit = False
    with made.cursor() as cursor:
        cursor.execute(statement)
    return made


def test_three_hundred_idle_sessions(world):
    for number in range(300):
        world.connect(application_name=f"web-{number % 3}", user="app" if number % 2 else "reports")
    world.sql("ALTER DATABASE shop CONNECTION LIMIT 400; ALTER ROLE reports CONNECTION LIMIT 200")
    found = world.look()
    world.sql("ALTER DATABASE shop CONNECTION LIMIT -1; ALTER ROLE reports CONNECTION LIMIT -1")
    connections = found["connections"]
    reserved = 0 if found["server"]["version_num"] >= 160000 else None
    assert (connections["max"], connections["superuser_reserved"], connections["reserved"]) == (620, 3, reserved)
    assert (connections["used"], connections["free"], connections["ordinary"]) == (302, 315, 617)
    assert connections["by_database"] == [
        {"name": "shop", "count": 300, "limit": 400},
        {"name": "postgres", "count": 2, "limit": None},
    ]
    assert {"name": "reports", "count": 150, "limit": 200} in connections["by_user"]
    assert {"name": "web-1", "count": 100, "limit": None} in connections["by_application"]
    assert connections["by_state"] == {"active": 1, "idle": 301}
    assert (len(found["sessions"]), found["sessions_left_out"], found["connections"]["hidden"]) == (302, 0, 0)
    assert found["database"]["name"] == "postgres" and found["database"]["bytes"] > 1_000_000
    assert len(world.look(max_sessions=10)["sessions"]) == 10


def test_blockers_three_levels_deep(world, table):
    root = in_transaction(world, f"UPDATE {table} SET n = 1 WHERE id = 1", application_name="root")
    update = f"UPDATE {table} SET n = 2 WHERE id = "
    pids = [
        root.get_backend_pid(),
        world.in_background(f"BEGIN; {update} 2; {update} 1").get_backend_pid(),
        world.in_background(f"BEGIN; {update} 3; {update} 2").get_backend_pid(),
        world.in_background(f"{update} 3").get_backend_pid(),
    ]
    blocking = world.until(
        lambda: (found := world.look()["blocking"])["roots"][0:1] and len(found["waiting"]) == 3 and found
    )
    [only] = blocking["roots"]
    assert (only["pid"], only["kind"], only["application"], only["depth"]) == (pids[0], "session", "root", 3)
    assert only["state"] == "idle in transaction"
    assert only["blocked"] == sorted(pids[1:])
    assert [(one["pid"], one["depth"], one["blocked_by"]) for one in blocking["waiting"]] == [
        (pids[1], 1, [pids[0]]),
        (pids[2], 2, [pids[1]]),
        (pids[3], 3, [pids[2]]),
    ]


def test_long_statements_idle_transactions_and_masked_texts(world, table):
    sleeper = world.in_background(f"SELECT pg_sleep(60), '{SECRET}' /* {SECRET} */, 4711")
    idle = in_transaction(world, f"SELECT n FROM {table} WHERE id::text = '{SECRET}'")
    world.until(lambda: world.look(long_query=0.2)["long_queries"])
    found = world.look(long_query=0.2, long_idle_in_transaction=0.1)
    [long] = found["long_queries"]
    assert (long["pid"], long["query"], long["wait_event"]) == (
        sleeper.get_backend_pid(),
        "SELECT pg_sleep(?), ? , ?",
        "PgSleep",
    )
    assert 0.2 < long["age"] < 30
    assert [one["pid"] for one in found["idle_in_transaction"]] == [idle.get_backend_pid()]
    assert SECRET not in json.dumps(found) and "4711" not in json.dumps(found)
    assert world.look(long_query=500)["long_queries"] == []


def test_plans_are_shown_and_no_statement_is_run(world, table):
    world.sql("CREATE TABLE IF NOT EXISTS written (n int)")
    holder = in_transaction(world, f"SELECT n FROM {table} WHERE id = 1 FOR UPDATE")
    world.in_background(f"UPDATE {table} SET n = 4711 WHERE id = 1 AND '{SECRET}' = '{SECRET}'")
    world.in_background(f"SELECT pg_sleep(60), '{SECRET};' FROM {table}")
    before = world.sql("SELECT count(*) FROM written")
    world.until(lambda: len(world.look(long_query=0.2)["long_queries"]) == 2)
    found = world.look(long_query=0.2, explain=5, login_db="shop")
    update, sleep = sorted(found["plans"], key=lambda plan: plan["reason"] or "")
    assert "Update on" in update["plan"][0] and update["reason"] is None
    assert sleep == {"id": sleep["id"], "plan": [], "reason": "it may be more than one statement"}
    assert SECRET not in json.dumps(found) and "4711" not in json.dumps(found)
    assert world.look(long_query=0.2, explain=5)["plans"] == [], "sessions of another database"
    holder.rollback()
    assert world.sql("SELECT count(*) FROM written") == before
    with pytest.raises(RemediationError, match="explain"):
        world.look(explain=-1)


def test_replication_backup_and_prepared_transactions(world, table):
    directory = world.server.base / "stream"
    world.sql("SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')")
    world.program("pg_recvlogical", "-U", "admin", "-d", "postgres", "--slot", "cdc", "--start", "-f", "/dev/null")
    directory.mkdir(exist_ok=True)
    world.program("pg_receivewal", "-U", "admin", "-D", str(directory))
    in_transaction(world, f"LOCK TABLE {table} IN ACCESS SHARE MODE", application_name="pg_dump")
    two_phase = world.connect()
    with two_phase.cursor() as cursor:
        cursor.execute(f"BEGIN; UPDATE {table} SET n = 5 WHERE id = 5; PREPARE TRANSACTION 'tx-1'")
    waiter = world.in_background(f"UPDATE {table} SET n = 6 WHERE id = 5")
    senders = world.until(lambda: len(found := world.look()["replication"]["senders"]) == 2 and found)
    assert {(one["kind"], one["slot"]) for one in senders} == {("logical", "cdc"), ("physical", None)}
    found = world.look()
    assert [(slot["name"], slot["type"], slot["active"]) for slot in found["replication"]["slots"]] == [
        ("cdc", "logical", True)
    ]
    assert [one["application"] for one in found["backups"]] == ["pg_dump"]
    assert [one["gid"] for one in found["prepared_transactions"]] == ["tx-1"]
    [root] = world.until(lambda: world.look()["blocking"]["roots"])
    assert (root["pid"], root["kind"], root["blocked"]) == (0, "prepared_transaction", [waiter.get_backend_pid()])
    assert root["prepared_transactions"] == ["tx-1"]
    assert found["oldest_xmin"]["age"] >= 1
    assert found["connections"]["by_application"][0]["name"] != "pg_receivewal"


def test_a_user_who_may_not_see_others(world):
    world.connect()
    own = world.connect(user="reports", application_name="mine")
    found = world.look(login_user="reports")
    assert found["connections"]["hidden"] > 0
    assert found["connections"]["by_state"]["unknown"] == 2  # the application's and the tests' own
    assert own.get_backend_pid() in [one["pid"] for one in found["sessions"]]
    world.sql("GRANT pg_monitor TO reports")
    try:
        assert world.look(login_user="reports")["connections"]["hidden"] == 0
    finally:
        world.sql("REVOKE pg_monitor FROM reports")


def test_it_is_one_statement_over_one_connection(world):
    world.sql("ALTER SYSTEM SET log_statement = 'all'")
    world.sql("SELECT pg_reload_conf()")
    try:
        world.until(lambda: world.sql("SHOW log_statement") == [("all",)])
        before = len(world.server.log.read_text())
        world.look()
        text = world.server.log.read_text()[before:]
    finally:
        world.sql("ALTER SYSTEM RESET log_statement")
        world.sql("SELECT pg_reload_conf()")
    assert text.count("connection authorized") == 1
    assert "application_name=sre.remediation" in text
    assert text.count("statement: ") - text.count("statement: ALTER SYSTEM") == 1


def test_it_changes_nothing_and_limits_itself(world):
    with pytest.raises(Exception, match="statement_timeout") as caught:
        world.look(statement_timeout=0.001)
    assert caught.value.code == "timeout"


def test_a_slow_statement_that_has_ended_shows_until_its_session_runs_another(world):
    with world.connect(application_name="again").cursor() as cursor:
        cursor.execute(f"SELECT pg_sleep(0.4), '{SECRET}'")
        [ended] = world.look(long_query=0.2, finished_within=5)["finished_queries"]
        assert (ended["application"], ended["state"], ended["query"]) == ("again", "idle", "SELECT pg_sleep(?), ?")
        assert 0.4 <= ended["seconds"] < 2 and ended["ended"] < 5
        assert world.look(long_query=0.2)["finished_queries"] == []
        assert world.look(long_query=0.2, finished_within=0.001)["finished_queries"] == []
        cursor.execute("SELECT 1")
        assert world.look(long_query=0.2, finished_within=5)["finished_queries"] == []


def test_it_looks_again_until_something_is_slow(world):
    assert world.look(samples=2, sample_interval=0.1, login_db="shop")["looks"] == 2
    world.in_background("SELECT pg_sleep(60)")
    found = world.look(long_query=0.5, samples=200, sample_interval=0.05, login_db="shop")
    assert 1 < found["looks"] < 200
    assert [one["query"] for one in found["long_queries"]] == ["SELECT pg_sleep(?)"]
    assert world.look(long_query=0.1, samples=3, sample_interval=0.05, login_db="postgres")["looks"] == 3
