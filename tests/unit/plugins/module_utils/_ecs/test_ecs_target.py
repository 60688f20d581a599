"""Where a rollback goes: the whole decision as tables."""

from __future__ import annotations

import pytest
from ecs_history import definition_arn, make_history, make_service, revision_arn

from ansible_collections.sre.remediation.plugins.module_utils._ecs import target
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

V123 = ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 SUCCESSFUL")


def decide(steps, current, family=(), service=None, originals=None, **wish):
    """The choice as (how, task definition, found by), or the code of the refusal."""
    for key, value in wish.items():
        if not isinstance(value, bool):
            wish[key] = definition_arn(value) if isinstance(value, str) else tuple(map(definition_arn, value))
    history = None if steps is None else make_history(*steps, originals=originals)
    seen = target.Seen(service or make_service(current), history, tuple(map(definition_arn, family)))
    try:
        found = target.choose(seen, target.Wish(**wish))
    except RemediationError as error:
        return error.code
    name = found.task_definition.rsplit(":", 1)[-1]
    return (found.how, f"v{name}", found.found_by)


@pytest.mark.parametrize(
    ("steps", "current", "expected"),
    [
        # What ran before, and not the revision with the next lower number.
        (V123, "v3", ("update", "v2", "service_deployments")),
        (
            ("v1 SUCCESSFUL", "v2 ROLLBACK_SUCCESSFUL>v1", "v3 SUCCESSFUL"),
            "v3",
            ("update", "v1", "service_deployments"),
        ),
        (("v1 SUCCESSFUL", "v2 STOPPED", "v3 SUCCESSFUL"), "v3", ("update", "v1", "service_deployments")),
        (("v1 SUCCESSFUL", "v5 SUCCESSFUL", "v3 SUCCESSFUL"), "v3", ("update", "v5", "service_deployments")),
        # The same deployed again is not another version.
        ((*V123, "v3 SUCCESSFUL"), "v3", ("update", "v2", "service_deployments")),
        # It failed first and worked then.
        (
            ("v1 SUCCESSFUL", "v2 ROLLBACK_SUCCESSFUL>v1", "v2 SUCCESSFUL", "v3 SUCCESSFUL"),
            "v3",
            ("update", "v2", "service_deployments"),
        ),
        # It worked first, and failed the last time.
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v1 SUCCESSFUL", "v2 ROLLBACK_SUCCESSFUL>v1", "v3 SUCCESSFUL"),
            "v3",
            ("update", "v1", "service_deployments"),
        ),
        # A second run changes nothing: by whomever it went back.
        ((*V123, "v2 SUCCESSFUL"), "v2", ("nothing", "v2", "already_rolled_back")),
        ((*V123, "v2 SUCCESSFUL", "v2 SUCCESSFUL"), "v2", ("nothing", "v2", "already_rolled_back")),
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 ROLLBACK_SUCCESSFUL>v2"),
            "v2",
            ("nothing", "v2", "already_rolled_back"),
        ),
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 ROLLBACK_SUCCESSFUL>v2", "v2 SUCCESSFUL"),
            "v2",
            ("nothing", "v2", "already_rolled_back"),
        ),
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 STOPPED", "v2 SUCCESSFUL"),
            "v2",
            ("nothing", "v2", "already_rolled_back"),
        ),
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 ROLLBACK_FAILED", "v2 SUCCESSFUL", "v2 SUCCESSFUL"),
            "v2",
            ("nothing", "v2", "already_rolled_back"),
        ),
        (("v1 SUCCESSFUL", "v2 STOPPED", "v2 SUCCESSFUL"), "v2", ("update", "v1", "service_deployments")),
        # The same deployed again, stopped and deployed once more: it only ever ran itself.
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v2 STOPPED", "v2 SUCCESSFUL"),
            "v2",
            ("update", "v1", "service_deployments"),
        ),
        # What was left and deployed again later was deployed, and is left again for what ran before.
        ((*V123, "v2 SUCCESSFUL", "v3 SUCCESSFUL"), "v3", ("update", "v2", "service_deployments")),
        ((*V123, "v2 SUCCESSFUL", "v3 SUCCESSFUL", "v4 SUCCESSFUL"), "v4", ("update", "v3", "service_deployments")),
        ((*V123, "v2 SUCCESSFUL", "v4 SUCCESSFUL"), "v4", ("update", "v2", "service_deployments")),
        # A rollback that failed, or a deployment that was stopped, leaves its target as the current one.
        (("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 ROLLBACK_FAILED"), "v3", ("update", "v2", "service_deployments")),
        (("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 STOPPED"), "v3", ("update", "v2", "service_deployments")),
        # The edge of the 90 days: only what runs is known, or not even that.
        (("v3 SUCCESSFUL",), "v3", "no_previous_version"),
        ((), "v3", "no_previous_version"),
        (("v2 ROLLBACK_SUCCESSFUL>v1", "v3 SUCCESSFUL"), "v3", ("update", "v1", "service_deployments")),
        # Only the images differ under the same tag.
        (("v1 SUCCESSFUL", "v2@a SUCCESSFUL", "v2@b SUCCESSFUL"), "v2", ("update", "v2", "service_deployments")),
    ],
)
def test_by_the_history(steps, current, expected):
    assert decide(steps, current) == expected


