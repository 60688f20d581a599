# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollback from its options to its result: read, choose, check the target, act unless in check mode, follow.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsError, short
from ansible_collections.sre.remediation.plugins.module_utils._ecs import target
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.definition import labelled_copy, movable_images
from ansible_collections.sre.remediation.plugins.module_utils._ecs.deploy import (
    NO_HISTORY,
    Deployment,
    DeploymentFailed,
)
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import History
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

Json = dict[str, t.Any]

#: What a service revision holds besides the task definition, as UpdateService takes it.
CONFIGURATION = (
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)

#: Why a known good task definition is passed over.
NOT_DEPLOYABLE = ("target_inactive", "other_family", "task_definition_missing")


def full_name(ecs: Ecs, name: str, current: str) -> str:
    """Return the ARN of a task definition given as ARN, C(family:7) or the number alone.

    :raises RemediationError: (``invalid_option``) for a family without a number, which would mean its newest.
    """
    if name.startswith("arn:"):
        return name
    if name.isdigit():
        name = f"{target.family_of(current)}:{name}"
    if not name.rpartition(":")[2].isdigit():
        raise RemediationError(
            f"to: {name} names no revision; a family alone would mean its newest one. Give an ARN, family:7 or 7",
            code="invalid_option",
        )
    return f"{current.rpartition('/')[0]}/{name}"


def read_history(ecs: Ecs, definition: Json | None, required: bool, progress: Progress) -> History | None:
    """Return the history; None (and a warning) when it cannot be read and need not be.

    :raises RemediationError: (``history_unreadable``) when it must be.
    """
    try:
        return ecs.history(definition)
    except AwsError as error:
        if error.code not in NO_HISTORY:
            raise
        if required:
            raise RemediationError(
                f"the history of deployments cannot be read ({error.message}), so what ran stably before is not known;"
                " allow it, or set require_history=false to go by what else ECS shows",
                code="history_unreadable",
            ) from error
        progress.warnings.append(f"the history of deployments was not used: {error.message}")
        return None


def differences(revision: Json, service: Json) -> Json:
    """Return what else was different when the target ran: key -> {before: now, after: then}."""
    found: Json = {}
    for key in CONFIGURATION:
        then, now = revision.get(key), service.get(key)
        # An answer leaves out what is empty in one place and not in the other.
        if then and (then or None) != (now or None):
            found[key] = {"before": now, "after": then}
    return found


class Target(t.NamedTuple):
    """Where the rollback goes: the choice, its task definition as described, its digests, and the request."""

    choice: target.Choice
    definition: Json
    digests: dict[str, str]
    copy: Json | None
    why_copy: str


