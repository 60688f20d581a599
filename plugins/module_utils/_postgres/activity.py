# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PostgreSQL server is busy with: one statement that reads it all, and the pure transformation into results.

See ``session.py`` for what differs between the versions 13 to 18.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.sre.remediation.plugins.module_utils._postgres import blocking
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import (
    BACKUP_APPLICATIONS,
    RUNNING,
    age_of,
    like,
)
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import (
    CLIENT,
    Session,
    from_row,
    me_sql,
    sessions_sql,
)
from ansible_collections.sre.remediation.plugins.module_utils._postgres.shown import rounded, shown

EXCLUSIVE_BACKUP_UNTIL = 150000

_WAL_NOW = (
    "CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) "
    "ELSE pg_current_wal_lsn() END"
)


def _setting(name: str) -> str:
    """A setting as a number, null where the version has none of that name."""
    return f"current_setting('{name}', true)::int"


def _many(select: str) -> str:
    return f"(SELECT coalesce(json_agg(x), '[]'::json) FROM ({select}) x)"


def activity_sql(version: int) -> str:
    """The one statement: one row, one JSON object with everything ``report`` needs."""
    exclusive = "pg_is_in_backup()" if version < EXCLUSIVE_BACKUP_UNTIL else "false"
    server = (
        "(SELECT row_to_json(x) FROM (SELECT current_setting('server_version') AS version, "
        "current_setting('server_version_num')::int AS version_num, pg_is_in_recovery() AS in_recovery, "
        "pg_postmaster_start_time() AS started_at, current_database() AS database, "
        f"pg_database_size(current_database()) AS database_bytes, {exclusive} AS exclusive_backup) x)"
    )
    limits = (
        f"(SELECT row_to_json(x) FROM (SELECT {_setting('max_connections')} AS max, "
        f"{_setting('superuser_reserved_connections')} AS superuser_reserved, "
        f"{_setting('reserved_connections')} AS reserved) x)"
    )
    database_limits = "(SELECT json_object_agg(datname, datconnlimit) FROM pg_database WHERE datconnlimit >= 0)"
    user_limits = "(SELECT json_object_agg(rolname, rolconnlimit) FROM pg_roles WHERE rolconnlimit >= 0)"
    senders = _many(
        "SELECT r.pid, r.application_name AS application, r.usename AS user, "
        "coalesce(host(r.client_addr), 'local') AS client, r.state, r.sync_state, "
        "CASE WHEN b.pid IS NOT NULL OR r.state = 'backup' THEN 'backup' ELSE coalesce(l.slot_type, 'physical') END "
        f"AS kind, l.slot_name AS slot, pg_wal_lsn_diff({_WAL_NOW}, coalesce(r.replay_lsn, r.flush_lsn, r.sent_lsn))"
        "::bigint AS lag_bytes FROM pg_stat_replication r "
        "LEFT JOIN pg_stat_progress_basebackup b ON b.pid = r.pid "
        "LEFT JOIN pg_replication_slots l ON l.active_pid = r.pid"
    )
    slots = _many(
        "SELECT slot_name AS name, slot_type AS type, database, active, active_pid AS pid, wal_status, "
        f"pg_wal_lsn_diff({_WAL_NOW}, restart_lsn)::bigint AS retained_bytes, "
        "greatest(age(xmin), age(catalog_xmin)) AS xmin_age FROM pg_replication_slots"
    )
    prepared = _many(
        "SELECT gid, database, owner AS user, prepared AS prepared_at, "
        "extract(epoch FROM now() - prepared)::float8 AS age, age(transaction) AS xmin_age "
        "FROM pg_prepared_xacts ORDER BY prepared"
    )
    frozen = _many(
        "SELECT datname AS name, age(datfrozenxid) AS age FROM pg_database WHERE datallowconn ORDER BY 2 DESC"
    )
    return (
        f"WITH me AS ({me_sql(version)}) SELECT json_build_object('server', {server}, 'limits', {limits}, "
        f"'database_limits', {database_limits}, 'user_limits', {user_limits}, "
        f"'sessions', {_many(sessions_sql(version, blocking=True))}, 'senders', {senders}, 'slots', {slots}, "
        f"'prepared', {prepared}, 'frozen', {frozen})"
    )


def takes_a_slot(session: Session) -> bool:
    """Does it count against max_connections? WAL senders and the server's own processes have slots of their own.

    Of a hidden session only the user and the database are known; those have both.
    """
    return session.backend_type == CLIENT or (session.hidden and bool(session.user and session.database))


def connections(read: t.Mapping[str, t.Any], sessions: t.Sequence[Session]) -> dict[str, t.Any]:
    """Connections against the limits. ``used`` counts the module's own session too, as the server does."""
    clients = [session for session in sessions if takes_a_slot(session)]
    limits = read["limits"]
    ordinary = limits["max"] - limits["superuser_reserved"] - (limits["reserved"] or 0)
    states = Counter(session.state or "unknown" for session in clients)
    return {
        "max": limits["max"],
        "superuser_reserved": limits["superuser_reserved"],
        "reserved": limits["reserved"],
        "ordinary": ordinary,
        "used": len(clients),
        "free": max(0, ordinary - len(clients)),
        "used_percent": round(100.0 * len(clients) / limits["max"], 1),
        "by_state": dict(sorted(states.items())),
        "by_database": _counted((session.database for session in clients), read["database_limits"]),
        "by_user": _counted((session.user for session in clients), read["user_limits"]),
        "by_application": _counted((session.application for session in clients), None),
        "hidden": sum(session.hidden for session in sessions),
    }


