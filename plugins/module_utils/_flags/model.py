# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a feature flag is, what is asked of one, and where its rows lie: plain values, checked when they are made.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Percentage = t.Union[int, float]  # noqa: UP007 - ansible-test checks module_utils for older Pythons too

#: What ``reset`` sets where nothing else is asked for (runbook Kaviar, section 3: enabled, for 0 percent of the users).
RESET_ENABLED, RESET_PERCENTAGE = True, 0

#: What may be named in ``expect``.
EXPECTABLE = ("exists", "enabled", "rollout_percentage", "allowlist", "updated_at")


@dataclass(frozen=True)
class Row:
    """A flag as it is stored. ``None`` stands for a column the table does not have (or the caller did not configure).

    A null in the database counts as false, 0 percent, an empty allowlist.

    :ivar updated_at: ISO 8601 text of the time of the last change.
    """

    enabled: bool
    rollout_percentage: Percentage | None = None
    allowlist: tuple[str, ...] | None = None
    updated_at: str | None = None

    def shown(self) -> dict[str, t.Any]:
        """The row as users see it; columns that are not configured are left out."""
        values = {
            "enabled": self.enabled,
            "rollout_percentage": self.rollout_percentage,
            "allowlist": None if self.allowlist is None else list(self.allowlist),
            "updated_at": self.updated_at,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Request:
    """What is asked of one flag. ``None`` leaves a value as it is.

    :ivar expect: the row seen, as far as the caller wants it compared (see ``EXPECTABLE``); None compares nothing.
    """

    key: str
    state: str = "present"
    enabled: bool | None = None
    rollout_percentage: Percentage | None = None
    allowlist: tuple[str, ...] | None = None
    create: bool = False
    expect: t.Mapping[str, t.Any] | None = None


@dataclass(frozen=True)
class Layout:
    """Names of the tables and columns. ``None`` for a column says that there is none.

    The allowlist is in an array column of the flags' table (``allowlist``), or in a table of its own with one row per
    flag and member (``members_table`` with its two columns), or nowhere.
    """

    table: str = "feature_flags"
    schema: str | None = None
    key: str = "key"
    enabled: str = "enabled"
    rollout_percentage: str | None = "rollout_percentage"
    updated_at: str | None = "updated_at"
    allowlist: str | None = None
    members_table: str | None = None
    members_schema: str | None = None
    members_key: str = "flag_key"
    members_member: str = "member"

    def columns(self) -> list[str]:
        """The columns that the flags' table must have."""
        named = (self.key, self.enabled, self.rollout_percentage, self.updated_at, self.allowlist)
        return [name for name in named if name]

    @property
    def has_allowlist(self) -> bool:
        return bool(self.allowlist or self.members_table)


@dataclass(frozen=True)
class Change:
    """What is to be done to one flag, worked out from its request and the row that is there.

    :ivar action: ``none``, ``create``, ``update`` or ``delete``.
    :ivar differences: by name of the value, (before, after).
    """

    key: str
    action: str
    before: Row | None
    after: Row | None
    differences: dict[str, tuple[t.Any, t.Any]] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return self.action != "none"


def make_layout(params: t.Mapping[str, t.Any]) -> Layout:
    """Names from the options of the module; an empty text for a column says that there is none.

    :raises RemediationError: ``bad_argument``, naming the option.
    """
    columns = {name: text or None for name, text in (params.get("columns") or {}).items()}
    for required in ("key", "enabled"):
        if columns.get(required, required) is None:
            raise RemediationError(f"columns.{required} must name a column, it is empty", code="bad_argument")
    if not params["table"]:
        raise RemediationError("table must name the table of the flags, it is empty", code="bad_argument")
    members = params.get("allowlist_table") or {}
    if members and columns.get("allowlist"):
        message = "columns.allowlist and allowlist_table exclude each other: the allowlist is in one place"
        raise RemediationError(message, code="bad_argument")
    if members and not all((members["name"], members["key"], members["member"])):
        raise RemediationError("allowlist_table: name, key and member must not be empty", code="bad_argument")
    more = {f"members_{name}": members[name] or None for name in ("schema", "key", "member") if members}
    return Layout(
        table=params["table"],
        schema=params.get("schema") or None,
        members_table=members.get("name"),
        **columns,
        **more,
    )


def make_requests(params: t.Mapping[str, t.Any], layout: Layout) -> list[Request]:
    """Checked requests, from ``flags`` or from the options of a single one; each key once.

    :raises RemediationError: ``bad_argument``, naming the option and what is allowed.
    """
    entries = params["flags"] if params.get("flags") is not None else [params]
    if not entries:
        raise RemediationError("flags must name at least one flag", code="bad_argument")
    requests = [make_request(entry, layout) for entry in entries]
    keys = [request.key for request in requests]
    for key in keys:
        if keys.count(key) > 1:
            raise RemediationError(f"flags names {key} twice, each flag may be named once", code="bad_argument")
    return requests


def make_request(entry: t.Mapping[str, t.Any], layout: Layout) -> Request:
    """One checked request."""
    key = entry.get("key")
    if not key:
        raise RemediationError("key must name a flag, it is empty", code="bad_argument")
    if entry.get("state") == "absent" and any(
        entry.get(name) is not None for name in ("enabled", "rollout_percentage", "allowlist")
    ):
        message = f"{key}: state absent takes no enabled, rollout_percentage or allowlist"
        raise RemediationError(message, code="bad_argument")
    members = entry.get("allowlist")
    if members is not None and not layout.has_allowlist:
        message = f"{key}: allowlist is given, but neither columns.allowlist nor allowlist_table says where it is kept"
        raise RemediationError(message, code="bad_argument")
    percentage = check_percentage(key, entry.get("rollout_percentage"))
    if percentage is not None and layout.rollout_percentage is None:
        message = (
            f"{key}: rollout_percentage is given, but columns.rollout_percentage says that there is no such column"
        )
        raise RemediationError(message, code="bad_argument")
    return Request(
        key=key,
        state=entry.get("state") or "present",
        enabled=entry.get("enabled"),
        rollout_percentage=percentage,
        allowlist=None if members is None else tuple(dict.fromkeys(str(member) for member in members)),
        create=bool(entry.get("create")),
        expect=check_expect(key, entry.get("expect")),
    )


def check_percentage(key: str, value: Percentage | None) -> Percentage | None:
    """A percentage from 0 to 100, whole where it is whole."""
    if value is None:
        return None
    if not 0 <= value <= 100:
        raise RemediationError(
            f"{key}: rollout_percentage must be from 0 to 100, got {plain(value)}", code="bad_argument"
        )
    return plain(value)


def plain(value: t.Any) -> Percentage:
    """A number without needless decimals: 25, not 25.0."""
    number = float(value)
    return int(number) if number.is_integer() else number


def check_expect(key: str, expect: t.Mapping[str, t.Any] | None) -> dict[str, t.Any] | None:
    """What to compare, without the names that were not given."""
    given = {name: value for name, value in (expect or {}).items() if value is not None}
    unknown = sorted(given.keys() - set(EXPECTABLE))
    if unknown:
        message = f"{key}: expect has {', '.join(unknown)}, allowed: {', '.join(EXPECTABLE)}"
        raise RemediationError(message, code="bad_argument")
    return given or None
