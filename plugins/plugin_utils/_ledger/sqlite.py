# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger in an SQLite file: the default, one machine, nothing to set up. PRIVATE to the collection.

The file is made complete under another name and then linked into place, so that nobody ever sees half a ledger. A
sentinel ``<file>.created`` beside it remembers that it was made: a ledger that is gone is then noticed and refused,
instead of starting anew with no memory of cooldowns and leases. Not for network file systems: WAL needs shared memory.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from . import schema
from .model import LedgerError
from .store import Store, Transaction

BUSY_SECONDS = 5.0
"""How long a writer waits for another one. A write transaction here lasts milliseconds."""

CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
UNWRITABLE = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteStore(Store):
    driver_error = sqlite3.Error

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        super().__init__(str(path))
        self.path = path
        self.sentinel = path.with_name(path.name + ".created")
        try:
            remembered, there = self.sentinel.exists(), path.exists()
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        if not there:
            if remembered:
                raise self._missing()
            self._create(clock)
        try:
            self._connection = _connect(path)
            self._identity = _identity(path)
        except sqlite3.Error as error:
            raise self._translate(error) from error
        try:
            self.upgrade(clock)
            if not remembered:
                self._touch_sentinel()
        except BaseException:
            self.close()
            raise

    def _create(self, clock: Callable[[], float]) -> None:
        """Make a complete ledger beside the final name, then link it there; a rival who was faster simply wins."""
        draft: Path | None = None
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".new", dir=self.path.parent)
            os.close(handle)  # mkstemp made it 0600; SQLite gives -wal and -shm the mode of the file itself.
            draft = Path(name)
            with closing(_connect(draft)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN")
                schema.migrate(Transaction(connection.cursor(), self.placeholder), 0, clock())
                connection.execute("COMMIT")
            with suppress(FileExistsError):
                os.link(draft, self.path)
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        except sqlite3.Error as error:
            raise self._translate(error) from error
        finally:
            if draft is not None:
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{draft}{suffix}").unlink(missing_ok=True)

    def _touch_sentinel(self) -> None:
        try:
            os.close(os.open(self.sentinel, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error

    def _begin(self, cursor: Any, write: bool) -> None:
        cursor.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def _in_transaction(self) -> bool:
        return self._connection.in_transaction

    def _found_version(self, tx: Transaction) -> int:
        found = tx.row("SELECT MAX(version) AS version FROM schema_version")
        return int(found["version"] or 0) if found else 0

    def _check_before_write(self) -> None:
        # An unlinked file would take our writes and show them to nobody else.
        if _identity(self.path) != self._identity:
            raise self._missing()

    def _missing(self) -> LedgerError:
        return LedgerError(
            f"The ledger {self.path} is gone, but {self.sentinel.name} says that it was there: restore it, or delete "
            "the sentinel to start anew without any memory of leases and cooldowns",
            "ledger_missing",
        )

    def _unwritable(self, why: str) -> LedgerError:
        return LedgerError(
            f"The ledger {self.path} cannot be written ({why}); free the disk, make its directory writable, or point "
            "SRE_REMEDIATION_LEDGER elsewhere",
            "ledger_unwritable",
        )

    def _translate(self, error: Exception) -> LedgerError:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in UNWRITABLE:
            return self._unwritable(str(error))
        if code in BUSY:
            return LedgerError(
                f"The ledger {self.path} has been locked by another process for {BUSY_SECONDS:g} s ({error})",
                "ledger_unreachable",
            )
        # Anything else (no such table, a constraint that code here never violates) means: not the ledger we wrote.
        return LedgerError(
            f"The ledger {self.path} is damaged or is not a ledger ({error}); restore it from a backup, or move it and "
            f"{self.sentinel.name} away to start anew",
            "ledger_corrupt",
        )


def _connect(path: Path) -> sqlite3.Connection:
    """mode=rw: never create, a missing file is an error. isolation_level None: BEGIN and COMMIT are ours."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
