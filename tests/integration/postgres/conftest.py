"""A real server with real load for the tests of the PostgreSQL modules, and the modules run in this process.

Modules run in a second process where time or Ansible itself matters (``test_speed``, ``test_playbook``).
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import postgres_server
import psycopg2
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from psycopg2.extras import wait_select

from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection, look
from ansible_collections.sre.remediation.plugins.module_utils._postgres.terminate import Terminator
from ansible_collections.sre.remediation.plugins.modules import pg_activity_info, pg_terminate_backend

SECRET = "correct-horse-battery"
SETTINGS = {
    "max_connections": 620,
    "wal_level": "logical",
    "max_prepared_transactions": 5,
    "autovacuum_naptime": 1,
    "autovacuum_vacuum_cost_delay": "20ms",
    "log_connections": "on",
    "shared_buffers": "16MB",
}


class World:
    """A server with an application user ``app`` and databases; what a test opens is closed after it."""

    def __init__(self, server: postgres_server.Server) -> None:
        self.server = server
        self._open: list[Any] = []
        self._processes: list[subprocess.Popen] = []
        self.admin = self._connect(application_name="tests")

    def _connect(self, **changes: Any) -> Any:
        fields = {"host": "127.0.0.1", "port": self.server.port, "user": self.server.user, "dbname": "postgres"}
        made = psycopg2.connect(**{**fields, **changes})
        if not made.async_:
            made.autocommit = True
        return made

    def connect(self, user: str = "app", dbname: str = "shop", **changes: Any) -> Any:
        made = self._connect(user=user, dbname=dbname, **changes)
        self._open.append(made)
        return made

    def sql(self, statement: str, *values: Any) -> list[tuple]:
        with self.admin.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def in_background(self, statement: str, **changes: Any) -> Any:
        """Start a statement that is not waited for (libpq's asynchronous mode); returns the connection."""
        made = self._connect(**{"user": "app", "dbname": "shop", "async_": True, **changes})
        self._open.append(made)
        wait_select(made)
        made.cursor().execute(statement)
        pid = made.get_backend_pid()
        self.until(lambda: self.sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", pid))
        return made

    def program(self, name: str, *arguments: str) -> subprocess.Popen:
        command = [self.server.program(name), "-h", "127.0.0.1", "-p", str(self.server.port), *arguments]
        self._processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self._processes[-1]

    @staticmethod
    def until(wanted: Callable[[], Any], seconds: float = 60) -> Any:
        """Ask again and again until the answer is true."""
        deadline = time.monotonic() + seconds
        while not (found := wanted()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)
        return found

    def clear(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(10)
        for one in self._open:
            with contextlib.suppress(psycopg2.Error):
                one.close()
        self._open, self._processes = [], []
        for (gid,) in self.sql("SELECT gid FROM pg_prepared_xacts"):
            with contextlib.closing(self._connect(dbname="shop")) as other, other.cursor() as cursor:
                cursor.execute("ROLLBACK PREPARED %s", (gid,))
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                 "AND backend_type = 'client backend'")  # fmt: skip
        self.until(
            lambda: (
                self.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender')")
                == [(1,)]
            )
        )
        self.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")

    # The modules.

    def arguments(self, spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        base = {"login_host": "127.0.0.1", "login_port": self.server.port, "login_user": self.server.user}
        checked = ArgumentSpecValidator(spec).validate({**base, **given})
        assert not checked.error_messages, checked.error_messages
        return checked.validated_parameters

    def end(self, check_mode: bool = False, **given: Any) -> dict[str, Any]:
        """pg_terminate_backend; the warnings are added to the result."""
        params = self.arguments(pg_terminate_backend.argument_spec(), given)
        run = Terminator(params)
        with connection.connected(params) as opened:
            return {**run.run(opened, check_mode), "warnings": run.warnings}

    def plan(self, **given: Any) -> dict[str, Any]:
        return self.end(check_mode=True, **given)

    def look(self, **given: Any) -> dict[str, Any]:
        return look.look(self.arguments(pg_activity_info.argument_spec(), given))


@pytest.fixture(scope="session")
def postgres() -> Iterator[World]:
    with postgres_server.running("admin", **SETTINGS) as server:
        world = World(server)
        world.sql("CREATE DATABASE shop")
        for role in ("app", "reports"):
            world.sql(f"CREATE ROLE {role} LOGIN")
        world.sql("GRANT ALL ON DATABASE shop TO app, reports")
        with contextlib.closing(world._connect(dbname="shop")) as shop, shop.cursor() as cursor:
            cursor.execute("GRANT ALL ON SCHEMA public TO app, reports")
        yield world
        world.admin.close()


@pytest.fixture
def world(postgres: World) -> Iterator[World]:
    yield postgres
    postgres.clear()
