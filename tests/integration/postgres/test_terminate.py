"""pg_terminate_backend against a real server under load: exactly the victims, never a protected session."""

from __future__ import annotations

import time

import psycopg2
import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection, signal
from ansible_collections.sre.remediation.plugins.modules import pg_terminate_backend


def pids(ids):
    return {int(one.partition("@")[0]) for one in ids}


def alive(made):
    try:
        with made.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


@pytest.fixture
def table(world):
    with world.connect() as shop, shop.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS orders; CREATE TABLE orders AS SELECT g AS id, 0 AS n FROM generate_series(1, 9) g"
        )
    world.clear()
    return "orders"


def in_transaction(world, statement, **changes):
    made = world.connect(**changes)
    made.autocommit = False
    with made.cursor() as cursor:
        cursor.execute(statement)
    return made


def test_of_three_hundred_idle_sessions_exactly_those_described_end(world):
    mine = [world.connect(application_name=f"web-{number}") for number in range(150)]
    others = [world.connect(user="reports", application_name=f"web-{number}") for number in range(150)]
    wanted = {made.get_backend_pid() for made in mine}
    arguments = {"users": ["app"], "states": ["idle"], "applications": ["web-*"], "max_backends": 300}
    planned = world.plan(**arguments)
    assert (pids(planned["victims"]), planned["changed"], planned["signalled"]) == (wanted, True, [])
    assert {one["result"] for one in planned["matched"]} == {"planned"}
    assert len(planned["diff"]["before"].splitlines()) == 150
    assert alive(mine[0]) and alive(others[0])

    done = world.end(**arguments)
    assert pids(done["signalled"]) == pids(done["gone"]) == wanted
    assert (done["changed"], done["remaining"], done["spared"], done["warnings"]) == (True, [], [], [])
    assert not alive(mine[0]) and not alive(mine[-1])
    assert all(alive(made) for made in others)
    again = world.end(**arguments)
    assert (again["changed"], again["matched"], again["actions"]) == (False, [], [])


def test_the_cap(world):
    made = [world.connect(application_name="web") for _number in range(5)]
    with pytest.raises(RemediationError, match="5 sessions match") as caught:
        world.end(applications=["web"], max_backends=2)
    assert caught.value.code == "too_many"
    assert all(map(alive, made))
    done = world.end(applications=["web"], max_backends=2, clock="backend_start", on_excess="oldest")
    assert pids(done["gone"]) == {one.get_backend_pid() for one in made[:2]}
    assert [one["code"] for one in done["spared"]] == ["over_cap"] * 3
    assert [alive(one) for one in made] == [False, False, True, True, True]


def test_only_the_root_of_three_levels_of_blockers_ends(world, table):
    root = in_transaction(world, f"UPDATE {table} SET n = 1 WHERE id = 1")
    update = f"UPDATE {table} SET n = 2 WHERE id = "
    waiting = [
        world.in_background(f"BEGIN; {update} 2; {update} 1"),
        world.in_background(f"BEGIN; {update} 3; {update} 2"),
        world.in_background(f"{update} 3"),
    ]
    bystander = in_transaction(world, f"UPDATE {table} SET n = 1 WHERE id = 9")
    world.until(lambda: len(world.look()["blocking"]["waiting"]) == 3)
    done = world.end(root_blockers=True)
    assert pids(done["gone"]) == {root.get_backend_pid()}
    assert [one["signal"] for one in done["matched"]] == ["terminate"]
    assert alive(bystander)
    world.until(lambda: world.plan(root_blockers=True)["victims"])
    assert pids(world.plan(root_blockers=True)["victims"]) == {waiting[0].get_backend_pid()}


def test_a_prepared_transaction_is_no_session(world, table):
    with world.connect().cursor() as cursor:
        cursor.execute(f"BEGIN; UPDATE {table} SET n = 5 WHERE id = 5; PREPARE TRANSACTION 'tx-1'")
    world.in_background(f"UPDATE {table} SET n = 6 WHERE id = 5")
    world.until(lambda: world.look()["blocking"]["roots"])
    done = world.end(root_blockers=True)
    assert (done["matched"], done["changed"]) == ([], False)
    assert "ROLLBACK PREPARED" in done["warnings"][0]


