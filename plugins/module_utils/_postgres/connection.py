# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one connection a module for PostgreSQL makes: its options, its own limits, and errors that say what to do.

Documented in the doc fragment ``_postgres``; keep both in step. Only options that were given are handed to libpq, so
that its environment variables, the service file and ``.pgpass`` work. The session limits itself from its first moment
on (``options`` of libpq), is named ``sre.remediation``, and commits every statement by itself: within a transaction the
server would show the same snapshot of ``pg_stat_activity`` again and again.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import os
import random
import re
import time
import traceback
import typing as t
from contextlib import contextmanager

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

try:
    import psycopg2
except ImportError:
    psycopg2 = None
    IMPORT_TRACEBACK: str | None = traceback.format_exc()
else:
    IMPORT_TRACEBACK = None

APPLICATION_NAME = "sre.remediation"
DEFAULT_DATABASE = "postgres"
SSL_MODES = ("allow", "disable", "prefer", "require", "verify-ca", "verify-full")
OLDEST_SERVER = 130000
RETRY_SECONDS = (0.1, 0.5)
"""Pauses between two tries for a slot on a server that has none free: first and longest."""

_PARAMETERS = {
    "login_host": "host",
    "login_port": "port",
    "login_user": "user",
    "login_password": "password",
    "login_db": "dbname",
    "service": "service",
    "ssl_mode": "sslmode",
    "ca_cert": "sslrootcert",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
}
"""Our options and libpq's names for them."""

_NO_SLOT = re.compile(r"too many clients already|remaining connection slots are reserved", re.IGNORECASE)
_NO_SLOT_OF_ONE = re.compile(r'too many connections for (role|database) "[^"]*"', re.IGNORECASE)


def argument_spec() -> dict[str, t.Any]:
    """Return the shared part of the argument specification."""
    return {
        "dsn": {"type": "str", "no_log": True},
        "service": {"type": "str"},
        "login_host": {"type": "str"},
        "login_unix_socket": {"type": "path"},
        "login_port": {"type": "int"},
        "login_user": {"type": "str"},
        "login_password": {"type": "str", "no_log": True},
        "login_db": {"type": "str"},
        "ssl_mode": {"type": "str", "choices": list(SSL_MODES)},
        "ca_cert": {"type": "path", "aliases": ["ssl_rootcert"]},
        "ssl_cert": {"type": "path"},
        "ssl_key": {"type": "path"},
        "connect_timeout": {"type": "int", "default": 10},
        "statement_timeout": {"type": "float", "default": 15.0},
    }


MUTUALLY_EXCLUSIVE = [("login_host", "login_unix_socket"), ("dsn", "service")]


def parameters(
    params: t.Mapping[str, t.Any], environ: t.Mapping[str, str], read_only: bool = True
) -> dict[str, str | int]:
    """Return what libpq is given; RemediationError (``invalid_option``) for limits that are none.

    :param environ: the environment of the process: PGOPTIONS is kept, and PGDATABASE decides on the default database.
    """
    if params["connect_timeout"] < 2:
        raise RemediationError("connect_timeout: must be 2 or more (seconds)", code="invalid_option")
    if not params["statement_timeout"] > 0:
        raise RemediationError("statement_timeout: must be greater than 0 (seconds)", code="invalid_option")
    found = {name: params[option] for option, name in _PARAMETERS.items() if params[option] not in (None, "")}
    if params["login_unix_socket"]:
        found["host"] = params["login_unix_socket"]
    if not (params["dsn"] or params["service"] or environ.get("PGSERVICE") or environ.get("PGDATABASE")):
        found.setdefault("dbname", DEFAULT_DATABASE)
    milliseconds = max(1, round(params["statement_timeout"] * 1000))
    limits = (
        f"-c statement_timeout={milliseconds} -c lock_timeout={max(1, milliseconds // 2)} "
        f"-c idle_in_transaction_session_timeout={milliseconds} -c TimeZone=UTC"
    )
    if read_only:
        limits += " -c default_transaction_read_only=on"
    found["options"] = f"{environ.get('PGOPTIONS', '')} {limits}".strip()
    found["application_name"] = APPLICATION_NAME
    found["connect_timeout"] = params["connect_timeout"]
    return found


