# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the facts the guard's policy needs, in one go and inside the caller's transaction. PRIVATE to the collection.

Every query is an index range that does not grow with the history. Ownership: a lease or attempt is ours only if both
the incident and the process (holder key) are ours, because one ansible-playbook run works on many services at once.
"""

from __future__ import annotations

import json

from .holder import Holder
from .model import (
    HEALTHY_VERDICTS,
    AdmissionRequest,
    ApprovalFact,
    ChangeFact,
    CooldownFact,
    Facts,
    FreezeFact,
    LeaseFact,
)
from .store import Transaction

LATEST = 1e11
"""Later than every time. A range with two ends is what planners take an index for, even before their first ANALYZE."""


def gather(tx: Transaction, request: AdmissionRequest, now: float) -> Facts:
    incident = None
    if request.incident_id is not None:
        incident = tx.row("SELECT * FROM incidents WHERE id = ?", (request.incident_id,))
    return Facts(
        now=now,
        incident=_incident_state(request, incident),
        continuing=incident is not None and incident["holder_key"] == request.holder.key,
        freezes=_freezes(tx, request, now),
        leases=_leases(tx, request),
        last_change=_last_change(tx, request),
        cooldown=_cooldown(tx, request, now),
        incidents_in_window=_acted(tx, request, now),
        failing=_failing(tx, now - request.policy.storm_window),
        approval=_approval(tx, request),
    )


def _marks(values: list) -> str:
    return ", ".join("?" * len(values))


def _chunks(values: list, size: int = 500) -> list[list]:
    """A database bounds the number of values in one statement."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def _incident_state(request: AdmissionRequest, row: dict | None) -> str | None:
    if request.incident_id is None:
        return None
    if row is None or (row["service"], row["scenario"]) != (request.service, request.scenario):
        return "unknown"
    return "open" if row["closed_at"] is None else "closed"


def _freezes(tx: Transaction, request: AdmissionRequest, now: float) -> tuple[FreezeFact, ...]:
    scopes = ["all", *(f"service:{name}" for name in request.services), *(f"group:{name}" for name in request.groups)]
    rows = tx.rows(
        f"SELECT scope, reason, frozen_by, until_at FROM freezes WHERE ended_at IS NULL "
        f"AND scope IN ({_marks(scopes)}) AND (until_at IS NULL OR until_at > ?) ORDER BY frozen_at",
        (*scopes, now),
    )
    return tuple(FreezeFact(row["scope"], row["reason"], row["frozen_by"], row["until_at"]) for row in rows)


def _leases(tx: Transaction, request: AdmissionRequest) -> tuple[LeaseFact, ...]:
    rows = tx.rows(
        f"SELECT * FROM leases WHERE service IN ({_marks(request.services)}) "
        "AND NOT (incident_id = ? AND holder_key = ?) ORDER BY service",
        (*request.services, request.incident_id or "", request.holder.key),
    )
    leases = []
    for row in rows:
        holder = Holder.from_dict(json.loads(row["holder"]))
        dead = holder.is_provably_dead()
        leases.append(LeaseFact(row["service"], row["incident_id"], holder, row["expires_at"], dead))
    return tuple(leases)


def _last_change(tx: Transaction, request: AdmissionRequest) -> ChangeFact | None:
    newest: ChangeFact | None = None
    for column in ("started_at", "finished_at"):
        row = tx.row(
            f"SELECT t.service, t.incident_id, t.{column} AS at, a.remedy FROM attempt_targets t "
            f"JOIN attempts a ON a.id = t.attempt_id WHERE t.service IN ({_marks(request.services)}) "
            f"AND t.{column} > ? AND NOT (t.incident_id = ? AND a.holder_key = ?) ORDER BY t.{column} DESC LIMIT 1",
            (*request.services, request.look_at, request.incident_id or "", request.holder.key),
        )
        if row is not None and (newest is None or row["at"] > newest.at):
            newest = ChangeFact(row["service"], row["incident_id"], row["remedy"], row["at"])
    return newest


def _cooldown(tx: Transaction, request: AdmissionRequest, now: float) -> CooldownFact | None:
    """From the closing of an incident that disturbed one of the services; of an open one, from its last attempt.

    Incidents first, then their targets: a join would let a planner without statistics walk a service's whole history.
    """
    own = request.incident_id or ""
    incidents = tx.rows(
        "SELECT id, closed_at FROM incidents WHERE disruptive_at IS NOT NULL AND closed_at BETWEEN ? AND ? AND id <> ?",
        (now - request.policy.cooldown, LATEST, own),
    ) + tx.rows("SELECT id, closed_at FROM incidents WHERE closed_at IS NULL AND disruptive_at > 0 AND id <> ?", (own,))
    closed_at = {row["id"]: row["closed_at"] for row in incidents}
    newest: CooldownFact | None = None
    for ids in _chunks(list(closed_at)):
        for row in tx.rows(
            "SELECT service, incident_id, COALESCE(finished_at, started_at) AS at FROM attempt_targets "
            f"WHERE incident_id IN ({_marks(ids)}) AND service IN ({_marks(request.services)}) AND disruptive = 1",
            (*ids, *request.services),
        ):
            until = (closed_at[row["incident_id"]] or row["at"]) + request.policy.cooldown
            if newest is None or until > newest.until:
                newest = CooldownFact(row["service"], row["incident_id"], until)
    return newest


def _acted(tx: Transaction, request: AdmissionRequest, now: float) -> tuple[float, ...]:
    rows = tx.rows(
        "SELECT opened_at FROM incidents WHERE service = ? AND scenario = ? AND opened_at > ? AND attempt_count > 0 "
        "AND id <> ? ORDER BY opened_at",
        (request.service, request.scenario, now - request.policy.window, request.incident_id or ""),
    )
    return tuple(row["opened_at"] for row in rows)


def _failing(tx: Transaction, since: float) -> tuple[str, ...]:
    """Services whose newest finding since then is a symptom that was not made to go away."""
    columns = "service, found, verdict, COALESCE(closed_at, opened_at) AS at"
    rows = tx.rows(
        f"SELECT {columns} FROM incidents WHERE opened_at BETWEEN ? AND ? "
        f"UNION SELECT {columns} FROM incidents WHERE closed_at BETWEEN ? AND ?",
        (since, LATEST, since, LATEST),
    )
    newest = {row["service"]: row for row in sorted(rows, key=lambda row: row["at"])}
    return tuple(
        sorted(name for name, row in newest.items() if row["found"] and row["verdict"] not in HEALTHY_VERDICTS)
    )


def _approval(tx: Transaction, request: AdmissionRequest) -> ApprovalFact:
    """After a use, only a deliberate new plan (verdict planned) of the same hash can be approved again."""
    rows = tx.rows(
        "SELECT planned_at, deliberate, used_at, used_by FROM approvals WHERE plan_hash = ? AND service = ? "
        "ORDER BY planned_at DESC LIMIT 100",
        (request.plan_hash, request.service),
    )
    uses = [row for row in rows if row["used_at"] is not None]
    last = max(uses, key=lambda row: row["used_at"], default=None)
    fresh = [
        row["planned_at"]
        for row in rows
        if row["used_at"] is None and (last is None or (row["deliberate"] and row["planned_at"] > last["used_at"]))
    ]
    return ApprovalFact(
        planned_at=max(fresh, default=None),
        used_at=last["used_at"] if last else None,
        used_by_us=bool(last and request.incident_id is not None and last["used_by"] == request.incident_id),
    )
