# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a wait for one deployment goes on: the decision after every look at it. Pure.

A wait follows its own deployment, never the newest one. SUCCESS is believed only after it has stood for the
stabilisation window: without a health check Railway gives it as soon as the container has started.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._railway.deployments import (
    APPROVAL,
    FAILED,
    GONE,
    IN_PROGRESS,
    QUEUED,
    SKIPPED,
    UNKNOWN,
    UP,
    class_of,
)

Json = dict[str, t.Any]

FIRST_POLL = 2.0  #: seconds between the first two looks
LONGEST_POLL = 15.0
POLL_GROWTH = 1.3  #: keeps ten minutes of waiting below fifty requests
UNKNOWN_GRACE = 60.0  #: seconds a status nobody knows is waited for before it is an end

WAIT, DONE, FAIL = "wait", "done", "fail"


@dataclass(frozen=True)
class Limits:
    """The times of one wait, in seconds.

    :ivar timeout: for all of it.
    :ivar queue_timeout: for Railway to begin to work on it.
    :ivar window: for which SUCCESS must stand.
    """

    timeout: float = 600.0
    queue_timeout: float = 300.0
    window: float = 30.0


@dataclass(frozen=True)
class Look:
    """What one look at the deployment saw, and when (seconds since the wait began)."""

    deployment: Json
    at: float


@dataclass(frozen=True)
class Step:
    """What to do next: ``wait`` (and how long at most until the next look), ``done`` or ``fail``."""

    kind: str
    code: str | None = None
    reason: str = ""
    next_look: float = 0.0


@dataclass(frozen=True)
class Progress:
    """What is kept between two looks: since when it is up, and since when its status is unknown."""

    up_since: float | None = None
    unknown_since: float | None = None
    looks: int = 0


def step(look: Look, progress: Progress, limits: Limits, is_job: bool = False) -> tuple[Step, Progress]:
    """Decide how the wait goes on.

    :param is_job: whether ending with exit code 0 is what the service is for (it has a cron schedule).
    """
    status = look.deployment["status"]
    meaning = class_of(status)
    progress = Progress(
        up_since=(look.at if progress.up_since is None else progress.up_since) if meaning == UP else None,
        unknown_since=(
            (look.at if progress.unknown_since is None else progress.unknown_since) if meaning == UNKNOWN else None
        ),
        looks=progress.looks + 1,
    )
    ended = _end(look, meaning, progress, limits, is_job)
    if ended:
        return ended, progress
    if look.at >= limits.timeout:
        return Step(FAIL, "timeout", f"it is {status} after {look.at:.0f} s"), progress
    pause = min(FIRST_POLL * POLL_GROWTH ** (progress.looks - 1), LONGEST_POLL)
    rest = 0.0 if progress.up_since is None else progress.up_since + limits.window - look.at
    if rest > 0:
        # At the end of the window rather than past it.
        pause = min(pause, max(0.2, rest))
    return Step(WAIT, next_look=pause), progress


def _end(look: Look, meaning: str, progress: Progress, limits: Limits, is_job: bool) -> Step | None:
    status = look.deployment["status"]
    if meaning == UP:
        return _up(look, progress, limits, is_job)
    if meaning == FAILED:
        late = " after it had been up" if status == "CRASHED" else ""
        return Step(FAIL, "deployment_" + status.lower(), f"it {status.lower()}{late}")
    if meaning == GONE:
        return Step(FAIL, "superseded", f"it is {status}: another deployment took its place, or somebody removed it")
    if meaning == SKIPPED:
        return Step(
            FAIL, "deployment_skipped", "Railway skipped it (its watch paths did not match), so nothing changed"
        )
    if meaning == APPROVAL:
        return Step(FAIL, "needs_approval", "it waits for a person's approval in Railway's dashboard")
    if progress.unknown_since is not None and look.at - progress.unknown_since >= UNKNOWN_GRACE:
        return Step(FAIL, "unknown_status", f"it has had the unknown status {status} for {UNKNOWN_GRACE:.0f} s")
    if meaning == IN_PROGRESS and status in QUEUED and look.at >= limits.queue_timeout:
        return Step(FAIL, "queue_timeout", f"it is still {status} after {look.at:.0f} s: Railway has not begun")
    return None


def _up(look: Look, progress: Progress, limits: Limits, is_job: bool) -> Step | None:
    deployment = look.deployment
    if deployment.get("deploymentStopped"):
        if is_job:
            return Step(DONE)
        return Step(
            FAIL, "deployment_stopped", "its process ended with exit code 0, and Railway does not start it again"
        )
    statuses = [instance["status"] for instance in deployment.get("instances") or []]
    crashed = sum(status in ("CRASHED", "EXITED") for status in statuses)
    if crashed:
        return Step(FAIL, "deployment_crashed", f"{crashed} of its {len(statuses)} instances crashed after it was up")
    settled = all(status in ("RUNNING", "REMOVED", "SKIPPED") for status in statuses)
    since = look.at if progress.up_since is None else progress.up_since
    if (settled or deployment["status"] == "SLEEPING") and look.at - since >= limits.window:
        return Step(DONE)
    return None


def restarted(before: Json, now: Json, elapsed: float, settle: float) -> bool:
    """Tell whether a restart shows: something of the deployment changed, or the settle time passed; and all instances
    run.

    Just after a restart Railway may still show the status of before it.
    """
    statuses = [instance["status"] for instance in now.get("instances") or []]
    runs = class_of(now["status"]) == UP and bool(statuses) and all(status == "RUNNING" for status in statuses)
    return runs and (changed(before, now) or elapsed >= settle)


def changed(before: Json, now: Json) -> bool:
    """Tell whether a deployment was touched between two looks: its status, its time, or an instance."""

    def marks(node: Json) -> t.Any:
        instances = sorted((instance["id"], instance["status"]) for instance in node.get("instances") or [])
        return node["status"], node.get("statusUpdatedAt"), node.get("deploymentStopped"), instances

    return bool(marks(before) != marks(now))