@pytest.mark.parametrize(
    ("steps", "current", "wish", "expected"),
    [
        (V123, "v3", {"to": "v1"}, ("update", "v1", "requested")),
        (V123, "v3", {"to": "v3"}, ("nothing", "v3", "requested")),
        (V123, "v3", {"to": "v1", "exclude": ["v1"]}, "excluded_target"),
        (V123, "v3", {"exclude": ["v2"]}, ("update", "v1", "service_deployments")),
        (V123, "v3", {"exclude": ["v1", "v2"]}, "no_previous_version"),
        (V123, "v3", {"candidates": ["v1"]}, ("update", "v1", "known_good")),
        (V123, "v3", {"candidates": ["v1"], "exclude": ["v1"]}, ("update", "v2", "service_deployments")),
        (V123, "v3", {"candidates": ["v3", "v1"]}, ("nothing", "v3", "already_known_good")),
        (V123, "v3", {"candidates": ["v3", "v1"], "only_if_current": "v3"}, ("update", "v1", "known_good")),
        (V123, "v3", {"candidates": ["v3"], "only_if_current": "v3"}, ("update", "v2", "service_deployments")),
        # Those that were rolled back from come last, and are taken when nothing else is offered: an undo.
        ((*V123, "v2 SUCCESSFUL"), "v2", {"candidates": ["v3", "v1"]}, ("update", "v1", "known_good")),
        ((*V123, "v2 SUCCESSFUL"), "v2", {"candidates": ["v3"]}, ("update", "v3", "known_good")),
        # The one that runs must be left, although it was gone back to: further back, never forward to the bad one.
        ((*V123, "v2 SUCCESSFUL"), "v2", {"only_if_current": "v2"}, ("update", "v1", "service_deployments")),
        ((*V123, "v2 SUCCESSFUL"), "v2", {"exclude": ["v2"]}, ("update", "v1", "service_deployments")),
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 ROLLBACK_SUCCESSFUL>v2"),
            "v2",
            {"only_if_current": "v2"},
            ("update", "v1", "service_deployments"),
        ),
        (("v2 SUCCESSFUL", "v3 SUCCESSFUL", "v2 SUCCESSFUL"), "v2", {"only_if_current": "v2"}, "no_previous_version"),
        # Somebody deployed something newer in between, or rolled back already.
        ((*V123, "v4 SUCCESSFUL"), "v4", {"only_if_current": "v3"}, ("nothing", "v4", "not_current")),
        ((*V123, "v2 SUCCESSFUL"), "v2", {"only_if_current": "v3"}, ("nothing", "v2", "not_current")),
    ],
)
def test_by_what_is_asked_for(steps, current, wish, expected):
    assert decide(steps, current, **wish) == expected


