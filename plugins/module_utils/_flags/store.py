# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature flags in PostgreSQL: read the rows under a lock, decide, write, all in one transaction.

No update is lost: the rows are locked (``SELECT ... FOR UPDATE``, in the order of their keys, so that two writers of the
same flags cannot block each other for ever) before they are compared with what the caller expects, and written in the
same transaction. A flag that does not exist yet has no row to lock; an advisory lock on its name stands in.

Every name of a table or column goes through ``psycopg2.sql.Identifier``, every value is a parameter.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._flags.decide import decide
from ansible_collections.sre.remediation.plugins.module_utils._flags.model import Change, Layout, Request, Row, plain
from ansible_collections.sre.remediation.plugins.module_utils._postgres.connection import Connection

try:
    import psycopg2
    from psycopg2 import sql
except ImportError:
    pass  # Who opens the connection says so.

#: How many flags an error message names.
NAMED = 20

#: By SQLSTATE, the code of this collection; anything else is ``sql_error``.
CODES = {
    "42501": "not_permitted",
    "55P03": "timeout",
    "57014": "timeout",
    "40P01": "deadlock",
    "25006": "read_only",
    "40001": "changed_since",
    "23505": "changed_since",
    "23502": "value_missing",
    "22P02": "bad_argument",
    "22003": "bad_argument",
    "23503": "bad_argument",
    "23514": "bad_argument",
}


def apply(
    connection: Connection, layout: Layout, requests: t.Sequence[Request], check_mode: bool = False
) -> list[Change]:
    """Make what is asked true, all of it or nothing, and say what was done; in check mode only read.

    :raises RemediationError: as ``decide``; ``table_missing``, ``column_missing``, ``bad_column``, ``ambiguous_key``,
        ``not_written``; for what the server refuses the code in ``CODES``, ``lost`` or ``sql_error``.
    """
    try:
        with connection.transaction() as cursor:
            if check_mode:
                cursor.execute("SET TRANSACTION READ ONLY")
            # Times read the same for everybody, and a column without time zone gets UTC, as Prisma writes it.
            cursor.execute("SET LOCAL TimeZone TO 'UTC'")
            store = _Store(cursor, layout)
            rows = store.read([request.key for request in requests], lock=not check_mode)
            known = store.known_keys() if any(rows[request.key] is None for request in requests) else []
            changes = [decide(request, rows[request.key], layout, known) for request in requests]
            return changes if check_mode else [store.write(change) for change in changes]
    except psycopg2.Error as error:
        raise translated(error) from error


def translated(error: t.Any) -> RemediationError:
    """A server's error as one of this collection's, with the server's own words."""
    said = " ".join(str(error).split()) or error.__class__.__name__
    state = error.pgcode or ""
    code = CODES.get(state, "lost" if not state or state.startswith("57P") else "sql_error")
    if code == "value_missing":
        column = error.diag.column_name
        return RemediationError(
            f"the table needs a value for the column {column}, which is none of those this module sets: {said}. "
            "Let the application create this flag, or give the column a default",
            code=code,
        )
    if code == "timeout":
        said = f"another session holds the row of the flag, or the server is slow (statement_timeout): {said}"
    return RemediationError(f"PostgreSQL refused a statement: {said}", code=code)