class Rollback:
    """One rollback. ``run`` does it; everything before ``_act`` only reads."""

    def __init__(self, ecs: Ecs, params: Json, check_mode: bool, progress: Progress) -> None:
        self._ecs, self._params, self._check_mode, self._progress = ecs, params, check_mode, progress

    def run(self) -> Json:
        """Roll back, and return the facts of the result."""
        service = self._ecs.describe()
        target.check_service(service)
        current = self._ecs.definition(service["taskDefinition"])
        history = read_history(self._ecs, current, self._params["require_history"], self._progress)
        family: tuple[str, ...] = ()
        if self._params["use_task_definition_list"]:
            listed = self._ecs.family(current["family"])
            family = target.older_in_family(listed, current["taskDefinitionArn"])
        found = self._find(target.Seen(service, history, family), current)
        choice = found.choice
        facts: Json = {
            "from": {"version": current["taskDefinitionArn"], "name": short(current["taskDefinitionArn"])},
            "to": {
                "version": choice.task_definition,
                "name": short(choice.task_definition),
                "found_by": choice.found_by,
            },
            "undo": None,
            "differences": {},
        }
        if choice.how == target.NOTHING:
            return {**facts, **Deployment(self._ecs, service, self._progress, 0, 1).facts}
        revision = history.revisions[choice.revision].configuration if history and choice.revision else {}
        facts["differences"] = differences(revision, service)
        try:
            end = self._act(service, current, history, found, facts)
        except DeploymentFailed as error:
            if error.facts.get("current") == facts["from"]["version"]:
                facts["undo"] = None
            error.facts = {**facts, **error.facts}
            raise
        return {**facts, **end}

    def _wish(self, current: Json) -> target.Wish:
        now = current["taskDefinitionArn"]
        options = self._params
        return target.Wish(
            to=full_name(self._ecs, options["to"], now) if options["to"] else None,
            candidates=tuple(full_name(self._ecs, name, now) for name in options["candidates"] if name),
            only_candidates=options["only_candidates"],
            exclude=tuple(full_name(self._ecs, name, now) for name in options["exclude"] if name),
            only_if_current=full_name(self._ecs, options["only_if_current"], now)
            if options["only_if_current"]
            else None,
        )

    def _find(self, seen: target.Seen, current: Json) -> Target:
        """Choose, and look at the chosen one; a known good one that cannot be deployed any more is passed over."""
        wish = self._wish(current)
        while True:
            choice = target.choose(seen, wish)
            try:
                if choice.how == target.NOTHING or choice.task_definition == current["taskDefinitionArn"]:
                    definition = current
                else:
                    definition = self._ecs.definition(choice.task_definition)
                return self._checked(seen, choice, definition, current)
            except RemediationError as error:
                if choice.found_by != "known_good" or error.code not in NOT_DEPLOYABLE:
                    raise
                self._progress.warnings.append(f"passed over: {error.message}")
                wish = dataclasses.replace(
                    wish, candidates=tuple(name for name in wish.candidates if name != choice.task_definition)
                )

    def _checked(self, seen: target.Seen, choice: target.Choice, definition: Json, current: Json) -> Target:
        name = short(choice.task_definition)
        history = seen.history
        digests = dict(history.revisions[choice.revision].digests) if history and choice.revision else {}
        if choice.how != target.UPDATE:
            return Target(choice, definition, digests, None, "")
        if definition["family"] != current["family"] and not self._params["allow_other_family"]:
            raise RemediationError(
                f"{name} is of another family than {current['family']}, which runs now; say allow_other_family=true if"
                " that is meant",
                code="other_family",
            )
        inactive = definition.get("status") != "ACTIVE"
        if inactive and self._params["inactive"] == "refuse":
            raise RemediationError(
                f"{name} is {definition.get('status')}: a service cannot be changed to it. Say inactive=copy to register a"
                " copy of it, or name another one with 'to'",
                code="target_inactive",
            )
        movable = sorted(set(movable_images(definition)) & set(digests))
        if choice.same_definition and not (self._params["pin_digest"] and movable):
            raise RemediationError(
                f"what ran before was {name} too, with other images under the same tags; deploying it again would bring"
                " the new images. Say pin_digest=true to register a copy with the images that ran",
                code="same_definition",
            )
        if self._params["pin_digest"] and movable:
            return Target(choice, definition, digests, labelled_copy(definition, digests), "with its images pinned")
        if inactive:
            return Target(
                choice, definition, digests, labelled_copy(definition), f"as {name} is {definition['status']}"
            )
        return Target(choice, definition, digests, None, "")

    def _act(self, service: Json, current: Json, history: History | None, found: Target, facts: Json) -> Json:
        choice, progress = found.choice, self._progress
        deployment = Deployment(self._ecs, service, progress, self._params["wait"], self._params["poll"])
        name = short(choice.task_definition)
        what = f"the rollback of {service['serviceName']} to {name}"
        if choice.how == target.FOLLOW:
            # Somebody else does it already: nothing is changed, only waited for.
            if self._check_mode:
                return deployment.facts
            return self._follow(deployment, choice, what)
        progress.before = {"task_definition": current["taskDefinitionArn"]}
        progress.after = {"task_definition": choice.task_definition}
        progress.changed = True
        if choice.how == target.STOP:
            progress.actions.append(f"stopped the deployment {short(choice.rollout.arn)} with a rollback to {name}")
            if self._check_mode:
                return deployment.facts
            return self._stop(deployment, choice, what)
        if found.copy:
            progress.actions.append(f"registered a copy of {name} {found.why_copy}")
        progress.actions.append(f"deployed {name}, found by {choice.found_by}")
        facts["undo"] = {"version": current["taskDefinitionArn"]}
        restored = {key: change["after"] for key, change in facts["differences"].items()}
        if restored and self._params["restore_configuration"]:
            progress.actions.append(f"restored {', '.join(sorted(restored))}")
        elif restored:
            progress.warnings.append(f"left as it is now: {', '.join(sorted(restored))} (restore_configuration=false)")
            restored = {}
        if self._check_mode:
            return deployment.facts
        return self._deploy(deployment, history, found, restored, what)

    def _follow(self, deployment: Deployment, choice: target.Choice, what: str) -> Json:
        outcome = deployment.follow(choice.rollout.arn, choice.expected)
        deployment.check(outcome, what)
        return deployment.facts

    def _stop(self, deployment: Deployment, choice: target.Choice, what: str) -> Json:
        self._progress.changed = False
        try:
            self._ecs.stop_rollout(choice.rollout.arn)
            self._progress.changed = True
        except AwsError as error:
            # It ended, or somebody else stopped it, in between; its end tells which.
            if error.code != "conflict":
                raise
        outcome = deployment.follow(choice.rollout.arn, choice.expected)
        deployment.check(outcome, what)
        if outcome.status != "IN_PROGRESS":
            deployment.compare_digests({})
        return deployment.facts

    def _deploy(
        self, deployment: Deployment, history: History | None, found: Target, restored: Json, what: str
    ) -> Json:
        known = [rollout.arn for rollout in history.rollouts] if history else None
        self._progress.changed = False
        arn = found.definition["taskDefinitionArn"]
        if found.copy:
            arn = self._ecs.register(found.copy)["taskDefinitionArn"]
            self._progress.changed = True
            self._progress.after = {"task_definition": arn}
        # Never desiredCount: autoscaling owns it.
        outcome = deployment.begin(known, arn, taskDefinition=arn, **restored)
        deployment.check(outcome, what)
        if outcome.status != "IN_PROGRESS":
            deployment.compare_digests(found.digests)
        return deployment.facts
