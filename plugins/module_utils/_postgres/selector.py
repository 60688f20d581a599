# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sessions a selector describes, which of them are protected and why, and what is done to the rest. Pure.

This is the only place that says so: the SQL reads all sessions and signals the chosen ones by identity, it selects
nothing by itself.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import (
    AUTOVACUUM,
    CLIENT,
    WALSENDER,
    Session,
)

STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)
RUNNING = ("active", "fastpath function call")
CLOCKS = ("auto", "state_change", "query_start", "xact_start", "backend_start")
LOCAL = "local"
BACKUP_APPLICATIONS = (
    "pg_dump", "pg_dumpall", "pg_basebackup", "pgBackRest*", "pgbackrest*", "barman*", "wal-g*", "wal-e*", "pg_probackup*",
)  # fmt: skip
"""What the well-known backup tools call themselves (shell patterns)."""


@dataclass(frozen=True)
class Selector:
    """What to look for. None means anything; all that is given must hold. Sessions as in ``session.Session``.

    :ivar min_age: seconds; only sessions whose age by ``clock`` is greater.
    :ivar applications: shell patterns.
    :ivar clients: addresses, networks (``10.0.0.0/8``) or ``local``.
    :ivar wait_events: ``Type`` or ``Type:Event`` (``Lock``, ``Client:ClientRead``).
    :ivar pids: ``4242`` or ``4242@backend_start``.
    """

    states: tuple[str, ...] | None = None
    min_age: float | None = None
    clock: str = "auto"
    databases: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    applications: tuple[str, ...] | None = None
    clients: tuple[str, ...] | None = None
    wait_events: tuple[str, ...] | None = None
    pids: tuple[str, ...] | None = None
    root_blockers: bool = False

    def checked(self) -> Selector:
        """Return itself; RemediationError (``invalid_option``) when it names nothing, or nothing that can be."""
        if self.min_age is not None and self.min_age < 0:
            raise RemediationError("min_age: must be 0 or greater (seconds)", code="invalid_option")
        given = False
        for name in _LISTS:
            values = getattr(self, name)
            if values is None:
                continue
            given = True
            if not values or any(not value.strip() for value in values):
                raise RemediationError(f"{name}: an empty list or an empty entry names nothing", code="invalid_option")
        if not (given or self.root_blockers):
            raise RemediationError(
                f"give at least one of {', '.join(_LISTS)} and root_blockers; min_age alone names every session",
                code="invalid_option",
            )
        for client in self.clients or ():
            if client != LOCAL:
                _network(client)
        for pid in self.pids or ():
            if not pid.partition("@")[0].isdigit():
                raise RemediationError(f"pids: {pid!r} is neither a process id nor PID@BACKEND_START", "invalid_option")
        return self

    @property
    def by_activity(self) -> bool:
        """Does it describe what a session does now? Then a session that does something else later is not meant."""
        return self.root_blockers or any(value is not None for value in (self.states, self.min_age, self.wait_events))


_LISTS = ("states", "databases", "users", "applications", "clients", "wait_events", "pids")


@dataclass(frozen=True)
class Protection:
    """Whom the caller wants left alone, besides those that are never touched."""

    users: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    pids: tuple[str, ...] = ()
    allow_superusers: bool = False
    allow_autovacuum: bool = False


@dataclass(frozen=True)
class Choice:
    """What is done: ``victims`` in the order they are signalled (oldest first), ``spared`` with the reason."""

    victims: list[Session] = field(default_factory=list)
    spared: list[tuple[Session, str, str]] = field(default_factory=list)
    """(session, code, reason); codes are those of ``why_spared``, ``nothing_to_cancel`` and ``over_cap``."""


def age_of(session: Session, clock: str) -> float | None:
    """Seconds by the clock; ``auto`` is the one that tells how long the session has been in its state.

    In-transaction sessions are as old as their transaction: that is how long they have held their locks.
    """
    if clock == "auto" and session.in_transaction:
        clock = "xact_start"
    elif clock == "auto":
        clock = "query_start" if session.state in RUNNING else "state_change"
    return {
        "state_change": session.state_age,
        "query_start": session.query_age,
        "xact_start": session.xact_age,
        "backend_start": session.backend_age,
    }[clock]


def roots(sessions: t.Iterable[Session]) -> set[int]:
    """Process ids that make others wait for a lock and do not wait themselves; 0 is a prepared transaction."""
    waiting = {session.pid for session in sessions if session.blocked_by}
    return {pid for session in sessions for pid in session.blocked_by} - waiting


