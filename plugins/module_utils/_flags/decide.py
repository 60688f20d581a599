# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the row that is there and the request to the change, its undo and its diff. Pure: no database, no clock.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._flags.model import (
    RESET_ENABLED,
    RESET_PERCENTAGE,
    Change,
    Layout,
    Request,
    Row,
    plain,
)

#: The values a request can set.
VALUES = ("enabled", "rollout_percentage", "allowlist")


def decide(request: Request, row: Row | None, layout: Layout, known: t.Sequence[str] = ()) -> Change:
    """What to do to one flag.

    :param row: what is stored, None when there is no such flag.
    :param known: keys of flags that exist, for the message about an unknown one.
    :raises RemediationError: ``changed_since`` when the row is not the expected one, ``unknown_key`` when there is none
        and it must not be created.
    """
    check_expected(request, row)
    if request.state == "absent":
        return Change(request.key, "delete" if row else "none", row, None)
    if row is None:
        if not request.create:
            named = f"; there are: {', '.join(sorted(known))}" if known else ""
            message = f"there is no flag {request.key} in {layout.table}, and create is false{named}"
            raise RemediationError(message, code="unknown_key")
        return Change(request.key, "create", None, wanted(request, blank(layout), layout))
    after = wanted(request, row, layout)
    differences = compare(row, after)
    if not differences:
        return Change(request.key, "none", row, row)
    return Change(request.key, "update", row, after, differences)


def blank(layout: Layout) -> Row:
    """A flag nobody set anything for: off, for nobody."""
    return Row(False, 0 if layout.rollout_percentage else None, () if layout.has_allowlist else None)


def wanted(request: Request, row: Row, layout: Layout) -> Row:
    """The row that the request asks for. ``reset`` fills in the runbook's values, anything else keeps what is there.

    It has no ``updated_at``: that is known once the row is written.
    """
    reset = request.state == "reset"
    enabled = request.enabled if request.enabled is not None else RESET_ENABLED if reset else row.enabled
    percentage = row.rollout_percentage
    if layout.rollout_percentage:
        if request.rollout_percentage is not None:
            percentage = request.rollout_percentage
        elif reset:
            percentage = RESET_PERCENTAGE
    allowlist = row.allowlist
    if request.allowlist is not None and set(request.allowlist) != set(row.allowlist or ()):
        allowlist = request.allowlist
    return Row(enabled, percentage, allowlist)


def compare(before: Row, after: Row) -> dict[str, tuple[t.Any, t.Any]]:
    """What differs, by name: (before, after). The order of an allowlist means nothing."""
    found: dict[str, tuple[t.Any, t.Any]] = {}
    for name in VALUES:
        old, new = getattr(before, name), getattr(after, name)
        if name == "allowlist" and set(old or ()) == set(new or ()):
            continue
        if old != new:
            found[name] = (old, new)
    return found


def check_expected(request: Request, row: Row | None) -> None:
    """Refuse when the row is not the one the caller saw: somebody changed it, and their change must not be lost."""
    if request.expect is None:
        return
    wants_row = request.expect.get("exists", True)
    if wants_row != (row is not None):
        now = "it exists" if row else "it does not exist"
        raise _changed(request.key, [f"exists was expected to be {str(wants_row).lower()}, {now} now"])
    if row is None:
        return
    seen = row.shown()
    problems = []
    for name in ("enabled", "rollout_percentage", "allowlist", "updated_at"):
        if name in request.expect and not _same(name, request.expect[name], seen.get(name)):
            problems.append(f"{name} was expected to be {request.expect[name]!r}, it is {seen.get(name)!r} now")
    if problems:
        raise _changed(request.key, problems)


def _changed(key: str, problems: t.Sequence[str]) -> RemediationError:
    message = f"{key} was changed since it was looked at: {'; '.join(problems)}. Look again, then decide anew"
    return RemediationError(message, code="changed_since")


def _same(name: str, expected: t.Any, found: t.Any) -> bool:
    if found is None:
        return expected is None
    if name == "allowlist":
        return {str(member) for member in expected} == set(found)
    if name == "rollout_percentage":
        return plain(expected) == found
    return expected == found


def widens(change: Change) -> bool:
    """Whether the change gives the feature to anybody who does not have it now."""
    if not change.changed or change.after is None or not change.after.enabled:
        return False
    before = change.before
    if before is None or not before.enabled:
        return bool(_reach(change.after) or change.after.allowlist)
    more = set(change.after.allowlist or ()) - set(before.allowlist or ())
    return _reach(change.after) > _reach(before) or bool(more)


def _reach(row: Row) -> float:
    """Percent of the users; all of them where a flag has no percentage."""
    return 100.0 if row.rollout_percentage is None else float(row.rollout_percentage)


def planned(changes: t.Sequence[Change]) -> list[dict[str, t.Any]]:
    """The changes as entries of ``flags`` that do exactly this, and only to the rows that were seen."""
    entries = []
    for change in changes:
        if change.changed:
            expect = {"exists": True, **change.before.shown()} if change.before else {"exists": False}
            entries.append({**_setting(change.key, change.after), "create": change.before is None, "expect": expect})
    return entries


def undo(changes: t.Sequence[Change]) -> list[dict[str, t.Any]]:
    """The changes as entries of ``flags`` that put the rows back, and only when nobody changed them since.

    Where the changes were made, ``after`` has the new ``updated_at``, so that a later change to the same values shows too.
    """
    entries = []
    for change in changes:
        if change.changed:
            expect = {"exists": True, **change.after.shown()} if change.after else {"exists": False}
            entries.append({**_setting(change.key, change.before), "create": change.after is None, "expect": expect})
    return entries


def _setting(key: str, row: Row | None) -> dict[str, t.Any]:
    """One entry of ``flags`` without its condition."""
    if row is None:
        return {"key": key, "state": "absent"}
    values = {name: value for name, value in row.shown().items() if name != "updated_at"}
    return {"key": key, "state": "present", **values}


def describe(changes: t.Sequence[Change], would: bool) -> list[str]:
    """The changes in words."""
    words = {"create": "Would create" if would else "Created", "update": "Would set" if would else "Set"}
    words["delete"] = "Would delete" if would else "Deleted"
    lines = []
    for change in changes:
        if not change.changed:
            continue
        values = change.differences or ({} if change.after is None else _shown_pairs(change.after))
        told = ", ".join(f"{name} {_text(old)} -> {_text(new)}" for name, (old, new) in values.items())
        lines.append(f"{words[change.action]} {change.key}{': ' + told if told else ''}")
    return lines


def _shown_pairs(row: Row) -> dict[str, tuple[t.Any, t.Any]]:
    return {name: (None, getattr(row, name)) for name in VALUES if getattr(row, name) is not None}


def _text(value: t.Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value)


def drift(change: Change) -> list[str]:
    """What is wrong with a flag, as the causes of the scenario name it, gravest first; nothing when nothing is."""
    if change.before is None and change.after is not None:
        return ["flag_missing"]
    found = []
    if "enabled" in change.differences:
        found.append("disabled_flag" if change.after and change.after.enabled else "enabled_flag")
    if "allowlist" in change.differences:
        before, _after = change.differences["allowlist"]
        found.append("allowlist_drift" if before else "allowlist_empty")
    if "rollout_percentage" in change.differences:
        found.append("percentage_drift")
    return found
