"""A PostgreSQL that is away, read-only, locked, foreign or out of time refuses, and never tells its password."""

from __future__ import annotations

import sys
import time
from urllib.parse import urlsplit

import psycopg2
import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import LedgerError, open_ledger
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import postgres as module


def fails(call, code, message):
    with pytest.raises(LedgerError, match=message) as caught:
        call()
    assert caught.value.code == code
    assert "canary" not in caught.value.message
    return caught.value.message


@pytest.fixture
def admin(postgres_location):
    connection = psycopg2.connect(postgres_location)
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://ledger:canary-pg-pass@127.0.0.1:1/db",
        "postgresql://ledger:canary-pg-pass@host.invalid/db",
        "postgresql://ledger:canary-pg-pass@[::1/db?password=canary",
        "postgresql://h/db?password=canary-pg-pass&port=1",
    ],
)
def test_unreachable_server(dsn, clock):
    fails(lambda: open_ledger(dsn, clock), "ledger_unreachable", "cannot be reached")


def test_without_psycopg2_the_message_says_what_to_install(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    fails(lambda: open_ledger("postgresql://u:canary@h/db", clock), "ledger_unreachable", "pip install psycopg2-binary")


def test_missing_database(postgres_location, clock):
    parts = urlsplit(postgres_location)
    dsn = parts._replace(path="/nowhere", query="").geturl()
    fails(lambda: open_ledger(dsn, clock), "ledger_unreachable", 'database "nowhere" does not exist')


def test_missing_schema(postgres_server, clock):
    joiner = "&" if "?" in postgres_server else "?"
    dsn = f"{postgres_server}{joiner}options=-csearch_path%3Dnowhere"
    fails(lambda: open_ledger(dsn, clock), "ledger_unwritable", "schema of the search_path does not exist")


def test_a_role_that_may_only_read(postgres_location, clock, admin, ask):
    open_ledger(postgres_location, clock).close()
    schema = postgres_location.rpartition("%3D")[2]
    admin.execute(
        f"CREATE ROLE reader_{schema} LOGIN PASSWORD 'canary'; GRANT USAGE ON SCHEMA {schema} TO reader_{schema}"
    )
    admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader_{schema}")
    try:
        parts = urlsplit(postgres_location)
        dsn = parts._replace(netloc=f"reader_{schema}:canary@{parts.hostname}:{parts.port}").geturl()
        with open_ledger(dsn, clock) as ledger:
            assert ledger.incidents() == []
            fails(lambda: ledger.admit(ask()), "ledger_unwritable", "the role lacks a privilege")
    finally:
        admin.execute(f"DROP OWNED BY reader_{schema}; DROP ROLE reader_{schema}")


def test_a_server_in_read_only_mode_like_a_standby(postgres_location, clock, ask):
    """The refusal a hot standby answers with (SQLSTATE 25006), provoked in a session of our own."""
    with (
        open_ledger(postgres_location, clock) as ledger,
        pytest.raises(LedgerError) as caught,
        ledger._store.transaction() as tx,  # A read transaction is READ ONLY on the server too.
    ):
        tx.execute("DELETE FROM freezes")
    assert caught.value.code == "ledger_unwritable"
    assert "read-only" in caught.value.message


def test_another_applications_tables_are_not_taken_over(postgres_location, clock, admin):
    admin.execute("CREATE TABLE incidents (id INTEGER)")
    fails(lambda: open_ledger(postgres_location, clock), "ledger_unwritable", "a schema of its own")


def test_a_dropped_table_refuses(postgres_location, clock, admin, ask):
    with open_ledger(postgres_location, clock) as ledger:
        admin.execute("DROP TABLE leases")
        fails(lambda: ledger.admit(ask()), "ledger_corrupt", "damaged or is not a ledger")


def test_a_writer_that_never_ends_is_waited_for_and_then_reported(postgres_location, clock, ask, monkeypatch):
    monkeypatch.setattr(
        module, "BEGIN_WRITE", module.BEGIN_WRITE.replace("lock_timeout = '5s'", "lock_timeout = '300ms'")
    )
    with open_ledger(postgres_location, clock) as ledger, open_ledger(postgres_location, clock) as other:
        with other._store.transaction(write=True):
            began = time.monotonic()
            fails(lambda: ledger.admit(ask()), "ledger_unreachable", "lock timeout")
            assert 0.2 < time.monotonic() - began < 3
            assert ledger.incidents() == [], "reading goes on"
        assert ledger.admit(ask()).admitted


def test_two_schemas_do_not_wait_for_each_other(postgres_location, clock, admin, ask):
    schema = postgres_location.rpartition("%3D")[2]
    admin.execute(f"CREATE SCHEMA {schema}_b")
    try:
        with (
            open_ledger(postgres_location, clock) as one,
            open_ledger(postgres_location + "_b", clock) as two,
            one._store.transaction(write=True),
        ):
            assert two.admit(ask()).admitted
    finally:
        admin.execute(f"DROP SCHEMA {schema}_b CASCADE")


def test_a_server_that_goes_away_refuses(postgres_location, clock, admin, ask):
    with open_ledger(postgres_location, clock) as ledger:
        with ledger._store.transaction() as tx:
            pid = tx.row("SELECT pg_backend_pid() AS pid")["pid"]
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
        fails(lambda: ledger.admit(ask()), "ledger_unreachable", "cannot be reached")


@pytest.mark.parametrize(("skew", "refused"), [(0, False), (20, False), (45, True), (-45, True)])
def test_a_clock_that_is_off_is_refused(postgres_location, monkeypatch, skew, refused):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + skew)
    if refused:

        def call():
            return open_ledger(postgres_location, time.time)

        message = fails(call, "ledger_clock", "synchronise the clocks")
        assert f"{skew:+d} s" in message
    else:
        open_ledger(postgres_location, time.time).close()
