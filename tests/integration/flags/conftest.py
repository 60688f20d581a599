"""A throw-away PostgreSQL with the runbook's table of feature flags; every test gets a database of its own."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import postgres_server  # noqa: E402

from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection  # noqa: E402

# As Prisma makes it: a name in camel case has to be quoted, and updated_at has no default.
TABLES = '''
CREATE TABLE feature_flags (
    key text PRIMARY KEY,
    enabled boolean NOT NULL DEFAULT false,
    rollout_percentage integer NOT NULL DEFAULT 0,
    updated_at timestamp(3) NOT NULL
);
CREATE TABLE feature_flag_allowlist (
    key text NOT NULL REFERENCES feature_flags,
    passenger_id integer NOT NULL,
    PRIMARY KEY (key, passenger_id)
);
INSERT INTO feature_flags VALUES
    ('passenger_favorites_matching', false, 40, '2026-02-02T08:38:00'), ('theirs', true, 100, '2026-02-01T00:00:00');
INSERT INTO feature_flag_allowlist VALUES ('passenger_favorites_matching', 1), ('passenger_favorites_matching', 2);
CREATE SCHEMA "Odd ""names""";
CREATE TABLE "Odd ""names"""."Flags; DROP TABLE feature_flags" (
    id serial PRIMARY KEY, "Key" varchar(80), "isEnabled" boolean, "percent %s" numeric, "allowedUsers" uuid[]
);
INSERT INTO "Odd ""names"""."Flags; DROP TABLE feature_flags" ("Key", "isEnabled") VALUES ('it''s', NULL);
'''


class Database:
    """One test's database: how to reach it, and what is in it."""

    def __init__(self, server: postgres_server.Server, name: str) -> None:
        self.server, self.name = server, name

    @property
    def options(self) -> dict[str, Any]:
        """Connection options of the module."""
        login = {"login_host": "127.0.0.1", "login_port": self.server.port, "login_user": self.server.user}
        return {**login, "login_db": self.name, "login_password": postgres_server.PASSWORD}

    @property
    def parameters(self) -> dict[str, Any]:
        """The same as the module has them: with every option there is."""
        spec = connection.argument_spec()
        return {**{name: option.get("default") for name, option in spec.items()}, **self.options}

    def connect(self) -> Any:
        raw = psycopg2.connect(host="127.0.0.1", port=self.server.port, user=self.server.user, dbname=self.name)
        raw.autocommit = True
        return raw

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        raw = self.connect()
        try:
            cursor = raw.cursor()
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []
        finally:
            raw.close()


@pytest.fixture(scope="session")
def server() -> Iterator[postgres_server.Server]:
    with postgres_server.running("flags", max_connections=130) as running:
        yield running


@pytest.fixture
def database(server: postgres_server.Server) -> Iterator[Database]:
    admin, made = Database(server, "postgres"), Database(server, f"flags_{uuid.uuid4().hex[:8]}")
    admin.rows(f"CREATE DATABASE {made.name}")
    made.rows(TABLES)
    yield made
    admin.rows(f"DROP DATABASE {made.name} WITH (FORCE)")
