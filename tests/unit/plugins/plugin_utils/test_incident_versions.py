"""Which versions were left behind, and which were reached."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._incident.versions import left_behind


def attempt(remedy: str, result: str | None = "recovered", left: str = "", after: str | None = None, undone: str = ""):
    undo = {"with": {"platform_candidates": [left]}} if left else {}
    return {"remedy": remedy, "result": result, "undo": undo, "version_after": after, "undone_by": undone or None}


FLAG = attempt("reset_flag")
BACK = attempt("rollback", left="v2", after="v1")


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([FLAG, BACK], [("v2", "v1")]),
        ([BACK], [("v2", "v1")]),
        ([FLAG], []),
        ([], []),
        ([FLAG, attempt("rollback", "failed", left="v2")], []),
        ([FLAG, attempt("rollback", left="v2", after="v1", undone="i9")], []),
        # The run was killed in the rollback, the next one proved it; or nobody did yet.
        ([attempt("rollback", None, left="v2"), attempt("wait", after="v1")], [("v2", "v1")]),
        ([attempt("rollback", None, left="v2")], []),
        ([attempt("rollback", None, left="v2"), attempt("wait", "failed")], []),
    ],
)
def test_left_behind(attempts, expected) -> None:
    found = left_behind([{"incident_id": "i1", "attempts": attempts}])
    assert [(item["left"], item["reached"]) for item in found] == expected


def test_the_newest_order_is_the_first() -> None:
    older = {"incident_id": "i1", "attempts": [attempt("rollback", left="v3", after="v2")]}
    newer = {"incident_id": "i2", "attempts": [attempt("rollback", left="v2", after="v1")]}
    assert [item["incident"] for item in left_behind([newer, older])] == ["i2", "i1"]
