#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete old files under declared roots until a disk is well again, and never anything else."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_reclaim
short_description: Delete old files under declared roots until a goal is reached
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Finds regular files under declared roots by name and age, and deletes the oldest first until the goal is reached.
  - It follows no link, enters no other file system, and refuses roots that hold more than may be reclaimed, such as V(/), V(/etc),
    V(/var), V(/home) and V(/usr), roots that are reached through a link, and relative paths.
  - Every file is found again from its root when it is deleted, and left alone when it changed since it was planned.
  - Deleted files cannot be brought back.
extends_documentation_fragment:
  - sre.remediation._attributes
options:
  roots:
    description: The directories in which files may be deleted, with all directories below them.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The absolute path of the directory.
        type: str
        required: true
      patterns:
        description: Shell patterns of file names, for example V(*.log).
        type: list
        elements: str
        required: true
      older_than:
        description: How long ago a file must have been changed last, a number and one of V(s), V(m), V(h), V(d), V(w), for example V(7d).
        type: str
        required: true
      keep:
        description: How many of the newest files of each pattern stay, whatever their age.
        type: int
        default: 0
  goal:
    description:
      - When to stop. Either the used percent to get below, of bytes and of inodes, for example V(80%), or the bytes to free, for example V(5G).
      - Without it, every file that matches is deleted.
    type: str
  max_files:
    description: How many files are deleted at most.
    type: int
    default: 10000
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Delete logs older than a week and old backups, until the disk is below 80 percent
  sre.remediation.disk_reclaim:
    goal: 80%
    roots:
      - path: /var/log/shop
        patterns: ["*.log", "*.gz"]
        older_than: 7d
      - path: /backups/shop
        patterns: ["*.dump"]
        older_than: 30d
        keep: 1
  register: reclaimed
"""

RETURN = r"""
files:
  description: The files that were deleted, or would be in check mode, oldest first.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The path.
      type: str
    bytes:
      description: The size of the file.
      type: int
    age:
      description: Seconds since it was changed last.
      type: int
freed_bytes:
  description: Bytes of disk space that came back. A file that has another name (hard link) gives none.
  type: int
  returned: success
  sample: 1048576
goal_reached:
  description: Whether the goal is reached, or null without O(goal).
  type: bool
  returned: success
  sample: true
skipped:
  description: Files that were planned and left alone, with C(path) and the reason C(why).
  type: list
  elements: dict
  returned: success
  sample: []
before:
  description: By root, the file system before. Keys are V(used_bytes), V(total_bytes), V(used_percent), V(inodes_used), V(inodes_used_percent).
  type: dict
  returned: success
  sample: {/var/log/shop: {used_percent: 93.1}}
after:
  description: By root, the file system after, in check mode as expected. Keys are as in RV(before).
  type: dict
  returned: success
  sample: {/var/log/shop: {used_percent: 79.2}}
actions:
  description: What was done, or would be in check mode, in words.
  type: list
  elements: str
  returned: success
  sample: ["Deleted 12 files under /var/log/shop (1048576 bytes)"]
code:
  description: A stable word for the error, such as V(bad_argument) or V(read_only).
  type: str
  returned: failure
  sample: bad_argument
"""

import os
import time
import typing as t
from contextlib import ExitStack

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils import _disk
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


def make_roots(raw: t.Sequence[t.Mapping[str, t.Any]]) -> list[_disk.Root]:
    """Validated roots; every one is checked before anything is read."""
    roots = []
    for entry in raw:
        _disk.check_path(entry["path"])
        if not entry["patterns"] or any(not glob or "/" in glob for glob in entry["patterns"]):
            message = f"roots: patterns of {entry['path']} must be file names, like '*.log', without a slash"
            raise RemediationError(message, "bad_argument")
        if entry["keep"] < 0:
            raise RemediationError(
                f"roots: keep of {entry['path']} must be 0 or more, got {entry['keep']}", "bad_argument"
            )
        age = _disk.parse_age(entry["older_than"], f"roots: older_than of {entry['path']}")
        roots.append(_disk.Root(entry["path"], tuple(entry["patterns"]), age, entry["keep"]))
    if not roots:
        raise RemediationError("roots must name at least one directory", "bad_argument")
    return roots


def reclaim(params: t.Mapping[str, t.Any], check_mode: bool) -> tuple[dict[str, t.Any], list[str]]:
    """(result, warnings)."""
    roots, goal, now = make_roots(params["roots"]), _disk.parse_goal(params["goal"]), time.time()
    if params["max_files"] < 1:
        raise RemediationError(f"max_files must be 1 or more, got {params['max_files']}", "bad_argument")
    with ExitStack() as stack:
        opened = {root.path: stack.enter_context(_disk.opened(root.path)) for root in roots}
        devices = {path: os.fstat(descriptor).st_dev for path, descriptor in opened.items()}
        before = {path: _disk.usage(descriptor) for path, descriptor in opened.items()}
        mounts = _disk.mount_points()
        scans = [_disk.scan_root(root, opened[root.path], mounts, now) for root in roots]
        kept = set().union(*(scan.kept for scan in scans))
        found = [file for scan in scans for file in scan.old if (file.device, file.inode) not in kept]
        by_device = {devices[path]: before[path] for path in opened}
        chosen = _disk.plan(found, goal, by_device, params["max_files"])
        done = _disk.Deleted(files=chosen) if check_mode else _disk.delete(chosen)
        if check_mode:
            after = {path: _expected(before[path], devices[path], chosen) for path in opened}
        else:
            after = {path: _disk.usage(descriptor) for path, descriptor in opened.items()}
    return _result(done, goal, before, after, now, check_mode), [text for scan in scans for text in scan.warnings]


def _expected(usage: _disk.Usage, device: int, files: t.Iterable[_disk.Found]) -> _disk.Usage:
    gone = [file.freed for file in files if file.device == device]
    return usage.minus(sum(gone), len(gone))


def _result(
    done: _disk.Deleted,
    goal: _disk.Goal,
    before: t.Mapping[str, _disk.Usage],
    after: t.Mapping[str, _disk.Usage],
    now: float,
    check_mode: bool,
) -> dict[str, t.Any]:
    freed = sum(file.freed for file in done.files)
    reached = None
    if goal.percent is not None:
        reached = all(usage.percent() < goal.percent for usage in after.values())
    elif goal.size is not None:
        reached = freed >= goal.size
    word = "Would delete" if check_mode else "Deleted"
    actions = []
    for path in before:
        gone = [file for file in done.files if file.root == path]
        if gone:
            actions.append(f"{word} {len(gone)} files under {path} ({sum(file.freed for file in gone)} bytes)")
    return {
        "changed": bool(done.files),
        "files": [{"path": file.path, "bytes": file.size, "age": int(now - file.modified)} for file in done.files],
        "freed_bytes": freed,
        "goal_reached": reached,
        "skipped": done.skipped,
        "before": {path: usage.shown() for path, usage in before.items()},
        "after": {path: usage.shown() for path, usage in after.items()},
        "actions": actions,
        "diff": {"before": "".join(f"{file.path}\n" for file in done.files), "after": ""},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "roots": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "patterns": {"type": "list", "elements": "str", "required": True},
                    "older_than": {"type": "str", "required": True},
                    "keep": {"type": "int", "default": 0},
                },
            },
            "goal": {"type": "str"},
            "max_files": {"type": "int", "default": 10000},
        },
        supports_check_mode=True,
    )
    try:
        result, warnings = reclaim(module.params, module.check_mode)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    for warning in warnings:
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