@pytest.mark.parametrize(
    ("steps", "current", "wish", "expected"),
    [
        (V123, "v3", {"candidates": ["v1"]}, ("update", "v1", "known_good")),
        (V123, "v3", {"candidates": ["v1"], "only_if_current": "v3"}, ("update", "v1", "known_good")),
        (V123, "v3", {"candidates": ["v1", "v2"], "exclude": ["v1"]}, ("update", "v2", "known_good")),
        # None is left: what the history would offer is not taken.
        (V123, "v3", {}, "no_previous_version"),
        (V123, "v3", {"only_if_current": "v3"}, "no_previous_version"),
        (V123, "v3", {"candidates": ["v1"], "exclude": ["v1"]}, "no_previous_version"),
        (V123, "v3", {"candidates": ["v3"], "exclude": ["v3"]}, "no_previous_version"),
        (None, "v3", {"exclude": ["v2"]}, "no_previous_version"),
        # It is there already: an undo changes nothing, and goes no further back.
        (V123, "v3", {"candidates": ["v3"], "only_if_current": "v3"}, ("nothing", "v3", "already_known_good")),
        ((*V123, "v2 SUCCESSFUL"), "v2", {"candidates": ["v2"]}, ("nothing", "v2", "already_known_good")),
        (
            (*V123, "v2 SUCCESSFUL"),
            "v2",
            {"candidates": ["v2"], "only_if_current": "v2"},
            ("nothing", "v2", "already_known_good"),
        ),
        (None, "v3", {"candidates": ["v3"], "only_if_current": "v3"}, ("nothing", "v3", "already_known_good")),
        # What runs must be left, and another one is named.
        (V123, "v3", {"candidates": ["v3", "v1"], "only_if_current": "v3"}, ("update", "v1", "known_good")),
        # The tag was moved: the version before is the same task definition.
        (
            ("v1 SUCCESSFUL", "v2@a SUCCESSFUL", "v2@b SUCCESSFUL"),
            "v2",
            {"candidates": ["v2"], "only_if_current": "v2"},
            ("update", "v2", "service_deployments"),
        ),
        # In flight: stopped or followed only when it leads to one of them.
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"candidates": ["v1", "v2"]}, ("stop", "v2", "in_flight")),
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"candidates": ["v1"]}, ("update", "v1", "known_good")),
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {}, "no_previous_version"),
        ((*V123, "v2 IN_PROGRESS"), "v2", {"candidates": ["v2"]}, ("follow", "v2", "deployment_in_flight")),
        ((*V123, "v2 IN_PROGRESS"), "v2", {"candidates": ["v3"]}, ("stop", "v3", "in_flight")),
        ((*V123, "v2 IN_PROGRESS"), "v2", {"candidates": ["v1"]}, ("update", "v1", "known_good")),
        (
            ("v2 SUCCESSFUL", "v3 ROLLBACK_IN_PROGRESS>v2"),
            "v3",
            {"candidates": ["v2"]},
            ("follow", "v2", "rollback_in_flight"),
        ),
        (("v2 SUCCESSFUL", "v3 ROLLBACK_IN_PROGRESS>v2"), "v3", {"candidates": ["v1"]}, ("update", "v1", "known_good")),
        (("v2 SUCCESSFUL", "v3 ROLLBACK_IN_PROGRESS>v2"), "v3", {}, "no_previous_version"),
        (("v3 IN_PROGRESS",), "v3", {"candidates": ["v1"]}, ("update", "v1", "known_good")),
        # Asked for by name, and somebody else's newer deployment.
        (V123, "v3", {"to": "v2", "candidates": ["v1"]}, ("update", "v2", "requested")),
        (
            (*V123, "v4 SUCCESSFUL"),
            "v4",
            {"candidates": ["v2"], "only_if_current": "v3"},
            ("nothing", "v4", "not_current"),
        ),
    ],
)
def test_where_a_plan_names_the_candidates_there_is_no_other_way(steps, current, wish, expected):
    service = make_service(current, deployments=_beside(("v2", "COMPLETED")))
    assert decide(steps, current, ["v2", "v1"], service, only_candidates=True, **wish) == expected


