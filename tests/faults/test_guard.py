"""When the pipeline must not act: healthy, frozen, cooling down, out of budget, in a storm, not allowed, wrongly called."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import world


def refused(outcome, code: str) -> bool:
    return (outcome.rc, outcome.result["verdict"], outcome.result["code"]) == (2, "refused", code)


def test_a_healthy_service_is_left_alone(clean_lab, workplace) -> None:
    moment, before = time.time(), world.containers()
    run = workplace.run(target="api")
    assert (run.rc, run.result["verdict"]) == (0, "no_action_needed")
    assert world.containers() == before
    assert world.changes_since(moment) == []
    assert not Path(workplace.directory, "evidence").exists()
    with workplace.open_ledger() as ledger:
        assert [row["verdict"] for row in ledger.incidents()] == ["no_action_needed"]
        assert ledger.leases() == []


def test_frozen_is_hands_off_until_it_is_lifted(clean_lab, workplace) -> None:
    frozen = workplace.run("freeze", freeze_scope="service:api", freeze_reason="migration of the orders table")
    assert frozen.rc == 0
    world.break_it("api-stopped")
    before = world.containers()
    held = workplace.run(target="api")
    assert refused(held, "frozen")
    assert "migration of the orders table" in held.result["summary"]
    assert world.containers() == before
    dry = workplace.run(target="api", cmdline="--check")
    assert (dry.rc, dry.result["verdict"], dry.result["code"]) == (0, "refused", "frozen")
    assert workplace.run("unfreeze", freeze_scope="service:api").rc == 0
    assert workplace.run(target="api").result["verdict"] == "recovered"


def test_a_second_failure_so_soon_waits_for_a_person(clean_lab, workplace) -> None:
    world.break_it("api-hung")
    assert workplace.run(target="api").result["verdict"] == "recovered"
    world.break_it("api-stopped")
    before = world.containers()
    assert refused(workplace.run(target="api"), "cooldown")
    assert world.containers() == before


def seed(ledger, service: str, *, heals: int) -> None:
    """Write ``heals`` finished incidents of a service, as earlier runs would have."""
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import AdmissionRequest, Holder

    for _heal in range(heals):
        request = AdmissionRequest(
            service=service, scenario="api_down", targets=[service], holder=Holder.current(), plan_hash="0" * 12,
            remedy="start", impact="safe", look_at=time.time(),
        )  # fmt: skip
        admission = ledger.admit(request)
        assert admission.admitted
        ledger.finish_attempt(admission.attempt_id, result="recovered")
        ledger.close_incident(admission.incident_id, verdict="recovered")


def test_the_fourth_incident_within_an_hour_is_escalated(clean_lab, workplace) -> None:
    with workplace.open_ledger() as ledger:
        seed(ledger, "api", heals=3)
    world.break_it("api-stopped")
    before = world.containers()
    assert refused(workplace.run(target="api"), "budget_exhausted")
    assert world.containers() == before


def test_nobody_restarts_anything_in_a_storm(clean_lab, workplace) -> None:
    with workplace.open_ledger() as ledger:
        for service in ("database", "cache", "worker"):
            ledger.add_look(service=service, scenario="api_down", verdict="refused", found=True)
    world.break_it("api-stopped")
    before = world.containers()
    storm = workplace.run(target="api")
    assert refused(storm, "storm")
    assert "cache" in storm.result["summary"]
    assert world.containers() == before


def test_a_stronger_remedy_than_allowed_is_not_applied(clean_lab, workplace) -> None:
    world.break_it("api-hung")
    before = world.containers()
    assert refused(workplace.run(target="api", remediation_max_impact="safe"), "impact_too_high")
    assert world.containers() == before


def test_a_destructive_remedy_needs_the_approval_of_this_very_plan(clean_lab, workplace) -> None:
    world.break_it("disk-full")
    asked = workplace.run(target="api")
    assert refused(asked, "approval_required")
    assert refused(workplace.run(target="api", remediation_approve="0123456789ab"), "approval_required")
    approved = workplace.run(target="api", remediation_approve=asked.result["plan_hash"])
    assert approved.result["verdict"] == "recovered"
    assert [remedy["impact"] for remedy in approved.result["remedies"]] == ["destructive"]
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []


def test_when_no_remedy_helps_it_escalates_and_says_so(clean_lab, workplace) -> None:
    world.break_it("restart-fails")
    run = workplace.run(target="api")
    assert run.rc == 2
    assert run.result["verdict"] in ("not_recovered", "worse")
    assert run.result["code"] in ("ladder_exhausted", "no_remedy")
    assert run.remedies and len(set(run.remedies)) == len(run.remedies)
    assert all(remedy["result"] == "failed" for remedy in run.result["remedies"])
    assert "report" in run.output or Path(run.result["evidence"], "report.md").is_file()
    with workplace.open_ledger() as ledger:
        incident = ledger.incident(run.result["ledger_id"])
        assert incident["closed_at"] and incident["next_step"]
        assert ledger.leases() == []


def test_the_plan_mode_is_the_dry_run_by_variable(clean_lab, workplace) -> None:
    world.break_it("api-stopped")
    before = world.containers()
    plan = workplace.run(target="api", remediation_mode="plan")
    assert (plan.rc, plan.result["verdict"]) == (0, "planned")
    assert world.containers() == before
    assert plan.result["plan_hash"] == workplace.run(target="api", cmdline="--check").result["plan_hash"]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"target": ""}, "target is empty"),
        ({"target": "nobody"}, "target nobody matches no service"),
        ({"target": "api", "remediation_max_impact": "huge"}, "safe, disruptive, destructive"),
        ({"target": "api", "remediation_mode": "yolo"}, "auto, plan"),
        ({"target": "api", "service_platform": "nomad"}, "docker, host"),
        ({"target": "api", "remediation_hold": "a while"}, "remediate_hold"),
    ],
    ids=["empty-target", "unknown-target", "bad-impact", "bad-mode", "unknown-platform", "bad-hold"],
)
def test_bad_input_names_the_variable_and_changes_nothing(lab, workplace, extra, said) -> None:
    before = world.containers()
    run = workplace.run(**extra)
    assert run.rc != 0
    assert said in run.output.replace("\n", " ")
    assert world.containers() == before


def test_an_unreachable_host_reaches_the_escalation(clean_lab, workplace) -> None:
    world.docker("stop", "--time", "1", f"{world.PROJECT}-legacy-host-1")
    try:
        run = workplace.run(target="api_process")
        assert refused(run, "no_remedy"), run.output[-3000:]
        assert run.result["cause"] == "host_unreachable"
    finally:
        world.docker("start", f"{world.PROJECT}-legacy-host-1")
