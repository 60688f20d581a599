# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an admission writes: incident, leases, attempt, used approval. PRIVATE to the collection.

Runs inside the write transaction in which the facts were read, so nothing can come between decision and record.
"""

from __future__ import annotations

from collections.abc import Callable

from .model import Admission, AdmissionRequest, Facts
from .rows import new_id, to_json
from .store import Transaction

Redact = Callable[[object], object]


def write(tx: Transaction, request: AdmissionRequest, facts: Facts, redact: Redact) -> Admission:
    """Record the admitted request; texts and the plan pass ``redact`` first."""
    now = facts.now
    holder = to_json(request.holder.to_dict())
    if request.incident_id is None:
        _close_abandoned(tx, request, now)
        incident_id, before = _open_incident(tx, request, now, holder, redact), 0
    else:
        incident_id = request.incident_id
        before = _take_over(tx, request, holder, redact)
    _lease(tx, request, incident_id, now, holder)
    number = before + 1
    attempt_id = _insert_attempt(tx, request, incident_id, number, now, redact)
    if request.impact == "destructive":
        tx.execute(
            "UPDATE approvals SET used_at = ?, used_by = ? WHERE plan_hash = ? AND service = ? AND used_at IS NULL",
            (now, incident_id, request.plan_hash, request.service),
        )
    return Admission(
        admitted=True,
        refusal=None,
        incident_id=incident_id,
        attempt_id=attempt_id,
        resumed=request.incident_id is not None and not facts.continuing,
        attempts_before=before,
        attempt_number=number,
        lease_until=now + request.lease_seconds,
    )


def _close_abandoned(tx: Transaction, request: AdmissionRequest, now: float) -> None:
    """Incidents of dead runs that nobody resumed: ended when their last attempt did, so that no cooldown starts now."""
    open_rows = tx.rows(
        "SELECT i.id, i.opened_at, MAX(COALESCE(a.finished_at, a.started_at)) AS last_at FROM incidents i "
        "LEFT JOIN attempts a ON a.incident_id = i.id "
        "WHERE i.service = ? AND i.scenario = ? AND i.closed_at IS NULL GROUP BY i.id, i.opened_at",
        (request.service, request.scenario),
    )
    for row in open_rows:
        tx.execute(
            "UPDATE incidents SET closed_at = ?, verdict = 'not_recovered', code = 'abandoned', next_step = ? "
            "WHERE id = ?",
            (row["last_at"] or row["opened_at"], "its run was killed and no later run resumed it", row["id"]),
        )
        tx.execute("DELETE FROM leases WHERE incident_id = ?", (row["id"],))


def _open_incident(tx: Transaction, request: AdmissionRequest, now: float, holder: str | None, redact: Redact) -> str:
    incident_id = new_id(now, request.service)
    tx.execute(
        "INSERT INTO incidents (id, service, scenario, run, holder, holder_key, opened_at, found, cause, summary, "
        "plan_hash, plan, targets) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
        (
            incident_id,
            request.service,
            request.scenario,
            request.holder.run,
            holder,
            request.holder.key,
            now,
            redact(request.cause),
            redact(request.summary),
            request.plan_hash,
            to_json(redact(request.plan)),
            to_json(request.services),
        ),
    )
    return incident_id


def _take_over(tx: Transaction, request: AdmissionRequest, holder: str | None, redact: Redact) -> int:
    """Make an open incident ours (or keep it ours); the newest diagnosis and plan are the ones that count."""
    row = tx.row("SELECT attempt_count FROM incidents WHERE id = ?", (request.incident_id,))
    tx.execute(
        "UPDATE incidents SET run = ?, holder = ?, holder_key = ?, cause = ?, summary = ?, plan_hash = ?, plan = ?, "
        "targets = ? WHERE id = ?",
        (
            request.holder.run,
            holder,
            request.holder.key,
            redact(request.cause),
            redact(request.summary),
            request.plan_hash,
            to_json(redact(request.plan)),
            to_json(request.services),
            request.incident_id,
        ),
    )
    # What this remedy does not touch is free for others, including leases of the dead run we resume.
    tx.execute(
        f"DELETE FROM leases WHERE incident_id = ? AND service NOT IN ({', '.join('?' * len(request.services))})",
        (request.incident_id, *request.services),
    )
    return int(row["attempt_count"])


def _lease(tx: Transaction, request: AdmissionRequest, incident_id: str, now: float, holder: str | None) -> None:
    for service in request.services:
        tx.execute(
            "INSERT INTO leases (service, incident_id, holder, holder_key, taken_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (service) DO UPDATE SET incident_id = excluded.incident_id, "
            "holder = excluded.holder, holder_key = excluded.holder_key, taken_at = excluded.taken_at, "
            "expires_at = excluded.expires_at",
            (service, incident_id, holder, request.holder.key, now, now + request.lease_seconds),
        )


def _insert_attempt(
    tx: Transaction, request: AdmissionRequest, incident_id: str, number: int, now: float, redact: Redact
) -> str:
    attempt_id = f"{incident_id}.{number}"
    disruptive = int(request.impact != "safe")
    tx.execute(
        "INSERT INTO attempts (id, incident_id, number, holder_key, remedy, cause, impact, plan_hash, started_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt_id,
            incident_id,
            number,
            request.holder.key,
            request.remedy,
            redact(request.cause),
            request.impact,
            request.plan_hash,
            now,
        ),
    )
    tx.many(
        "INSERT INTO attempt_targets (service, attempt_id, incident_id, disruptive, started_at) VALUES (?, ?, ?, ?, ?)",
        [(service, attempt_id, incident_id, disruptive, now) for service in sorted(set(request.targets))],
    )
    tx.execute(
        "UPDATE incidents SET attempt_count = ?, disruptive_at = CASE WHEN ? = 1 THEN ? ELSE disruptive_at END "
        "WHERE id = ?",
        (number, disruptive, now, incident_id),
    )
    return attempt_id