def test_a_copy_of_a_candidate_is_the_candidate():
    wish = {"candidates": ["v1"], "only_if_current": "v4", "only_candidates": True}
    steps = ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v4 SUCCESSFUL")
    assert decide(steps, "v4", originals={"v4": "v1"}, **wish) == ("nothing", "v4", "already_known_good")


@pytest.mark.parametrize(
    ("steps", "current", "wish", "expected"),
    [
        (("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 IN_PROGRESS"), "v3", {}, ("stop", "v2", "in_flight")),
        (("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 PENDING"), "v3", {}, ("stop", "v2", "in_flight")),
        (("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 STOP_REQUESTED"), "v3", {}, ("stop", "v2", "in_flight")),
        # ECS, or somebody by hand, goes back already: nothing to be done but to wait.
        (("v2 SUCCESSFUL", "v3 ROLLBACK_REQUESTED"), "v3", {}, ("follow", "v2", "rollback_in_flight")),
        (
            ("v2 SUCCESSFUL", "v3 ROLLBACK_IN_PROGRESS>v2"),
            "v2",
            {"only_if_current": "v3"},
            ("follow", "v2", "rollback_in_flight"),
        ),
        (("v2 SUCCESSFUL", "v3 ROLLBACK_IN_PROGRESS>v2"), "v3", {"to": "v2"}, ("follow", "v2", "rollback_in_flight")),
        (
            ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 ROLLBACK_IN_PROGRESS>v2"),
            "v3",
            {"to": "v1"},
            ("update", "v1", "requested"),
        ),
        # Another run rolls back by a new deployment: stopping that would bring the bad version up again.
        ((*V123, "v2 IN_PROGRESS"), "v2", {}, ("follow", "v2", "deployment_in_flight")),
        ((*V123, "v1 IN_PROGRESS"), "v1", {}, ("follow", "v1", "deployment_in_flight")),
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"candidates": ["v3"]}, ("follow", "v3", "deployment_in_flight")),
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"to": "v3"}, ("follow", "v3", "deployment_in_flight")),
        ((*V123, "v2 IN_PROGRESS"), "v2", {"exclude": ["v2"]}, ("stop", "v3", "in_flight")),
        # To something else than where the stop leads: a new deployment replaces it.
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"to": "v2"}, ("stop", "v2", "in_flight")),
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"to": "v1"}, ("update", "v1", "requested")),
        (V123[:2] + ("v3 IN_PROGRESS",), "v3", {"exclude": ["v2"]}, ("update", "v1", "service_deployments")),
        # The same version deployed again that hangs (a tag that was moved, a node that is full).
        (("v1 SUCCESSFUL", "v2@a SUCCESSFUL", "v2@b IN_PROGRESS"), "v2", {}, ("stop", "v2", "in_flight")),
        # The first deployment of all has nothing to go back to.
        (("v1 IN_PROGRESS",), "v1", {}, "no_previous_version"),
        (("v1 ROLLBACK_SUCCESSFUL", "v2 IN_PROGRESS"), "v2", {}, "no_previous_version"),
        # A newer deployment than the one that was seen.
        ((*V123, "v4 IN_PROGRESS"), "v4", {"only_if_current": "v3"}, ("nothing", "v4", "not_current")),
    ],
)
def test_with_a_deployment_in_flight(steps, current, wish, expected):
    assert decide(steps, current, **wish) == expected


def _beside(*others):
    return make_service("v3")["deployments"] + [
        {
            "id": f"ecs-svc/{n}",
            "status": "ACTIVE",
            "taskDefinition": definition_arn(name),
            "rolloutState": state,
            "createdAt": f"2026-11-0{n}",
        }
        for n, (name, state) in enumerate(others, start=2)
    ]


