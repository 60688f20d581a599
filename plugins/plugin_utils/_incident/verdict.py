# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which verdict an incident ends with, and what a person should do next. Pure functions. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GOOD = ("recovered", "no_action_needed")
"""Verdicts that let the play end with exit code 0."""

NEXT_STEPS = {
    "frozen": "Hands are off on purpose. When the freeze is over: playbooks/unfreeze.yml, then run again.",
    "busy": "Another run is working on it. Wait for its verdict; nothing to do here.",
    "stale_look": "Something changed since this run looked. Run again: it will look anew.",
    "cooldown": "It was touched a moment ago and is down again: look for the root cause before the next remedy.",
    "budget_exhausted": "Healing keeps being needed: open a root-cause investigation; the evidence of the last incidents is kept.",
    "floor": "The remedy would take the last healthy instance. Add an instance first, or act by hand.",
    "storm": "Many services fail at once: look for one shared cause (database, network, deploy) before touching any of them.",
    "impact_too_high": "The plan needs a stronger remedy than allowed. Read the plan; raise remediation_max_impact if you agree.",
    "approval_required": "Read the plan above. If you agree: run again with -e remediation_approve=<plan hash>.",
    "approval_unknown": "This hash was never planned, or too long ago, or the world has moved: run with --check and approve the new hash.",
    "approval_used": "An approval is good for one incident. Run with --check and approve the new plan.",
    "lease_lost": "Another run took this service over while this one was slow. Wait for its verdict.",
    "no_remedy": "No remedy of this collection fits this cause: a person has to act. The evidence is listed above.",
    "unknown_cause": "The symptom is real, its cause was not recognised. Read the evidence; a signature for it would be welcome.",
    "ladder_exhausted": "Every remedy was tried and the symptom is still there. Read the evidence, start with the first attempt.",
    "step_failed": "Not every step was done; the others were. Read what the failed one says, and do it by hand.",
    "deadline": "The time for automatic healing is over. Take it from here; the evidence is kept.",
    "fault": "The run itself failed; see the message. What was done is in the ledger, and the next run diagnoses anew.",
}


@dataclass(frozen=True)
class Outcome:
    """The end of an incident: its verdict, the code that explains it, and one sentence of each."""

    verdict: str
    code: str | None
    summary: str
    next_step: str | None

    @property
    def good(self) -> bool:
        return self.verdict in GOOD or self.verdict == "planned"


def decide_outcome(
    *,
    planning: dict[str, Any] | None,
    guarding: dict[str, Any] | None,
    attempting: dict[str, Any] | None,
    fault: str | None,
    dry_run: bool,
) -> Outcome:
    """The outcome of a run from the results of its steps (None where a step did not run).

    ``planning`` is the result of the plan step, ``guarding`` of the guard, ``attempting`` of the last record step.
    """
    planning, guarding, attempting = planning or {}, guarding or {}, attempting or {}
    summary = planning.get("summary") or ""
    in_order = (planning.get("plan") or {}).get("all_in_order") and (planning.get("verdict") or guarding.get("code"))
    if attempting.get("result") == "recovered" and not fault and not in_order:
        if planning.get("failed_steps"):
            failed = ", ".join(planning["failed_steps"])
            return Outcome("not_recovered", "step_failed", f"{summary}; failed: {failed}", NEXT_STEPS["step_failed"])
        return Outcome("recovered", None, summary, None)
    if fault:
        verdict = "not_recovered" if attempting or guarding.get("act") else "refused"
        return Outcome(verdict, "fault", fault, NEXT_STEPS["fault"])
    if planning.get("verdict"):
        code = planning.get("code")
        return Outcome(planning["verdict"], code, summary, NEXT_STEPS.get(code) if code else None)
    if guarding and not guarding.get("admitted"):
        code = guarding["code"]
        verdict = "not_recovered" if attempting else "refused"
        return Outcome(verdict, code, guarding["reason"], NEXT_STEPS.get(code))
    if dry_run and planning.get("next"):
        return Outcome("planned", None, summary, None)
    return Outcome("not_recovered", "fault", summary or "The run ended before a verdict", NEXT_STEPS["fault"])


def exit_is_good(outcome: Outcome, planning: dict[str, Any] | None, dry_run: bool) -> bool:
    """Whether the play may end well: a good verdict, or a dry run that could make a plan (even one the guard refuses now)."""
    if outcome.good:
        return True
    has_plan = bool(((planning or {}).get("plan") or {}).get("remedies"))
    return dry_run and outcome.verdict == "refused" and has_plan and outcome.code != "fault"