class _Store:
    """The statements, with one layout's names in them, on one cursor."""

    def __init__(self, cursor: t.Any, layout: Layout) -> None:
        self.cursor, self.layout = cursor, layout
        self.table = _table(layout.schema, layout.table)
        self.key = _name(layout.key)
        types = self._column_types(self.table, layout.table, layout.columns())
        if types[layout.enabled] != "boolean":
            raise _bad_column(layout.table, layout.enabled, types[layout.enabled], "boolean")
        self.member_type = "text"
        self.members = None
        if layout.members_table:
            self.members = _table(layout.members_schema or layout.schema, layout.members_table)
            names = [layout.members_key, layout.members_member]
            found = self._column_types(self.members, layout.members_table, names)
            self.member_type = found[layout.members_member]
        elif layout.allowlist:
            found = types[layout.allowlist]
            if not found.endswith("[]"):
                raise _bad_column(layout.table, layout.allowlist, found, "an array, such as text[]")
            self.member_type = found.removesuffix("[]")

    def _column_types(self, table: t.Any, name: str, columns: t.Sequence[str]) -> dict[str, str]:
        """Types of the columns by name, as the server writes them; what is missing is named."""
        shown = _shown(table, self.cursor)
        self.cursor.execute("SELECT to_regclass(%s), current_database()", (shown,))
        found, database = self.cursor.fetchone()
        if found is None:
            raise RemediationError(f"there is no table {shown} in the database {database}", code="table_missing")
        self.cursor.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_catalog.pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (shown,),
        )
        there = dict(self.cursor.fetchall())
        missing = [column for column in columns if column not in there]
        if missing:
            message = f"table {name} has no column {', '.join(missing)}; it has {', '.join(sorted(there))}"
            raise RemediationError(message, code="column_missing")
        return there

    def known_keys(self) -> list[str]:
        """Some keys that exist, for a message."""
        query = sql.SQL("SELECT {key}::text FROM {table} ORDER BY 1 LIMIT %s")
        self.cursor.execute(query.format(key=self.key, table=self.table), (NAMED,))
        return [row[0] for row in self.cursor.fetchall()]

    def read(self, keys: t.Sequence[str], lock: bool) -> dict[str, Row | None]:
        """The rows by key, None for a flag that does not exist."""
        if lock:
            for key in sorted(keys):
                self._lock_name(key)
        rows: dict[str, Row | None] = {key: None for key in keys}
        for key, *values in self._select(keys, lock):
            if rows[key] is not None:
                message = f"table {self.layout.table} has more than one row with {self.layout.key} {key}"
                raise RemediationError(message, code="ambiguous_key")
            rows[key] = self._row(key, *values)
        return rows

    def _lock_name(self, key: str) -> None:
        """Hold the name of a flag until the end of the transaction, so that nobody else of us creates it meanwhile."""
        self.cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", (_shown(self.table, self.cursor), key)
        )

    def _select(self, keys: t.Sequence[str], lock: bool) -> list[tuple[t.Any, ...]]:
        layout = self.layout
        columns = [
            self.key + sql.SQL("::text"),
            _name(layout.enabled),
            _name(layout.rollout_percentage) if layout.rollout_percentage else sql.SQL("NULL"),
            _name(layout.allowlist) + sql.SQL("::text[]") if layout.allowlist else sql.SQL("NULL"),
            _iso(_name(layout.updated_at)) if layout.updated_at else sql.SQL("NULL"),
        ]
        query = sql.SQL("SELECT {columns} FROM {table} WHERE {key}::text = ANY(%s) ORDER BY {key}").format(
            columns=sql.SQL(", ").join(columns), table=self.table, key=self.key
        )
        self.cursor.execute(query + sql.SQL(" FOR UPDATE" if lock else ""), (list(keys),))
        return self.cursor.fetchall()

    def _row(
        self, key: str, enabled: t.Any, percentage: t.Any, allowlist: list[t.Any] | None, updated_at: str | None
    ) -> Row:
        layout = self.layout
        members = None
        if layout.allowlist:
            members = tuple(member for member in allowlist or () if member is not None)
        elif self.members is not None:
            members = self._members(key)
        number = plain(percentage or 0) if layout.rollout_percentage else None
        return Row(bool(enabled), number, members, updated_at)

    def _members(self, key: str) -> tuple[str, ...]:
        query = sql.SQL("SELECT {member}::text FROM {members} WHERE {key}::text = %s ORDER BY 1")
        self.cursor.execute(query.format(**self._member_names()), (key,))
        return tuple(row[0] for row in self.cursor.fetchall())

    def _member_names(self) -> dict[str, t.Any]:
        return {
            "members": self.members,
            "key": _name(self.layout.members_key),
            "member": _name(self.layout.members_member),
            "type": sql.SQL(self.member_type),
        }

    def write(self, change: Change) -> Change:
        """Do it; returns the change with the time the database gave the row."""
        if not change.changed:
            return change
        if change.action == "delete":
            self._write_members(change)
            self.cursor.execute(
                sql.SQL("DELETE FROM {table} WHERE {key}::text = %s").format(table=self.table, key=self.key),
                (change.key,),
            )
            return change
        updated_at = self._write_row(change)
        self._write_members(change)
        return replace(change, after=replace(change.after, updated_at=updated_at))

    def _write_row(self, change: Change) -> str | None:
        layout, after = self.layout, change.after
        values: list[tuple[str, t.Any, t.Any]] = [(layout.enabled, sql.Placeholder(), after.enabled)]
        if layout.rollout_percentage:
            values.append((layout.rollout_percentage, sql.Placeholder(), after.rollout_percentage))
        if layout.allowlist:
            array = sql.SQL("%s::text[]::") + sql.SQL(self.member_type) + sql.SQL("[]")
            values.append((layout.allowlist, array, list(after.allowlist or ())))
        if layout.updated_at:
            values.append((layout.updated_at, sql.SQL("clock_timestamp()"), None))
        parameters = [value for _name, place, value in values if not _is_clock(place)]
        if change.action == "create":
            names = [self.key, *(_name(name) for name, _place, _value in values)]
            places = [sql.Placeholder(), *(place for _name, place, _value in values)]
            query = sql.SQL("INSERT INTO {table} ({names}) VALUES ({places})").format(
                table=self.table, names=sql.SQL(", ").join(names), places=sql.SQL(", ").join(places)
            )
            parameters = [change.key, *parameters]
        else:
            pairs = [_name(name) + sql.SQL(" = ") + place for name, place, _value in values]
            query = sql.SQL("UPDATE {table} SET {pairs} WHERE {key}::text = %s").format(
                table=self.table, pairs=sql.SQL(", ").join(pairs), key=self.key
            )
            parameters = [*parameters, change.key]
        returned = _iso(_name(layout.updated_at)) if layout.updated_at else sql.SQL("NULL")
        self.cursor.execute(query + sql.SQL(" RETURNING ") + returned, parameters)
        written = self.cursor.fetchall()
        if len(written) != 1:
            message = (
                f"writing {change.key} touched {len(written)} rows instead of 1: a trigger or a policy is in the way"
            )
            raise RemediationError(message, code="not_written")
        return written[0][0]

    def _write_members(self, change: Change) -> None:
        """Only what differs: a member whom somebody else adds at the same moment stays."""
        if self.members is None:
            return
        before = set(change.before.allowlist or ()) if change.before else set()
        after = set(change.after.allowlist or ()) if change.after else set()
        if before - after:
            query = sql.SQL("DELETE FROM {members} WHERE {key}::text = %s AND {member}::text = ANY(%s)")
            self.cursor.execute(query.format(**self._member_names()), (change.key, sorted(before - after)))
        if after - before:
            query = sql.SQL(
                "INSERT INTO {members} ({key}, {member}) SELECT %s, member::{type} FROM unnest(%s::text[]) AS member"
            )
            self.cursor.execute(query.format(**self._member_names()), (change.key, sorted(after - before)))


def _name(*names: str) -> t.Any:
    """A quoted name for a statement with parameters, in which psycopg2 takes a percent sign for one of its own."""
    return sql.Identifier(*(name.replace("%", "%%") for name in names))


def _shown(name: t.Any, cursor: t.Any) -> str:
    """A quoted name as text, for messages and parameters."""
    return name.as_string(cursor).replace("%%", "%")


def _table(schema: str | None, name: str) -> t.Any:
    return _name(schema, name) if schema else _name(name)


def _iso(column: t.Any) -> t.Any:
    """A time as ISO 8601 text to the microsecond, whatever DateStyle says."""
    return sql.SQL("(to_json({column})#>>'{{}}')").format(column=column)


def _is_clock(place: t.Any) -> bool:
    return place == sql.SQL("clock_timestamp()")


def _bad_column(table: str, column: str, found: str, needed: str) -> RemediationError:
    return RemediationError(f"column {column} of table {table} is {found}, it must be {needed}", code="bad_column")
