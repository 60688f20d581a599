# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The course of ``pg_terminate_backend``: look once, choose, signal, wait, say what became of each session.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres.connection import Connection
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import (
    Choice,
    Protection,
    Selector,
    choose,
    roots,
)
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import (
    PREPARED,
    Session,
    from_row,
    look_sql,
)
from ansible_collections.sre.remediation.plugins.module_utils._postgres.shown import brief
from ansible_collections.sre.remediation.plugins.module_utils._postgres.signals import Ending, Fate, Order

PLANNED = Fate(None, "planned", "")


class Terminator:
    """One run of the module, made of its parameters; they are checked before anything else happens.

    :ivar warnings: what the operator should know besides the result.
    """

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        for name in ("grace", "wait"):
            if params[name] < 0:
                raise RemediationError(f"{name}: must be 0 or greater (seconds)", code="invalid_option")
        for name in ("max_backends", "query_length"):
            if params[name] < 1:
                raise RemediationError(f"{name}: must be 1 or greater", code="invalid_option")
        self.params = params
        self.selector = Selector(
            **{
                name: tuple(params[name]) if isinstance(params[name], list) else params[name]
                for name in Selector.__dataclass_fields__
            }
        ).checked()
        self.protection = Protection(
            tuple(params["protected_users"]),
            tuple(params["protected_applications"]),
            tuple(params["protected_pids"]),
            params["allow_superusers"],
            params["allow_autovacuum"],
        )
        self.warnings: list[str] = []
        self._choice = Choice()
        self._ending: Ending | None = None

    def run(self, connection: Connection, check_mode: bool) -> dict[str, t.Any]:
        """Do it and return the module's result; RemediationError as in ``connection``, ``choose`` and ``Ending``."""
        sessions = self._look(connection)
        self._choice = choose(
            sessions,
            self.selector,
            self.protection,
            self.params["action"],
            self.params["max_backends"],
            self.params["on_excess"] == "oldest",
        )
        self._warn(sessions)
        victims = self._choice.victims
        if check_mode:
            return self._result({victim.pid: PLANNED for victim in victims}, sessions, changed=bool(victims))
        order = Order(self.params["action"], self.params["grace"], self.params["wait"], self.selector.by_activity)
        self._ending = Ending(connection, order)
        fates = self._ending.run(victims)
        if victims and all(fate.result == "not_permitted" for fate in fates.values()):
            raise RemediationError(_NOT_PERMITTED, code="not_permitted")
        return self._result(fates, sessions, changed=self._ending.any_signalled)

    def so_far(self) -> dict[str, t.Any]:
        """What is known when it failed: whether a session may have been signalled, and which were meant."""
        fates = self._ending.fates if self._ending else {}
        changed = self._ending is not None and self._ending.any_signalled
        return {"changed": changed, "matched": self._matched(fates)}

    def _look(self, connection: Connection) -> list[Session]:
        [(rows,)] = connection.rows(look_sql(connection.version, self.selector.root_blockers))
        return [from_row(row) for row in rows]

    def _warn(self, sessions: t.Sequence[Session]) -> None:
        hidden = sum(session.hidden for session in sessions)
        if hidden:
            self.warnings.append(
                f"The details of {hidden} sessions are hidden from this user, and so they match no description of what "
                "they do. Grant it pg_read_all_stats or pg_monitor"
            )
        if self.selector.root_blockers and PREPARED in roots(sessions):
            self.warnings.append(
                "A prepared transaction makes others wait. It has no session to end: see pg_prepared_xacts, and end it "
                "with COMMIT PREPARED or ROLLBACK PREPARED"
            )
        codes = {code for _session, code, _reason in self._choice.spared}
        if not self._choice.victims and codes & {"not_permitted", "hidden"}:
            raise RemediationError(_NOT_PERMITTED, code="not_permitted")

    def _matched(self, fates: t.Mapping[int, Fate]) -> list[dict[str, t.Any]]:
        length = self.params["query_length"]
        matched = []
        for victim in self._choice.victims:
            fate = fates.get(victim.pid, PLANNED)
            fields = {"signal": fate.signal, "result": fate.result, "reason": fate.reason or None}
            matched.append({**brief(victim, length), **fields})
        for session, code, reason in self._choice.spared:
            matched.append({**brief(session, length), "signal": None, "result": code, "reason": reason})
        return matched

    def _result(self, fates: t.Mapping[int, Fate], sessions: t.Sequence[Session], changed: bool) -> dict[str, t.Any]:
        victims = self._choice.victims

        def ids(*results: str) -> list[str]:
            return [one.id for one in victims if fates[one.pid].signal and fates[one.pid].result in results]

        remaining = [
            {"id": one.id, "reason": fates[one.pid].reason}
            for one in victims
            if fates[one.pid].signal and fates[one.pid].result == "remaining"
        ]
        spared = [{"id": one.id, "code": code, "reason": reason} for one, code, reason in self._choice.spared]
        spared += [
            {"id": one.id, "code": fates[one.pid].result, "reason": fates[one.pid].reason}
            for one in victims
            if not fates[one.pid].signal and fates[one.pid] is not PLANNED
        ]
        touched = [one for one in victims if fates[one.pid].signal or fates[one.pid] is PLANNED]
        before = "".join(f"{one.id} {one.user} {one.database} {one.application} {one.state}\n" for one in touched)
        return {
            "changed": changed,
            "matched": self._matched(fates),
            "victims": [one.id for one in victims],
            "signalled": [one.id for one in victims if fates[one.pid].signal],
            "gone": ids("gone"),
            "cancelled": ids("cancelled"),
            "remaining": remaining,
            "spared": spared,
            "hidden": sum(session.hidden for session in sessions),
            "actions": self._actions(fates),
            "diff": {"before": before, "after": ""},
        }

    def _actions(self, fates: t.Mapping[int, Fate]) -> list[str]:
        actions = []
        planned = sum(fate is PLANNED for fate in fates.values())
        if planned:
            words = {"cancel": "cancel the statements of", "terminate": "end"}
            what = words.get(self.params["action"], "cancel, then end,")
            actions.append(f"Would {what} {planned} sessions")
        for signal, words in (("cancel", "Cancelled the statements of"), ("terminate", "Ended")):
            done = [fate for fate in fates.values() if fate.signal == signal]
            if done:
                left = sum(fate.result == "remaining" for fate in done)
                actions.append(f"{words} {len(done)} sessions" + (f", {left} are still there" if left else ""))
        return actions


_NOT_PERMITTED = (
    "this user may see or signal none of the sessions that match, nothing was changed: grant it pg_monitor and "
    "pg_signal_backend; sessions of superusers only a superuser may end (login_user)"
)
