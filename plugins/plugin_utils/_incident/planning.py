# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan step: from a diagnosis and the incident's history to the next remedy, or to a verdict without one.

PRIVATE to the collection. ``choose`` is pure; ``plan_step`` brings it the ledger's facts.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._service import worse
from ansible_collections.sre.remediation.plugins.plugin_utils._plan import (
    OBSERVE,
    build_plan,
    effect_is_there,
    next_remedy,
    observe,
)

KNOWN_GOOD_LIMIT = 5


def choose(
    *,
    plan: dict[str, Any] | None,
    found: bool,
    own_incident: bool,
    attempts: list[dict[str, Any]],
    state: dict[str, Any],
    first_state: dict[str, Any],
    elapsed: float,
    deadline: float,
    observe_timeout: float,
) -> dict[str, Any]:
    """What happens next: ``{next, verdict, code}``, exactly one of ``next`` and ``verdict`` set.

    ``own_incident``: this very run already acted. ``elapsed`` and ``deadline``: seconds since the run began and the
    limit after which a person takes over.
    """
    tried = {attempt["remedy"] for attempt in attempts}
    if own_incident and plan and plan.get("all_in_order") and not (found and next_remedy(plan, attempts, state)):
        return _end_of_steps(attempts, first_state, state)
    if not found:
        if own_incident and OBSERVE not in tried and plan:
            return {"next": observe(plan, observe_timeout), "verdict": None, "code": None}
        if own_incident:
            return {"next": None, "verdict": "not_recovered", "code": "ladder_exhausted"}
        return {"next": None, "verdict": "no_action_needed", "code": None}
    if not plan["remedies"]:
        code = "unknown_cause" if plan["cause"] == "unknown" else "no_remedy"
        return {"next": None, "verdict": _unhealed(own_incident, first_state, state), "code": code}
    if own_incident and elapsed > deadline:
        return {"next": None, "verdict": _unhealed(True, first_state, state), "code": "deadline"}
    if OBSERVE not in tried and any(effect_is_there(attempt, state) for attempt in attempts):
        return {"next": observe(plan, observe_timeout), "verdict": None, "code": None}
    remedy = next_remedy(plan, attempts, state)
    if remedy is None:
        return {"next": None, "verdict": _unhealed(True, first_state, state), "code": "ladder_exhausted"}
    return {"next": remedy, "verdict": None, "code": None}


