# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The close step: verdict, ledger, result file, report, statistics for AWX.

PRIVATE to the collection. Whatever happened before, this step always runs, and gives the lease back.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.result_file import add_result
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.verdict import (
    Outcome,
    decide_outcome,
    exit_is_good,
)

RESULT_FILE = "SRE_REMEDIATION_RESULT_FILE"


def close_step(
    open_ledger, holder, arguments: dict[str, Any], dry_run: bool, started: float, environ
) -> dict[str, Any]:
    """Decide and write the verdict. Returns the result entry under ``incident``, and whether the play may end well."""
    now = time.time()
    planning = ran(arguments["planning"])
    outcome = decide_outcome(
        planning=planning,
        guarding=ran(arguments["guarding"]),
        attempting=ran(arguments["attempting"]),
        fault=redact(arguments["fault"]) or None,
        dry_run=dry_run,
    )
    try:
        with open_ledger() as ledger:
            entry = write(ledger, holder, arguments, planning, outcome, started, now, environ)
    except RemediationError as error:
        acted = bool((ran(arguments["guarding"]) or {}).get("act"))
        advice = "Nothing more is done without a ledger that can be relied on."
        outcome = Outcome("not_recovered" if acted else "refused", error.code, error.message, advice)
        entry = entry_of(
            arguments, planning, outcome, attempts=[], incident_id=None, started=started, now=now, evidence=None
        )
    if environ.get(RESULT_FILE):
        add_result(environ[RESULT_FILE], holder.key, entry)
    result: dict[str, Any] = {
        "incident": {**entry, "code": outcome.code, "summary": outcome.summary, "next_step": outcome.next_step},
        "shown": (planning or {}).get("shown", []) if dry_run or not outcome.good else [],
        "good": exit_is_good(outcome, planning, dry_run),
        "said": said(outcome),
        "ansible_stats": {"data": {"remediation_results": [entry]}, "per_host": False, "aggregate": True},
    }
    return result


def said(outcome: Outcome) -> str:
    """The outcome in one or two sentences."""
    code = f" ({outcome.code})" if outcome.code else ""
    advice = f" {outcome.next_step}" if outcome.next_step else ""
    return f"{outcome.verdict}{code}: {outcome.summary}{advice}"


def ran(step_result: dict[str, Any]) -> dict[str, Any] | None:
    """A registered result, None when the task was skipped or never reached."""
    return None if not step_result or step_result.get("skipped") or step_result.get("failed") else step_result


def write(ledger, holder, arguments, planning, outcome: Outcome, started, now, environ) -> dict[str, Any]:
    """Close the incident this run opened, or write the one row of a look; returns the result entry."""
    from ansible_collections.sre.remediation.plugins.plugin_utils._evidence import default_directory

    incident_id = arguments["incident"] or None
    plan = (planning or {}).get("plan") or {}
    version = ((planning or {}).get("state") or {}).get("version")
    if not incident_id:
        settle_interrupted(ledger, holder, planning or {}, outcome, now)
        if version and planning and planning.get("verdict") == "no_action_needed":
            name = planning["state"].get("version_name")
            ledger.add_known_good(arguments["service"], version, name, None)
        incident_id = ledger.add_look(
            service=arguments["service"], scenario=arguments["scenario"], verdict=outcome.verdict,
            cause=(planning or {}).get("cause"), summary=outcome.summary, found=bool((planning or {}).get("found")),
            plan_hash=plan.get("hash"), plan=plan or None, version=version, run=holder.key, started_at=started,
            finished_at=now, code=outcome.code, next_step=outcome.next_step,
        )  # fmt: skip
        return entry_of(
            arguments, planning, outcome, attempts=[], incident_id=incident_id, started=started, now=now, evidence=None
        )
    attempts = ledger.incident(incident_id)["attempts"]
    folder = Path(default_directory(environ)) / incident_id
    evidence = str(folder) if folder.is_dir() else None
    entry = entry_of(
        arguments,
        planning,
        outcome,
        attempts=attempts,
        incident_id=incident_id,
        started=started,
        now=now,
        evidence=evidence,
    )
    ledger.close_incident(
        incident_id, verdict=outcome.verdict, code=outcome.code, summary=outcome.summary, next_step=outcome.next_step,
        version=version, finished_at=now, seconds=entry["seconds"], evidence=evidence,
    )  # fmt: skip
    if evidence:
        from ansible_collections.sre.remediation.plugins.plugin_utils._report.incident import write_report

        entry["report"] = write_report(folder, ledger.incident(incident_id), entry, arguments["reason"])
    return entry


def settle_interrupted(ledger, holder, planning: dict[str, Any], outcome: Outcome, now: float) -> None:
    """Close the incident that a killed run left open, once this run knows how it ended: healed, or out of remedies."""
    incident_id = planning.get("resumes")
    healed = outcome.verdict == "no_action_needed"
    if not incident_id or not (healed or outcome.code == "ladder_exhausted"):
        return
    ledger.close_incident(
        incident_id, verdict="recovered" if healed else outcome.verdict, code=outcome.code, next_step=outcome.next_step,
        summary="Its run was interrupted; the next run " + ("found the service healthy." if healed else "found no remedy left."),
        version=None, finished_at=now, seconds=None, evidence=None, holder=holder,
    )  # fmt: skip


def entry_of(arguments, planning, outcome, *, attempts, incident_id, started, now, evidence) -> dict[str, Any]:
    """One element of the result file, as docs/result.md describes it. All times in seconds."""
    first = min((float(attempt["started_at"]) for attempt in attempts), default=None)
    return {
        "service": arguments["service"],
        "scenario": arguments["scenario"],
        "verdict": outcome.verdict,
        "code": outcome.code,
        "cause": (planning or {}).get("cause"),
        "summary": outcome.summary,
        "remedies": [
            {
                "name": attempt["remedy"],
                "impact": attempt["impact"],
                "result": attempt.get("result") or "interrupted",
                "seconds": round(float(attempt["finished_at"]) - float(attempt["started_at"]), 3)
                if attempt.get("finished_at")
                else None,
                "attempt": attempt["attempt_id"],
            }
            for attempt in attempts
        ],
        "planned": [
            {"name": remedy["remedy"], "impact": remedy["impact"], "target": remedy["target"]}
            for remedy in (((planning or {}).get("plan") or {}).get("remedies") or [])
        ],
        "plan_hash": ((planning or {}).get("plan") or {}).get("hash"),
        "seconds": {
            "total": round(now - started, 3),
            "to_first_action": round(max(first - started, 0.0), 3) if first else None,
            "hold": round(sum(float(attempt.get("hold_seconds") or 0) for attempt in attempts), 3),
        },
        "evidence": evidence,
        "ledger_id": incident_id,
        "next_step": outcome.next_step,
    }
