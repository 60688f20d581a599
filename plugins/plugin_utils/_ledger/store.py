# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both databases have in common: a transaction that speaks one SQL, and a store that opens and upgrades it.

PRIVATE to the collection.
The SQL is written with ``?`` placeholders. A store turns every error of its driver into ``LedgerError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import schema
from .model import LedgerError


class Transaction:
    """Statements between BEGIN and COMMIT; rows come back as dictionaries."""

    def __init__(self, cursor: Any, placeholder: str) -> None:
        self._cursor = cursor
        self._placeholder = placeholder

    def _sql(self, sql: str) -> str:
        return sql if self._placeholder == "?" else sql.replace("?", self._placeholder)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; returns the number of rows it changed."""
        self._cursor.execute(self._sql(sql), tuple(values))
        return self._cursor.rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._cursor.executemany(self._sql(sql), rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        self._cursor.execute(self._sql(sql), tuple(values))
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row)) for row in self._cursor.fetchall()]

    def row(self, sql: str, values: Sequence[Any] = ()) -> dict[str, Any] | None:
        found = self.rows(sql, values)
        return found[0] if found else None


class Store:
    """One open database. Subclasses say how to begin, what the driver's errors mean, and which version they found."""

    placeholder = "?"
    driver_error: type[Exception] = Exception

    def __init__(self, label: str) -> None:
        self.label = label
        self._connection: Any = None

    def _begin(self, cursor: Any, write: bool) -> None:
        raise NotImplementedError

    def _translate(self, error: Exception) -> LedgerError:
        raise NotImplementedError

    def _found_version(self, tx: Transaction) -> int:
        raise NotImplementedError

    def _check_before_write(self) -> None:
        """Raise when what was opened is not there any more."""

    @contextmanager
    def transaction(self, write: bool = False) -> Iterator[Transaction]:
        """COMMIT at the end, ROLLBACK on any exception. ``write`` excludes every other writer from the start."""
        if write:
            self._check_before_write()
        try:
            cursor = self._connection.cursor()
            try:
                self._begin(cursor, write)
                yield Transaction(cursor, self.placeholder)
                cursor.execute("COMMIT")
            except BaseException:
                self._rollback(cursor)
                raise
        except self.driver_error as error:
            raise self._translate(error) from error

    def _in_transaction(self) -> bool:
        """False when BEGIN failed, or when the database has rolled back by itself."""
        raise NotImplementedError

    def _rollback(self, cursor: Any) -> None:
        try:
            if self._in_transaction():
                cursor.execute("ROLLBACK")
        except self.driver_error:
            # The error that led here says more; an unusable connection is rolled back by the database itself.
            self.close()

    def upgrade(self, clock: Callable[[], float]) -> None:
        """Create or migrate the tables; refuse a ledger that a newer release has written."""
        newest = len(schema.MIGRATIONS)
        with self.transaction() as tx:
            found = self._found_version(tx)
        if found < newest:
            with self.transaction(write=True) as tx:
                schema.migrate(tx, self._found_version(tx), clock())
        elif found > newest:
            raise LedgerError(
                f"The ledger {self.label} has schema version {found}, this collection knows up to {newest}; "
                "upgrade sre.remediation on this machine",
                "ledger_newer",
            )

    def close(self) -> None:
        try:
            self._connection.close()
        except self.driver_error:
            return  # Closing tidies up only; nothing was promised to anybody that is lost by it.
