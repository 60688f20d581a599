# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the ledger and how they came to be: numbered migrations, applied once and in order. PRIVATE.

One SQL text serves SQLite and PostgreSQL. Never change a migration that was released: append the next one. Times are
epoch seconds, JSON is stored as text, yes/no as 0/1. Some columns repeat what a join would tell (attempt_count,
disruptive_at, the times in attempt_targets): they keep ``admit()`` on index ranges, whatever the length of the history.
"""

from __future__ import annotations

VERSION_1 = (
    """
    CREATE TABLE incidents (
        id TEXT PRIMARY KEY,
        service TEXT NOT NULL,
        scenario TEXT NOT NULL,
        run TEXT NOT NULL,
        holder TEXT,
        holder_key TEXT,
        opened_at DOUBLE PRECISION NOT NULL,
        closed_at DOUBLE PRECISION,
        found INTEGER NOT NULL,
        cause TEXT,
        summary TEXT NOT NULL,
        verdict TEXT,
        code TEXT,
        next_step TEXT,
        plan_hash TEXT,
        plan TEXT,
        targets TEXT NOT NULL,
        version TEXT,
        seconds TEXT,
        evidence TEXT,
        attempt_count INTEGER NOT NULL DEFAULT 0,
        disruptive_at DOUBLE PRECISION
    )
    """,
    "CREATE INDEX incidents_by_time ON incidents (opened_at)",
    "CREATE INDEX incidents_by_service ON incidents (service, opened_at)",
    "CREATE INDEX incidents_by_close ON incidents (closed_at)",
    "CREATE INDEX incidents_acted ON incidents (service, scenario, opened_at) WHERE attempt_count > 0",
    "CREATE INDEX incidents_open ON incidents (service, scenario) WHERE closed_at IS NULL",
    "CREATE INDEX incidents_disruptive ON incidents (closed_at) WHERE disruptive_at IS NOT NULL",
    "CREATE INDEX incidents_interrupted ON incidents (disruptive_at) WHERE closed_at IS NULL",
    """
    CREATE TABLE attempts (
        id TEXT PRIMARY KEY,
        incident_id TEXT NOT NULL REFERENCES incidents (id),
        number INTEGER NOT NULL,
        holder_key TEXT NOT NULL,
        remedy TEXT NOT NULL,
        cause TEXT,
        impact TEXT NOT NULL,
        plan_hash TEXT NOT NULL,
        started_at DOUBLE PRECISION NOT NULL,
        finished_at DOUBLE PRECISION,
        result TEXT,
        error TEXT,
        hold_seconds DOUBLE PRECISION,
        version_after TEXT,
        undo TEXT,
        undone_at DOUBLE PRECISION,
        undone_by TEXT,
        UNIQUE (incident_id, number)
    )
    """,
    """
    CREATE TABLE attempt_targets (
        service TEXT NOT NULL,
        attempt_id TEXT NOT NULL REFERENCES attempts (id),
        incident_id TEXT NOT NULL,
        disruptive INTEGER NOT NULL,
        started_at DOUBLE PRECISION NOT NULL,
        finished_at DOUBLE PRECISION,
        PRIMARY KEY (attempt_id, service)
    )
    """,
    "CREATE INDEX attempt_targets_started ON attempt_targets (service, started_at)",
    "CREATE INDEX attempt_targets_finished ON attempt_targets (service, finished_at)",
    "CREATE INDEX attempt_targets_incident ON attempt_targets (incident_id, service)",
    """
    CREATE TABLE leases (
        service TEXT PRIMARY KEY,
        incident_id TEXT NOT NULL REFERENCES incidents (id),
        holder TEXT NOT NULL,
        holder_key TEXT NOT NULL,
        taken_at DOUBLE PRECISION NOT NULL,
        expires_at DOUBLE PRECISION NOT NULL
    )
    """,
    """
    CREATE TABLE approvals (
        incident_id TEXT PRIMARY KEY REFERENCES incidents (id),
        plan_hash TEXT NOT NULL,
        service TEXT NOT NULL,
        deliberate INTEGER NOT NULL,
        planned_at DOUBLE PRECISION NOT NULL,
        used_at DOUBLE PRECISION,
        used_by TEXT
    )
    """,
    "CREATE INDEX approvals_by_plan ON approvals (plan_hash, service, planned_at)",
    """
    CREATE TABLE known_good (
        service TEXT NOT NULL,
        version TEXT NOT NULL,
        name TEXT,
        at DOUBLE PRECISION NOT NULL,
        incident_id TEXT,
        PRIMARY KEY (service, version)
    )
    """,
    """
    CREATE TABLE freezes (
        id TEXT PRIMARY KEY,
        scope TEXT NOT NULL,
        reason TEXT NOT NULL,
        frozen_by TEXT NOT NULL,
        frozen_at DOUBLE PRECISION NOT NULL,
        until_at DOUBLE PRECISION,
        ended_at DOUBLE PRECISION,
        ended_by TEXT
    )
    """,
    "CREATE INDEX freezes_active ON freezes (scope) WHERE ended_at IS NULL",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (VERSION_1,)
"""Element n-1 brings a ledger from version n-1 to version n."""


def migrate(tx, found: int, now: float) -> None:
    """Bring the ledger from version ``found`` (0: empty) to the newest, inside the write transaction ``tx``."""
    if found == 0:
        tx.execute("CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at DOUBLE PRECISION NOT NULL)")
    for number, statements in enumerate(MIGRATIONS[found:], start=found + 1):
        for statement in statements:
            tx.execute(statement)
        tx.execute("INSERT INTO schema_version (version, applied_at) VALUES (?, ?)", (number, now))
