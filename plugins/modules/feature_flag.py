#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set or reset feature flags that live in a PostgreSQL table, without losing anybody's update."""

from __future__ import annotations

DOCUMENTATION = r"""
module: feature_flag
short_description: Set or reset feature flags in a PostgreSQL table
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Sets whether a flag is enabled, for how many percent of the users, and for which users by name, or resets it.
  - Several flags are changed in one transaction, all or none. Their rows are locked from the comparison with O(expect) until
    the commit, so that no update of another writer is lost.
  - An unknown flag, a missing table or column, and a row that changed since it was looked at are refused by name.
  - A null in the database counts as false, as 0 percent or as an empty allowlist.
extends_documentation_fragment:
  - sre.remediation._postgres
  - sre.remediation._attributes.actiongroup_postgres
  - sre.remediation._attributes
options:
  key:
    description: Name of the flag. Either this or O(flags) is required.
    type: str
  state:
    description:
      - V(present) sets what is given and leaves the rest as it is.
      - V(reset) enables the flag for 0 percent of the users, unless O(enabled) or O(rollout_percentage) say otherwise. The
        allowlist stays, unless O(allowlist) is given.
      - V(absent) deletes the flag and its allowlist. It is there to undo a creation.
    type: str
    choices: [present, reset, absent]
    default: present
  enabled:
    description: Whether the flag is enabled.
    type: bool
  rollout_percentage:
    description: For how many percent of the users, from V(0) to V(100).
    type: float
  allowlist:
    description:
      - Who has the feature whatever the percentage, all of them. Their order means nothing.
      - Needs O(columns.allowlist) or O(allowlist_table).
    type: list
    elements: str
  create:
    description:
      - Whether a flag that does not exist is created. Without it, it is refused.
      - What is not given is then off, V(0) and empty.
    type: bool
    default: false
  expect:
    description:
      - The row that was seen. When it is another one now, nothing is changed and the module fails with the code V(changed_since).
      - Only what is given is compared.
    type: dict
    suboptions:
      exists:
        description: Whether the flag exists. V(true) when anything else is given.
        type: bool
      enabled:
        description: Whether it is enabled.
        type: bool
      rollout_percentage:
        description: Its percentage.
        type: float
      allowlist:
        description: Its allowlist, in any order.
        type: list
        elements: str
      updated_at:
        description: Its time of the last change, as RV(flags[].before) has it. It tells changes that came back to the same values too.
        type: str
  flags:
    description: Several flags, each with the options above. Excludes O(key) and its values.
    type: list
    elements: dict
    suboptions:
      key:
        description: As O(key).
        type: str
        required: true
      state:
        description: As O(state).
        type: str
        choices: [present, reset, absent]
        default: present
      enabled:
        description: As O(enabled).
        type: bool
      rollout_percentage:
        description: As O(rollout_percentage).
        type: float
      allowlist:
        description: As O(allowlist).
        type: list
        elements: str
      create:
        description: As O(create).
        type: bool
        default: false
      expect:
        description: As O(expect).
        type: dict
        suboptions:
          exists:
            description: As O(expect.exists).
            type: bool
          enabled:
            description: As O(expect.enabled).
            type: bool
          rollout_percentage:
            description: As O(expect.rollout_percentage).
            type: float
          allowlist:
            description: As O(expect.allowlist).
            type: list
            elements: str
          updated_at:
            description: As O(expect.updated_at).
            type: str
  table:
    description: Name of the table of the flags, one row for each.
    type: str
    default: feature_flags
  schema:
    description: Its schema. By default the first in the search path that has the table.
    type: str
  columns:
    description: Names of its columns. An empty text says that there is no such column.
    type: dict
    default: {}
    suboptions:
      key:
        description: The name of the flag.
        type: str
        default: key
      enabled:
        description: Whether it is enabled, a boolean.
        type: str
        default: enabled
      rollout_percentage:
        description: Its percentage, a number.
        type: str
        default: rollout_percentage
      updated_at:
        description: The time of its last change. It is set when the row is changed.
        type: str
        default: updated_at
      allowlist:
        description: Its allowlist, an array. Excludes O(allowlist_table).
        type: str
        default: ''
  allowlist_table:
    description: Where the allowlist is a table of its own, one row for each flag and member.
    type: dict
    suboptions:
      name:
        description: Name of the table.
        type: str
        required: true
      schema:
        description: Its schema. That of O(schema) by default.
        type: str
      key:
        description: Column with the name of the flag.
        type: str
        default: flag_key
      member:
        description: Column with the member.
        type: str
        default: member
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Reset a flag as the runbook does (enabled, for 0 percent)
  sre.remediation.feature_flag:
    login_host: db.example.com
    login_db: kaviar
    key: passenger_favorites_matching
    state: reset
  register: reset

- name: Put it back, unless somebody changed it since
  sre.remediation.feature_flag:
    login_host: db.example.com
    login_db: kaviar
    flags: "{{ reset.undo }}"

- name: Roll out further, only from where we saw it
  sre.remediation.feature_flag:
    login_host: db.example.com
    login_db: kaviar
    key: passenger_favorites_matching
    rollout_percentage: 25
    expect:
      enabled: true
      rollout_percentage: 10

- name: Let two passengers in, in a table of its own
  sre.remediation.feature_flag:
    service: kaviar
    key: passenger_favorites_matching
    allowlist: [p-1001, p-1002]
    allowlist_table:
      name: feature_flag_allowlist
      key: key
      member: passenger_id
"""