def test_replication_backups_background_processes_and_superusers_are_never_touched(world, table):
    world.sql("SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')")
    logical = world.program(
        "pg_recvlogical", "-U", "admin", "-d", "postgres", "--slot", "cdc", "--start", "-f", "/dev/null"
    )
    directory = world.server.base / "wal"
    directory.mkdir(exist_ok=True)
    physical = world.program("pg_receivewal", "-U", "admin", "-D", str(directory))
    dump = in_transaction(world, f"LOCK TABLE {table} IN ACCESS SHARE MODE", application_name="pg_dump")
    backup = world.connect(user="admin", application_name="own-backup")
    with backup.cursor() as cursor:
        cursor.execute("SELECT pg_backup_start('nightly', true)")
    boss = world.connect(user="admin", application_name="boss")
    plain = world.connect(application_name="web")
    world.until(lambda: len(world.look()["replication"]["senders"]) == 2)

    everyone = {"clock": "backend_start", "min_age": 0, "users": ["app", "admin"], "max_backends": 100}
    done = world.end(**everyone, allow_superusers=True, action="terminate", protected_applications=["tests"])
    assert pids(done["gone"]) == {boss.get_backend_pid(), plain.get_backend_pid()}
    codes = {one["code"] for one in done["spared"]}
    assert codes == {"replication", "backup", "own_session", "protected_application", "background"}
    assert (logical.poll(), physical.poll()) == (None, None)
    assert alive(dump) and alive(backup)
    assert len(world.look()["replication"]["senders"]) == 2

    someone = world.connect(user="admin")
    spared = world.end(users=["admin"], pids=[str(someone.get_backend_pid())])
    assert ([one["code"] for one in spared["spared"]], alive(someone)) == (["superuser"], True)


@pytest.mark.parametrize("wraparound", [False, True])
def test_autovacuum(world, wraparound):
    """A slow vacuum of a table with dead rows; one whose catalogue entry says it is old must prevent wraparound."""
    admin = world.connect(user="admin")
    with admin.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE busy (n) WITH (autovacuum_enabled = false, autovacuum_freeze_max_age = 100000, "
            "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1, "
            "autovacuum_vacuum_scale_factor = 0) AS SELECT generate_series(1, 60000)"
        )
        cursor.execute("DELETE FROM busy WHERE n % 2 = 0")
        if wraparound:
            cursor.execute("SET allow_system_table_mods = on")
            cursor.execute(
                "UPDATE pg_class SET relfrozenxid = ((4294967296 + txid_current() - 150000) % 4294967296)::text::xid "
                "WHERE relname = 'busy'"
            )
        else:
            cursor.execute("ALTER TABLE busy SET (autovacuum_enabled = true)")
    try:
        worker = world.until(
            lambda: next((one for one in world.look()["autovacuum"] if "busy" in one["query"]), None), seconds=30
        )
        assert worker["wraparound"] is wraparound
        chosen = {"pids": [worker["id"]]}
        assert [one["code"] for one in world.plan(**chosen)["spared"]] == ["wraparound" if wraparound else "autovacuum"]
        allowed = world.end(**chosen, allow_autovacuum=True)
        assert allowed["signalled"] == ([] if wraparound else [worker["id"]])
        assert [one["code"] for one in allowed["spared"]] == (["wraparound"] if wraparound else [])
    finally:
        with admin.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'autovacuum:%busy%'"
            )
            cursor.execute("DROP TABLE busy")


def test_cancel_then_terminate(world):
    running = world.in_background("SELECT pg_sleep(60)", application_name="obedient")
    deaf = world.in_background(
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$",
        application_name="deaf",
    )
    idle = in_transaction(world, "SELECT 1", application_name="idle")
    started = time.monotonic()
    done = world.end(users=["app"], grace=0.5)
    assert 0.5 < time.monotonic() - started < 5
    found = {one["application"]: (one["signal"], one["result"]) for one in done["matched"]}
    assert found == {"obedient": ("cancel", "cancelled"), "deaf": ("terminate", "gone"), "idle": ("terminate", "gone")}
    assert world.sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", running.get_backend_pid())
    assert not alive(idle)
    assert not world.sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", deaf.get_backend_pid())


