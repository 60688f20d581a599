"""Which step follows a diagnosis: a remedy, a wait, or a verdict."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._incident.planning import (
    choose,
    describe,
    failed_steps,
    undo_after_worse,
    with_rollback_targets,
)

START = {"remedy": "start", "impact": "safe", "target": "api", "undo": {"how": "stop it"}}
RESTART = {"remedy": "restart", "impact": "disruptive", "target": "api", "undo": {"how": "nothing"}}
PLAN = {
    "hash": "0123456789ab",
    "service": "api",
    "platform": "docker",
    "cause": "stopped",
    "summary": "it does not run",
    "remedies": [START, RESTART],
    "not_possible": [{"remedy": "rollback", "why": "no earlier version"}],
}
DOWN = {"status": "stopped", "running": 0, "healthy": None}
UP = {"status": "running", "running": 1, "healthy": 1}


def chosen(**changed):
    arguments = {
        "plan": PLAN,
        "found": True,
        "own_incident": False,
        "attempts": [],
        "state": DOWN,
        "first_state": DOWN,
        "elapsed": 1.0,
        "deadline": 600.0,
        "observe_timeout": 60.0,
        **changed,
    }
    choice = choose(**arguments)
    return (choice["next"] and choice["next"]["remedy"], choice["verdict"], choice["code"])


def tried(*names: str, result: str | None = "failed", started_at: float = 100.0):
    return [{"remedy": name, "result": result, "started_at": started_at} for name in names]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("start", None, None)),
        ({"found": False, "plan": None}, (None, "no_action_needed", None)),
        ({"attempts": tried("start"), "own_incident": True}, ("restart", None, None)),
        ({"attempts": tried("start", "restart"), "own_incident": True}, (None, "not_recovered", "ladder_exhausted")),
        (
            {"attempts": tried("start", "restart"), "own_incident": True, "first_state": UP},
            (None, "worse", "ladder_exhausted"),
        ),
        # It came back by itself after a remedy had been given up: prove it before calling it recovered.
        ({"found": False, "own_incident": True, "attempts": tried("start")}, ("wait", None, None)),
        (
            {"found": False, "own_incident": True, "attempts": tried("start", "wait")},
            (None, "not_recovered", "ladder_exhausted"),
        ),
        ({"plan": {**PLAN, "remedies": []}}, (None, "refused", "no_remedy")),
        ({"plan": {**PLAN, "remedies": [], "cause": "unknown"}}, (None, "refused", "unknown_cause")),
        (
            {"plan": {**PLAN, "remedies": []}, "own_incident": True, "attempts": tried("start")},
            (None, "not_recovered", "no_remedy"),
        ),
        # Ten minutes are over: but only a run that acted can be too late.
        ({"elapsed": 601.0, "own_incident": True, "attempts": tried("start")}, (None, "not_recovered", "deadline")),
        ({"elapsed": 601.0}, ("start", None, None)),
        # A killed run had started it: watch first, then the next rung, never the same again.
        (
            {"attempts": tried("start", result=None), "state": {**UP, "started_epoch": 101.0}},
            ("wait", None, None),
        ),
        (
            {
                "attempts": [*tried("start", result=None), *tried("wait")],
                "state": {**UP, "started_epoch": 101.0},
            },
            ("restart", None, None),
        ),
        ({"attempts": tried("start", result=None)}, ("start", None, None)),
    ],
)
def test_choose(changed, expected) -> None:
    assert chosen(**changed) == expected


STEPS = {**PLAN, "all_in_order": True, "remedies": [START, RESTART]}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("start", None, None)),
        # The first step helped, or failed: either way the next one is done.
        ({"own_incident": True, "attempts": tried("start", result="recovered")}, ("restart", None, None)),
        ({"own_incident": True, "attempts": tried("start")}, ("restart", None, None)),
        ({"own_incident": True, "attempts": tried("start", "restart", result="recovered")}, (None, "recovered", None)),
        (
            {"own_incident": True, "attempts": [*tried("start"), *tried("restart", result="recovered")]},
            (None, "not_recovered", "step_failed"),
        ),
        (
            {"own_incident": True, "attempts": [*tried("start", result="recovered"), *tried("restart")]},
            (None, "not_recovered", "step_failed"),
        ),
        # Nothing is observed a second time when all is done; and nothing is begun where nothing was ordered.
        (
            {"own_incident": True, "found": False, "attempts": tried("start", "restart", result="recovered")},
            (None, "recovered", None),
        ),
        ({"found": False}, (None, "no_action_needed", None)),
        ({"plan": {**STEPS, "remedies": []}}, (None, "refused", "no_remedy")),
        # A killed run had done the last step: watch it, then end.
        (
            {"attempts": tried("restart", result=None), "state": {**UP, "started_epoch": 101.0}},
            ("wait", None, None),
        ),
        (
            {
                "own_incident": True,
                "attempts": [*tried("start", "wait", result="recovered"), *tried("restart", result=None)],
                "state": {**UP, "started_epoch": 101.0},
            },
            (None, "recovered", None),
        ),
        ({"own_incident": True, "elapsed": 601.0, "attempts": tried("start")}, (None, "not_recovered", "deadline")),
    ],
)
def test_of_steps_every_one_is_done_in_order(changed, expected) -> None:
    assert chosen(**{"plan": STEPS, **changed}) == expected


def test_failed_steps_are_those_of_a_plan_of_steps_only() -> None:
    attempts = [*tried("start"), *tried("restart", result="recovered")]
    assert failed_steps(STEPS, attempts) == ["start"]
    assert failed_steps(PLAN, attempts) == failed_steps(None, attempts) == []


def test_a_rollback_names_its_targets_newest_proof_first_and_never_the_version_in_service() -> None:
    ladder = [{"remedy": "restart"}, {"remedy": "rollback"}]
    state = {"version": "v3", "previous_version": {"version": "v2"}}
    known = [{"version": "v3"}, {"version": "v1"}]
    named = with_rollback_targets(ladder, state, known)
    assert named[0] == {"remedy": "restart"}
    assert named[1]["with"]["platform_candidates"] == ["v1", "v2"]
    nothing = with_rollback_targets(ladder, {"version": "v3"}, [])[1]
    assert nothing["possible"] is False and "no earlier version" in nothing["why_not"]


def test_a_rollback_never_goes_to_what_was_ordered_away_and_another_service_brings_its_own() -> None:
    state = {"version": "v1", "previous_version": {"version": "v2"}}
    known = [{"version": "v3"}, {"version": "v0"}]
    (never,) = with_rollback_targets([{"remedy": "rollback", "never_to": ["v3", "v2"]}], state, known, "api")
    assert never["with"]["platform_candidates"] == ["v0"]
    (nothing,) = with_rollback_targets([{"remedy": "rollback", "never_to": ["v0", "v2", "v3"]}], state, known, "api")
    assert nothing["possible"] is False
    rung = {"remedy": "rollback", "target": "frontend", "with": {"platform_candidates": ["f1"]}}
    assert with_rollback_targets([rung], state, known, "api") == [rung]
    (own,) = with_rollback_targets([{**rung, "target": "api"}], state, known, "api")
    assert own["with"]["platform_candidates"] == ["v3", "v0", "v2"]


@pytest.mark.parametrize(
    ("last", "after", "expected"),
    [
        ({"result": "failed", "undo": {"verb": "rollback"}}, DOWN, True),
        ({"result": "failed", "undo": {"how": "nothing"}}, DOWN, False),
        ({"result": "recovered", "undo": {"verb": "rollback"}}, DOWN, False),
        ({"result": "failed", "undo": {"verb": "rollback"}, "undone_by": "i1"}, DOWN, False),
        ({"result": "failed", "undo": {"verb": "rollback"}}, UP, False),
        # A guess is put back whenever it did not help, or it would stand in the way of the next remedy.
        ({"result": "failed", "undo": {"verb": "set_env", "unless_helped": True}}, UP, True),
        ({"result": "recovered", "undo": {"verb": "set_env", "unless_helped": True}}, UP, False),
    ],
)
def test_only_what_made_it_worse_and_can_be_undone_is_put_back(last, after, expected) -> None:
    assert bool(undo_after_worse([last], UP, after)) is expected


def test_the_shown_plan_marks_the_next_remedy_and_names_every_undo() -> None:
    assert describe(PLAN, {"next": RESTART}) == [
        "plan 0123456789ab for api on docker: stopped",
        "it does not run",
        "   1. start [safe] undo: stop it",
        "-> 2. restart [disruptive] undo: nothing",
        "    not possible: rollback (no earlier version)",
    ]
