"""The plan: its rungs, its hash, and what of it is still to be tried."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._plan import (
    build_plan,
    effect_is_there,
    next_remedy,
    plan_hash,
)

LADDER = [
    {"remedy": "start", "causes": ["stopped"], "impact": "safe", "undo": {"how": "stop it"}, "timeout": 60},
    {
        "remedy": "restart",
        "causes": ["hung", "stopped"],
        "impact": "disruptive",
        "undo": {"how": "nothing"},
        "timeout": 60,
    },
    {
        "remedy": "rollback",
        "causes": ["hung", "stopped"],
        "impact": "disruptive",
        "undo": {"how": "return"},
        "timeout": 90,
    },
]
STATE = {"version": "sha256:1", "running": 0}


def plan_for(cause: str = "stopped", ladder=None, state=None, unsupported=None, **diagnosis):
    return build_plan(
        service="api",
        scenario="api_down",
        platform="docker",
        diagnosis={"cause": cause, "summary": "it does not run", **diagnosis},
        ladder=LADDER if ladder is None else ladder,
        state=STATE if state is None else state,
        unsupported=unsupported,
    )


@pytest.mark.parametrize(
    ("cause", "remedies"),
    [("stopped", ["start", "restart", "rollback"]), ("hung", ["restart", "rollback"]), ("unknown", [])],
)
def test_a_plan_holds_the_rungs_of_its_cause_in_order(cause, remedies) -> None:
    assert [remedy["remedy"] for remedy in plan_for(cause)["remedies"]] == remedies


def test_what_the_platform_or_the_inventory_rules_out_is_named_with_its_reason() -> None:
    ladder = [*LADDER, {**LADDER[0], "remedy": "migrate", "possible": False, "why_not": "no command is declared"}]
    plan = plan_for(ladder=ladder, unsupported={"rollback": "a plain process has no earlier version"})
    assert [remedy["remedy"] for remedy in plan["remedies"]] == ["start", "restart"]
    assert plan["not_possible"] == [
        {"remedy": "rollback", "why": "a plain process has no earlier version"},
        {"remedy": "migrate", "why": "no command is declared"},
    ]


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        ({"remedy": "start"}, "rung 1 (start): missing causes, impact, undo, timeout"),
        ({**LADDER[0], "impact": "harmless"}, "impact is 'harmless', allowed: safe, disruptive, destructive"),
    ],
)
def test_a_ladder_that_breaks_the_contract_is_refused(rung, said) -> None:
    with pytest.raises(RemediationError, match="api_down_ladder") as caught:
        plan_for(ladder=[rung])
    assert said in caught.value.message
    assert caught.value.code == "bad_ladder"


def test_the_hash_does_not_depend_on_wording_time_or_what_was_tried() -> None:
    assert plan_for(summary="it does not run")["hash"] == plan_for(summary="exit code 137")["hash"]
    assert plan_for(state={**STATE, "started_at": "a", "running": 1})["hash"] == plan_for()["hash"]


@pytest.mark.parametrize(
    "other",
    [
        {"cause": "hung"},
        {"state": {**STATE, "version": "sha256:2"}},
        {"ladder": LADDER[:1]},
        {"ladder": [{**LADDER[0], "impact": "disruptive"}, *LADDER[1:]]},
        {"ladder": [{**LADDER[0], "target": "database"}, *LADDER[1:]]},
        {"ladder": [{**LADDER[0], "with": {"platform_memory": 1}}, *LADDER[1:]]},
        {"ladder": [LADDER[1], LADDER[0], LADDER[2]]},
    ],
)
def test_the_hash_changes_with_everything_that_would_be_done(other) -> None:
    assert plan_for(**other)["hash"] != plan_for()["hash"]


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=6), st.randoms())
def test_the_hash_does_not_depend_on_the_order_of_keys(values: dict, shuffler: random.Random) -> None:
    keys = list(values)
    shuffler.shuffle(keys)
    one = plan_for(ladder=[{**LADDER[0], "with": values}])
    other = plan_for(ladder=[{**LADDER[0], "with": {key: values[key] for key in keys}}])
    assert plan_hash(one) == plan_hash(other)


def attempt(remedy: str, result: str | None, started_at: float = 100.0) -> dict:
    return {"remedy": remedy, "result": result, "started_at": started_at}


@pytest.mark.parametrize(
    ("attempts", "state", "expected"),
    [
        ([], STATE, "start"),
        ([attempt("start", "failed")], STATE, "restart"),
        ([attempt("start", "failed"), attempt("restart", "error")], STATE, "rollback"),
        ([attempt(name, "failed") for name in ("start", "restart", "rollback")], STATE, None),
        # Interrupted before it did anything: try it again.
        ([attempt("start", None)], STATE, "start"),
        ([attempt("start", None)], {"running": 1, "started_epoch": 99.0}, "start"),
        # Interrupted after it had started the service: not again.
        ([attempt("start", None)], {"running": 1, "started_epoch": 101.0}, "restart"),
        ([attempt("start", None)], {"running": 0, "started_epoch": 101.0}, "start"),
    ],
)
def test_the_next_remedy(attempts, state, expected) -> None:
    remedy = next_remedy(plan_for(), attempts, state)
    assert (remedy and remedy["remedy"]) == expected


def test_an_effect_is_only_asked_of_interrupted_attempts() -> None:
    assert not effect_is_there(attempt("start", "failed"), {"running": 1, "started_epoch": 200.0})


def test_steps_are_done_all_or_none() -> None:
    steps = [{**rung, "step": True} for rung in LADDER]
    assert [item["remedy"] for item in plan_for(ladder=steps)["remedies"]] == ["start", "restart", "rollback"]
    assert plan_for(ladder=steps)["all_in_order"] and not plan_for()["all_in_order"]
    crippled = plan_for(ladder=steps, unsupported={"rollback": "it has no earlier version"})
    assert crippled["remedies"] == []
    assert crippled["not_possible"][0] == {"remedy": "rollback", "why": "it has no earlier version"}
    assert {item["why"] for item in crippled["not_possible"][1:]} == {"of no use without rollback"}


def test_a_rung_may_be_another_role_s_remedy() -> None:
    roles = [item["role"] for item in plan_for(ladder=[{**LADDER[0], "role": "remediate"}, *LADDER[1:]])["remedies"]]
    assert roles == ["remediate", "api_down", "api_down"]
