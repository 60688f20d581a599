# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as the rest of the collection uses it. The promises stand in the package. PRIVATE to the collection.

A ``Ledger`` is one connection: open it, use it, close it (it is a context manager), never carry it over a fork.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

from . import admission, facts, policy, queries
from .holder import Holder
from .model import RESULTS, VERDICTS, Admission, AdmissionRequest, Facts, LeaseLost, Refusal
from .rows import decode, decode_attempt, decode_incident, new_id, to_json
from .sqlite import SqliteStore
from .store import Store

Decide = Callable[[AdmissionRequest, Facts], Refusal | None]

RESUME_SECONDS = 3600.0
"""An interrupted incident that is older than this is history, not work in progress."""


def default_location(environ: Mapping[str, str]) -> str:
    """SRE_REMEDIATION_LEDGER, else sre-remediation/ledger.db under $XDG_STATE_HOME (or ~/.local/state)."""
    return environ.get("SRE_REMEDIATION_LEDGER") or str(state_directory(environ) / "ledger.db")


def state_directory(environ: Mapping[str, str]) -> Path:
    state = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return Path(state) / "sre-remediation"


def open_ledger(location: str | Path, clock: Callable[[], float] = time.time, secrets: Iterable[str] = ()) -> Ledger:
    """Open, create or upgrade the ledger at a file path or a ``postgresql://`` DSN.

    secrets: exact values to hide in everything that is stored, besides what redact() finds by itself.
    Raises LedgerError.
    """
    text = str(location)
    if text.startswith(("postgresql://", "postgres://")):
        from .postgres import PostgresStore

        return Ledger(PostgresStore(text, clock), clock, secrets)
    if not text.strip() or "://" in text:
        raise RemediationError(
            f"SRE_REMEDIATION_LEDGER is {redact(text)!r}; allowed are a file path and postgresql://...",
            "invalid_request",
        )
    return Ledger(SqliteStore(Path(text).expanduser(), clock), clock, secrets)


