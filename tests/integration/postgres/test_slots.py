"""No free connection slot: the reserved ones are used, and where that fails the message says what to do."""

from __future__ import annotations

import contextlib
import time

import postgres_server
import psycopg2
import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

from .conftest import World


@pytest.fixture(scope="module")
def small():
    """Ten slots, two of them for superusers; every test leaves it empty."""
    with postgres_server.running("admin", max_connections=10, superuser_reserved_connections=2) as server:
        world = World(server)
        world.sql("CREATE DATABASE shop")
        for role in ("app", "sre"):
            world.sql(f"CREATE ROLE {role} LOGIN")
        world.sql("GRANT pg_monitor, pg_signal_backend TO sre")
        yield world
        world.admin.close()


@pytest.fixture
def full(small):
    """All ordinary slots taken; the tests' own session has one of them."""
    made = [small.connect(application_name=f"web-{number}") for number in range(7)]
    with pytest.raises(psycopg2.OperationalError, match="remaining connection slots"):
        small.connect()
    yield made
    small.clear()


def test_a_superuser_gets_in_over_a_reserved_slot(small, full):
    found = small.look()["connections"]
    assert (found["used"], found["ordinary"], found["free"]) == (9, 8, 0)
    done = small.end(users=["app"], states=["idle"], max_backends=2, on_excess="oldest")
    assert len(done["gone"]) == 2
    small.connect()


def test_without_a_slot_the_message_says_what_to_do(small, full):
    started = time.monotonic()
    with pytest.raises(RemediationError, match="superuser_reserved_connections") as caught:
        small.end(login_user="sre", users=["app"], connect_timeout=2)
    assert caught.value.code == "no_connection_slot"
    assert "pg_use_reserved_connections" in caught.value.message
    assert time.monotonic() - started < 3
    for _reserved in range(2):
        small.connect(user="admin")
    with pytest.raises(RemediationError, match="stop one client") as caught:
        small.look(connect_timeout=2)
    assert caught.value.code == "no_connection_slot"


def test_a_slot_that_becomes_free_in_time_is_used(small, full, monkeypatch):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            with contextlib.closing(full.pop()):
                pass
            small.until(lambda: small.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'") == [(6,)])

    monkeypatch.setattr(
        "ansible_collections.sre.remediation.plugins.module_utils._postgres.connection.time.sleep", sleep
    )
    assert small.plan(login_user="sre", users=["app"])["victims"]
    assert all(0.05 < pause < 0.6 for pause in pauses[:3])


def test_a_limit_of_one_user_is_told_apart(small):
    small.sql("ALTER ROLE sre CONNECTION LIMIT 0")
    try:
        with pytest.raises(RemediationError, match='too many connections for role "sre".*login_user') as caught:
            small.look(login_user="sre", connect_timeout=2)
        assert caught.value.code == "no_connection_slot"
    finally:
        small.sql("ALTER ROLE sre CONNECTION LIMIT -1")
        small.clear()
