"""The verdict of a run, the exit code it leads to, and the files that carry it."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.result_file import add_result
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.verdict import (
    NEXT_STEPS,
    decide_outcome,
    exit_is_good,
)
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger.policy import RULES
from ansible_collections.sre.remediation.plugins.plugin_utils._report.incident import render

PLANNED = {"next": {"remedy": "start"}, "summary": "it does not run", "plan": {"remedies": [{"remedy": "start"}]}}
STEPS = {"summary": "it was ordered", "plan": {"remedies": [], "all_in_order": True}}
REFUSED = {"admitted": False, "code": "frozen", "reason": "frozen by ana"}
ADMITTED = {"admitted": True, "act": True}


@pytest.mark.parametrize(
    ("steps", "dry_run", "verdict", "code", "good"),
    [
        ({"planning": {"verdict": "no_action_needed"}}, False, "no_action_needed", None, True),
        (
            {"planning": PLANNED, "guarding": ADMITTED, "attempting": {"result": "recovered"}},
            False,
            "recovered",
            None,
            True,
        ),
        (
            {
                "planning": {**PLANNED, "failed_steps": ["reset_flag"]},
                "guarding": ADMITTED,
                "attempting": {"result": "recovered"},
            },
            False,
            "not_recovered",
            "step_failed",
            False,
        ),
        # The guard refused a later step of several: what was done before does not make it good.
        (
            {"planning": STEPS, "guarding": REFUSED, "attempting": {"result": "recovered"}},
            False,
            "not_recovered",
            "frozen",
            False,
        ),
        (
            {
                "planning": {**STEPS, "verdict": "not_recovered", "code": "deadline"},
                "attempting": {"result": "recovered"},
            },
            False,
            "not_recovered",
            "deadline",
            False,
        ),
        (
            {"planning": {**STEPS, "verdict": "recovered", "code": None}, "attempting": {"result": "recovered"}},
            False,
            "recovered",
            None,
            True,
        ),
        ({"planning": PLANNED, "guarding": {"admitted": True}}, True, "planned", None, True),
        ({"planning": PLANNED, "guarding": REFUSED}, False, "refused", "frozen", False),
        ({"planning": PLANNED, "guarding": REFUSED}, True, "refused", "frozen", True),
        (
            {"planning": {"verdict": "refused", "code": "no_remedy", "plan": {"remedies": []}}},
            True,
            "refused",
            "no_remedy",
            False,
        ),
        (
            {"planning": PLANNED, "guarding": REFUSED, "attempting": {"result": "failed"}},
            False,
            "not_recovered",
            "frozen",
            False,
        ),
        ({"planning": {"verdict": "worse", "code": "ladder_exhausted"}}, False, "worse", "ladder_exhausted", False),
        ({"fault": "Look: module failed"}, False, "refused", "fault", False),
        ({"fault": "Look: module failed", "planning": PLANNED}, True, "refused", "fault", False),
        (
            {"fault": "Save evidence: disk full", "planning": PLANNED, "guarding": ADMITTED},
            False,
            "not_recovered",
            "fault",
            False,
        ),
        ({"planning": PLANNED, "guarding": ADMITTED}, False, "not_recovered", "fault", False),
        ({}, False, "not_recovered", "fault", False),
    ],
)
def test_outcome(steps, dry_run, verdict, code, good) -> None:
    steps = {"planning": None, "guarding": None, "attempting": None, "fault": None, **steps}
    outcome = decide_outcome(**steps, dry_run=dry_run)
    assert (outcome.verdict, outcome.code) == (verdict, code)
    assert exit_is_good(outcome, steps["planning"], dry_run) is good
    assert code is None or outcome.next_step


def test_every_refusal_of_the_guard_tells_what_to_do_next() -> None:
    codes = "frozen busy stale_look cooldown budget_exhausted floor storm impact_too_high approval_required approval_used approval_unknown lease_lost"
    assert len(RULES) >= 9
    assert set(codes.split()) <= NEXT_STEPS.keys()


def test_results_of_one_run_collect_and_those_of_another_are_replaced(tmp_path) -> None:
    path = tmp_path / "new" / "result.json"
    add_result(str(path), "run-1", {"service": "api", "verdict": "refused"})
    add_result(str(path), "run-2", {"service": "api", "verdict": "recovered"})
    add_result(str(path), "run-2", {"service": "worker", "verdict": "recovered"})
    found = json.loads(path.read_text())
    assert [(item["service"], item["verdict"]) for item in found] == [("api", "recovered"), ("worker", "recovered")]


def test_services_that_finish_at_once_all_reach_the_file(tmp_path) -> None:
    path = str(tmp_path / "result.json")
    processes = [
        multiprocessing.Process(target=add_result, args=(path, "run", {"service": f"s{n}"})) for n in range(12)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
        assert process.exitcode == 0
    assert sorted(item["service"] for item in json.loads(Path(path).read_text())) == sorted(f"s{n}" for n in range(12))


def test_a_result_file_that_cannot_be_written_names_the_variable(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RemediationError, match="SRE_REMEDIATION_RESULT_FILE=") as caught:
        add_result(str(tmp_path / "file" / "result.json"), "run", {"service": "api"})
    assert caught.value.code == "result_unwritable"


def test_the_report_tells_the_story_and_how_to_undo_it() -> None:
    entry = {
        "ledger_id": "i1", "service": "api", "scenario": "api_down", "verdict": "recovered", "code": None, "cause": "hung",
        "summary": "it runs but does not answer", "plan_hash": "0123456789ab", "next_step": None, "evidence": "/var/e/i1",
        "seconds": {"total": 8.1, "to_first_action": 1.9, "hold": 3.0},
    }  # fmt: skip
    attempts = [
        {"remedy": "restart", "impact": "disruptive", "started_at": 0, "finished_at": 5.0, "result": "failed", "error": "no answer", "undo": None,
         "attempt_id": "a1"},
        {"remedy": "rollback", "impact": "disruptive", "started_at": 6, "finished_at": 9.0, "result": "recovered", "error": None,
         "undo": {"how": "return to shop:2"}, "attempt_id": "a2"},
    ]  # fmt: skip
    text = render({"attempts": attempts}, entry, "alert APIDown")
    assert "- Verdict: **recovered**\n" in text
    assert "1970-01-01 00:00:05 restart: failed: no answer" in text
    assert "- rollback: return to shop:2 (`playbooks/undo.yml -e undo_attempt=a2`)" in text
    assert "- restart: not undoable" in text
    assert "- Started because: alert APIDown" in text
