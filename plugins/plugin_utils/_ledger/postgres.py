# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger in PostgreSQL: shared by an AWX cluster, Event-Driven Ansible and people's laptops. PRIVATE.

The tables lie in the schema ``sre_remediation`` of the database, or in another one that the DSN names by
``postgresql://user@host/db?options=-csearch_path%3Dother``. Writers take one advisory lock per schema, so
that a write transaction has the ledger to itself, as with SQLite. Every limit is set per transaction (SET LOCAL), which
works behind a transaction pooler too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

from .model import LedgerError
from .store import Store, Transaction

TRANSACTION_STATUS_IDLE = 0  # psycopg2.extensions.TRANSACTION_STATUS_IDLE, without importing it here
OWN_SCHEMA = "sre_remediation"
"""Where the tables are, unless the DSN names a search_path."""

CONNECT_SECONDS = 5
LOCK_SECONDS = 5
STATEMENT_SECONDS = 10
CLOCK_SKEW_SECONDS = 30.0
"""A clock that is further off the server's would misjudge a lease of 120 s."""

BEGIN_WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; %s"
    f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '30s'; "
    "SELECT pg_advisory_xact_lock(hashtext('sre.remediation ledger'), hashtext(current_schema()::text))"
)
BEGIN_READ = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; %s"
    f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"
)

UNWRITABLE = {
    "25006": "the server or the database is read-only",
    "42501": "the role lacks a privilege",
    "53100": "the server's disk is full",
    "3F000": "the schema of the search_path does not exist",
    "42P07": "another application's tables have the ledger's names, give the ledger a schema of its own",
}
CORRUPT_CLASSES = ("42", "22", "23", "XX")
"""Wrong tables or columns, values or constraints that code here never violates, and the server's data corruption."""


class PostgresStore(Store):
    placeholder = "%s"

    def __init__(self, dsn: str, clock: Callable[[], float]) -> None:
        self._secrets = _passwords(dsn)
        super().__init__(redact(dsn, self._secrets))
        try:
            import psycopg2
        except ImportError as error:
            raise LedgerError(
                f"The ledger {self.label} needs the Python library psycopg2 on the controller "
                "(pip install psycopg2-binary), or use a file path in SRE_REMEDIATION_LEDGER",
                "ledger_unreachable",
            ) from error
        self.driver_error = psycopg2.Error
        try:
            self._connection = psycopg2.connect(
                dsn, connect_timeout=CONNECT_SECONDS, application_name="sre.remediation"
            )
            self._connection.autocommit = True
            self._search_path = ""
            if "search_path" not in dsn:
                self._use_own_schema()
        except psycopg2.Error as error:
            raise self._translate(error) from error
        try:
            if clock is time.time:
                self._check_clock(clock)
            self.upgrade(clock)
        except BaseException:
            self.close()
            raise

    def _use_own_schema(self) -> None:
        """Keep apart from whatever else lives in the database: "incidents" and "schema_version" are common names."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (OWN_SCHEMA,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {OWN_SCHEMA}")
        self._search_path = f"SET LOCAL search_path TO {OWN_SCHEMA}; "

    def _check_clock(self, clock: Callable[[], float]) -> None:
        with self.transaction() as tx:
            server = tx.row("SELECT extract(epoch FROM clock_timestamp()) AS now")
        skew = clock() - float(server["now"])
        if abs(skew) > CLOCK_SKEW_SECONDS:
            raise LedgerError(
                f"The clock of this machine is {skew:+.0f} s off the clock of the ledger {self.label} "
                f"(allowed: {CLOCK_SKEW_SECONDS:g} s); leases would be misjudged, synchronise the clocks",
                "ledger_clock",
            )

    def _begin(self, cursor: Any, write: bool) -> None:
        cursor.execute((BEGIN_WRITE if write else BEGIN_READ) % self._search_path)

    def _in_transaction(self) -> bool:
        return self._connection.info.transaction_status != TRANSACTION_STATUS_IDLE

    def _found_version(self, tx: Transaction) -> int:
        # Not to_regclass(): its cache may not know yet what a rival has created while we waited for the lock.
        table = tx.row(
            "SELECT 1 AS there FROM pg_catalog.pg_tables WHERE schemaname = current_schema() "
            "AND tablename = 'schema_version'"
        )
        if table is None:
            return 0
        return int(tx.row("SELECT MAX(version) AS version FROM schema_version")["version"] or 0)

    def _translate(self, error: Exception) -> LedgerError:
        state = getattr(error, "pgcode", None) or ""
        why = redact(" ".join(str(error).split()), self._secrets)
        if state in UNWRITABLE:
            message = f"The ledger {self.label} cannot be written: {UNWRITABLE[state]} ({why})"
            return LedgerError(message, "ledger_unwritable")
        if state.startswith(CORRUPT_CLASSES):
            message = f"The ledger {self.label} is damaged or is not a ledger ({why}); restore it from a backup"
            return LedgerError(message, "ledger_corrupt")
        return LedgerError(f"The ledger {self.label} cannot be reached ({why})", "ledger_unreachable")


def _passwords(dsn: str) -> list[str]:
    try:
        password = urlsplit(dsn).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []
