"""What the options of feature_flag may say: every refusal names the option and what is allowed."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._flags.model import (
    Layout,
    make_layout,
    make_request,
    make_requests,
)

COLUMNS = {"key": "key", "enabled": "enabled", "rollout_percentage": "rollout_percentage", "updated_at": "updated_at"}
MEMBERS = {"name": "allowed", "schema": None, "key": "flag_key", "member": "member"}


def layout(**options) -> Layout:
    return make_layout({"table": "feature_flags", "columns": COLUMNS, **options})


def test_the_default_layout_is_the_runbook_s_table() -> None:
    assert layout() == Layout()
    assert layout().columns() == ["key", "enabled", "rollout_percentage", "updated_at"]
    assert not layout().has_allowlist


def test_an_empty_name_says_that_there_is_no_such_column() -> None:
    plain = layout(columns={**COLUMNS, "rollout_percentage": "", "updated_at": ""})
    assert plain.columns() == ["key", "enabled"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"table": ""}, "table must name"),
        ({"columns": {**COLUMNS, "key": ""}}, "columns.key"),
        ({"columns": {**COLUMNS, "enabled": ""}}, "columns.enabled"),
        ({"columns": {**COLUMNS, "allowlist": "users"}, "allowlist_table": MEMBERS}, "exclude each other"),
        ({"allowlist_table": {**MEMBERS, "member": ""}}, "must not be empty"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(options, named) -> None:
    with pytest.raises(RemediationError, match=named) as caught:
        layout(**options)
    assert caught.value.code == "bad_argument"


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"key": ""}, "key must name a flag"),
        ({"key": "f", "rollout_percentage": -1}, "rollout_percentage must be from 0 to 100, got -1"),
        ({"key": "f", "rollout_percentage": 100.5}, "from 0 to 100, got 100.5"),
        ({"key": "f", "rollout_percentage": float("nan")}, "from 0 to 100"),
        ({"key": "f", "allowlist": ["ana"]}, "neither columns.allowlist nor allowlist_table"),
        ({"key": "f", "state": "absent", "enabled": True}, "state absent takes no"),
        ({"key": "f", "expect": {"enabld": True}}, "expect has enabld, allowed: exists, enabled"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(entry, named) -> None:
    with pytest.raises(RemediationError, match=named) as caught:
        make_request(entry, Layout())
    assert caught.value.code == "bad_argument"


def test_a_percentage_without_its_column_is_refused() -> None:
    with pytest.raises(RemediationError, match="columns.rollout_percentage"):
        make_request({"key": "f", "rollout_percentage": 1}, Layout(rollout_percentage=None))


@pytest.mark.parametrize(("given", "kept"), [(0, 0), (100.0, 100), (12.5, 12.5)])
def test_percentages_at_the_edges(given, kept) -> None:
    found = make_request({"key": "f", "rollout_percentage": given}, Layout()).rollout_percentage
    assert found == kept and isinstance(found, type(kept))


def test_each_flag_is_named_once_and_there_is_one_at_least() -> None:
    with pytest.raises(RemediationError, match="flags must name at least one"):
        make_requests({"flags": []}, Layout())
    with pytest.raises(RemediationError, match="flags names f twice"):
        make_requests({"flags": [{"key": "f"}, {"key": "f"}]}, Layout())
    assert [request.key for request in make_requests({"key": "f", "flags": None}, Layout())] == ["f"]
    assert make_requests({"flags": [{"key": "f", "expect": {"enabled": None}}]}, Layout())[0].expect is None
