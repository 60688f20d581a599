# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who waits for whom on a PostgreSQL server: the roots of every chain of lock waits, and how deep each waiter is. Pure.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import age_of, roots
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import PREPARED, Session


def tree(
    sessions: t.Sequence[Session], prepared: t.Sequence[t.Mapping[str, t.Any]]
) -> dict[str, list[dict[str, t.Any]]]:
    """Return ``roots`` (most blocked first) and ``waiting`` (nearest to a root first).

    The depth of a waiter is 1 when it waits for a root, 2 when it waits for such a one, and so on by the longest way.
    Sessions that wait for each other (a deadlock the server has not broken yet) have a depth, but no root.
    """
    by_pid = {session.pid: session for session in sessions}
    waiting = {session.pid: session for session in sessions if session.blocked_by}
    depths = _depths(waiting)
    root_pids = roots(sessions)
    found = []
    for pid in root_pids:
        blocked = _behind(pid, waiting)
        session = by_pid.get(pid)
        found.append(
            {
                "pid": pid,
                "id": session.id if session else None,
                "kind": "prepared_transaction" if pid == PREPARED else "session",
                "user": session.user if session else None,
                "application": session.application if session else None,
                "state": session.state if session else None,
                "age": None if session is None else round(age_of(session, "auto") or 0.0, 3),
                "blocked": sorted(blocked),
                "depth": max(depths[pid] for pid in blocked),
                "prepared_transactions": [one["gid"] for one in prepared] if pid == PREPARED else [],
            }
        )
    found.sort(key=lambda root: (-len(root["blocked"]), root["pid"]))
    waiters = [
        {
            "pid": pid,
            "id": session.id,
            "depth": depths[pid],
            "blocked_by": sorted(session.blocked_by),
            "wait_event": session.wait_event,
            "age": round(age_of(session, "auto") or 0.0, 3),
        }
        for pid, session in waiting.items()
    ]
    waiters.sort(key=lambda waiter: (waiter["depth"], waiter["pid"]))
    return {"roots": found, "waiting": waiters}


def _depths(waiting: t.Mapping[int, Session]) -> dict[int, int]:
    """Longest way of each waiter to a root; of those in a cycle, whatever is known when nothing else is left."""
    depths: dict[int, int] = {}
    left = set(waiting)
    while left:
        ready = [pid for pid in left if left.isdisjoint(waiting[pid].blocked_by)] or [min(left)]
        for pid in ready:
            depths[pid] = 1 + max(depths.get(blocker, 0) for blocker in waiting[pid].blocked_by)
        left.difference_update(ready)
    return depths


def _behind(root: int, waiting: t.Mapping[int, Session]) -> set[int]:
    """All that wait for the root, directly or through others."""
    found, front = set(), {root}
    while front:
        front = {pid for pid, session in waiting.items() if front.intersection(session.blocked_by)} - found
        found |= front
    return found
