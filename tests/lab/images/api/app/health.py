"""What the health check of the API really checks; each check returns None or one line saying what is wrong."""

from __future__ import annotations

import os

import psycopg2

from . import lab_switches, release
from .database import schema_version, transaction
from .settings import Settings

NOT_CHECKED = "not checked, for the database cannot be used"
PROBE_BYTES = 65536  # large enough to need new pages of a full file system


def check(settings: Settings) -> dict[str, str | None]:
    """The problems by check, None where all is well."""
    database, migrations = _database(settings)
    problems = {"database": database, "migrations": migrations, "disk": _disk(settings)}
    if lab_switches.is_unhealthy():
        problems["workers"] = "internal queue is stuck, a restart is needed"
    return problems


def _database(settings: Settings) -> tuple[str | None, str | None]:
    try:
        with transaction(settings.database_url) as cursor:
            cursor.execute("SELECT 1")
            version = schema_version(cursor)
    except psycopg2.Error as error:
        return " ".join(str(error).split()) or type(error).__name__, NOT_CHECKED
    if version < release.SCHEMA:
        return None, (
            f"Pending migration: database is at version {version}, code needs version {release.SCHEMA}"
            " (run: python3 -m app.migrate)"
        )
    return None, None


def _disk(settings: Settings) -> str | None:
    path = os.path.join(settings.data_directory, f".health-{os.getpid()}")
    try:
        try:
            with open(path, "wb") as file:
                file.write(bytes(PROBE_BYTES))
        finally:
            if os.path.exists(path):
                os.unlink(path)
    except OSError as error:
        return f"{error.strerror}: {settings.data_directory}"
    return None