class Ledger:
    def __init__(self, store: Store, clock: Callable[[], float], secrets: Iterable[str] = ()) -> None:
        self._store = store
        self._clock = clock
        self._secrets = tuple(secrets)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()

    def _redact(self, value: Any) -> Any:
        return redact(value, self._secrets)

    # ---- looks and admissions --------------------------------------------------------------------------------------

    def add_look(
        self,
        service: str,
        scenario: str,
        verdict: str,
        cause: str | None = None,
        summary: str = "",
        found: bool = False,
        plan_hash: str | None = None,
        plan: Mapping | None = None,
        version: str | None = None,
        run: str = "",
        started_at: float | None = None,
        finished_at: float | None = None,
        code: str | None = None,
        next_step: str | None = None,
    ) -> str:
        """One closed row for a run that changed nothing: healthy, planned or refused. Takes no lease."""
        _check_word("verdict", verdict, VERDICTS)
        now = self._clock()
        finished_at = now if finished_at is None else finished_at
        started_at = finished_at if started_at is None else started_at
        incident_id = new_id(started_at, service)
        with self._store.transaction(write=True) as tx:
            tx.execute(
                "INSERT INTO incidents (id, service, scenario, run, opened_at, closed_at, found, cause, summary, "
                "verdict, code, next_step, plan_hash, plan, targets, version) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    incident_id,
                    service,
                    scenario,
                    run,
                    started_at,
                    finished_at,
                    int(found),
                    self._redact(cause),
                    self._redact(summary),
                    verdict,
                    code,
                    self._redact(next_step),
                    plan_hash,
                    to_json(self._redact(plan)),
                    "[]",
                    version,
                ),
            )
            if plan_hash and (verdict == "planned" or (verdict, code) == ("refused", "approval_required")):
                tx.execute(
                    "INSERT INTO approvals (incident_id, plan_hash, service, deliberate, planned_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (incident_id, plan_hash, service, int(verdict == "planned"), now),
                )
        return incident_id

    def resumable(
        self, service: str, scenario: str, holder: Holder | None = None, max_age: float = RESUME_SECONDS
    ) -> dict[str, Any] | None:
        """The open incident that an interrupted run left, or None.

        Not one that somebody is working on (a lease that is neither expired nor held by a provably dead process nor by
        ``holder``), and not one whose last attempt lies more than ``max_age`` seconds back. Close it when it is found
        healthy, or pass its id to admit().
        """
        now = self._clock()
        with self._store.transaction() as tx:
            # Sorted here: ORDER BY would tempt SQLite to walk the service's whole history by time.
            rows = tx.rows(
                "SELECT * FROM incidents WHERE service = ? AND scenario = ? AND closed_at IS NULL", (service, scenario)
            )
            for row in sorted(rows, key=lambda row: row["opened_at"], reverse=True):
                attempts = queries.attempts(tx, row["id"])
                touched = max([row["opened_at"], *(item["finished_at"] or item["started_at"] for item in attempts)])
                if now - touched > max_age or queries.is_held(tx, row["id"], holder, now):
                    continue
                return {
                    "incident_id": row["id"],
                    "cause": row["cause"],
                    "opened_at": row["opened_at"],
                    "attempts": attempts,
                    "holder": json.loads(row["holder"]),
                }
        return None

    def admit(self, request: AdmissionRequest, decide: Decide = policy.decide) -> Admission:
        """Decide and, if nothing objects, record lease, incident, attempt and used approval in one transaction.

        With ``request.dry_run`` only decides. Raises LedgerError; a refusal is an answer, not an error.
        """
        with self._store.transaction(write=not request.dry_run) as tx:
            known = facts.gather(tx, request, self._clock())
            refusal = decide(request, known)
            if refusal is None and not request.dry_run:
                return admission.write(tx, request, known, self._redact)
            before = 0
            if known.incident == "open":
                before = tx.row("SELECT attempt_count FROM incidents WHERE id = ?", (request.incident_id,))[
                    "attempt_count"
                ]
        return Admission(
            admitted=refusal is None,
            refusal=refusal,
            incident_id=request.incident_id,
            attempt_id=None,
            resumed=known.incident == "open" and not known.continuing,
            attempts_before=before,
        )

    def renew(self, incident_id: str, holder: Holder, lease_seconds: float) -> float:
        """Extend all leases of our incident; returns when they end. Raises LeaseLost when one is not ours any more."""
        now = self._clock()
        with self._store.transaction(write=True) as tx:
            row = tx.row("SELECT targets, closed_at FROM incidents WHERE id = ?", (incident_id,))
            if row is None or row["closed_at"] is not None:
                raise LeaseLost(f"incident {incident_id} is {'closed' if row else 'unknown'}; nothing may be changed")
            kept = tx.execute(
                "UPDATE leases SET expires_at = ? WHERE incident_id = ? AND holder_key = ?",
                (now + lease_seconds, incident_id, holder.key),
            )
            targets = json.loads(row["targets"])
            if kept < len(targets):
                raise LeaseLost(queries.lost_message(tx, incident_id, holder, targets))
        return now + lease_seconds

    # ---- attempts and closing --------------------------------------------------------------------------------------

    def set_undo(self, attempt_id: str, undo: Mapping) -> None:
        """Store how to put back what this attempt changes; call it before the change."""
        with self._store.transaction(write=True) as tx:
            if not tx.execute("UPDATE attempts SET undo = ? WHERE id = ?", (to_json(self._redact(undo)), attempt_id)):
                raise _unknown("attempt", attempt_id)

    def finish_attempt(
        self,
        attempt_id: str,
        result: str,
        error: str | None = None,
        finished_at: float | None = None,
        hold_seconds: float | None = None,
        version_after: str | None = None,
    ) -> bool:
        """Fill the closing columns; False when they were filled before (the first closing wins)."""
        _check_word("result", result, RESULTS)
        finished_at = self._clock() if finished_at is None else finished_at
        with self._store.transaction(write=True) as tx:
            written = tx.execute(
                "UPDATE attempts SET result = ?, error = ?, finished_at = ?, hold_seconds = ?, version_after = ? "
                "WHERE id = ? AND result IS NULL",
                (result, self._redact(error), finished_at, hold_seconds, version_after, attempt_id),
            )
            if written:
                tx.execute("UPDATE attempt_targets SET finished_at = ? WHERE attempt_id = ?", (finished_at, attempt_id))
            elif tx.row("SELECT id FROM attempts WHERE id = ?", (attempt_id,)) is None:
                raise _unknown("attempt", attempt_id)
        return bool(written)

    def mark_undone(self, attempt_id: str, by_incident: str | None = None) -> bool:
        """Record that the undo record of an attempt was applied; False when it had been before."""
        with self._store.transaction(write=True) as tx:
            written = tx.execute(
                "UPDATE attempts SET undone_at = ?, undone_by = ? WHERE id = ? AND undone_at IS NULL",
                (self._clock(), by_incident, attempt_id),
            )
            if not written and tx.row("SELECT id FROM attempts WHERE id = ?", (attempt_id,)) is None:
                raise _unknown("attempt", attempt_id)
        return bool(written)

    def close_incident(
        self,
        incident_id: str,
        verdict: str,
        code: str | None = None,
        summary: str | None = None,
        next_step: str | None = None,
        version: str | None = None,
        finished_at: float | None = None,
        seconds: Mapping | None = None,
        evidence: Any = None,
        holder: Holder | None = None,
    ) -> bool:
        """Close the incident and release its leases; False when it was closed before.

        With ``holder``: raises LeaseLost when another living process works on it now.
        """
        _check_word("verdict", verdict, VERDICTS)
        now = self._clock()
        with self._store.transaction(write=True) as tx:
            if holder is not None and queries.is_held(tx, incident_id, holder, now):
                raise LeaseLost(f"incident {incident_id} is being worked on by another run; it is not ours to close")
            written = tx.execute(
                "UPDATE incidents SET closed_at = ?, verdict = ?, code = ?, summary = COALESCE(?, summary), "
                "next_step = ?, version = ?, seconds = ?, evidence = ? WHERE id = ? AND closed_at IS NULL",
                (
                    now if finished_at is None else finished_at,
                    verdict,
                    code,
                    self._redact(summary),
                    self._redact(next_step),
                    version,
                    to_json(seconds),
                    to_json(self._redact(evidence)),
                    incident_id,
                ),
            )
            if written:
                tx.execute("DELETE FROM leases WHERE incident_id = ?", (incident_id,))
            elif tx.row("SELECT id FROM incidents WHERE id = ?", (incident_id,)) is None:
                raise _unknown("incident", incident_id)
        return bool(written)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def incident(self, incident_id: str) -> dict[str, Any] | None:
        with self._store.transaction() as tx:
            row = tx.row("SELECT * FROM incidents WHERE id = ?", (incident_id,))
            return None if row is None else {**decode_incident(row), "attempts": queries.attempts(tx, incident_id)}

    def incidents(self, service: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Newest first, without their attempts."""
        where, values = ("WHERE service = ? ", [service]) if service is not None else ("", [])
        with self._store.transaction() as tx:
            rows = tx.rows(f"SELECT * FROM incidents {where}ORDER BY opened_at DESC, id DESC LIMIT ?", [*values, limit])
        return [decode_incident(row) for row in rows]

    def attempt(self, attempt_id: str) -> dict[str, Any] | None:
        """One attempt with its targets, and the ``service`` and ``scenario`` of its incident."""
        with self._store.transaction() as tx:
            row = tx.row(
                "SELECT attempts.*, incidents.service, incidents.scenario FROM attempts"
                " JOIN incidents ON incidents.id = attempts.incident_id WHERE attempts.id = ?",
                (attempt_id,),
            )
            return None if row is None else queries.with_targets(tx, decode_attempt(row))

    def leases(self) -> list[dict[str, Any]]:
        """All leases that have not been released; ``expired`` ones are free to take."""
        now = self._clock()
        with self._store.transaction() as tx:
            rows = tx.rows("SELECT service, incident_id, holder, taken_at, expires_at FROM leases ORDER BY service")
        return [{**decode(row), "expired": row["expires_at"] <= now} for row in rows]

    # ---- known good versions and freezes ---------------------------------------------------------------------------

    def known_good(self, service: str, limit: int = 5) -> list[dict[str, Any]]:
        """Versions that held, newest proof first: [{version, name, at}]."""
        with self._store.transaction() as tx:
            return tx.rows(
                "SELECT version, name, at FROM known_good WHERE service = ? ORDER BY at DESC LIMIT ?", (service, limit)
            )

    def add_known_good(
        self, service: str, version: str, name: str | None = None, incident_id: str | None = None
    ) -> None:
        with self._store.transaction(write=True) as tx:
            tx.execute(
                "INSERT INTO known_good (service, version, name, at, incident_id) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (service, version) DO UPDATE SET name = excluded.name, at = excluded.at, "
                "incident_id = excluded.incident_id",
                (service, version, name, self._clock(), incident_id),
            )

    def freeze(self, scope: str, reason: str, by: str, until: float | None = None) -> dict[str, Any]:
        """Hands off ``all``, ``service:NAME`` or ``group:NAME`` until a time, or (None) until it is lifted."""
        _check_scope(scope)
        now = self._clock()
        if not reason.strip() or not by.strip():
            raise RemediationError("A freeze needs a reason and a name (freeze_reason, freeze_by)", "invalid_request")
        if until is not None and until <= now:
            raise RemediationError("freeze_until lies in the past; give a later time or none", "invalid_request")
        row = {
            "id": new_id(now, f"freeze-{scope}"),
            "scope": scope,
            "reason": self._redact(reason),
            "by": self._redact(by),
            "at": now,
            "until": until,
        }
        with self._store.transaction(write=True) as tx:
            tx.execute(
                "INSERT INTO freezes (id, scope, reason, frozen_by, frozen_at, until_at) VALUES (?, ?, ?, ?, ?, ?)",
                tuple(row.values()),
            )
        return row

    def unfreeze(self, scope: str, by: str) -> list[dict[str, Any]]:
        """Lift every active freeze of exactly this scope; returns what was lifted."""
        _check_scope(scope)
        with self._store.transaction(write=True) as tx:
            lifted = [row for row in queries.active_freezes(tx, self._clock()) if row["scope"] == scope]
            for row in lifted:
                tx.execute(
                    "UPDATE freezes SET ended_at = ?, ended_by = ? WHERE id = ?",
                    (self._clock(), self._redact(by), row["id"]),
                )
        return lifted

    def freezes(self) -> list[dict[str, Any]]:
        """Active freezes, oldest first: [{id, scope, reason, by, at, until}]."""
        with self._store.transaction() as tx:
            return queries.active_freezes(tx, self._clock())


def _unknown(kind: str, name: str) -> RemediationError:
    return RemediationError(f"The ledger knows no {kind} {name}", f"unknown_{kind}")


def _check_word(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RemediationError(f"{option} is {value!r}; allowed are {', '.join(allowed)}", "invalid_request")


def _check_scope(scope: str) -> None:
    kind, colon, name = scope.partition(":")
    if scope != "all" and not (kind in ("service", "group") and colon and name):
        raise RemediationError(
            f"freeze_scope is {scope!r}; allowed are all, service:NAME and group:NAME", "invalid_request"
        )
