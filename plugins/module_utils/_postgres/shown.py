# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session as results show it: without literals, without secrets. Pure.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._postgres.mask import masked
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import age_of
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import HIDDEN_QUERY, Session


def brief(session: Session, query_length: int) -> dict[str, t.Any]:
    """What tells one session from the others: no literal, no secret."""
    return {
        "id": session.id,
        "pid": session.pid,
        "database": session.database,
        "user": session.user,
        "application": session.application,
        "client": session.client,
        "state": session.state,
        "age": rounded(age_of(session, "auto")),
        "wait_event_type": session.wait_event_type,
        "wait_event": session.wait_event,
        "query": HIDDEN_QUERY if session.hidden else masked(session.query, query_length),
    }


def shown(session: Session, query_length: int) -> dict[str, t.Any]:
    """All that is worth knowing of a session."""
    return {
        **brief(session, query_length),
        "backend_start": session.backend_start,
        "backend_type": session.backend_type,
        "transaction_age": rounded(session.xact_age),
        "query_age": rounded(session.query_age),
        "backend_age": rounded(session.backend_age),
        "blocked_by": list(session.blocked_by),
        "xmin_age": session.xmin_age,
        "leader_pid": session.leader_pid,
        "query_id": session.query_id,
    }


def rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 3)
