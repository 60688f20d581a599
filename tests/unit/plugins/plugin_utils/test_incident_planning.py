"""Which step follows a diagnosis: a remedy, a wait, or a verdict."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._incident.planning import (
    choose,
    describe,
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


def test_a_rollback_names_its_targets_newest_proof_first_and_never_the_version_in_service() -> None:
    ladder = [{"remedy": "restart"}, {"remedy": "rollback"}]
    state = {"version": "v3", "previous_version": {"version": "v2"}}
    known = [{"version": "v3"}, {"version": "v1"}]
    named = with_rollback_targets(ladder, state, known)
    assert named[0] == {"remedy": "restart"}
    assert named[1]["with"]["platform_candidates"] == ["v1", "v2"]
    nothing = with_rollback_targets(ladder, {"version": "v3"}, [])[1]
    assert nothing["possible"] is False and "no earlier version" in nothing["why_not"]


@pytest.mark.parametrize(
    ("last", "after", "expected"),
    [
        ({"result": "failed", "undo": {"verb": "rollback"}}, DOWN, True),
        ({"result": "failed", "undo": {"how": "nothing"}}, DOWN, False),
        ({"result": "recovered", "undo": {"verb": "rollback"}}, DOWN, False),
        ({"result": "failed", "undo": {"verb": "rollback"}, "undone_by": "i1"}, DOWN, False),
        ({"result": "failed", "undo": {"verb": "rollback"}}, UP, False),
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
