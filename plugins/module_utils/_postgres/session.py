# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One session of a PostgreSQL server as ``pg_stat_activity`` shows it: the SQL that reads it, and what follows from it.

What differs between the versions this SQL suits:

* 13: ``leader_pid`` is there, ``query_id`` is not. Roles ``pg_read_all_stats`` and ``pg_signal_backend`` exist.
* 14: ``query_id`` in ``pg_stat_activity`` (null unless ``compute_query_id`` is on).
* 15: ``pg_start_backup()`` became ``pg_backup_start()``; exclusive backups and ``pg_is_in_backup()`` are gone.
* 16: ``reserved_connections`` and the role ``pg_use_reserved_connections``. Older servers have no such setting, which
  ``current_setting(name, true)`` answers with null.
* 17: more ``backend_type`` values (``slotsync worker``, ``walsummarizer``), renamed wait events. Only
  ``client backend``, ``autovacuum worker`` and ``walsender`` are ever compared, which all versions have.
* 18: ``io worker`` processes, and the role ``pg_signal_autovacuum_worker``: before, only a superuser could signal an
  autovacuum worker.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
import typing as t

QUERY_ID_SINCE = 140000
AUTOVACUUM_ROLE_SINCE = 180000
HIDDEN_QUERY = "<insufficient privilege>"
QUERY_BYTES = 2000
"""Characters of a query text that are read; the server keeps 1024 bytes unless track_activity_query_size says more."""

CLIENT = "client backend"
AUTOVACUUM = "autovacuum worker"
WALSENDER = "walsender"
PREPARED = 0
"""The process id pg_blocking_pids() gives for a prepared transaction."""

_WRAPAROUND = re.compile(r"^autovacuum: .*\(to prevent wraparound\)", re.DOTALL)
_BACKUP_MODE = re.compile(r"\bpg_(?:start_backup|backup_start)\s*\(", re.IGNORECASE)


class Session(t.NamedTuple):
    """A session (or background process) of the server. Times are ISO texts, exact; ages are seconds at the look.

    :ivar signalable: (bool) the server would let us signal it, as far as privileges go.
    :ivar hidden: (bool) its details are not shown to us (no ``pg_read_all_stats``).
    :ivar blocked_by: process ids it waits for; 0 stands for a prepared transaction.
    """

    pid: int
    backend_start: str | None = None
    backend_type: str | None = None
    database: str | None = None
    user: str | None = None
    application: str = ""
    client: str | None = None
    state: str | None = None
    state_change: str | None = None
    wait_event_type: str | None = None
    wait_event: str | None = None
    backend_age: float | None = None
    xact_age: float | None = None
    query_age: float | None = None
    state_age: float | None = None
    xmin_age: int | None = None
    leader_pid: int | None = None
    query_id: int | None = None
    query: str = ""
    superuser: bool = False
    signalable: bool = True
    own: bool = False
    blocked_by: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """The identity of a session: a process id may be used again, together with its start it is not."""
        return f"{self.pid}@{self.backend_start}" if self.backend_start else str(self.pid)

    @property
    def hidden(self) -> bool:
        return self.query == HIDDEN_QUERY and self.backend_start is None

    @property
    def wraparound(self) -> bool:
        return self.backend_type == AUTOVACUUM and _WRAPAROUND.search(self.query) is not None

    @property
    def backup_mode(self) -> bool:
        """Its last statement started a backup that lasts as long as the session does."""
        return _BACKUP_MODE.search(self.query) is not None

    @property
    def in_transaction(self) -> bool:
        return (self.state or "").startswith("idle in transaction")


def from_row(row: t.Mapping[str, t.Any]) -> Session:
    """Make a session of the JSON object ``sessions_sql`` gives for it."""
    return Session(**{**row, "blocked_by": tuple(row["blocked_by"] or ())})


def signalable_sql(version: int) -> str:
    """The server's own rule on who may signal whom: without it, one refused signal would fail the whole statement."""
    autovacuum = ""
    if version >= AUTOVACUUM_ROLE_SINCE:
        autovacuum = f" OR (a.backend_type = '{AUTOVACUUM}' AND me.autovacuum)"
    return (
        "(me.superuser OR (a.usesysid IS NOT NULL AND NOT coalesce(r.rolsuper, true) "
        f"AND (me.signal OR pg_has_role(a.usesysid, 'USAGE'))){autovacuum})"
    )


def me_sql(version: int) -> str:
    """One row on what we may do."""
    autovacuum = ""
    if version >= AUTOVACUUM_ROLE_SINCE:
        autovacuum = ", pg_has_role('pg_signal_autovacuum_worker', 'USAGE') AS autovacuum"
    return (
        "SELECT current_setting('is_superuser')::bool AS superuser, "
        f"pg_has_role('pg_signal_backend', 'USAGE') AS signal{autovacuum}"
    )


def sessions_sql(version: int, blocking: bool) -> str:
    """A SELECT with one row per process of the server, with the columns of ``Session``.

    :param version: ``server_version_num``.
    :param blocking: also ask who waits for whom, which takes all locks of the lock table for a moment per waiting
        session; only sessions that wait for a lock are asked.
    """
    query_id = "a.query_id" if version >= QUERY_ID_SINCE else "NULL::bigint"
    blocked_by = "NULL::int[]"
    if blocking:
        blocked_by = "CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) END"
    ages = ", ".join(
        f"extract(epoch FROM now() - a.{column})::float8 AS {name}"
        for column, name in (
            ("backend_start", "backend_age"),
            ("xact_start", "xact_age"),
            ("query_start", "query_age"),
            ("state_change", "state_age"),
        )
    )
    return (
        "SELECT a.pid, a.backend_start, a.backend_type, a.datname AS database, a.usename AS user, "
        "coalesce(a.application_name, '') AS application, "
        "coalesce(host(a.client_addr), CASE WHEN a.client_port = -1 THEN 'local' END) AS client, "
        f"a.state, a.state_change, a.wait_event_type, a.wait_event, {ages}, "
        "greatest(age(a.backend_xmin), age(a.backend_xid)) AS xmin_age, a.leader_pid, "
        f"{query_id} AS query_id, left(coalesce(a.query, ''), {QUERY_BYTES}) AS query, "
        "coalesce(r.rolsuper, false) AS superuser, "
        f"{signalable_sql(version)} AS signalable, a.pid = pg_backend_pid() AS own, {blocked_by} AS blocked_by "
        "FROM pg_stat_activity a CROSS JOIN me LEFT JOIN pg_roles r ON r.oid = a.usesysid"
    )


def look_sql(version: int, blocking: bool) -> str:
    """The one statement that reads all sessions: one row, one JSON array."""
    return (
        f"WITH me AS ({me_sql(version)}) "
        f"SELECT coalesce(json_agg(s), '[]'::json) FROM ({sessions_sql(version, blocking)}) s"
    )
