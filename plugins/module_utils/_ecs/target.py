# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a rollback goes, and how: the whole decision as one function of values. Pure.

In this order: a deployment in flight is stopped with a rollback; the version asked for; the newest one known to be
good; what ran before by the history of deployments; the deployment that is still there beside the newest; and, when
asked for, the list of task definitions. "Before" means what ran stably before, not the revision with the next lower
number: that may be the very one that failed.

A service that went back already stays where it is, so that a second run changes nothing, unless the caller says by
``only_if_current`` or ``exclude`` that it is this very version that must be left.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._aws import short
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import (
    GOING_BACK,
    History,
    Rollout,
    Version,
    trail,
    went_back,
)
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

STOP, FOLLOW, UPDATE, NOTHING = "stop", "follow", "update", "nothing"


@dataclass(frozen=True)
class Wish:
    """What the caller asks for. Task definitions are full ARNs.

    :ivar only_if_current: the task definition that must be left; anything else that runs means nothing is to be done.
    :ivar candidates: known good ones that can be deployed, newest first.
    :ivar only_candidates: go to nothing else: a plan or an undo record named them.
    """

    to: str | None = None
    candidates: tuple[str, ...] = ()
    only_candidates: bool = False
    exclude: tuple[str, ...] = ()
    only_if_current: str | None = None


@dataclass(frozen=True)
class Choice:
    """What to do. ``how`` is one of STOP, FOLLOW, UPDATE and NOTHING; ``found_by`` says what decided.

    :ivar expected: the state in which the deployment of STOP and FOLLOW ends when all goes well.
    :ivar same_definition: only the digests of the images differ from what runs.
    """

    how: str
    task_definition: str
    found_by: str
    rollout: Rollout | None = None
    revision: str | None = None
    expected: str = "SUCCESSFUL"
    same_definition: bool = False


@dataclass(frozen=True)
class Seen:
    """What was read. ``history`` is None when it cannot be read; ``family`` (newest first) is read only when asked for."""

    service: Json
    history: History | None
    family: tuple[str, ...] = field(default=())

    @property
    def current(self) -> str:
        return self.service.get("taskDefinition") or ""


def check_service(service: Json) -> None:
    """RemediationError for a service that cannot be rolled back by deployments of ECS."""
    name, kind = service.get("serviceName"), (service.get("deploymentController") or {}).get("type") or "ECS"
    if service.get("status") != "ACTIVE":
        raise RemediationError(
            f"the service {name} is {service.get('status')}, so there is nothing to deploy to", code="service_inactive"
        )
    if kind == "CODE_DEPLOY":
        raise RemediationError(
            f"the service {name} is deployed by CodeDeploy (deployment controller CODE_DEPLOY), which refuses a new task"
            " definition from ECS; stop or create the deployment there: aws deploy stop-deployment"
            " --auto-rollback-enabled, or aws deploy create-deployment with the earlier revision",
            code="unsupported_controller",
        )
    if kind != "ECS":
        raise RemediationError(
            f"the service {name} has the deployment controller {kind}: its task sets belong to the tool that makes them;"
            " roll back with that tool",
            code="unsupported_controller",
        )


def choose(seen: Seen, wish: Wish) -> Choice:
    """Decide; RemediationError (``no_previous_version``, ``excluded_target``) when nothing fits."""
    check_service(seen.service)
    if wish.to and wish.to in wish.exclude:
        raise RemediationError(
            f"to: {short(wish.to)} is one of exclude, so known to be bad; take it out of one of the two",
            code="excluded_target",
        )
    leaving = wish.only_if_current
    if leaving and not _same(seen, seen.current, leaving) and not _going_back_from(seen, leaving):
        return Choice(NOTHING, seen.current, "not_current")
    if seen.history and seen.history.flight:
        found = _from_flight(seen, seen.history, seen.history.flight, wish)
        if found:
            return found
    if wish.to:
        done = _same(seen, wish.to, seen.current)
        return Choice(NOTHING if done else UPDATE, wish.to, "requested", revision=_revision_of(seen, wish.to))
    found = _known_good(seen, wish)
    if found is None:
        found = _nothing_but_candidates(seen, wish) if wish.only_candidates else _before(seen, wish)
    return found


