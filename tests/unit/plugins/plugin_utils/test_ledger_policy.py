"""The guard's decision as a table: one fact too many, one answer. No database, no clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger.holder import Holder
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger.model import (
    AdmissionRequest,
    ApprovalFact,
    ChangeFact,
    CooldownFact,
    Facts,
    FreezeFact,
    GuardPolicy,
    LeaseFact,
)
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger.policy import clock_time, decide

NOW = 1_795_300_000.0  # 2026-11-21 22:26:40 UTC
ME = Holder("m1", "host1", 100, 1, "me")
OTHER = Holder("m2", "host2", 200, 2, "deploy")
REQUEST = AdmissionRequest(
    service="api",
    scenario="api_down",
    targets=["api"],
    holder=ME,
    plan_hash="H",
    remedy="restart",
    impact="disruptive",
    look_at=NOW - 2,
    inventory_size=6,
)
FACTS = Facts(now=NOW)
LEASE = LeaseFact("api", "I1", OTHER, NOW + 60)
DESTROY = {"impact": "destructive", "remedy": "reset"}
APPROVED = {**DESTROY, "approve": ["H"]}
PLANNED = ApprovalFact(planned_at=NOW - 10)

TABLE = [
    ("nothing objects", {}, {}, None),
    ("frozen", {}, {"freezes": (FreezeFact("all", "sale", "anna", None),)}, "frozen"),
    ("somebody works on it", {}, {"leases": (LEASE,)}, "busy"),
    ("lease of a dead process", {}, {"leases": (replace(LEASE, dead=True),)}, None),
    ("lease that ends now", {}, {"leases": (replace(LEASE, expires_at=NOW),)}, None),
    ("second lease blocks", {}, {"leases": (replace(LEASE, dead=True), replace(LEASE, service="db"))}, "busy"),
    ("our lease was taken", {}, {"leases": (LEASE,), "continuing": True, "incident": "open"}, "lease_lost"),
    ("our incident is closed", {"incident_id": "I"}, {"incident": "closed"}, "lease_lost"),
    ("unknown incident", {"incident_id": "I"}, {"incident": "unknown"}, "lease_lost"),
    ("change after the look", {}, {"last_change": ChangeFact("api", "I1", "restart", NOW - 1)}, "stale_look"),
    ("change before the look", {}, {"last_change": ChangeFact("api", "I1", "restart", NOW - 2)}, None),
    ("look in the future", {"look_at": NOW + 6}, {}, "stale_look"),
    ("look rounded up", {"look_at": NOW + 4}, {}, None),
    ("cooling down", {}, {"cooldown": CooldownFact("api", "I1", NOW + 1)}, "cooldown"),
    ("cooled down", {}, {"cooldown": CooldownFact("api", "I1", NOW)}, None),
    ("two of three incidents", {}, {"incidents_in_window": (NOW - 9, NOW - 8)}, None),
    ("three of three incidents", {}, {"incidents_in_window": (NOW - 9, NOW - 8, NOW - 7)}, "budget_exhausted"),
    ("budget of none", {"policy": GuardPolicy(max_incidents=0)}, {}, "budget_exhausted"),
    ("one of two instances", {"floor": {"desired": 2, "healthy": 2, "touches": 1}}, {}, None),
    ("both instances", {"floor": {"desired": 2, "healthy": 2, "touches": 2}}, {}, "floor"),
    ("the last healthy one", {"floor": {"desired": 3, "healthy": 1, "touches": 1}}, {}, "floor"),
    ("none is healthy anyway", {"floor": {"desired": 3, "healthy": 0, "touches": 3}}, {}, None),
    ("a single instance", {"floor": {"desired": 1, "healthy": 1, "touches": 1}}, {}, None),
    ("touches nothing", {"floor": {"desired": 3, "healthy": 1, "touches": 0}}, {}, None),
    ("unknown health, all touched", {"floor": {"desired": 2, "healthy": None, "touches": 2}}, {}, "floor"),
    ("unknown health, one touched", {"floor": {"desired": 2, "healthy": None, "touches": 1}}, {}, None),
    ("half fail", {}, {"failing": ("b", "c")}, None),
    ("more than half fail", {}, {"failing": ("b", "c", "d")}, "storm"),
    ("the service itself counts once", {}, {"failing": ("api", "b", "c")}, None),
    ("too few services for a storm", {"inventory_size": 3}, {"failing": ("b", "c")}, None),
    ("unknown size", {"inventory_size": 0}, {"failing": ("b", "c", "d")}, None),
    ("above the cap", {"policy": GuardPolicy(max_impact="safe")}, {}, "impact_too_high"),
    ("at the cap", {"policy": GuardPolicy(max_impact="safe"), "impact": "safe"}, {}, None),
    (
        "approved, but capped at safe",
        {**APPROVED, "policy": GuardPolicy(max_impact="safe")},
        {"approval": PLANNED},
        "impact_too_high",
    ),
    ("destructive", DESTROY, {"approval": PLANNED}, "approval_required"),
    (
        "destructive, cap raised",
        {**DESTROY, "policy": GuardPolicy(max_impact="destructive")},
        {"approval": PLANNED},
        "approval_required",
    ),
    ("another plan approved", {**DESTROY, "approve": ["G"]}, {"approval": PLANNED}, "approval_required"),
    ("approved", APPROVED, {"approval": PLANNED}, None),
    ("never planned", APPROVED, {}, "approval_unknown"),
    ("planned too long ago", APPROVED, {"approval": ApprovalFact(planned_at=NOW - 3601)}, "approval_unknown"),
    ("used", APPROVED, {"approval": ApprovalFact(used_at=NOW - 5)}, "approval_used"),
    ("used by this incident", APPROVED, {"approval": ApprovalFact(used_at=NOW - 5, used_by_us=True)}, None),
    ("planned again after use", APPROVED, {"approval": ApprovalFact(planned_at=NOW - 1, used_at=NOW - 5)}, None),
]


@pytest.mark.parametrize(
    ("request_changes", "fact_changes", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_decision(request_changes, fact_changes, code):
    refusal = decide(replace(REQUEST, **request_changes), replace(FACTS, **fact_changes))
    assert (refusal and refusal.code) == code


def test_what_a_human_ordered_is_told_first():
    facts = Facts(
        now=NOW,
        freezes=(FreezeFact("service:api", "sale", "anna", NOW + 60),),
        leases=(LEASE,),
        cooldown=CooldownFact("api", "I1", NOW + 9),
    )
    refusal = decide(REQUEST, facts)
    assert (refusal.code, refusal.until, refusal.holder) == ("frozen", NOW + 60, "anna")
    assert refusal.reason == (
        "service:api is frozen by anna until 22:27:40 UTC: sale (lift it with playbooks/unfreeze.yml "
        "-e freeze_scope=service:api)"
    )


def test_budget_frees_when_enough_incidents_leave_the_window():
    facts = replace(FACTS, incidents_in_window=(NOW - 30, NOW - 20, NOW - 10, NOW - 5))
    refusal = decide(REQUEST, facts)
    assert refusal.until == NOW - 20 + 3600
    assert "4 times" in refusal.reason and "allowed: 3" in refusal.reason


def test_approval_hint_names_the_exact_variable():
    assert decide(replace(REQUEST, **DESTROY), FACTS).reason.endswith("with -e remediation_approve=H")


@pytest.mark.parametrize(("at", "text"), [(NOW, "22:26:40 UTC"), (NOW + 7200, "2026-11-22 00:26:40 UTC")])
def test_clock_time(at, text):
    assert clock_time(at, NOW) == text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"service": ""}, "needs service"),
        ({"service": "  "}, "never means 'all'"),
        ({"targets": []}, "targets is empty"),
        ({"targets": ["api", ""]}, "targets is empty"),
        ({"targets": "api"}, "must be a list"),
        ({"approve": "H"}, "must be a list"),
        ({"plan_hash": None}, "needs plan_hash"),
        ({"impact": "huge"}, "allowed are safe, disruptive, destructive"),
        ({"lease_seconds": 0}, "greater than 0"),
    ],
)
def test_a_request_that_names_nothing_is_an_error(changes, message):
    with pytest.raises(RemediationError, match=message) as caught:
        replace(REQUEST, **changes)
    assert caught.value.code == "invalid_request"


def test_unknown_cap_is_an_error():
    with pytest.raises(RemediationError, match="remediation_max_impact is 'any'"):
        GuardPolicy(max_impact="any")
