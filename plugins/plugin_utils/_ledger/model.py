# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the ledger as data: what a run asks, what the ledger knows, what it answers. PRIVATE to the collection.

No database and no clock in here. Times are epoch seconds (float, UTC), durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

from .holder import Holder

IMPACTS = ("safe", "disruptive", "destructive")
"""Gentle to strong; the position is the rank."""

VERDICTS = ("recovered", "no_action_needed", "not_recovered", "worse", "refused", "planned", "undone", "diagnosed")
"""``undone`` ends a run whose only purpose was an undo; ``diagnosed`` is a failing look, before anything was decided."""

RESULTS = ("recovered", "failed", "worse", "error")

HEALTHY_VERDICTS = ("recovered", "no_action_needed")
"""Verdicts after which a service does not count as failing."""


class LedgerError(RemediationError):
    """The ledger cannot be used; nothing may be changed.

    Codes: ledger_missing, ledger_corrupt, ledger_unwritable, ledger_unreachable, ledger_newer, ledger_clock.
    """


class LeaseLost(RemediationError):
    """The service is not ours any more (code lease_lost): stop, change nothing else."""

    def __init__(self, message: str, code: str = "lease_lost") -> None:
        super().__init__(message, code)


@dataclass(frozen=True)
class GuardPolicy:
    """The limits of the guard. Numbers are the collection's defaults; roles set them from ``remediation_*`` variables.

    cooldown: seconds between a disruptive change of a service and the next incident's change of it.
    max_incidents, window: incidents with a change per service and scenario in ``window`` seconds.
    storm_*: more than ``storm_fraction`` of at least ``storm_minimum`` services fail within ``storm_window`` seconds.
    approval_ttl: seconds a printed plan may be approved.
    """

    cooldown: float = 300
    max_incidents: int = 3
    window: float = 3600
    storm_fraction: float = 0.5
    storm_minimum: int = 4
    storm_window: float = 120
    max_impact: str = "disruptive"
    approval_ttl: float = 3600

    def __post_init__(self) -> None:
        if self.max_impact not in IMPACTS:
            raise RemediationError(
                f"remediation_max_impact is {self.max_impact!r}; allowed are {', '.join(IMPACTS)}", "invalid_request"
            )


@dataclass(frozen=True)
class AdmissionRequest:
    """One remedy that a run wants to apply now.

    targets: services the remedy touches; ``service`` itself is always leased too.
    look_at: when the diagnosis behind this request was taken.
    floor: ``{desired, healthy, touches}`` instances of the service, or empty when the remedy touches none.
    approve: plan hashes the operator approved. groups: inventory groups of the service (for freezes).
    """

    service: str
    scenario: str
    targets: list[str]
    holder: Holder
    plan_hash: str
    remedy: str
    impact: str
    look_at: float
    incident_id: str | None = None
    plan: Mapping | None = None
    cause: str | None = None
    summary: str = ""
    lease_seconds: float = 120
    approve: list[str] = field(default_factory=list)
    policy: GuardPolicy = field(default_factory=GuardPolicy)
    floor: Mapping | None = None
    inventory_size: int = 0
    groups: list[str] = field(default_factory=list)
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name in ("service", "scenario", "remedy", "plan_hash"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise RemediationError(f"The guard needs {name}; an empty one never means 'all'", "invalid_request")
        for name in ("targets", "approve", "groups"):
            if isinstance(getattr(self, name), str):
                raise RemediationError(f"{name} must be a list of names, not a text", "invalid_request")
        if not self.targets or not all(isinstance(item, str) and item.strip() for item in self.targets):
            raise RemediationError("targets is empty; name the services this remedy touches", "invalid_request")
        if self.impact not in IMPACTS:
            raise RemediationError(f"impact is {self.impact!r}; allowed are {', '.join(IMPACTS)}", "invalid_request")
        if not self.lease_seconds > 0:
            raise RemediationError("lease_seconds must be greater than 0", "invalid_request")

    @property
    def services(self) -> list[str]:
        """All services to lease, in one order for everybody."""
        return sorted({self.service, *self.targets})


@dataclass(frozen=True)
class FreezeFact:
    scope: str
    reason: str
    by: str
    until: float | None


@dataclass(frozen=True)
class LeaseFact:
    """A lease on one of the targets that is not the requester's. ``dead``: its holder is provably gone."""

    service: str
    incident_id: str
    holder: Holder
    expires_at: float
    dead: bool = False


@dataclass(frozen=True)
class ChangeFact:
    """The newest change of a target by another run."""

    service: str
    incident_id: str
    remedy: str
    at: float


@dataclass(frozen=True)
class CooldownFact:
    service: str
    incident_id: str
    until: float


@dataclass(frozen=True)
class ApprovalFact:
    """What is known of the plan hash: newest planning that may be approved, last use, and whether that use was ours."""

    planned_at: float | None = None
    used_at: float | None = None
    used_by_us: bool = False


@dataclass(frozen=True)
class Facts:
    """All that the policy may look at. ``incident``: None (none asked for), open, closed or unknown."""

    now: float
    incident: str | None = None
    continuing: bool = False
    freezes: tuple[FreezeFact, ...] = ()
    leases: tuple[LeaseFact, ...] = ()
    last_change: ChangeFact | None = None
    cooldown: CooldownFact | None = None
    incidents_in_window: tuple[float, ...] = ()
    failing: tuple[str, ...] = ()
    approval: ApprovalFact = ApprovalFact()


@dataclass(frozen=True)
class Refusal:
    """Why not. code: stable word; reason: one sentence; until: when it ends by itself; holder: who is in the way."""

    code: str
    reason: str
    until: float | None = None
    holder: str | None = None


@dataclass(frozen=True)
class Admission:
    """The answer. ``attempts_before``: attempts the incident already had; ``resumed``: taken over from another run."""

    admitted: bool
    refusal: Refusal | None
    incident_id: str | None
    attempt_id: str | None
    resumed: bool
    attempts_before: int
    attempt_number: int | None = None
    lease_until: float | None = None
