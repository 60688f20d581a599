# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which deployment serves, which one to go back to, and which new one is ours: as tables."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments as decide


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        (("INITIALIZING", "QUEUED", "WAITING", "BUILDING", "DEPLOYING"), "in_progress"),
        (("NEEDS_APPROVAL",), "approval"),
        (("SUCCESS", "SLEEPING"), "up"),
        (("CRASHED", "FAILED"), "failed"),
        (("SKIPPED",), "skipped"),
        (("REMOVING", "REMOVED"), "gone"),
        (("CANCELLED", ""), "unknown"),
    ],
)
def test_every_status_has_one_meaning(statuses, meaning):
    assert {decide.class_of(status) for status in statuses} == {meaning}


def test_what_serves_is_not_the_newest_record(node):
    serving, failed = node("a", 1, "SUCCESS", image="1"), node("b", 2, "FAILED", image="2")
    instance = {"latestDeployment": failed, "activeDeployments": [serving]}
    assert decide.current_of(instance, [failed, serving])["id"] == "a"
    assert decide.latest_of(instance, [failed, serving])["id"] == "b"


def test_without_an_active_one_it_is_the_newest_that_came_to_run_or_to_fail(node):
    crashed, building = node("b", 2, "CRASHED"), node("c", 3, "BUILDING")
    assert decide.current_of({"activeDeployments": []}, [building, node("a", 1), crashed])["id"] == "b"
    assert decide.current_of({"activeDeployments": []}, [building, node("a", 1)])["id"] == "c"
    assert decide.current_of({"activeDeployments": []}, [node("a", 1), node("d", 4, "SKIPPED")]) is None
    # A stale latestDeployment does not hide a newer one of the list.
    stale = {"latestDeployment": node("a", 1, "SUCCESS"), "activeDeployments": []}
    assert decide.current_of(stale, [crashed])["id"] == "b"


def test_a_removed_deployment_that_is_still_listed_as_active_does_not_serve(node):
    old, new = node("a", 1, "REMOVING"), node("b", 2, "SUCCESS")
    assert [item["id"] for item in decide.active_of({"activeDeployments": [old, new]})] == ["b"]


def history(node):
    """Good 1, good 2, a build that failed, then the bad 3 that serves; in the order Railway likes."""
    return [
        node("bad", 5, "SUCCESS", image="3"),
        node("one", 1, image="1"),
        node("failed", 4, "FAILED", image="9"),
        node("two", 2, image="2"),
        node("two-again", 3, image="2"),
    ]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({}, ("two-again", "previous")),
        ({"known_good": ["one"]}, ("one", "known_good")),
        ({"known_good": ["bad", "unheard-of", "failed", "two"]}, ("two", "known_good")),
        ({"known_good": ["two"], "exclude": ["two"]}, ("two-again", "previous")),
        ({"to": "one"}, ("one", "requested")),
        ({"exclude": ["two", "two-again"]}, ("one", "previous")),
    ],
)
def test_the_target_of_a_rollback(node, options, chosen):
    found = decide.choose_target(history(node), history(node)[0], **options)
    assert (found.deployment["id"], found.found_by) == chosen


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "unheard-of"}, "not_rollbackable"),
        ({"to": "one", "exclude": ["one"]}, "excluded_target"),
        ({"exclude": ["one", "two", "two-again"]}, "no_previous_version"),
    ],
)
def test_no_target(node, options, code):
    with pytest.raises(RemediationError) as caught:
        decide.choose_target(history(node), history(node)[0], **options)
    assert caught.value.code == code


def test_what_railway_no_longer_keeps_is_no_target(node):
    nodes = [node("bad", 3, "SUCCESS", image="2"), node("old", 1, image="1", canRollback=False)]
    with pytest.raises(RemediationError) as caught:
        decide.choose_target(nodes, nodes[0], known_good=["old"])
    assert caught.value.code == "no_previous_version"
    with pytest.raises(RemediationError) as caught:
        decide.choose_target(nodes, nodes[0], to="old")
    assert caught.value.code == "not_rollbackable"


def test_after_a_rollback_the_version_rolled_back_from_is_no_target(node):
    nodes = [node("back", 3, "SUCCESS", image="1"), node("bad", 2, image="2"), node("good", 1, image="1")]
    assert decide.candidates_of(nodes, nodes[0]) == []
    # A third version that is bad too goes back to the first, not to the second.
    nodes = [node("worse", 4, "CRASHED", image="3"), *nodes]
    nodes[1]["status"] = "REMOVED"
    assert [item["id"] for item in decide.candidates_of(nodes, nodes[0])][0] == "back"