def _counted(names: t.Iterable[str | None], limits: t.Mapping[str, int] | None) -> list[dict[str, t.Any]]:
    counts = sorted(Counter(name or "" for name in names).items(), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "count": count, "limit": (limits or {}).get(name)} for name, count in counts]


def oldest_xmin(read: t.Mapping[str, t.Any], sessions: t.Sequence[Session]) -> dict[str, t.Any] | None:
    """Who holds back vacuum most: a session, a replication slot or a prepared transaction. Ages in transactions."""
    holders = [
        {"kind": "session", "name": session.id, "age": session.xmin_age}
        for session in sessions
        if session.xmin_age is not None and not session.own
    ]
    holders += [{"kind": "slot", "name": slot["name"], "age": slot["xmin_age"]} for slot in read["slots"]]
    holders += [
        {"kind": "prepared_transaction", "name": one["gid"], "age": one["xmin_age"]} for one in read["prepared"]
    ]
    return max((one for one in holders if one["age"] is not None), key=lambda one: one["age"], default=None)


def backups(read: t.Mapping[str, t.Any], sessions: t.Sequence[Session]) -> list[dict[str, t.Any]]:
    """Backups in progress: base backups, the well-known tools, and sessions that hold the server in backup mode."""
    sending = {sender["pid"] for sender in read["senders"] if sender["kind"] == "backup"}
    return [
        {"id": session.id, "pid": session.pid, "application": session.application, "user": session.user}
        for session in sessions
        if session.pid in sending or session.backup_mode or like(session.application, BACKUP_APPLICATIONS)
    ]


def report(read: t.Mapping[str, t.Any], questions: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Make the module's result of what ``activity_sql`` read.

    :param questions: ``long_query``, ``long_idle_in_transaction``, ``finished_within`` (seconds), ``max_sessions``,
        ``query_length``.
    """
    sessions = sorted((from_row(row) for row in read["sessions"]), key=lambda one: (-(one.backend_age or 0.0), one.pid))
    length, most = questions["query_length"], questions["max_sessions"]
    clients = [session for session in sessions if takes_a_slot(session)]

    def longest(states: t.Container[str | None], seconds: float) -> list[dict[str, t.Any]]:
        found = [one for one in clients if one.state in states and not one.own and (age_of(one, "auto") or 0) > seconds]
        found.sort(key=lambda one: -(age_of(one, "auto") or 0.0))
        return [shown(one, length) for one in found[:most]]

    def finished() -> list[dict[str, t.Any]]:
        """What idle sessions ran last: it began with the statement and ended with the last change of state."""
        within, found = questions["finished_within"], []
        for one in clients:
            ended = one.state_age
            if one.state in RUNNING or one.own or ended is None or one.query_age is None or not ended < within:
                continue
            if one.query_age - ended > questions["long_query"]:
                seconds = {"seconds": round(one.query_age - ended, 3), "ended": rounded(ended)}
                found.append({**shown(one, length), **seconds})
        return sorted(found, key=lambda one: -one["seconds"])[:most]

    database = {"name": read["server"]["database"], "bytes": read["server"].pop("database_bytes")}
    return {
        "server": {name: value for name, value in read["server"].items() if name != "database"},
        "database": database,
        "connections": connections(read, sessions),
        "sessions": [shown(one, length) for one in clients[:most]],
        "sessions_left_out": max(0, len(clients) - most),
        "long_queries": longest(RUNNING, questions["long_query"]),
        "finished_queries": finished(),
        "idle_in_transaction": longest(
            ("idle in transaction", "idle in transaction (aborted)"), questions["long_idle_in_transaction"]
        ),
        "blocking": blocking.tree(sessions, read["prepared"]),
        "replication": {"senders": read["senders"], "slots": read["slots"]},
        "backups": backups(read, sessions),
        "autovacuum": [
            dict(shown(one, length), query=one.query[:length], wraparound=one.wraparound)
            for one in sessions
            if one.backend_type == "autovacuum worker"
        ],
        "prepared_transactions": read["prepared"],
        "oldest_xmin": oldest_xmin(read, sessions),
        "frozen_ages": read["frozen"],
    }


def has_slow(found: t.Mapping[str, t.Any]) -> bool:
    """Is anything slow in the database logged in to, or does anyone wait for a lock? Backups take as long as they take."""
    spared = {backup["id"] for backup in found["backups"]}
    return bool(found["blocking"]["waiting"]) or any(
        one["database"] == found["database"]["name"] and one["id"] not in spared
        for one in found["long_queries"] + found["finished_queries"]
    )