@pytest.mark.parametrize(
    ("steps", "others", "family", "wish", "expected"),
    [
        (None, [("v2", "COMPLETED")], [], {}, ("update", "v2", "deployments")),
        (None, [("v2", None)], [], {}, ("update", "v2", "deployments")),
        (None, [("v2", "FAILED")], [], {}, "no_previous_version"),
        (None, [("v1", "COMPLETED"), ("v2", "COMPLETED")], [], {}, ("update", "v2", "deployments")),
        (None, [], [], {}, "no_previous_version"),
        (None, [], ["v2", "v1"], {}, ("update", "v2", "task_definitions")),
        (None, [], ["v2", "v1"], {"exclude": ["v2"]}, ("update", "v1", "task_definitions")),
        (None, [("v1", "COMPLETED")], ["v2", "v1"], {}, ("update", "v1", "deployments")),
        (None, [], [], {"to": "v1"}, ("update", "v1", "requested")),
        # The history says that the next lower one failed.
        (("v2 ROLLBACK_FAILED", "v3 SUCCESSFUL"), [], ["v2", "v1"], {}, ("update", "v1", "task_definitions")),
        (("v3 SUCCESSFUL",), [("v2", "COMPLETED")], [], {}, ("update", "v2", "deployments")),
    ],
)
def test_where_the_history_says_nothing(steps, others, family, wish, expected):
    service = make_service("v3", deployments=_beside(*others))
    assert decide(steps, "v3", family, service, **wish) == expected


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"deploymentController": {"type": "CODE_DEPLOY"}, "deployments": []}, "unsupported_controller", "CodeDeploy"),
        ({"deploymentController": {"type": "EXTERNAL"}}, "unsupported_controller", "EXTERNAL"),
        ({"status": "DRAINING"}, "service_inactive", "DRAINING"),
    ],
)
def test_a_service_that_cannot_be_rolled_back_is_refused_before_anything_else(change, code, word):
    with pytest.raises(RemediationError, match=word) as refused:
        target.choose(
            target.Seen(make_service("v3", **change), make_history(*V123)), target.Wish(to=definition_arn("v1"))
        )
    assert refused.value.code == code


@pytest.mark.parametrize("kind", [None, "ECS"])
def test_blue_green_goes_by_the_same_deployments(kind):
    strategy = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10}
    service = make_service("v3", deploymentConfiguration=strategy, deploymentController={"type": kind} if kind else {})
    assert decide((*V123[:2], "v3 IN_PROGRESS"), "v3", service=service) == ("stop", "v2", "in_flight")


def test_a_copy_is_its_original():
    """v4 is a copy of v1 with its images pinned: it went back to v1, and goes nowhere when it runs again."""
    originals = {"v4": "v1"}
    steps = ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v4 SUCCESSFUL")
    history = make_history(*steps, originals=originals)
    # The images are those of the original.
    pinned = history.revisions[revision_arn("v1")].digests
    history.revisions[revision_arn("v4")] = history.revisions[revision_arn("v4")].__class__(
        revision_arn("v4"), definition_arn("v4"), pinned
    )
    choice = target.choose(target.Seen(make_service("v4"), history), target.Wish())
    assert (choice.how, choice.found_by) == ("nothing", "already_rolled_back")
    choice = target.choose(target.Seen(make_service("v4"), history), target.Wish(to=definition_arn("v1")))
    assert choice.how == "nothing"


def test_what_only_differs_in_its_images_is_marked():
    steps = ("v2@a SUCCESSFUL", "v2@b SUCCESSFUL")
    choice = target.choose(target.Seen(make_service("v2"), make_history(*steps)), target.Wish())
    assert choice.same_definition
    assert choice.revision == revision_arn("v2@a")


@pytest.mark.parametrize(
    ("arns", "current", "expected"),
    [
        (["v1", "v3", "v2"], "v3", ["v2", "v1"]),
        (["v10", "v9", "v2"], "v10", ["v9", "v2"]),
        (["v4"], "v3", []),
    ],
)
def test_older_revisions_of_a_family(arns, current, expected):
    found = target.older_in_family(map(definition_arn, arns), definition_arn(current))
    assert list(found) == [definition_arn(name) for name in expected]
