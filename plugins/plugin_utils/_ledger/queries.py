# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that several methods of the ledger ask inside their transaction. PRIVATE to the collection."""

from __future__ import annotations

import json
from typing import Any

from .holder import Holder
from .rows import decode_attempt
from .store import Transaction


def active_freezes(tx: Transaction, now: float) -> list[dict[str, Any]]:
    return tx.rows(
        'SELECT id, scope, reason, frozen_by AS "by", frozen_at AS "at", until_at AS "until" FROM freezes '
        "WHERE ended_at IS NULL AND (until_at IS NULL OR until_at > ?) ORDER BY frozen_at, id",
        (now,),
    )


def attempts(tx: Transaction, incident_id: str) -> list[dict[str, Any]]:
    rows = tx.rows("SELECT * FROM attempts WHERE incident_id = ? ORDER BY number", (incident_id,))
    return [with_targets(tx, decode_attempt(row)) for row in rows]


def with_targets(tx: Transaction, attempt: dict[str, Any]) -> dict[str, Any]:
    rows = tx.rows(
        "SELECT service FROM attempt_targets WHERE attempt_id = ? ORDER BY service", (attempt["attempt_id"],)
    )
    return {**attempt, "targets": [row["service"] for row in rows]}


def is_held(tx: Transaction, incident_id: str, holder: Holder | None, now: float) -> bool:
    """Does a process other than ``holder`` hold a running lease for this incident?"""
    for row in tx.rows(
        "SELECT holder, holder_key FROM leases WHERE incident_id = ? AND expires_at > ?", (incident_id, now)
    ):
        if holder is not None and row["holder_key"] == holder.key:
            continue
        if not Holder.from_dict(json.loads(row["holder"])).is_provably_dead():
            return True
    return False


def lost_message(tx: Transaction, incident_id: str, holder: Holder, targets: list[str]) -> str:
    for service in targets:
        lease = tx.row("SELECT incident_id, holder, holder_key FROM leases WHERE service = ?", (service,))
        if lease is None:
            return f"the lease on service {service} of incident {incident_id} was released; nothing may be changed"
        if (lease["incident_id"], lease["holder_key"]) != (incident_id, holder.key):
            other = Holder.from_dict(json.loads(lease["holder"])).describe()
            return (
                f"the lease on service {service} now belongs to {other} (incident {lease['incident_id']}); "
                "nothing may be changed"
            )
    return f"incident {incident_id} holds no lease any more; nothing may be changed"
