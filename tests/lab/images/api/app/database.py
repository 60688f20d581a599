"""Connections to PostgreSQL, and the version of the schema that is there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg2
import psycopg2.extras

CONNECT_TIMEOUT = 2  # seconds, so that a health check ends before the one who asked has given up


@contextlib.contextmanager
def transaction(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor in a transaction of its own connection; committed at the end, rolled back on an error."""
    connection = psycopg2.connect(url, connect_timeout=CONNECT_TIMEOUT, cursor_factory=psycopg2.extras.RealDictCursor)
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def schema_version(cursor: psycopg2.extensions.cursor) -> int:
    """Newest migration applied to this database, 0 when it is empty."""
    cursor.execute("SELECT to_regclass('schema_version') AS name")
    if cursor.fetchone()["name"] is None:
        return 0
    cursor.execute("SELECT coalesce(max(version), 0) AS version FROM schema_version")
    return cursor.fetchone()["version"]