def connect_error(text: str) -> RemediationError:
    """Translate what libpq says about a failed connection into what an operator can do about it."""
    said = " ".join(text.split())
    if _NO_SLOT.search(said):
        return RemediationError(
            f"PostgreSQL has no connection slot left for this user: {said}. Log in as a superuser "
            "(superuser_reserved_connections keeps slots for it); on PostgreSQL 16 and later a role with "
            "pg_use_reserved_connections and pg_signal_backend can use those of reserved_connections. When these are "
            "taken too, stop one client of the database, for example one instance of the application",
            code="no_connection_slot",
        )
    if _NO_SLOT_OF_ONE.search(said):
        return RemediationError(
            f"PostgreSQL has no connection slot left: {said}. Log in as a user, or to a database, that has no limit "
            "of its own (login_user, login_db): sessions of every database can be seen and ended from any",
            code="no_connection_slot",
        )
    if "unsupported startup parameter" in said:
        return RemediationError(
            f"{said}: this is a connection pooler, not the server. Connect to the server itself (login_host, "
            "login_port), or add options to the pooler's ignore_startup_parameters",
            code="pooler",
        )
    if re.search(r"password authentication failed|no password supplied|pg_hba\.conf|Peer authentication", said):
        return RemediationError(
            f"PostgreSQL did not let us in: {said}. Check login_user, login_password, .pgpass and pg_hba.conf",
            code="authentication_failed",
        )
    return RemediationError(
        f"cannot connect to PostgreSQL: {said or 'no answer'}. Check login_host, login_port, login_db and ssl_mode",
        code="unreachable",
    )


class Connection:
    """One session: ``rows(sql, arguments)`` is one statement in one transaction of its own."""

    def __init__(self, raw: t.Any) -> None:
        self._raw = raw
        self.version: int = raw.server_version

    def rows(self, sql: str, arguments: t.Mapping[str, t.Any] | None = None) -> list[tuple]:
        """Return the rows; RemediationError with the code ``not_permitted``, ``timeout``, ``lost`` or ``sql_error``."""
        try:
            with self._raw.cursor() as cursor:
                cursor.execute(sql, arguments)  # without arguments a % in the statement is only a %
                return cursor.fetchall()
        except psycopg2.Error as error:
            raise self._translate(error) from error

    @contextmanager
    def transaction(self) -> t.Iterator[t.Any]:
        """One transaction: yields a cursor, commits at the end, rolls back when anything is raised."""
        with self._raw, self._raw.cursor() as cursor:
            yield cursor

    def _translate(self, error: t.Any) -> RemediationError:
        said = " ".join(str(error).split())
        if error.pgcode == "42501":
            return RemediationError(f"PostgreSQL does not permit it: {said}", code="not_permitted")
        if error.pgcode in ("57014", "55P03"):
            return RemediationError(
                f"PostgreSQL did not answer in time (statement_timeout): {said}. Give a longer statement_timeout",
                code="timeout",
            )
        if self._raw.closed or (error.pgcode or "").startswith("57P"):
            return RemediationError(f"the connection to PostgreSQL was lost: {said}", code="lost")
        return RemediationError(f"PostgreSQL refused a statement: {said}", code="sql_error")


@contextmanager
def connected(params: t.Mapping[str, t.Any], read_only: bool = True) -> t.Iterator[Connection]:
    """Open the one connection, and close it at the end.

    A server without a free slot is asked again until ``connect_timeout`` is over: slots come and go.
    RemediationError with the code ``no_connection_slot``, ``pooler``, ``authentication_failed``, ``unreachable`` or
    ``too_old``.
    """
    raw = _open(params, parameters(params, os.environ, read_only))
    try:
        raw.autocommit = True
        if raw.server_version < OLDEST_SERVER:
            raise RemediationError(
                f"this server is PostgreSQL {raw.server_version // 10000}; 13 or later is needed", code="too_old"
            )
        yield Connection(raw)
    finally:
        raw.close()


def _open(params: t.Mapping[str, t.Any], arguments: dict[str, t.Any]) -> t.Any:
    deadline, pause = time.monotonic() + params["connect_timeout"], RETRY_SECONDS[0]
    while True:
        try:
            return psycopg2.connect(params["dsn"], **arguments)
        except psycopg2.Error as error:
            failure = connect_error(_without(str(error), params))
        if failure.code != "no_connection_slot" or time.monotonic() + pause > deadline:
            raise failure
        time.sleep(pause * random.uniform(0.8, 1.2))
        pause = min(pause * 1.5, RETRY_SECONDS[1])


def _without(text: str, params: t.Mapping[str, t.Any]) -> str:
    """The text without the secrets among the options: libpq quotes a connection string it cannot read."""
    for secret in (params["dsn"], params["login_password"]):
        if secret:
            text = text.replace(secret, "[redacted]")
    return text