def _same(seen: Seen, one: str, other: str) -> bool:
    """Tell whether two task definitions are the same, a copy and its original included."""
    originals = seen.history.originals if seen.history else {}
    return originals.get(one, one) == originals.get(other, other)


def _one_of(seen: Seen, one: str, others: t.Iterable[str]) -> bool:
    return any(_same(seen, one, other) for other in others)


def _off_limits(seen: Seen, where: str, wish: Wish) -> bool:
    """Tell whether the caller asks for something else than this, by ``to`` or by ``only_candidates``."""
    if wish.to:
        return not _same(seen, where, wish.to)
    return wish.only_candidates and not _one_of(seen, where, wish.candidates)


def _going_back_from(seen: Seen, task_definition: str) -> bool:
    """Tell whether ECS goes back from this version at this moment."""
    flight = seen.history.flight if seen.history else None
    if flight is None or seen.history is None or flight.status not in GOING_BACK:
        return False
    heading = seen.history.version(flight.target)
    return heading is not None and _same(seen, heading.task_definition, task_definition)


def _told(seen: Seen, wish: Wish) -> bool:
    """Tell whether the caller says that what runs must be left, wherever it came from."""
    return bool(wish.only_if_current) or _one_of(seen, seen.current, wish.exclude)


def _revision_of(seen: Seen, task_definition: str) -> str | None:
    """Return the newest revision in which a task definition ran, for its digests."""
    visits = seen.history.visits() if seen.history else []
    return next((v.revision for v in reversed(visits) if v.task_definition == task_definition), None)


def _from_flight(seen: Seen, history: History, flight: Rollout, wish: Wish) -> Choice | None:
    """Decide about a deployment in flight; None when it does not matter, as a new one replaces it."""
    visits = history.visits()
    # A rollback of ECS goes to what ran last. It is where the deployment came from.
    home = history.version(flight.back_to) or (visits[-1] if visits else None)
    heading = history.version(flight.target)
    if flight.status in GOING_BACK:
        where = home.task_definition if home else ""
        if home and _off_limits(seen, where, wish):
            return None
        return Choice(
            FOLLOW, where, "rollback_in_flight", flight, home.revision if home else None, "ROLLBACK_SUCCESSFUL"
        )
    if heading and _is_wanted(seen, heading, visits, wish):
        return Choice(FOLLOW, heading.task_definition, "deployment_in_flight", flight, heading.revision)
    if home is None:
        if wish.to or wish.only_candidates:
            return None
        raise RemediationError(
            f"the deployment in flight is the first that is known of {seen.service['serviceName']}, so there is nothing to"
            " go back to; name a task definition with 'to', or deploy one that works",
            code="no_previous_version",
        )
    if _off_limits(seen, home.task_definition, wish) or home.task_definition in wish.exclude:
        return None
    return Choice(STOP, home.task_definition, "in_flight", flight, home.revision, "ROLLBACK_SUCCESSFUL")


def _is_wanted(seen: Seen, heading: Version, visits: t.Sequence[Version], wish: Wish) -> bool:
    """Tell whether a deployment in flight goes where this rollback would go: somebody else rolls back already."""
    where = heading.task_definition
    if wish.to:
        return _same(seen, where, wish.to)
    if _one_of(seen, where, wish.exclude):
        return False
    if wish.only_candidates or _one_of(seen, where, wish.candidates):
        return _one_of(seen, where, wish.candidates)
    return heading in visits[:-1] and heading != visits[-1]


def _fitting(seen: Seen, wish: Wish) -> list[str]:
    return [good for good in wish.candidates if not _one_of(seen, good, wish.exclude)]


def _known_good(seen: Seen, wish: Wish) -> Choice | None:
    """Choose among the known good ones; those that history says were left or failed come last."""
    fitting = _fitting(seen, wish)
    if not fitting:
        return None
    if _one_of(seen, seen.current, fitting) and not _told(seen, wish):
        return Choice(NOTHING, seen.current, "already_known_good")
    others = [good for good in fitting if not _same(seen, good, seen.current)]
    if not others:
        return None
    doubtful: set[str] = set()
    if seen.history:
        doubtful = {v.task_definition for v in trail(seen.history.visits())[1] | seen.history.failed()}
    chosen = min(others, key=lambda good: good in doubtful)
    return Choice(UPDATE, chosen, "known_good", revision=_revision_of(seen, chosen))


