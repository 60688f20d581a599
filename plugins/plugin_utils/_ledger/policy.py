# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's decision: may this remedy be applied now? PRIVATE to the collection.

Pure: request and facts in, Refusal or None out. The rules stand in the order in which they are told to the operator:
first what a human has ordered, then what another run is doing, then the limits, then the approval.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from .model import IMPACTS, AdmissionRequest, Facts, Refusal

CLOCK_TOLERANCE = 5.0
"""Seconds a look may seem to lie in the future (rounding, clock steps) before it is called wrong."""


def decide(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    """The first rule that objects, or None: go on."""
    for rule in RULES:
        refusal = rule(request, facts)
        if refusal is not None:
            return refusal
    return None


def clock_time(at: float, now: float) -> str:
    """22:05:31 UTC, with the date when it is another day."""
    moment = datetime.fromtimestamp(at, UTC)
    today = datetime.fromtimestamp(now, UTC).date()
    return moment.strftime("%H:%M:%S UTC" if moment.date() == today else "%Y-%m-%d %H:%M:%S UTC")


def _frozen(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    if not facts.freezes:
        return None
    freeze = facts.freezes[0]
    until = "until it is lifted" if freeze.until is None else f"until {clock_time(freeze.until, facts.now)}"
    return Refusal(
        "frozen",
        f"{freeze.scope} is frozen by {freeze.by} {until}: {freeze.reason} "
        f"(lift it with playbooks/unfreeze.yml -e freeze_scope={freeze.scope})",
        freeze.until,
        freeze.by,
    )


def _incident_gone(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    if facts.incident in (None, "open"):
        return None
    return Refusal(
        "lease_lost",
        f"incident {request.incident_id} is {facts.incident}; another run has dealt with service {request.service}, "
        "look again with a new run",
    )


def _busy(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    for lease in facts.leases:
        if lease.dead or lease.expires_at <= facts.now:
            continue
        until = clock_time(lease.expires_at, facts.now)
        who = f"{lease.holder.describe()} (incident {lease.incident_id})"
        if facts.continuing:
            reason = f"the lease on service {lease.service} was lost to {who}, which holds it until {until}"
            return Refusal("lease_lost", reason, lease.expires_at, lease.holder.describe())
        reason = f"service {lease.service} is being worked on by {who} until {until}"
        return Refusal("busy", reason, lease.expires_at, lease.holder.describe())
    return None


def _stale_look(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    if request.look_at > facts.now + CLOCK_TOLERANCE:
        return Refusal(
            "stale_look",
            f"the look at service {request.service} is dated {clock_time(request.look_at, facts.now)}, which is in the "
            "future; set the clocks right and look again",
        )
    change = facts.last_change
    if change is None or change.at <= request.look_at:
        return None
    return Refusal(
        "stale_look",
        f"service {change.service} was changed by {change.remedy} of incident {change.incident_id} at "
        f"{clock_time(change.at, facts.now)}, after the look at {clock_time(request.look_at, facts.now)}; look again "
        "with a new run",
    )


def _cooldown(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    cooldown = facts.cooldown
    if cooldown is None or cooldown.until <= facts.now:
        return None
    return Refusal(
        "cooldown",
        f"service {cooldown.service} cools down until {clock_time(cooldown.until, facts.now)} after incident "
        f"{cooldown.incident_id} (remediation_cooldown is {request.policy.cooldown:g} s)",
        cooldown.until,
    )


def _budget(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    policy = request.policy
    opened = sorted(facts.incidents_in_window)
    if len(opened) < policy.max_incidents:
        return None
    until = opened[len(opened) - policy.max_incidents] + policy.window if policy.max_incidents > 0 else None
    end = f" until {clock_time(until, facts.now)}" if until is not None else ""
    return Refusal(
        "budget_exhausted",
        f"{request.scenario} has already been remedied {len(opened)} times for service {request.service} within "
        f"{policy.window:g} s (allowed: {policy.max_incidents}); healing stops{end}, find the root cause",
        until,
    )


def _floor(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    floor = request.floor or {}
    touches, desired = floor.get("touches") or 0, floor.get("desired") or 0
    if touches < 1 or desired < 2:
        return None
    # Where nothing measures health every wanted instance may be the one that still serves.
    healthy = desired if floor.get("healthy") is None else floor["healthy"]
    if healthy < 1 or healthy - touches >= 1:
        return None
    return Refusal(
        "floor",
        f"{request.remedy} would touch {touches} of the {healthy} healthy instances of service {request.service} "
        f"({desired} wanted) and leave none",
    )


def _storm(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    policy, failing = request.policy, sorted({*facts.failing, request.service})
    if request.inventory_size < policy.storm_minimum or len(failing) <= policy.storm_fraction * request.inventory_size:
        return None
    return Refusal(
        "storm",
        f"{len(failing)} of {request.inventory_size} services fail at once ({', '.join(failing[:8])}"
        f"{', ...' if len(failing) > 8 else ''}); restarting them one by one does not help, look for the common cause",
        facts.now + policy.storm_window,
    )


def _impact(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    allowed = request.policy.max_impact
    if IMPACTS.index(request.impact) <= IMPACTS.index(allowed):
        return None
    if request.impact == "destructive" and allowed == "disruptive":
        return None  # The default cap; the approval of this very plan, demanded below, is the stronger word.
    return Refusal(
        "impact_too_high",
        f"{request.remedy} is {request.impact}, but remediation_max_impact is {allowed}",
    )


def _approval(request: AdmissionRequest, facts: Facts) -> Refusal | None:
    if request.impact != "destructive":
        return None
    plan, known, ttl = request.plan_hash, facts.approval, request.policy.approval_ttl
    if plan not in request.approve:
        other = f" (approved was {', '.join(request.approve)}: the plan has changed since)" if request.approve else ""
        return Refusal(
            "approval_required",
            f"{request.remedy} is destructive and needs approval of plan {plan}{other}; read the plan, then run again "
            f"with -e remediation_approve={plan}",
        )
    if known.used_by_us:
        return None
    if known.planned_at is None and known.used_at is not None:
        return Refusal(
            "approval_used",
            f"the approval of plan {plan} was used at {clock_time(known.used_at, facts.now)} and counts once; "
            "plan again with --check",
        )
    if known.planned_at is None:
        return Refusal("approval_unknown", f"plan {plan} was never shown; plan with --check, then approve it")
    if facts.now - known.planned_at > ttl:
        return Refusal(
            "approval_unknown",
            f"plan {plan} was made at {clock_time(known.planned_at, facts.now)}, more than {ttl:g} s ago; plan again "
            "with --check, then approve it",
        )
    return None


RULES: tuple[Callable[[AdmissionRequest, Facts], Refusal | None], ...] = (
    _frozen,
    _incident_gone,
    _busy,
    _stale_look,
    _cooldown,
    _budget,
    _floor,
    _storm,
    _impact,
    _approval,
)