def described(session: Session, selector: Selector, root_pids: t.Container[int]) -> bool:
    """Does the selector describe this session?"""
    age = age_of(session, selector.clock)
    return (
        (selector.states is None or session.state in selector.states)
        and (selector.min_age is None or (age is not None and age > selector.min_age))
        and (selector.databases is None or session.database in selector.databases)
        and (selector.users is None or session.user in selector.users)
        and (selector.applications is None or like(session.application, selector.applications))
        and (selector.clients is None or _from(session.client, selector.clients))
        and (selector.wait_events is None or _waits(session, selector.wait_events))
        and (selector.pids is None or _is_one_of(session, selector.pids))
        and (not selector.root_blockers or session.pid in root_pids)
    )


def why_spared(session: Session, protection: Protection) -> tuple[str, str] | None:
    """Why a session is left alone, as (code, reason); None when it may be ended."""
    rules: tuple[tuple[bool, str, str], ...] = (
        (session.own, "own_session", "it is this module's own session"),
        (session.hidden, "hidden", "its details are hidden from this user; grant pg_read_all_stats or pg_monitor"),
        (session.backend_type == WALSENDER, "replication", "it sends WAL to a standby, a subscriber or a backup"),
        (session.wraparound, "wraparound", "it is an autovacuum that prevents transaction id wraparound"),
        (
            session.backend_type == AUTOVACUUM and not protection.allow_autovacuum,
            "autovacuum",
            "it is an autovacuum worker (allow_autovacuum)",
        ),
        (
            session.backend_type not in (CLIENT, AUTOVACUUM),
            "background",
            f"it is a background process of the server ({session.backend_type})",
        ),
        (
            like(session.application, BACKUP_APPLICATIONS),
            "backup",
            f"it is a backup in progress ({session.application})",
        ),
        (session.backup_mode, "backup", "it holds the server in backup mode (pg_backup_start)"),
        (session.backend_start is None, "hidden", "its start is not known, so it cannot be told from another one"),
        (session.user in protection.users, "protected_user", f"user {session.user} is protected (protected_users)"),
        (
            like(session.application, protection.applications),
            "protected_application",
            f"application {session.application!r} is protected (protected_applications)",
        ),
        (_is_one_of(session, protection.pids), "protected_pid", f"process {session.pid} is protected (protected_pids)"),
        (
            session.superuser and not protection.allow_superusers,
            "superuser",
            f"user {session.user} is a superuser (allow_superusers)",
        ),
        (
            not session.signalable,
            "not_permitted",
            "this user may not signal it; grant pg_signal_backend (a superuser's session only a superuser may end)",
        ),
    )
    return next(((code, reason) for holds, code, reason in rules if holds), None)


def choose(
    sessions: t.Sequence[Session],
    selector: Selector,
    protection: Protection,
    action: str,
    max_backends: int,
    take_oldest: bool,
) -> Choice:
    """Choose whom to signal; RemediationError (``too_many``) when there are more than ``max_backends``.

    :param take_oldest: take the ``max_backends`` oldest instead of refusing.
    """
    root_pids = roots(sessions) if selector.root_blockers else set()
    choice = Choice()
    for session in sessions:
        if not described(session, selector, root_pids):
            continue
        spared = why_spared(session, protection)
        if spared is None and action == "cancel" and session.state not in RUNNING:
            spared = ("nothing_to_cancel", f"it runs no statement (state {session.state})")
        if spared is None:
            choice.victims.append(session)
        else:
            choice.spared.append((session, *spared))
    choice.victims.sort(key=lambda victim: (-(age_of(victim, selector.clock) or 0.0), victim.pid))
    if len(choice.victims) > max_backends:
        if not take_oldest:
            raise RemediationError(
                f"{len(choice.victims)} sessions match, more than max_backends ({max_backends}); nothing was changed. "
                "Describe them more narrowly, raise max_backends, or take the oldest with on_excess=oldest",
                code="too_many",
            )
        reason = f"it is beyond the oldest {max_backends} (max_backends)"
        choice.spared.extend((session, "over_cap", reason) for session in choice.victims[max_backends:])
        del choice.victims[max_backends:]
    return choice


def like(name: str, patterns: t.Iterable[str]) -> bool:
    """Does one of the shell patterns match the whole name, upper and lower case told apart?"""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _from(client: str | None, wanted: t.Iterable[str]) -> bool:
    if client is None or client == LOCAL:
        return client is not None and LOCAL in wanted
    address = ipaddress.ip_address(client.partition("%")[0])
    return any(network != LOCAL and address in _network(network) for network in wanted)


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise RemediationError(
            f"clients: {text!r} is neither an address, nor a network, nor 'local'", "invalid_option"
        ) from error


def _waits(session: Session, wanted: t.Iterable[str]) -> bool:
    if session.wait_event_type is None:
        return False
    return any(
        event in (session.wait_event_type, f"{session.wait_event_type}:{session.wait_event}") for event in wanted
    )


def _is_one_of(session: Session, wanted: t.Iterable[str]) -> bool:
    return any(entry in (str(session.pid), session.id) for entry in wanted)
