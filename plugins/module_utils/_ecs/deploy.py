# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deploying one task definition and following that very deployment to its end: what a rollback and a redeploy share.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._aws import (
    Aws,
    AwsError,
    argument_spec,
    aws_options,
    short,
)
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import read_revision, read_rollout
from ansible_collections.sre.remediation.plugins.module_utils._ecs.wait import Outcome, Waiter, primary_of
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

Json = dict[str, t.Any]

#: Errors that mean that the history of deployments is not to be had, as opposed to AWS not answering.
NO_HISTORY = ("access_denied", "unsupported_feature")


class DeploymentFailed(RemediationError):
    """A deployment did not end as it should. ``facts`` is what is known about it, for the result of the module."""

    def __init__(self, message: str, code: str, facts: Json) -> None:
        super().__init__(message, code)
        self.facts = facts


def service_spec() -> Json:
    """Return the options of every module that is about one service."""
    return dict(
        argument_spec(),
        cluster=dict(type="str", required=True),
        service=dict(type="str", required=True),
        container=dict(type="str"),
    )


def wait_spec() -> Json:
    """Return the options of every module that deploys."""
    return {"wait": {"type": "float", "default": 600.0}, "poll": {"type": "float", "default": 5.0}}


def connect(params: Json) -> Ecs:
    """Make the connection to one service; RemediationError (``invalid_option``) for options that cannot be used."""
    for name in ("cluster", "service"):
        if not params[name].strip():
            raise RemediationError(f"{name}: an empty one names nothing", code="invalid_option")
    if params.get("wait", 0) < 0 or params.get("poll", 1) <= 0:
        raise RemediationError("wait must be 0 or greater and poll greater than 0 (seconds)", code="invalid_option")
    return Ecs(Aws(aws_options(params)), params["cluster"], params["service"])


def bake_seconds(service: Json) -> float:
    """Return how much longer than a rolling one a deployment of this service takes by its strategy."""
    configuration = service.get("deploymentConfiguration") or {}
    if configuration.get("strategy") in (None, "ROLLING"):
        return 0.0
    steps = 0.0
    for name, share, minutes in (
        ("linearConfiguration", "stepPercent", "stepBakeTimeInMinutes"),
        ("canaryConfiguration", None, "canaryBakeTimeInMinutes"),
    ):
        shape = configuration.get(name) or {}
        count = 100.0 / shape[share] if share and shape.get(share) else 1.0
        steps += count * (shape.get(minutes) or 0)
    return 60.0 * ((configuration.get("bakeTimeInMinutes") or 0) + steps)


def capacity_warning(service: Json) -> str | None:
    """Return what may hold up a rolling deployment, as both limits leave no room to replace a task."""
    configuration = service.get("deploymentConfiguration") or {}
    least, most = configuration.get("minimumHealthyPercent"), configuration.get("maximumPercent")
    if least is not None and most is not None and least >= 100 and most <= 100:
        return (
            f"minimumHealthyPercent {least} and maximumPercent {most} leave no room for a new task beside the old ones:"
            " the deployment may stall until one of them stops"
        )
    return None


def known_rollouts(ecs: Ecs) -> list[str] | None:
    """Return the deployments that are there before a change; None when the history cannot be read."""
    try:
        return [brief["serviceDeploymentArn"] for brief in ecs.list_rollouts()]
    except AwsError as error:
        if error.code in NO_HISTORY:
            return None
        raise


