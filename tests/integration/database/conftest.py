"""A throw-away PostgreSQL, and in it a shop's database that is dumped, damaged and restored."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import postgres_server  # noqa: E402
from service_playbook import Outcome, Workplace  # noqa: E402

ORDERS = 5000

# Names that need quotes, a table without columns to copy, rows that look like the end of a COPY, a partitioned table.
TABLES = f"""
CREATE TABLE orders (id bigserial PRIMARY KEY, item text NOT NULL, amount numeric(8, 2) NOT NULL DEFAULT 1);
INSERT INTO orders (item) SELECT E'line\\nand \\\\. and \\ttab ' || n FROM generate_series(1, {ORDERS}) AS n;
CREATE SCHEMA "Odd schema";
CREATE TABLE "Odd schema"."Select (it)" ("order" int, "a)b" text);
INSERT INTO "Odd schema"."Select (it)" VALUES (1, '\\.'), (2, NULL);
CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO events VALUES ('2026-02-02', 'one'), ('2026-02-03', 'two');
CREATE TABLE empty (id int);
CREATE VIEW items AS SELECT item FROM orders;
"""
CONTENTS = (
    "SELECT (SELECT md5(string_agg(orders::text, '|' ORDER BY id)) FROM orders),"
    ' (SELECT count(*) FROM "Odd schema"."Select (it)"), (SELECT count(*) FROM events), (SELECT count(*) FROM empty)'
)


class Shop:
    """One test's database, its dumps, and the procedures on it."""

    def __init__(self, server: postgres_server.Server, name: str, directory: Path) -> None:
        self.server, self.name, self.dumps = server, name, directory / "dumps"
        login = {"login_host": "127.0.0.1", "login_port": server.port, "login_user": server.user}
        self.workplace = Workplace(
            directory,
            service_postgres={**login, "login_db": name, "login_password": postgres_server.PASSWORD},
            service_backup={"bin": str(server.programs), "directory": str(self.dumps)},
        )

    def rows(self, query: str, name: str | None = None) -> list[tuple[Any, ...]]:
        raw = psycopg2.connect(host="127.0.0.1", port=self.server.port, user=self.server.user, dbname=name or self.name)
        try:
            raw.autocommit = True
            cursor = raw.cursor()
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []
        finally:
            raw.close()

    def contents(self, name: str | None = None) -> list[tuple[Any, ...]]:
        return self.rows(CONTENTS, name)

    def databases(self) -> set[str]:
        """Names of the databases there are, apart from those every server has and those of other tests."""
        return {row[0] for row in self.rows("SELECT datname FROM pg_database", "postgres") if self.name in row[0]}

    def files(self) -> set[str]:
        return {path.name for path in self.dumps.iterdir()} - {".lock"}

    def backup(self, *options: str, **extra: Any) -> Outcome:
        return self.workplace.run("db_backup", *options, **extra)

    def backed_up(self) -> Path:
        """The dump of a backup that must work."""
        run = self.backup()
        assert run.rc == 0, run.output[-3000:]
        return max(self.dumps.glob("*.dump"))

    def restore(self, dump: str, *options: str, **extra: Any) -> Outcome:
        return self.workplace.run(
            "db_restore", *options, **{"database_dump": dump, "database_confirm": self.name, **extra}
        )


@pytest.fixture(scope="session")
def server() -> Iterator[postgres_server.Server]:
    with postgres_server.running("keeper") as running:
        yield running


@pytest.fixture
def shop(server, tmp_path) -> Iterator[Shop]:
    made = Shop(server, f"shop-{uuid.uuid4().hex[:8]}", tmp_path)
    made.rows(f'CREATE DATABASE "{made.name}"', "postgres")
    made.rows(TABLES)
    yield made
    for name in made.databases():
        made.rows(f'DROP DATABASE "{name}" WITH (FORCE)', "postgres")


@pytest.fixture
def small_disk(shop) -> Iterator[int]:
    """The dumps lie on a file system of 256 KiB."""
    import subprocess

    if os.geteuid() != 0:
        pytest.fail("this test mounts a file system and needs root; leave it out with -k 'not full_disk'")
    shop.dumps.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", str(shop.dumps)], check=True)
    yield 256 * 1024
    subprocess.run(["umount", str(shop.dumps)], check=True)
