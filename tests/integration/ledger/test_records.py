"""What the ledger keeps and gives back: closing, undo, resumption, known good versions; SQLite and PostgreSQL."""

from __future__ import annotations

import json

import pytest

from ansible_collections.sre.remediation.plugins.action.ledger import last_attempt_at
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import (
    GuardPolicy,
    LeaseLost,
    LedgerError,
    open_ledger,
    schema,
)

from .conftest import holder


def test_healthy_look_is_one_closed_row_without_a_lease(ledger, clock):
    name = ledger.add_look(
        "api",
        "api_down",
        "no_action_needed",
        summary="200 in 12 ms",
        version="sha256:1",
        run="r1",
        started_at=clock.now - 2,
        finished_at=clock.now,
    )
    (row,) = ledger.incidents("api")
    assert row["incident_id"] == name
    assert (row["opened_at"], row["closed_at"]) == (clock.now - 2, clock.now)
    assert (row["found"], row["verdict"], row["summary"], row["run"]) == (
        False,
        "no_action_needed",
        "200 in 12 ms",
        "r1",
    )
    assert ledger.leases() == []
    assert ledger.incidents("other") == []


def test_the_last_attempt_counts_from_its_beginning_and_looks_do_not(ledger, ask, clock):
    assert last_attempt_at(ledger, "api") is None
    first = ledger.admit(ask())
    began = clock.now
    clock.advance(5)
    ledger.add_look("api", "api_down", "no_action_needed", started_at=clock.now, finished_at=clock.now)
    assert last_attempt_at(ledger, "api") == began  # of a run that may have been killed in it
    ledger.finish_attempt(first.attempt_id, "failed")
    again = clock.advance(5)
    ledger.admit(ask(incident_id=first.incident_id))
    assert last_attempt_at(ledger, "api") == again
    assert last_attempt_at(ledger, "other") is None


def test_first_closing_wins(ledger, ask, clock):
    first = ledger.admit(ask())
    assert ledger.finish_attempt(first.attempt_id, "failed", "boom", hold_seconds=1.5, version_after="sha256:2")
    assert not ledger.finish_attempt(first.attempt_id, "recovered")
    assert ledger.close_incident(
        first.incident_id,
        "not_recovered",
        "ladder_exhausted",
        "three remedies failed",
        "page the owner",
        "sha256:2",
        seconds={"total": 12.5},
        evidence="/var/evidence/x",
    )
    assert not ledger.close_incident(first.incident_id, "recovered")
    incident = ledger.incident(first.incident_id)
    assert (incident["verdict"], incident["code"], incident["summary"], incident["next_step"]) == (
        "not_recovered",
        "ladder_exhausted",
        "three remedies failed",
        "page the owner",
    )
    assert (incident["seconds"], incident["evidence"]) == ({"total": 12.5}, "/var/evidence/x")
    attempt = incident["attempts"][0]
    assert (attempt["result"], attempt["error"], attempt["hold_seconds"], attempt["version_after"]) == (
        "failed",
        "boom",
        1.5,
        "sha256:2",
    )
    assert ledger.leases() == []


def test_undo_record_is_kept_and_marked_once(ledger, ask):
    first = ledger.admit(ask())
    undo = {"verb": "rollback", "image": "sha256:old", "env": {"API_TOKEN": "canary-undo-token"}}
    ledger.set_undo(first.attempt_id, undo)
    assert ledger.attempt(first.attempt_id)["undo"] == {**undo, "env": {"API_TOKEN": "[redacted]"}}
    assert ledger.mark_undone(first.attempt_id, "undo-1")
    assert not ledger.mark_undone(first.attempt_id, "undo-2")
    assert ledger.attempt(first.attempt_id)["undone_by"] == "undo-1"


@pytest.mark.parametrize(
    "call",
    [
        lambda ledger: ledger.set_undo("nope", {}),
        lambda ledger: ledger.finish_attempt("nope", "failed"),
        lambda ledger: ledger.mark_undone("nope"),
        lambda ledger: ledger.close_incident("nope", "worse"),
    ],
)
def test_unknown_names_are_errors(ledger, call):
    with pytest.raises(RemediationError, match="knows no (attempt|incident) nope") as caught:
        call(ledger)
    assert caught.value.code in ("unknown_attempt", "unknown_incident")


def test_unknown_reads_are_none(ledger):
    assert ledger.incident("nope") is None and ledger.attempt("nope") is None
    assert ledger.resumable("api", "api_down") is None


def test_wrong_words_are_refused(ledger, ask):
    with pytest.raises(RemediationError, match="verdict is 'fixed'; allowed are recovered"):
        ledger.add_look("api", "api_down", "fixed")
    first = ledger.admit(ask())
    with pytest.raises(RemediationError, match="result is 'ok'; allowed are recovered"):
        ledger.finish_attempt(first.attempt_id, "ok")


def test_only_interrupted_recent_incidents_are_resumable(ledger, ask, clock):
    first = ledger.admit(ask())
    assert ledger.resumable("api", "api_down") is None, "it is being worked on"
    assert ledger.resumable("api", "api_down", holder())["incident_id"] == first.incident_id
    clock.advance(121)
    assert ledger.resumable("api", "api_slow") is None
    assert ledger.resumable("api", "api_down")["incident_id"] == first.incident_id
    clock.advance(3600)
    assert ledger.resumable("api", "api_down") is None


