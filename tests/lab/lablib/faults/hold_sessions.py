"""Runs inside a container of the API's image: opens database sessions of the kinds it is told, says "ready", and holds them.

Arguments are kind=number. It needs nothing but psycopg2, and is handed over as text, so it imports nothing of the lab.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import psycopg2

URL = os.environ["DATABASE_URL"]
HELD: list[object] = []


def connect(name: str = "lab-web") -> psycopg2.extensions.connection:
    made = psycopg2.connect(URL, application_name=name)
    made.autocommit = True
    HELD.append(made)
    return made


def in_transaction(statement: str = "SELECT 1", name: str = "lab-web") -> psycopg2.extensions.connection:
    made = connect(name)
    made.autocommit = False
    made.cursor().execute(statement)
    return made


def in_background(
    connection: psycopg2.extensions.connection, statement: str, again: bool = False, pause: float = 0.05
) -> None:
    """Run the statement in a thread; with ``again`` once more whenever it ends or is cancelled, as busy clients do, after
    ``pause`` seconds."""

    def work() -> None:
        while True:
            try:
                connection.cursor().execute(statement)
                if not connection.autocommit:
                    connection.commit()
            except psycopg2.Error:
                if connection.closed:
                    return
            if not again:
                return
            time.sleep(pause)

    threading.Thread(target=work, daemon=True).start()


def block() -> None:
    """Three levels: the first holds a row, the second waits for it and holds another, and so on; only the first is idle."""
    with connect().cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS lab_locks (id integer PRIMARY KEY, value integer NOT NULL)")
        cursor.execute(
            "INSERT INTO lab_locks SELECT number, 0 FROM generate_series(1, 4) number ON CONFLICT DO NOTHING"
        )
    update = "UPDATE lab_locks SET value = value + 1 WHERE id = {}"
    in_transaction(update.format(1))
    for level in (2, 3, 4):
        in_background(in_transaction(update.format(level)), update.format(level - 1))
        time.sleep(0.2)


def fill(tries: int = 1) -> None:
    """Idle sessions until the server has no slot left for this user, which it says so many times in a row."""
    refused = 0
    while refused < tries:
        try:
            connect().cursor().execute("SELECT 1")
            refused = 0
        except psycopg2.OperationalError:
            refused += 1
            time.sleep(0.2 if refused < tries else 0)


def scan() -> None:
    """Look rows up, again and again, in a table that has no index for it. The client gives each try 20 s: with an index it
    needs a part of one, without it a minute or more, so whoever looks finds one that has been running for a while."""
    with connect().cursor() as cursor:
        cursor.execute(
            "CREATE TABLE lab_items AS SELECT 'item-' || number AS label FROM generate_series(1, 60000) number"
        )
        cursor.execute("ANALYZE lab_items")
    lookups = "LATERAL (SELECT count(*) FROM lab_items WHERE label = 'item-' || number) found"
    client = connect()
    client.cursor().execute("SET statement_timeout = '20s'")
    in_background(client, f"SELECT sum(count) FROM generate_series(1, 20000) number, {lookups}", again=True, pause=1)


KINDS = {
    "idle": lambda: connect().cursor().execute("SELECT 1"),
    "in_transaction": in_transaction,
    "active": lambda: in_background(connect(), "SELECT pg_sleep(900)"),
    "stubborn": lambda: in_background(connect(), "SELECT pg_sleep(900)", again=True),
    "scan": scan,
    "dump": lambda: in_transaction(name="pg_dump"),
    "block": block,
    "short": lambda: in_background(connect(), "SELECT pg_sleep(1.5)", again=True, pause=2),
    "fill": fill,
    "cram": lambda: fill(tries=8),  # also what others held for a moment
}

for argument in sys.argv[1:]:
    kind, _equals, number = argument.partition("=")
    for _session in range(int(number)):
        KINDS[kind]()
print("ready", flush=True)
threading.Event().wait()
