# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for one's own deployment, by its id, until it has ended. ``services_stable`` is not trusted: it is content
when ECS has taken the new version back.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsError, short
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import read_revision, read_rollout

Json = dict[str, t.Any]

#: Seconds between the first two looks; it grows by half each time up to what the caller allows.
FIRST_PAUSE = 1.0

#: Failed tasks, with none running, after which a deployment without a circuit breaker is not waited for any longer
#: (the breaker's own least threshold is 3).
HOPELESS_TASKS = 3

#: Seconds after a change in which ECS lists the deployment it began.
LISTED_WITHIN = 30.0

#: Errors while waiting that another look may not have.
PASSING = ("throttled", "platform_unreachable")


@dataclass(frozen=True)
class Outcome:
    """How a deployment ended, or that it has not. ``code`` is None when it ended as expected."""

    status: str
    code: str | None = None
    said: str = ""

    @property
    def ok(self) -> bool:
        return self.code is None


def judge(status: str, expected: str, reason: str = "") -> Outcome | None:
    """Return how a service deployment ended; None while it has not. Pure."""
    if status == expected:
        return Outcome(status)
    why = f": {reason}" if reason else ""
    if status == "ROLLBACK_SUCCESSFUL":
        return Outcome(status, "reverted_by_ecs", f"ECS took the deployment back itself{why}")
    if status == "ROLLBACK_FAILED":
        return Outcome(status, "rollback_failed", f"the rollback of ECS failed{why}")
    if status == "STOPPED":
        return Outcome(status, "deployment_stopped", f"the deployment was stopped, or replaced by another one{why}")
    if status == "SUCCESSFUL":
        return Outcome(
            status, "finished_meanwhile", "the deployment that was to be stopped had ended well before it could be"
        )
    return None


def judge_primary(service: Json, deployment_id: str, expects_back: bool = False) -> Outcome | None:
    """The same without the history of deployments: by the id of the newest entry of ``deployments``. Pure."""
    primary = primary_of(service)
    if primary.get("id") != deployment_id:
        return Outcome("REPLACED", "reverted_by_ecs", "another deployment took the place of this one")
    state = primary.get("rolloutState")
    if state == "FAILED":
        return Outcome(state, "reverted_by_ecs", primary.get("rolloutStateReason") or "the deployment failed")
    return Outcome("SUCCESSFUL") if state == "COMPLETED" else None


def hopeless(service: Json, deployment_id: str | None) -> Outcome | None:
    """Return the end of a deployment that will not come up: tasks fail again and again, none runs, and no circuit
    breaker will end it. Pure."""
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    primary = primary_of(service)
    if breaker.get("enable") or primary.get("id") != deployment_id:
        return None
    if (primary.get("failedTasks") or 0) < HOPELESS_TASKS or primary.get("runningCount"):
        return None
    return Outcome(
        primary.get("rolloutState") or "IN_PROGRESS",
        "does_not_start",
        f"{primary['failedTasks']} of its tasks failed and none runs; without a deployment circuit breaker ECS goes on"
        " trying",
    )


def primary_of(service: Json) -> Json:
    """Return the newest deployment of a service as described."""
    return next((item for item in service.get("deployments") or [] if item.get("status") == "PRIMARY"), {})


class Waiter:
    """Waits with growing pauses until a deadline, and says what it saw last when it is over.

    :ivar poll: longest pause in seconds. AWS asks for 5 or more, as everybody shares the account's call budget.
    """

    def __init__(
        self,
        ecs: Ecs,
        seconds: float,
        poll: float,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._ecs = ecs
        self._seconds, self._poll = seconds, poll
        self._clock, self._sleep = clock, sleep
        self._end = clock() + seconds
        ecs.aws.extend(seconds + 2 * poll + 10)

    def until(self, look: t.Callable[[], Outcome | None], what: str) -> Outcome:
        """Look until there is an outcome, or the time is over (``timeout``)."""
        pause = min(FIRST_PAUSE, self._poll)
        trouble = ""
        while True:
            try:
                found = look()
                trouble = ""
            except AwsError as error:
                if error.code not in PASSING:
                    raise
                found, trouble = None, f"; last: {error.message}"
            if found:
                return found
            left = self._end - self._clock()
            if left <= 0:
                return Outcome("IN_PROGRESS", "timeout", f"{what} had not ended after {self._seconds:g} s{trouble}")
            self._sleep(min(pause, left))
            pause = min(pause * 1.5, self._poll)

    def rollout(self, arn: str, expected: str, deployment_id: str | None = None) -> Outcome:
        """Wait for a service deployment.

        :param deployment_id: its id among ``deployments``, to see early that its tasks never come up.
        """
        looks = 0

        def look() -> Outcome | None:
            nonlocal looks
            looks += 1
            found = self._ecs.rollouts([arn])
            if not found:
                return None
            rollout = read_rollout(found[0], found[0])
            ended = judge(rollout.status, expected, rollout.reason)
            if ended or deployment_id is None or looks % 3:
                return ended
            return hopeless(self._ecs.describe(), deployment_id)

        return self.until(look, f"the deployment {short(arn)}")

    def primary(self, deployment_id: str) -> Outcome:
        """Wait for a deployment where the history of deployments cannot be read."""

        def look() -> Outcome | None:
            service = self._ecs.describe()
            return judge_primary(service, deployment_id) or hopeless(service, deployment_id)

        return self.until(look, f"the deployment {deployment_id}")

    def own_rollout(self, known: t.Collection[str], task_definition: str) -> str | None:
        """Return the service deployment that one's own change began: one that was not there before and leads to
        ``task_definition``. It may take ECS a moment to list it; None when it never does."""
        found: list[str] = []
        end = self._clock() + LISTED_WITHIN

        def look() -> Outcome | None:
            new = [brief for brief in self._ecs.list_rollouts() if brief["serviceDeploymentArn"] not in known]
            by_target = {read_rollout(brief).target: brief["serviceDeploymentArn"] for brief in new}
            for revision in self._ecs.revisions([target for target in by_target if target]):
                read = read_revision(revision)
                if read.task_definition == task_definition:
                    found.append(by_target[read.arn])
            return Outcome("FOUND" if found else "NOT_LISTED") if found or self._clock() > end else None

        self.until(look, "the start of the deployment")
        return found[0] if found else None

    def running(self, desired: int) -> Outcome:
        """Wait until a service has as many running tasks as it should have, for a change that deploys nothing."""

        def look() -> Outcome | None:
            service = self._ecs.describe()
            if service.get("desiredCount") != desired:
                return Outcome(
                    "REPLACED", "deployment_stopped", f"the desired count was set to another number than {desired}"
                )
            return Outcome("SUCCESSFUL") if service.get("runningCount") == desired else None

        return self.until(look, f"the change to {desired} tasks")