class Deployment:
    """One change that makes ECS deploy, and its end.

    :param wanted_wait: seconds to wait; 0 does not wait.
    """

    def __init__(self, ecs: Ecs, service: Json, progress: Progress, wanted_wait: float, poll: float) -> None:
        self._ecs, self._service, self._progress = ecs, service, progress
        self._wait, self._poll = wanted_wait, poll
        self.facts: Json = {
            "service_deployment_arn": None,
            "deployment_id": None,
            "status": None,
            "verified": False,
            "image_digests": {},
            "digest_drift": {},
        }

    def _waiter(self) -> Waiter:
        return Waiter(self._ecs, self._wait + bake_seconds(self._service), self._poll)

    def begin(self, known: t.Collection[str] | None, task_definition: str, **changes: t.Any) -> Outcome:
        """Change the service so that it deploys ``task_definition``, and wait for that deployment."""
        warning = capacity_warning(self._service)
        if warning:
            self._progress.warnings.append(warning)
        updated = self._ecs.update(**changes)
        self._progress.changed = True
        self.facts["deployment_id"] = primary_of(updated).get("id")
        if not self._wait:
            self.facts["status"] = "IN_PROGRESS"
            return Outcome("IN_PROGRESS")
        waiter = self._waiter()
        arn = None if known is None else waiter.own_rollout(known, task_definition)
        self.facts["service_deployment_arn"] = arn
        own = self.facts["deployment_id"]
        return self._ended(waiter.rollout(arn, "SUCCESSFUL", own) if arn else waiter.primary(own))

    def resize(self, desired: int) -> Outcome:
        """Set the desired count, which deploys nothing, and wait until as many tasks run."""
        self._ecs.update(desiredCount=desired)
        self._progress.changed = True
        if not self._wait:
            self.facts["status"] = "IN_PROGRESS"
            return Outcome("IN_PROGRESS")
        return self._ended(self._waiter().running(desired))

    def follow(self, arn: str, expected: str) -> Outcome:
        """Wait for a deployment that is under way."""
        self.facts["service_deployment_arn"] = arn
        if not self._wait:
            self.facts["status"] = "IN_PROGRESS"
            return Outcome("IN_PROGRESS")
        return self._ended(self._waiter().rollout(arn, expected))

    def _ended(self, outcome: Outcome) -> Outcome:
        self.facts["status"] = outcome.status
        return outcome

    def check(self, outcome: Outcome, what: str) -> Json:
        """Read what runs now. DeploymentFailed, with what is known, when the deployment did not end as it should."""
        after = self._ecs.describe()
        current = after.get("taskDefinition") or ""
        self.facts["current"] = current
        if not outcome.ok:
            message = f"{what} failed: {outcome.said}. The service is on {short(current)} now"
            if outcome.code == "timeout":
                message = f"{what} is not done: {outcome.said}. It goes on; look again, or raise wait"
            raise DeploymentFailed(message, t.cast(str, outcome.code), self.facts)
        desired = after.get("desiredCount") or 0
        if outcome.status != "IN_PROGRESS":
            self.facts["verified"] = desired > 0 and (after.get("runningCount") or 0) >= desired
        if not desired:
            self._progress.warnings.append(
                "the desired count is 0: ECS calls that stable at once, and no task has proved the version"
            )
        return after

    def compare_digests(self, expected: t.Mapping[str, str]) -> None:
        """Note which image each container got, and where it is not the one that ran before under the same tag."""
        arn = self.facts["service_deployment_arn"]
        if not arn:
            return
        rollout = next((read_rollout(found, found) for found in self._ecs.rollouts([arn])), None)
        if rollout is None:
            return
        revision = rollout.back_to or rollout.target
        found = next((read_revision(item) for item in self._ecs.revisions([revision])), None)
        got = dict(found.digests) if found else {}
        self.facts["image_digests"] = got
        drift = {
            name: {"expected": expected[name], "got": got[name]}
            for name in expected
            if name in got and got[name] != expected[name]
        }
        self.facts["digest_drift"] = drift
        if drift:
            self._progress.warnings.append(
                "a tag was moved since this version ran, so another image came up in " + ", ".join(sorted(drift))
            )


def main(module: t.Any, run: t.Callable[[Ecs, Progress], Json], progress: Progress) -> None:
    """Run a module that deploys, and end it: with the facts, or with what is known about how it failed."""
    calls: list[str] = []
    try:
        ecs = connect(module.params)
        calls = ecs.aws.calls
        facts = run(ecs, progress)
    except RemediationError as error:
        for warning in progress.warnings:
            module.warn(warning)
        known = getattr(error, "facts", {})
        module.fail_json(msg=error.message, code=error.code, api_calls=calls, **progress.as_dict(), **known)
    for warning in progress.warnings:
        module.warn(warning)
    module.exit_json(api_calls=calls, **progress.as_dict(), **facts)