def test_an_abandoned_incident_is_closed_when_the_next_one_opens(ledger, ask, clock):
    first = ledger.admit(ask(targets=["api", "proxy"]))
    last = clock.now
    clock.advance(4000)
    second = ledger.admit(ask(holder=holder("b")))
    assert second.admitted and second.incident_id != first.incident_id
    old = ledger.incident(first.incident_id)
    assert (old["closed_at"], old["verdict"], old["code"]) == (last, "not_recovered", "abandoned")
    assert [row["incident_id"] for row in ledger.leases()] == [second.incident_id]


def test_an_incident_in_work_is_not_closed_by_a_bystander(ledger, ask, clock):
    first = ledger.admit(ask())
    with pytest.raises(LeaseLost, match="not ours to close"):
        ledger.close_incident(first.incident_id, "recovered", holder=holder("b"))
    assert ledger.incident(first.incident_id)["closed_at"] is None
    clock.advance(121)
    assert ledger.close_incident(first.incident_id, "recovered", holder=holder("b"))


def test_nobody_renews_a_closed_incident(ledger, ask):
    first = ledger.admit(ask())
    ledger.close_incident(first.incident_id, "recovered")
    with pytest.raises(LeaseLost, match="is closed") as caught:
        ledger.renew(first.incident_id, holder(), 60)
    assert caught.value.code == "lease_lost"


def test_known_good_versions_newest_proof_first(ledger, clock):
    for version in ("v1", "v2", "v3"):
        ledger.add_known_good("api", version, f"api:{version}", "incident-1")
        clock.advance(1)
    ledger.add_known_good("api", "v1", "api:v1", None)
    ledger.add_known_good("worker", "v9", "worker:v9", None)
    assert [(row["version"], row["name"]) for row in ledger.known_good("api", limit=2)] == [
        ("v1", "api:v1"),
        ("v3", "api:v3"),
    ]
    assert ledger.known_good("api")[0]["at"] == clock.now


def test_no_secret_reaches_the_database(location, clock, ask):
    """Every text a caller can hand in carries a canary; none may be in any table."""
    text = "failed with password=canary-pattern and canary-exact"
    plan = {"env": {"DB_PASSWORD": "canary-pattern"}, "note": [text]}
    with open_ledger(location, clock, secrets=["canary-exact"]) as ledger:
        ledger.add_look(
            "api", "api_down", "planned", cause=text, summary=text, plan=plan, plan_hash="h", next_step=text
        )
        first = ledger.admit(ask(cause=text, summary=text, plan=plan))
        ledger.admit(ask(cause=text, summary=text, plan=plan, incident_id=first.incident_id))
        ledger.set_undo(first.attempt_id, plan)
        ledger.finish_attempt(first.attempt_id, "failed", error=text)
        ledger.close_incident(first.incident_id, "worse", summary=text, next_step=text, evidence=plan)
        ledger.freeze("all", text, text, None)
        ledger.unfreeze("all", text)
        with ledger._store.transaction() as tx:
            tables = ("incidents", "attempts", "freezes", "approvals", "leases", "known_good", "attempt_targets")
            dump = json.dumps([tx.rows(f"SELECT * FROM {table}") for table in tables])
    assert dump.count("[redacted]") > 20
    assert "canary" not in dump


def test_reopening_keeps_everything(location, clock, ask):
    with open_ledger(location, clock) as ledger:
        first = ledger.admit(ask())
    with open_ledger(location, clock) as ledger:
        assert ledger.incident(first.incident_id)["service"] == "api"
        assert not ledger.admit(ask(holder=holder("b"))).admitted


def test_an_old_ledger_is_migrated_and_a_newer_one_refused(location, clock, ask, monkeypatch):
    with open_ledger(location, clock) as ledger:
        first = ledger.admit(ask())
    added = ("ALTER TABLE incidents ADD COLUMN colour TEXT DEFAULT 'red'",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, added))
    with open_ledger(location, clock) as ledger:
        assert ledger.incident(first.incident_id)["colour"] == "red"
    with open_ledger(location, clock) as ledger:
        assert ledger.incident(first.incident_id)["colour"] == "red"
    monkeypatch.undo()
    with pytest.raises(LedgerError, match="schema version 2, this collection knows up to 1") as caught:
        open_ledger(location, clock)
    assert caught.value.code == "ledger_newer"


def test_a_failed_migration_changes_nothing(location, clock, monkeypatch):
    open_ledger(location, clock).close()
    broken = ("ALTER TABLE incidents ADD COLUMN colour TEXT", "ALTER TABLE nowhere ADD COLUMN colour TEXT")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(LedgerError):
        open_ledger(location, clock)
    monkeypatch.undo()
    with open_ledger(location, clock) as ledger:
        ledger.add_look("api", "api_down", "no_action_needed")
        assert "colour" not in ledger.incidents()[0]


def test_defaults_of_the_policy_are_the_documented_ones():
    policy = GuardPolicy()
    assert (policy.cooldown, policy.max_incidents, policy.window, policy.max_impact) == (300, 3, 3600, "disruptive")
