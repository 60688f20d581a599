"""What is done to a feature flag, by table: the row that is there, the request, the change, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._flags import decide
from ansible_collections.sre.remediation.plugins.module_utils._flags.model import Layout, Request, Row

LAYOUT = Layout(members_table="allowed")
OFF = Row(False, 40, ("ana",), "2026-02-02T08:38:00")


def request(**options) -> Request:
    return Request(**{"key": "favorites", **options})


@pytest.mark.parametrize(
    ("asked", "enabled", "percentage", "allowlist"),
    [
        ({}, False, 40, ("ana",)),
        ({"enabled": True}, True, 40, ("ana",)),
        ({"rollout_percentage": 0}, False, 0, ("ana",)),
        ({"allowlist": ("bia",)}, False, 40, ("bia",)),
        ({"allowlist": ()}, False, 40, ()),
        ({"state": "reset"}, True, 0, ("ana",)),
        ({"state": "reset", "enabled": False, "rollout_percentage": 5}, False, 5, ("ana",)),
        ({"state": "reset", "allowlist": ("bia", "ana")}, True, 0, ("bia", "ana")),
    ],
)
def test_what_a_request_makes_of_a_row(asked, enabled, percentage, allowlist) -> None:
    change = decide.decide(request(**asked), OFF, LAYOUT)
    assert (change.after.enabled, change.after.rollout_percentage, change.after.allowlist) == (
        enabled,
        percentage,
        allowlist,
    )
    assert change.changed is bool(asked)
    assert change.action == ("update" if asked else "none")


def test_differences_name_what_changes_and_nothing_else() -> None:
    change = decide.decide(request(state="reset"), OFF, LAYOUT)
    assert change.differences == {"enabled": (False, True), "rollout_percentage": (40, 0)}
    assert decide.describe([change], would=False) == [
        "Set favorites: enabled false -> true, rollout_percentage 40 -> 0"
    ]
    assert decide.describe([change], would=True)[0].startswith("Would set favorites: ")


def test_the_order_of_an_allowlist_is_no_change() -> None:
    row = replace(OFF, allowlist=("ana", "bia"))
    assert not decide.decide(request(allowlist=("bia", "ana")), row, LAYOUT).changed


def test_an_unknown_flag_is_refused_by_name_with_those_there_are() -> None:
    with pytest.raises(RemediationError) as caught:
        decide.decide(request(enabled=True), None, LAYOUT, known=["theirs", "ours"])
    assert caught.value.code == "unknown_key"
    assert "no flag favorites in feature_flags" in caught.value.message and "ours, theirs" in caught.value.message


def test_a_created_flag_is_off_for_nobody_unless_asked_otherwise() -> None:
    change = decide.decide(request(create=True, rollout_percentage=5), None, LAYOUT)
    assert (change.action, change.after) == ("create", Row(False, 5, ()))
    assert decide.decide(request(create=True, state="reset"), None, LAYOUT).after == Row(True, 0, ())
    bare = Layout(rollout_percentage=None)
    assert decide.decide(request(create=True), None, bare).after == Row(False)


def test_absent_deletes_what_is_there_only() -> None:
    assert decide.decide(request(state="absent"), OFF, LAYOUT).action == "delete"
    assert decide.decide(request(state="absent"), None, LAYOUT).action == "none"


@pytest.mark.parametrize(
    "expect",
    [
        {"enabled": False},
        {"exists": True},
        {"rollout_percentage": 40.0},
        {"allowlist": ["ana"]},
        {"updated_at": "2026-02-02T08:38:00"},
        OFF.shown(),
    ],
)
def test_the_row_that_was_seen_is_accepted(expect) -> None:
    assert decide.decide(request(state="reset", expect=expect), OFF, LAYOUT).changed


@pytest.mark.parametrize(
    ("expect", "named"),
    [
        ({"enabled": True}, "enabled was expected to be True, it is False now"),
        ({"rollout_percentage": 41}, "rollout_percentage"),
        ({"allowlist": []}, "allowlist"),
        ({"updated_at": "2026-02-02T08:38:00.000001"}, "updated_at"),
        ({"exists": False}, "it exists now"),
    ],
)
def test_a_row_that_was_changed_since_is_refused(expect, named) -> None:
    for state in ("present", "reset", "absent"):
        with pytest.raises(RemediationError, match=named) as caught:
            decide.decide(request(state=state, expect=expect), OFF, LAYOUT)
        assert caught.value.code == "changed_since"


def test_a_row_that_vanished_or_a_value_without_a_column_is_a_change() -> None:
    for expect in ({"enabled": True}, {"exists": True}):
        with pytest.raises(RemediationError, match="it does not exist now"):
            decide.decide(request(create=True, expect=expect), None, LAYOUT)
    with pytest.raises(RemediationError, match="updated_at"):
        decide.decide(request(expect={"updated_at": "2026"}), Row(True), Layout(updated_at=None))
    assert decide.decide(request(create=True, expect={"exists": False}), None, LAYOUT).action == "create"


@pytest.mark.parametrize(
    ("row", "asked", "expected"),
    [
        (OFF, {"enabled": True}, True),
        (Row(False, 0, ()), {"enabled": True}, False),
        (Row(False), {"enabled": True}, True),
        (Row(True, 5, ()), {"rollout_percentage": 6}, True),
        (Row(True, 5, ()), {"rollout_percentage": 4}, False),
        (Row(True, 5, ("ana",)), {"allowlist": ("ana", "bia")}, True),
        (Row(True, 5, ("ana",)), {"allowlist": ()}, False),
        (Row(True, 5, ()), {"enabled": False}, False),
        (Row(False, 5, ()), {"rollout_percentage": 100}, False),
        (Row(True, 5, ()), {"state": "absent"}, False),
        (None, {"create": True, "state": "reset"}, False),
        (None, {"create": True, "enabled": True, "rollout_percentage": 1}, True),
    ],
)
def test_whether_more_users_get_the_feature(row, asked, expected) -> None:
    layout = Layout(rollout_percentage=None) if row == Row(False) else LAYOUT
    assert decide.widens(decide.decide(request(**asked), row, layout)) is expected


@pytest.mark.parametrize(
    ("row", "asked", "expected"),
    [
        (None, {"create": True, "enabled": True}, ["flag_missing"]),
        (OFF, {"enabled": True}, ["disabled_flag"]),
        (replace(OFF, enabled=True), {"enabled": False}, ["enabled_flag"]),
        (replace(OFF, allowlist=()), {"allowlist": ("ana",)}, ["allowlist_empty"]),
        (OFF, {"allowlist": ("bia",)}, ["allowlist_drift"]),
        (OFF, {"rollout_percentage": 0, "enabled": True}, ["disabled_flag", "percentage_drift"]),
        (OFF, {"enabled": False, "rollout_percentage": 40}, []),
    ],
)
def test_what_is_wrong_with_a_flag(row, asked, expected) -> None:
    assert decide.drift(decide.decide(request(**asked), row, LAYOUT)) == expected


rows = st.none() | st.builds(
    Row,
    st.booleans(),
    st.integers(0, 100),
    st.lists(st.sampled_from(["ana", "bia", "caio"]), unique=True).map(tuple),
    st.just("2026-02-02T08:38:00"),
)


@given(
    row=rows,
    state=st.sampled_from(["present", "reset", "absent"]),
    enabled=st.none() | st.booleans(),
    percentage=st.none() | st.integers(0, 100),
    allowlist=st.none() | st.lists(st.sampled_from(["ana", "bia", "caio"]), unique=True).map(tuple),
)
def test_a_change_and_its_undo_come_back_to_the_row_and_the_plan_does_the_same(
    row, state, enabled, percentage, allowlist
) -> None:
    from ansible_collections.sre.remediation.plugins.module_utils._flags.model import make_request

    if state == "absent":
        enabled = percentage = allowlist = None
    asked = request(state=state, enabled=enabled, rollout_percentage=percentage, allowlist=allowlist, create=True)
    change = decide.decide(asked, row, LAYOUT)
    assert not change.changed or change.before != change.after
    if not change.changed:
        assert decide.undo([change]) == decide.planned([change]) == []
        return
    (plan,), (back,) = decide.planned([change]), decide.undo([change])
    again = decide.decide(make_request(plan, LAYOUT), row, LAYOUT)
    assert (again.action, again.after) == (change.action, change.after)
    undone = decide.decide(make_request(back, LAYOUT), change.after, LAYOUT)
    if row is None:
        assert undone.action == "delete"
    else:
        assert not decide.compare(undone.after, row)
