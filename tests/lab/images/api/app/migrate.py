"""Bring the database's schema to the version this release needs: ``python3 -m app.migrate [up|down]``.

``up`` applies what is missing, ``down`` takes back the newest migration. Both are safe to repeat and run in one
transaction under a lock, so that two at once do not collide.
"""

from __future__ import annotations

import os
import sys

import psycopg2
from werkzeug.security import generate_password_hash

from . import release
from .database import schema_version, transaction

MIGRATIONS = {
    1: (
        """
        CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
        CREATE TABLE users (name text PRIMARY KEY, password_hash text NOT NULL);
        CREATE TABLE orders (
            id bigserial PRIMARY KEY, item text NOT NULL, quantity integer NOT NULL CHECK (quantity > 0),
            created_at timestamptz NOT NULL DEFAULT now()
        );
        """,
        "DROP TABLE orders; DROP TABLE users;",
    ),
    2: (
        "ALTER TABLE orders ADD COLUMN status text NOT NULL DEFAULT 'new'",
        "ALTER TABLE orders DROP COLUMN status",
    ),
}
LOCK = 7_301_001  # any number, the same for every process that migrates this database


def up(cursor: psycopg2.extensions.cursor) -> list[str]:
    done = []
    for version in range(schema_version(cursor) + 1, release.SCHEMA + 1):
        cursor.execute(MIGRATIONS[version][0])
        cursor.execute("INSERT INTO schema_version (version) VALUES (%s)", (version,))
        done.append(f"applied migration {version}")
    password = os.environ.get("ORDERS_DEMO_PASSWORD")
    if password:
        hashed = generate_password_hash(password)
        cursor.execute("INSERT INTO users VALUES ('demo', %s) ON CONFLICT DO NOTHING", (hashed,))
    return done


def down(cursor: psycopg2.extensions.cursor) -> list[str]:
    version = schema_version(cursor)
    if version == 0:
        return []
    cursor.execute(MIGRATIONS[version][1])
    cursor.execute("DELETE FROM schema_version WHERE version = %s", (version,))
    return [f"took back migration {version}"]


def main(arguments: list[str]) -> int:
    steps = {"up": up, "down": down}
    command = arguments[0] if arguments else "up"
    if command not in steps or len(arguments) > 1:
        print("usage: python3 -m app.migrate [up|down]", file=sys.stderr)
        return 2
    try:
        with transaction(os.environ["DATABASE_URL"]) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            done = steps[command](cursor)
            version = schema_version(cursor)
    except psycopg2.Error as error:
        print(f"ERROR migration failed: {str(error).strip()}", file=sys.stderr)
        return 1
    print("\n".join([*(done or ["nothing to do"]), f"database is at version {version}"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