RETURN = r"""
flags:
  description: Each flag that was asked for, in that order.
  type: list
  elements: dict
  returned: success
  contains:
    key:
      description: Its name.
      type: str
    changed:
      description: Whether it was changed, or would be in check mode.
      type: bool
    before:
      description: The row as it was, with C(enabled), C(rollout_percentage), C(allowlist) and C(updated_at), or null when there was none.
      type: dict
    after:
      description: The row as it is now, or would be (then without C(updated_at)).
      type: dict
    drift:
      description:
        - How it differed from what was asked for. V(flag_missing), V(disabled_flag), V(enabled_flag), V(allowlist_empty),
          V(allowlist_drift) and V(percentage_drift).
      type: list
      elements: str
    widens:
      description: Whether the change gives the feature to anybody who did not have it.
      type: bool
planned:
  description: Entries for O(flags) that make exactly these changes, and only to the rows that were seen.
  type: list
  elements: dict
  returned: success
  sample:
    - key: passenger_favorites_matching
      state: present
      enabled: true
      rollout_percentage: 0
      create: false
      expect: {exists: true, enabled: false, rollout_percentage: 40, updated_at: "2026-02-02T08:38:00+00:00"}
undo:
  description: Entries for O(flags) that put everything back, and only while nobody changed it since.
  type: list
  elements: dict
  returned: success
actions:
  description: What was done, or would be in check mode, in words.
  type: list
  elements: str
  returned: success
  sample: ["Set passenger_favorites_matching: enabled false -> true, rollout_percentage 40 -> 0"]
code:
  description:
    - Why it failed, as a word for programs. V(bad_argument), V(unknown_key), V(changed_since), V(table_missing), V(column_missing),
      V(bad_column), V(ambiguous_key), V(value_missing), V(not_written), V(not_permitted), V(timeout), V(deadlock), V(read_only), V(lost)
      or V(sql_error).
    - Without a connection V(unreachable), V(authentication_failed), V(no_connection_slot), V(pooler), V(too_old) or V(invalid_option).
  returned: failure
  type: str
  sample: changed_since
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._flags import decide, store
from ansible_collections.sre.remediation.plugins.module_utils._flags.model import Change, make_layout, make_requests
from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection


def flag_options() -> dict[str, t.Any]:
    """The options of one flag, apart from its key."""
    seen = {
        "exists": {"type": "bool"},
        "enabled": {"type": "bool"},
        "rollout_percentage": {"type": "float"},
        "allowlist": {"type": "list", "elements": "str"},
        "updated_at": {"type": "str"},
    }
    return {
        "state": {"type": "str", "choices": ["present", "reset", "absent"], "default": "present"},
        "enabled": {"type": "bool"},
        "rollout_percentage": {"type": "float"},
        "allowlist": {"type": "list", "elements": "str"},
        "create": {"type": "bool", "default": False},
        "expect": {"type": "dict", "options": seen},
    }


def argument_spec() -> dict[str, t.Any]:
    """All options."""
    columns = {"key": "key", "enabled": "enabled", "rollout_percentage": "rollout_percentage"}
    columns.update(updated_at="updated_at", allowlist="")
    return {
        **connection.argument_spec(),
        "key": {"type": "str", "no_log": False},
        **flag_options(),
        "flags": {
            "type": "list",
            "elements": "dict",
            "options": {"key": {"type": "str", "required": True, "no_log": False}, **flag_options()},
        },
        "table": {"type": "str", "default": "feature_flags"},
        "schema": {"type": "str"},
        "columns": {
            "type": "dict",
            "default": {},
            "options": {
                name: {"type": "str", "default": default, "no_log": False} for name, default in columns.items()
            },
            "apply_defaults": True,
        },
        "allowlist_table": {
            "type": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "schema": {"type": "str"},
                "key": {"type": "str", "default": "flag_key", "no_log": False},
                "member": {"type": "str", "default": "member"},
            },
        },
    }


def result_of(changes: t.Sequence[Change], check_mode: bool) -> dict[str, t.Any]:
    """What the module returns."""
    before = {change.key: change.before.shown() if change.before else None for change in changes}
    after = {change.key: change.after.shown() if change.after else None for change in changes}
    return {
        "changed": any(change.changed for change in changes),
        "flags": [
            {
                "key": change.key,
                "changed": change.changed,
                "before": before[change.key],
                "after": after[change.key],
                "drift": decide.drift(change),
                "widens": decide.widens(change),
            }
            for change in changes
        ],
        "planned": decide.planned(changes),
        "undo": decide.undo(changes),
        "actions": decide.describe(changes, would=check_mode),
        "diff": {"before": before, "after": after},
    }


def main() -> None:
    values = ("enabled", "rollout_percentage", "allowlist", "expect")
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_one_of=[("key", "flags")],
        mutually_exclusive=[
            *connection.MUTUALLY_EXCLUSIVE,
            ("key", "flags"),
            *((name, "flags") for name in values),
        ],
        supports_check_mode=True,
    )
    if connection.IMPORT_TRACEBACK:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=connection.IMPORT_TRACEBACK)
    try:
        layout = make_layout(module.params)
        requests = make_requests(module.params, layout)
        with connection.connected(module.params, read_only=False) as server:
            changes = store.apply(server, layout, requests, module.check_mode)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    module.exit_json(**result_of(changes, module.check_mode))


if __name__ == "__main__":
    main()