def _nothing_but_candidates(seen: Seen, wish: Wish) -> Choice:
    """Choose where no candidate is another task definition than the one that runs: with the images it ran with before,
    or nothing when it is there already."""
    if _one_of(seen, seen.current, _fitting(seen, wish)):
        try:
            before = _before(seen, wish)
        except RemediationError:
            before = None
        return before if before and before.same_definition else Choice(NOTHING, seen.current, "already_known_good")
    raise RemediationError(
        "candidates: none of the task definitions named can be gone to, and only_candidates forbids any other; look again"
        " and plan anew, or name one with 'to'",
        code="no_previous_version",
    )


def _before(seen: Seen, wish: Wish) -> Choice:
    """Choose what ran before."""
    told, history = _told(seen, wish), seen.history
    left: set[str] = set()
    if history:
        if went_back(history) and not told and _is_where_it_went(seen, history):
            return Choice(NOTHING, seen.current, "already_rolled_back")
        way, detours = trail(history.visits())
        bad = history.failed()
        left = {v.task_definition for v in detours | bad}
        here = _here(seen, history, way)
        for version in reversed(way):
            if version == here or version in bad or _one_of(seen, version.task_definition, wish.exclude):
                continue
            if here is None and _same(seen, version.task_definition, seen.current):
                continue
            same = _same(seen, version.task_definition, seen.current)
            return Choice(
                UPDATE, version.task_definition, "service_deployments", None, version.revision, same_definition=same
            )
    for how, options in (("deployments", _still_there(seen)), ("task_definitions", list(seen.family))):
        for option in options:
            if not _same(seen, option, seen.current) and option not in wish.exclude and option not in left:
                return Choice(UPDATE, option, how)
    why = "its history has no other version that ran stably" if history else "its history could not be read"
    raise RemediationError(
        f"there is no previous version of {seen.service['serviceName']} to go back to: {why} (ECS keeps about 90 days),"
        " and no other deployment is there; name a task definition with 'to'",
        code="no_previous_version",
    )


def _here(seen: Seen, history: History, way: t.Sequence[Version]) -> Version | None:
    """Return the version that runs: where the way ends, unless a deployment that failed left something else there."""
    if way and _same(seen, way[-1].task_definition, seen.current):
        return way[-1]
    for rollout in reversed(history.rollouts):
        version = history.version(rollout.target)
        if version and _same(seen, version.task_definition, seen.current):
            return version
    return None


def _is_where_it_went(seen: Seen, history: History) -> bool:
    visits = history.visits()
    return bool(visits) and _same(seen, visits[-1].task_definition, seen.current)


def _still_there(seen: Seen) -> list[str]:
    """Return the task definitions of older deployments that still run beside the newest, newest first."""
    found = [
        deployment
        for deployment in seen.service.get("deployments") or []
        if deployment.get("status") == "ACTIVE" and deployment.get("rolloutState") in (None, "COMPLETED")
    ]
    found.sort(key=lambda deployment: str(deployment.get("createdAt") or ""), reverse=True)
    return [deployment["taskDefinition"] for deployment in found if deployment.get("taskDefinition")]


def older_in_family(arns: t.Iterable[str], current: str) -> tuple[str, ...]:
    """Return the task definitions of a family with a lower number than the current one, highest first."""
    number = _number(current)
    older = [arn for arn in arns if _number(arn) is not None and (number is None or _number(arn) < number)]
    return tuple(sorted(older, key=lambda arn: _number(arn) or 0, reverse=True))


def _number(arn: str) -> int | None:
    last = arn.rsplit(":", 1)[-1]
    return int(last) if last.isdigit() else None


def family_of(arn: str) -> str:
    """Return the family of a task definition."""
    return short(arn).rsplit(":", 1)[0]