def test_cancel_keeps_the_session_and_says_who_is_deaf(world):
    world.in_background(
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    )
    idle = world.connect()
    done = world.end(users=["app"], action="cancel", grace=0.2)
    [remaining] = done["remaining"]
    assert remaining["reason"].startswith(
        "it was signalled and is still there after 0.2 s (it waits for Timeout:PgSleep"
    )
    assert [one["code"] for one in done["spared"]] == ["nothing_to_cancel"]
    assert alive(idle)


def test_a_process_id_used_again_is_not_hit(world):
    """The statement gets the identity of a session that is gone, with the process id of one that lives."""
    other = world.connect()
    victim = world.plan(pids=[str(other.get_backend_pid())])["victims"][0]
    older = victim.partition("@")[0] + "@2001-01-01T00:00:00.000001+00:00"
    assert world.end(pids=[older])["matched"] == []
    params = world.arguments(pg_terminate_backend.argument_spec(), {"users": ["app"]})
    for name in ("terminate", "cancel"):
        with connection.connected(params) as opened:
            identity = {"pids": [other.get_backend_pid()], "starts": [older.partition("@")[2]], "changes": [None]}
            assert opened.rows(signal.signal_sql(name), identity) == [(other.get_backend_pid(), "vanished")]
            assert opened.rows(signal.STILL_SQL, identity) == []
    assert alive(other)
    with connection.connected(params) as opened:
        identity["starts"] = [victim.partition("@")[2]]
        assert opened.rows(signal.signal_sql("terminate"), identity) == [(other.get_backend_pid(), "signalled")]
    world.until(lambda: not alive(other))


def test_a_session_that_does_something_else_by_then_is_left_alone(world, monkeypatch):
    busy, quiet = world.connect(application_name="busy"), world.connect(application_name="quiet")
    look = connection.Connection.rows

    def rows(self, sql, arguments=None):
        found = look(self, sql, arguments)
        if "json_agg" in sql:
            assert alive(busy)  # runs a statement between the look and the signal
        return found

    monkeypatch.setattr(connection.Connection, "rows", rows)
    done = world.end(users=["app"], states=["idle"])
    assert {one["application"]: one["result"] for one in done["matched"]} == {"busy": "moved_on", "quiet": "gone"}
    assert [one["code"] for one in done["spared"]] == ["moved_on"]
    assert (alive(busy), alive(quiet)) == (True, False)


def test_who_may_signal_whom(world):
    world.sql("CREATE ROLE operator LOGIN")
    try:
        app = world.connect()
        with pytest.raises(RemediationError, match="pg_signal_backend") as caught:
            world.end(login_user="operator", users=["app"])
        assert caught.value.code == "not_permitted"
        world.sql("GRANT pg_monitor TO operator")
        with pytest.raises(RemediationError, match="pg_signal_backend"):
            world.end(login_user="operator", users=["app"])
        assert alive(app)
        world.sql("GRANT pg_signal_backend TO operator")
        boss = world.connect(user="admin")
        done = world.end(login_user="operator", users=["app", "admin"], allow_superusers=True)
        assert pids(done["gone"]) == {app.get_backend_pid()}
        assert "not_permitted" in {one["code"] for one in done["spared"]}
        assert alive(boss)
        own = world.connect(user="reports")
        done = world.end(login_user="reports", users=["reports"], states=["idle"])
        assert (pids(done["gone"]), done["hidden"] > 0) == ({own.get_backend_pid()}, True)
        assert "pg_monitor" in done["warnings"][0]
    finally:
        world.sql("DROP ROLE operator")


def test_a_refusal_in_the_middle_does_not_lose_count(world, monkeypatch):
    """The server refuses what its catalogue seemed to permit: every other victim is signalled all the same."""
    world.sql("CREATE ROLE operator LOGIN IN ROLE pg_monitor, pg_signal_backend")
    try:
        made = [world.connect(), world.connect(user="admin"), world.connect()]
        monkeypatch.setattr(
            "ansible_collections.sre.remediation.plugins.module_utils._postgres.session.signalable_sql",
            lambda version: "true",
        )
        ids = [str(one.get_backend_pid()) for one in made]
        done = world.end(login_user="operator", pids=ids, allow_superusers=True, clock="backend_start")
        assert [one["result"] for one in done["matched"]] == ["gone", "not_permitted", "gone"]
        assert [alive(one) for one in made] == [False, True, False]
    finally:
        world.sql("DROP ROLE operator")