def _end_of_steps(attempts: list[dict[str, Any]], first_state: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """The verdict of a plan of which every step was to be done: good only when none failed."""
    if failed_steps({"all_in_order": True}, attempts):
        return {"next": None, "verdict": _unhealed(True, first_state, state), "code": "step_failed"}
    return {"next": None, "verdict": "recovered", "code": None}


def failed_steps(plan: dict[str, Any] | None, attempts: list[dict[str, Any]]) -> list[str]:
    """The steps that failed so far, of a plan of which every step is to be done."""
    if not plan or not plan.get("all_in_order"):
        return []
    return [attempt["remedy"] for attempt in attempts if attempt.get("result") == "failed"]


def _unhealed(acted: bool, before: dict[str, Any], after: dict[str, Any]) -> str:
    """The verdict of an incident that no remedy ended."""
    if not acted:
        return "refused"
    return "worse" if before and after and worse(before, after) else "not_recovered"


def undo_after_worse(
    attempts: list[dict[str, Any]], before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any] | None:
    """The last attempt when it made things worse and says how it can be put back, else None.

    What only helps when it is right (``unless_helped`` in its undo record) is put back whenever it did not help.
    """
    if not attempts or not before or not after:
        return None
    last = attempts[-1]
    undo = last.get("undo") or {}
    if not undo.get("unless_helped") and not worse(before, after):
        return None
    return last if undo.get("verb") and last.get("result") == "failed" and not last.get("undone_by") else None


def with_rollback_targets(
    ladder: list[dict[str, Any]], state: dict[str, Any], known_good: list[dict[str, Any]], service: str = ""
) -> list:
    """Name the versions a rollback may go to (newest known good first, then the previous one), so that the plan shows them.

    A rung whose target is another service brings its own; ``never_to`` are versions to leave out.
    """
    known = [item["version"] for item in known_good if item["version"] != state.get("version")]
    previous = (state.get("previous_version") or {}).get("version")
    if previous and previous not in known:
        known.append(previous)
    named = []
    for rung in ladder:
        if rung.get("remedy") == "rollback" and rung.get("target") in (None, "", service):
            versions = [version for version in known if version not in rung.get("never_to", ())]
            rung = {**rung, "with": {**(rung.get("with") or {}), "platform_candidates": versions}}
            if not versions:
                rung.update(possible=False, why_not="no earlier version of this service is known or present")
        named.append(rung)
    return named


def epoch(iso: str | None) -> float | None:
    """Epoch seconds of an ISO 8601 time, None for none."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp() if iso else None


def plan_step(ledger, holder, arguments: dict[str, Any], started: float) -> dict[str, Any]:
    """Read the ledger, build the plan, choose, and note a failing look (the storm brake of other runs counts those)."""
    now = time.time()
    service, scenario = arguments["service"], arguments["scenario"]
    state = {**arguments["state"], "started_epoch": epoch(arguments["state"].get("started_at"))}
    diagnosis = arguments["diagnosis"]
    incident = arguments["incident"] or None
    attempts: list[dict[str, Any]] = []
    resumed = None
    if incident:
        attempts = ledger.incident(incident)["attempts"]
    else:
        resumed = ledger.resumable(service, scenario, holder)
        if resumed:
            attempts = resumed["attempts"]
    known_good = ledger.known_good(service, limit=KNOWN_GOOD_LIMIT)
    plan = None
    if diagnosis["found"] or incident:
        plan = build_plan(
            service=service,
            scenario=scenario,
            platform=arguments["platform"],
            diagnosis=diagnosis,
            ladder=with_rollback_targets(arguments["ladder"], state, known_good, service),
            state=state,
            unsupported=arguments["unsupported"],
        )
    choice = choose(
        plan=plan,
        found=diagnosis["found"],
        own_incident=bool(incident),
        attempts=attempts,
        state=state,
        first_state=arguments["first_state"] or state,
        elapsed=now - started,
        deadline=arguments["deadline"],
        observe_timeout=arguments["observe_timeout"],
    )
    if diagnosis["found"] and not incident:
        ledger.add_look(
            service=service, scenario=scenario, verdict="diagnosed", cause=diagnosis["cause"], summary=diagnosis["summary"],
            found=True, plan_hash=plan["hash"], plan=plan, version=state.get("version"), run=holder.key,
            started_at=started, finished_at=now, code=None, next_step=None,
        )  # fmt: skip
    undo = undo_after_worse(attempts, arguments["last_state"], state) if incident and diagnosis["found"] else None
    return {
        **choice,
        "found": diagnosis["found"],
        "cause": diagnosis["cause"],
        "summary": diagnosis["summary"],
        "plan": plan,
        "incident": incident or (resumed["incident_id"] if resumed else None),
        "acted": bool(incident),
        "resumes": resumed["incident_id"] if resumed else None,
        "undo": undo,
        "failed_steps": failed_steps(plan, attempts),
        "state": state,
        "first_state": arguments["first_state"] or state,
        "looked_at": arguments["looked_at"],
        "shown": describe(plan, choice) if plan else [],
    }


def describe(plan: dict[str, Any], choice: dict[str, Any]) -> list[str]:
    """The plan as lines for a terminal: target, cause, remedies in order with impact and undo, and its hash."""
    lines = [f"plan {plan['hash']} for {plan['service']} on {plan['platform']}: {plan['cause']}", plan["summary"]]
    for number, remedy in enumerate(plan["remedies"], start=1):
        how = (remedy["undo"] or {}).get("how", "not undoable")
        target = "" if remedy["target"] == plan["service"] else f" on {remedy['target']}"
        mark = "->" if choice["next"] and choice["next"]["remedy"] == remedy["remedy"] else "  "
        lines.append(f"{mark} {number}. {remedy['remedy']}{target} [{remedy['impact']}] undo: {how}")
    lines.extend(f"    not possible: {item['remedy']} ({item['why']})" for item in plan["not_possible"])
    return lines
