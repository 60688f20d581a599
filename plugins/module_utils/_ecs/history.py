# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ECS remembers about a service, in small values: deployments, the revisions they led to, and in which order
versions ran. Pure.

ECS keeps about 90 days of deployments, none from before 25 October 2024, and returns them in no promised order.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

Json = dict[str, t.Any]

#: States of a service deployment that has not ended.
GOING_FORWARD = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED")
GOING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
IN_FLIGHT = GOING_FORWARD + GOING_BACK

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

#: Label of a container in a copied task definition: the ARN of the original. Seen by people, and by the next run.
COPY_LABEL = "sre.remediation.copy-of"


@dataclass(frozen=True)
class Revision:
    """A service revision: the task definition, and the image digests ECS resolved for it."""

    arn: str
    task_definition: str
    digests: tuple[tuple[str, str], ...] = ()
    configuration: Json = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True)
class Rollout:
    """A service deployment. ``back_to`` is the revision a rollback ended at."""

    arn: str
    status: str
    created: datetime
    target: str
    back_to: str | None = None
    reason: str = ""
    stage: str | None = None

    @property
    def in_flight(self) -> bool:
        return self.status in IN_FLIGHT


@dataclass(frozen=True)
class Version:
    """What runs: a task definition (of a copy: the original's) with the digests its images resolved to."""

    task_definition: str
    digests: tuple[tuple[str, str], ...]
    revision: str = field(compare=False)


def read_rollout(brief: Json, described: Json | None = None) -> Rollout:
    """Read a service deployment as listed, and as described where that was needed."""
    more = described or {}
    return Rollout(
        arn=brief["serviceDeploymentArn"],
        status=more.get("status") or brief.get("status") or "PENDING",
        created=brief.get("createdAt") or more.get("createdAt") or _LONG_AGO,
        target=brief.get("targetServiceRevisionArn") or (more.get("targetServiceRevision") or {}).get("arn") or "",
        back_to=(more.get("rollback") or {}).get("serviceRevisionArn"),
        reason=more.get("statusReason")
        or brief.get("statusReason")
        or (more.get("rollback") or {}).get("reason")
        or "",
        stage=more.get("lifecycleStage"),
    )


def read_revision(described: Json) -> Revision:
    """Read a service revision as described."""
    digests = tuple(
        sorted(
            (image.get("containerName") or "", image["imageDigest"])
            for image in described.get("containerImages") or []
            if image.get("imageDigest")
        )
    )
    return Revision(described["serviceRevisionArn"], described.get("taskDefinition") or "", digests, described)


@dataclass(frozen=True)
class History:
    """The deployments of a service, oldest first, and the revisions they name.

    :ivar originals: task definition of a copy -> of its original.
    """

    rollouts: tuple[Rollout, ...]
    revisions: t.Mapping[str, Revision]
    originals: t.Mapping[str, str] = field(default_factory=dict)

    def version(self, revision: str | None) -> Version | None:
        """Return what a revision runs; None when it is not known."""
        known = self.revisions.get(revision or "")
        if known is None or not known.task_definition:
            return None
        return Version(self.originals.get(known.task_definition, known.task_definition), known.digests, known.arn)

    @property
    def flight(self) -> Rollout | None:
        """The newest deployment when it has not ended."""
        return self.rollouts[-1] if self.rollouts and self.rollouts[-1].in_flight else None

    def visits(self) -> list[Version]:
        """Return what ran, oldest first, as deployments ended; the same twice in a row counts once."""
        seen: list[Version] = []
        for rollout in self.rollouts:
            if rollout.status == "SUCCESSFUL":
                ended = self.version(rollout.target)
            elif rollout.status == "ROLLBACK_SUCCESSFUL":
                ended = self.version(rollout.back_to) or (seen[-1] if seen else None)
            else:
                continue
            if ended and (not seen or seen[-1] != ended):
                seen.append(ended)
        return seen

    def failed(self) -> set[Version]:
        """Return the versions whose newest deployment did not end well."""
        newest: dict[Version, str] = {}
        for rollout in self.rollouts:
            version = self.version(rollout.target)
            if version and not rollout.in_flight:
                newest[version] = rollout.status
        return {version for version, status in newest.items() if status != "SUCCESSFUL"}


def make_history(
    rollouts: t.Iterable[Rollout], revisions: t.Iterable[Revision], originals: t.Mapping[str, str] | None = None
) -> History:
    """Put deployments in the order of their creation. A revision whose images were not resolved (yet) has the digests
    of the other revisions of its task definition where they all agree."""
    ordered = tuple(sorted(rollouts, key=lambda rollout: (rollout.created, rollout.arn)))
    known: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    revisions = list(revisions)
    for revision in revisions:
        if revision.digests:
            known.setdefault(revision.task_definition, set()).add(revision.digests)
    filled = {}
    for revision in revisions:
        agreed = known.get(revision.task_definition, set())
        if not revision.digests and len(agreed) == 1:
            revision = replace(revision, digests=next(iter(agreed)))
        filled[revision.arn] = revision
    return History(ordered, filled, originals or {})


def trail(visits: t.Sequence[Version]) -> tuple[list[Version], set[Version]]:
    """Return the way to what runs now without its detours, and the versions on them: what was left by going back.

    v1, v2, v3, v2 is the way v1, v2 and the detour v3. What was left and deployed again later is on the way again.
    """
    way: list[Version] = []
    left: set[Version] = set()
    for version in visits:
        if version in way:
            at = way.index(version)
            left.update(way[at + 1 :])
            del way[at + 1 :]
        else:
            way.append(version)
            left.discard(version)
    return way, left


def went_back(history: History) -> bool:
    """Tell whether what runs now was reached by going back, by whomever. Deploying the same again changes nothing of
    that; deploying again what was left is going forward."""
    way: list[Version] = []
    back = astray = False
    for rollout in history.rollouts:
        version = history.version(rollout.target)
        same = bool(way) and way[-1] == version
        if rollout.status == "ROLLBACK_SUCCESSFUL":
            back, astray = True, False
        elif rollout.status in ("STOPPED", "ROLLBACK_FAILED"):
            # It may have left its target in place. The same as before, deployed after that, is a way back.
            astray = astray or not same
        elif rollout.status == "SUCCESSFUL" and version is not None:
            if not same or astray:
                back = version in way
            astray = False
            way, _left = trail([*way, version])
    return back


def original_of(definition: Json) -> str | None:
    """Return the task definition that this one is a copy of, by its label; None when it is none."""
    for container in definition.get("containerDefinitions") or []:
        found = (container.get("dockerLabels") or {}).get(COPY_LABEL)
        if found:
            return found
    return None