def test_the_same_artefact_with_other_variables_is_a_target_when_that_is_known(node):
    nodes = [node("bad", 2, "CRASHED", image="1"), node("good", 1, image="1")]
    with pytest.raises(RemediationError):
        decide.choose_target(nodes, nodes[0], known_good=["good"])
    found = decide.choose_target(nodes, nodes[0], known_good=["good"], other_variables=["good"])
    assert found.deployment["id"] == "good"


@pytest.mark.parametrize(
    ("known_good", "options", "chosen"),
    [
        (["one"], {}, "one"),
        (["gone", "one", "two"], {}, "one"),
        (["one", "two"], {"exclude": ["one"]}, "two"),
        (["one"], {"exclude": ["one"]}, None),
        (["gone", "unheard-of", "failed"], {}, None),
        ([], {}, None),
        # What runs already stays, by its own name and by that of one like it; not where it does not work.
        (["bad"], {}, "bad"),
        (["one", "bad-before"], {}, "bad-before"),
        (["one", "bad-before"], {"other_variables": ["bad-before"]}, "one"),
        (["bad-before"], {"other_variables": ["bad-before"]}, "bad-before"),
        (["bad"], {"status": "CRASHED"}, None),
        (["bad-before", "one"], {"status": "CRASHED"}, "one"),
    ],
)
def test_where_a_plan_names_the_deployments_there_is_no_other_target(node, known_good, options, chosen):
    gone, before = node("gone", 0, image="0", canRollback=False), node("bad-before", 1, image="3")
    current = {**history(node)[0], "status": options.pop("status", "SUCCESS")}
    nodes = [current, *history(node)[1:], gone, before]
    try:
        found = decide.choose_target(nodes, current, known_good=known_good, only_known_good=True, **options)
    except RemediationError as error:
        assert (chosen, error.code) == (None, "no_previous_version")
        return
    assert (found.deployment["id"], found.found_by) == (chosen, "known_good")


@pytest.mark.parametrize(
    ("unseen", "expected", "own"),
    [
        ([], "1", None),
        ([("ours", 5, "1")], "1", "ours"),
        ([("theirs", 5, "2")], "1", None),
        ([("theirs", 6, "2"), ("ours", 5, "1")], "1", "ours"),
        ([("theirs", 5, "2"), ("ours", 6, "1")], "1", "ours"),
        ([("theirs", 6, "1"), ("ours", 5, "1")], "1", "ours"),
        ([("silent", 5, None)], "1", "silent"),
        ([("silent", 5, None), ("ours", 6, "1")], "1", "ours"),
        ([("any", 5, "2")], None, "any"),
    ],
)
def test_which_new_deployment_is_ours(node, unseen, expected, own):
    known = [node("old", 1, "SUCCESS", image="2"), node("older", 0, image="1")]
    listed = [node(ident, at, "BUILDING", image=image) for ident, at, image in unseen] + known
    wanted = node("wanted", 0, image=expected) if expected else None
    found = decide.adopt(listed, {"old", "older"}, wanted)
    assert (found and found["id"]) == own


def test_the_deployment_before_the_current_one_may_run_the_same(node):
    nodes = [node("now", 3, "CRASHED", image="1"), node("same", 2, image="1"), node("newer", 4, image="2")]
    assert decide.before(nodes, nodes[0])["id"] == "same"
    assert decide.before(nodes, node("first", 1)) is None
    nodes[1]["canRollback"] = False
    assert decide.before(nodes, nodes[0]) is None


def test_artefacts_are_compared_by_the_most_exact_thing_both_say():
    same = decide.runs_the_same
    assert same({"meta": {"image": "x:1", "imageDigest": "a"}}, {"meta": {"image": "x:1", "imageDigest": "b"}}) is False
    assert same({"meta": {"image": "x:1"}}, {"meta": {"image": "x:1", "imageDigest": "b"}}) is True
    assert same({"meta": {"commitHash": "c"}}, {"meta": {"image": "x"}}) is None
    assert same({"meta": None}, {"meta": "words"}) is None


def test_names(node):
    assert decide.display_name(node("a", 1, image="shop:1")) == "shop:1"
    commit = node("a", 1, meta={"commitHash": "0123456789abcdef", "commitMessage": "Fix it\n\nlong"})
    assert decide.display_name(commit) == "0123456789ab: Fix it"
    assert decide.display_name(node("a", 1)) == "a"
    assert decide.shown(None) is None
