# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans of the longest statements: EXPLAIN, never EXPLAIN ANALYZE, so that no statement is ever run by asking.

The text comes from other people's sessions. Only one that is surely a single complete statement is put after EXPLAIN:
one with a semicolon inside, even within a literal, is not. What the server answers is shown without literals.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres.mask import masked
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import RUNNING, age_of
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import QUERY_BYTES, Session

_EXPLAINABLE = re.compile(r"(?:SELECT|WITH|INSERT|UPDATE|DELETE|VALUES|TABLE|MERGE)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"\$\d")
GENERIC_PLAN_SINCE = 160000
LINES = 40
"""Most lines of a plan that are kept."""
WIDTH = 300


def obstacle(query: str, version: int, text_bytes: int) -> str | None:
    """Why a statement is not explained; None when it is.

    :param version: ``server_version_num``.
    :param text_bytes: the server's ``track_activity_query_size``; a text as long as that may be cut off.
    """
    text = query.strip().rstrip(";").rstrip()
    if len(text.encode()) >= min(text_bytes - 1, QUERY_BYTES):
        return "its text may be cut off by the server (track_activity_query_size)"
    if ";" in text:
        return "it may be more than one statement"
    if not _EXPLAINABLE.match(text):
        return "it is no statement that has a plan"
    if _PARAMETER.search(text) and version < GENERIC_PLAN_SINCE:
        return "it has parameters, whose plan PostgreSQL shows from version 16"
    return None


def explain_sql(query: str, version: int) -> str:
    """The statement that shows the plan. ``obstacle`` must have found none."""
    generic = "GENERIC_PLAN, " if _PARAMETER.search(query) and version >= GENERIC_PLAN_SINCE else ""
    return f"EXPLAIN ({generic}FORMAT TEXT) {query.strip().rstrip(';').rstrip()}"


def longest(sessions: t.Iterable[Session], database: str, seconds: float, most: int) -> list[Session]:
    """The sessions of this database whose statement has been running longest, for longer than ``seconds``."""
    found = [
        one
        for one in sessions
        if one.state in RUNNING and not one.own and one.database == database and (age_of(one, "auto") or 0.0) > seconds
    ]
    return sorted(found, key=lambda one: -(age_of(one, "auto") or 0.0))[:most]


def plans(connection: t.Any, sessions: t.Sequence[Session]) -> list[dict[str, t.Any]]:
    """``id``, ``plan`` (lines) and ``reason`` (why there is none) of each session's statement."""
    if not sessions:
        return []
    [(text_bytes,)] = connection.rows("SELECT pg_size_bytes(current_setting('track_activity_query_size'))")
    return [_plan(connection, session, int(text_bytes)) for session in sessions]


def _plan(connection: t.Any, session: Session, text_bytes: int) -> dict[str, t.Any]:
    reason, lines = obstacle(session.query, connection.version, text_bytes), []
    if reason is None:
        try:
            lines = [line for (line,) in connection.rows(explain_sql(session.query, connection.version))]
        except RemediationError as error:
            if error.code == "lost":
                raise
            # The server's words quote the statement: only their kind is told.
            reason = f"the server does not explain it ({error.code})"
    return {"id": session.id, "plan": [_masked(line) for line in lines[:LINES]], "reason": reason}


def _masked(line: str) -> str:
    """A line of a plan without literals, with its indentation and without its estimates, which are no literals to hide."""
    indentation = line[: len(line) - len(line.lstrip())]
    node, found, estimates = line.strip().partition("  (cost=")
    return f"{indentation}{masked(node, WIDTH)}{found}{estimates}"
