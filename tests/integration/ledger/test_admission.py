"""What the ledger answers and writes when a run asks to change something; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import GuardPolicy, Holder, LeaseLost, Refusal

from .conftest import holder


def refused(admission) -> str:
    assert not admission.admitted
    assert (admission.incident_id, admission.attempt_id)[1] is None
    return admission.refusal.code


def finish(ledger, admission, result="recovered", verdict="recovered"):
    assert ledger.finish_attempt(admission.attempt_id, result)
    assert ledger.close_incident(admission.incident_id, verdict)


def test_admission_records_incident_attempt_and_lease(ledger, ask, clock):
    first = ledger.admit(ask(targets=["database"], lease_seconds=90))
    assert (first.admitted, first.refusal, first.resumed, first.attempts_before) == (True, None, False, 0)
    incident = ledger.incident(first.incident_id)
    assert incident["targets"] == ["api", "database"]
    assert (incident["closed_at"], incident["found"], incident["plan"]) == (None, True, {"ladder": ["restart"]})
    (attempt,) = incident["attempts"]
    assert (attempt["attempt_id"], attempt["remedy"], attempt["result"]) == (first.attempt_id, "restart", None)
    assert {**attempt, "service": "api", "scenario": incident["scenario"]} == ledger.attempt(first.attempt_id)
    assert [(lease["service"], lease["expires_at"]) for lease in ledger.leases()] == [
        ("api", clock.now + 90),
        ("database", clock.now + 90),
    ]


def test_ids_are_readable_and_sort_by_time(ledger, ask, clock):
    early = ledger.add_look("api / web", "api_down", "no_action_needed")
    clock.advance(1)
    late = ledger.add_look("api / web", "api_down", "no_action_needed")
    assert early.startswith("20261121T222640Z-api-web-")
    assert early < late


def test_refusal_writes_nothing(ledger, ask):
    admission = ledger.admit(ask(), lambda request, facts: Refusal("frozen", "no"))
    assert refused(admission) == "frozen"
    assert ledger.incidents() == [] and ledger.leases() == []


def test_dry_run_only_decides(ledger, ask):
    admission = ledger.admit(ask(dry_run=True))
    assert admission.admitted and admission.attempt_id is None
    assert ledger.incidents() == [] and ledger.leases() == []
    ledger.freeze("all", "maintenance", "ops", None)
    assert refused(ledger.admit(ask(dry_run=True))) == "frozen"


def test_failure_while_writing_leaves_nothing(ledger, ask):
    def poisoned(request, facts):
        ask_again = ledger._store._connection.cursor()
        ask_again.execute("DELETE FROM freezes")
        raise RuntimeError("killed between decision and record")

    ledger.freeze("service:cache", "kept", "ops", None)
    with pytest.raises(RuntimeError):
        ledger.admit(ask(), poisoned)
    assert [row["scope"] for row in ledger.freezes()] == ["service:cache"]


def test_busy_names_holder_incident_and_time(ledger, ask):
    first = ledger.admit(ask())
    second = ledger.admit(ask(holder=holder("b"), scenario="api_slow"))
    assert refused(second) == "busy"
    assert second.refusal.reason == (
        f"service api is being worked on by deploy-a on host-a pid 4242 (incident {first.incident_id}) "
        "until 22:28:40 UTC"
    )


def test_one_process_on_two_incidents_does_not_share_a_lease(ledger, ask):
    ledger.admit(ask("api", targets=["api", "database"]))
    assert refused(ledger.admit(ask("worker", "worker_stuck", targets=["worker", "database"]))) == "busy"


def test_expired_lease_is_taken_over_and_the_old_holder_notices(ledger, ask, clock):
    first = ledger.admit(ask(lease_seconds=120))
    clock.advance(119)
    assert refused(ledger.admit(ask(holder=holder("b"), scenario="api_slow"))) == "busy"
    clock.advance(2)
    policy = GuardPolicy(cooldown=0)
    second = ledger.admit(ask(holder=holder("b"), scenario="api_slow", policy=policy))
    assert second.admitted
    with pytest.raises(LeaseLost, match="now belongs to deploy-b"):
        ledger.renew(first.incident_id, holder(), 120)
    again = ledger.admit(ask(incident_id=first.incident_id, policy=policy))
    assert refused(again) == "lease_lost"
    assert [row["holder"]["run"] for row in ledger.leases()] == ["deploy-b"]


def test_failed_renewal_extends_nothing(ledger, ask, clock):
    first = ledger.admit(ask(targets=["api", "database"]))
    clock.advance(121)
    ledger.admit(ask("database", "database_down", holder=holder("b"), policy=GuardPolicy(cooldown=0)))
    with pytest.raises(LeaseLost, match="service database now belongs"):
        ledger.renew(first.incident_id, holder(), 500)
    assert {row["service"]: row["expired"] for row in ledger.leases()} == {"api": True, "database": False}


def test_renewal_keeps_others_away(ledger, ask, clock):
    first = ledger.admit(ask(lease_seconds=120))
    clock.advance(100)
    assert ledger.renew(first.incident_id, holder(), 120) == clock.now + 120
    clock.advance(100)
    assert refused(ledger.admit(ask(holder=holder("b"), scenario="api_slow"))) == "busy"


def test_killed_holder_is_taken_over_at_once(ledger, ask):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        first = ledger.admit(ask(holder=Holder.current(process.pid)))
        assert ledger.resumable("api", "api_down") is None
        assert refused(ledger.admit(ask(holder=holder("b")))) == "busy"
    finally:
        process.kill()
        process.communicate()
    left = ledger.resumable("api", "api_down")
    assert left["incident_id"] == first.incident_id
    assert [(item["remedy"], item["result"]) for item in left["attempts"]] == [("restart", None)]
    assert left["holder"]["pid"] == process.pid
    second = ledger.admit(ask(holder=holder("b"), incident_id=first.incident_id))
    assert (second.admitted, second.resumed, second.attempts_before) == (True, True, 1)
    assert second.attempt_id == f"{first.incident_id}.2"
    assert [row["holder"]["run"] for row in ledger.leases()] == ["deploy-b"]


def test_next_rung_is_not_held_off_and_frees_what_it_does_not_touch(ledger, ask, clock):
    first = ledger.admit(ask(targets=["api", "proxy"]))
    ledger.finish_attempt(first.attempt_id, "failed", "still 502")
    clock.advance(5)
    second = ledger.admit(ask(incident_id=first.incident_id, remedy="rollback"))
    assert (second.admitted, second.resumed, second.attempts_before) == (True, False, 1)
    assert [row["service"] for row in ledger.leases()] == ["api"]
    assert ledger.renew(first.incident_id, holder(), 60) == clock.now + 60


def test_interrupted_incident_cools_down_others_but_not_its_resumption(ledger, ask, clock):
    first = ledger.admit(ask())
    clock.advance(130)
    blocked = ledger.admit(ask(holder=holder("b"), scenario="api_slow"))
    assert refused(blocked) == "cooldown"
    assert blocked.refusal.until == clock.now - 130 + 300
    assert ledger.admit(ask(holder=holder("b"), incident_id=first.incident_id)).admitted


@pytest.mark.parametrize(("impact", "code"), [("disruptive", "cooldown"), ("safe", None)])
def test_cooldown_counts_from_closing_and_only_after_a_disturbance(ledger, ask, clock, impact, code):
    first = ledger.admit(ask(impact=impact))
    clock.advance(60)
    finish(ledger, first)
    closed = clock.now
    clock.advance(299)
    second = ledger.admit(ask(holder=holder("b")))
    if code is None:
        assert second.admitted
        return
    assert refused(second) == code
    assert second.refusal.until == closed + 300
    clock.advance(1)
    assert ledger.admit(ask(holder=holder("b"))).admitted


def test_cooldown_protects_what_was_touched_not_its_neighbours(ledger, ask, clock):
    finish(ledger, ledger.admit(ask("api", targets=["database"])))
    clock.advance(1)
    assert refused(ledger.admit(ask("database", "database_down"))) == "cooldown"
    assert ledger.admit(ask("proxy", "proxy_down")).admitted


def test_budget_counts_incidents_with_attempts_of_this_scenario(ledger, ask, clock):
    policy = GuardPolicy(cooldown=0)
    opened = []
    for _round in range(3):
        clock.advance(10)
        ledger.add_look("api", "api_down", "no_action_needed")
        opened.append(clock.now)
        finish(ledger, ledger.admit(ask(policy=policy)))
    clock.advance(10)
    fourth = ledger.admit(ask(policy=policy))
    assert refused(fourth) == "budget_exhausted"
    assert fourth.refusal.until == opened[0] + 3600
    assert ledger.admit(ask(scenario="api_slow", policy=policy, dry_run=True)).admitted
    clock.now = opened[0] + 3600
    assert ledger.admit(ask(policy=policy)).admitted


def test_the_ladder_of_one_incident_is_one_incident_of_the_budget(ledger, ask):
    first = ledger.admit(ask(policy=GuardPolicy(max_incidents=1)))
    for number in range(2, 5):
        again = ledger.admit(ask(incident_id=first.incident_id, policy=GuardPolicy(max_incidents=1)))
        assert (again.admitted, again.attempts_before) == (True, number - 1)


def test_stale_look(ledger, ask, clock):
    looked = clock.now
    clock.advance(5)
    first = ledger.admit(ask(impact="safe"))
    ledger.finish_attempt(first.attempt_id, "failed")
    ledger.close_incident(first.incident_id, "not_recovered")
    clock.advance(5)
    late = ledger.admit(ask(holder=holder("b"), look_at=looked))
    assert refused(late) == "stale_look"
    assert ledger.admit(ask(holder=holder("b"), look_at=clock.now)).admitted


def test_an_attempt_that_ends_after_the_look_makes_it_stale(ledger, ask, clock):
    first = ledger.admit(ask(impact="safe"))
    looked = clock.advance(5)
    clock.advance(5)
    finish(ledger, first)
    assert refused(ledger.admit(ask(holder=holder("b"), look_at=looked))) == "stale_look"


def test_own_attempts_do_not_make_the_look_stale(ledger, ask, clock):
    looked = clock.now
    clock.advance(5)
    first = ledger.admit(ask(look_at=looked))
    ledger.finish_attempt(first.attempt_id, "failed")
    assert ledger.admit(ask(incident_id=first.incident_id, look_at=looked)).admitted


def test_another_run_of_the_same_incident_makes_the_look_stale(ledger, ask, clock):
    looked = clock.now
    clock.advance(1)
    first = ledger.admit(ask())
    clock.advance(200)
    late = ledger.admit(ask(incident_id=first.incident_id, holder=holder("b"), look_at=looked))
    assert refused(late) == "stale_look"


def test_closed_and_unknown_incidents_are_not_continued(ledger, ask):
    first = ledger.admit(ask())
    assert refused(ledger.admit(ask(scenario="other", incident_id=first.incident_id))) == "lease_lost"
    finish(ledger, first)
    assert refused(ledger.admit(ask(incident_id=first.incident_id))) == "lease_lost"
    assert refused(ledger.admit(ask(incident_id="nonsense"))) == "lease_lost"


def test_storm_counts_services_by_their_newest_finding(ledger, ask, clock):
    for name in ("database", "cache", "worker"):
        ledger.add_look(name, f"{name}_down", "refused", found=True, code="busy")
    assert refused(ledger.admit(ask())) == "storm"
    ledger.add_look("cache", "cache_down", "no_action_needed", finished_at=clock.now + 1)
    assert ledger.admit(ask(dry_run=True)).admitted
    ledger.add_look("proxy", "proxy_down", "not_recovered", found=True, finished_at=clock.now + 2)
    assert refused(ledger.admit(ask())) == "storm"
    clock.advance(123)
    assert ledger.admit(ask()).admitted


def test_freezes_match_all_service_target_and_group(ledger, ask, clock):
    for scope, request, hit in (
        ("all", ask(), True),
        ("service:api", ask(), True),
        ("service:database", ask(targets=["database"]), True),
        ("group:docker", ask(groups=["docker", "api"]), True),
        ("service:cache", ask(groups=["cache"]), False),
        ("group:ecs", ask(groups=["docker"]), False),
    ):
        ledger.freeze(scope, "deploy of 1.4", "anna", clock.now + 60)
        admission = ledger.admit(replace(request, dry_run=True))
        assert (not admission.admitted) is hit, scope
        assert [row["scope"] for row in ledger.unfreeze(scope, "ben")] == [scope]
    assert ledger.freezes() == []


def test_freeze_ends_by_itself(ledger, ask, clock):
    ledger.freeze("all", "deploy", "anna", clock.now + 60)
    blocked = ledger.admit(ask())
    assert "all is frozen by anna until 22:27:40 UTC: deploy" in blocked.refusal.reason
    clock.advance(60)
    assert ledger.freezes() == [] and ledger.admit(ask()).admitted


@pytest.mark.parametrize("scope", ["", "api", "service:", "host:api", "ALL"])
def test_freeze_of_an_unknown_scope_is_refused(ledger, scope):
    with pytest.raises(RemediationError, match="allowed are all, service:NAME and group:NAME") as caught:
        ledger.freeze(scope, "why", "anna", None)
    assert caught.value.code == "invalid_request"


class TestApproval:
    @staticmethod
    def destroy(ask, **changes):
        return ask(impact="destructive", remedy="reset", plan_hash="sha256:reset", **changes)

    def plan(self, ledger, verdict="planned", code=None):
        ledger.add_look("api", "api_down", verdict, found=True, plan_hash="sha256:reset", code=code)

    def test_needs_the_hash_of_a_plan_that_was_shown(self, ledger, ask, clock):
        approve = ["sha256:reset"]
        assert refused(ledger.admit(self.destroy(ask))) == "approval_required"
        assert refused(ledger.admit(self.destroy(ask, approve=["sha256:other"]))) == "approval_required"
        assert refused(ledger.admit(self.destroy(ask, approve=approve))) == "approval_unknown"
        self.plan(ledger)
        assert ledger.admit(self.destroy(ask, approve=approve, dry_run=True)).admitted
        clock.advance(3601)
        assert refused(ledger.admit(self.destroy(ask, approve=approve))) == "approval_unknown"

    def test_counts_once(self, ledger, ask, clock):
        approve, free = ["sha256:reset"], GuardPolicy(cooldown=0)
        self.plan(ledger, "refused", "approval_required")
        clock.advance(10)
        first = ledger.admit(self.destroy(ask, approve=approve))
        assert first.admitted
        ledger.finish_attempt(first.attempt_id, "failed")
        next_rung = ledger.admit(self.destroy(ask, approve=approve, incident_id=first.incident_id))
        assert next_rung.admitted, "one approval covers the plan's whole ladder within its incident"
        finish(ledger, next_rung)
        clock.advance(10)
        assert refused(ledger.admit(self.destroy(ask, approve=approve, policy=free))) == "approval_used"
        self.plan(ledger, "refused", "approval_required")
        clock.advance(1)
        assert refused(ledger.admit(self.destroy(ask, approve=approve, policy=free))) == "approval_used"
        self.plan(ledger, "planned")
        assert ledger.admit(self.destroy(ask, approve=approve, policy=free)).admitted

    def test_is_not_used_up_by_a_refusal(self, ledger, ask):
        self.plan(ledger)
        ledger.freeze("all", "wait", "anna", None)
        assert refused(ledger.admit(self.destroy(ask, approve=["sha256:reset"]))) == "frozen"
        ledger.unfreeze("all", "anna")
        assert ledger.admit(self.destroy(ask, approve=["sha256:reset"])).admitted

    def test_is_for_one_service(self, ledger, ask):
        self.plan(ledger)
        other = ask("worker", impact="destructive", plan_hash="sha256:reset", approve=["sha256:reset"])
        assert refused(ledger.admit(other)) == "approval_unknown"
