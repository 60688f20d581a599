# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a wait goes on after each look: whole stories of statuses, then the edges."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._railway import waiting
from ansible_collections.sre.remediation.plugins.module_utils._railway.waiting import Limits, Look, Progress, step

LIMITS = Limits(timeout=120.0, queue_timeout=60.0, window=10.0)


def tell(story, limits=LIMITS, **options):
    """Follow a story of (seconds until the next status, status or node), and return how and when it ended."""
    progress, at, story = Progress(), 0.0, list(story)
    until, now = story[0]
    end = until
    for _look in range(500):
        while at >= end and len(story) > 1:
            story.pop(0)
            until, now = story[0]
            end += until
        seen = now if isinstance(now, dict) else {"status": now, "instances": [{"id": "i", "status": "RUNNING"}]}
        taken, progress = step(Look(seen, at), progress, limits, **options)
        if taken.kind != "wait":
            return taken, at
        assert 0 < taken.next_look <= waiting.LONGEST_POLL
        at += taken.next_look
    raise AssertionError("it never ends")


def node(status="SUCCESS", instances=("RUNNING",), **more):
    return {"status": status, "instances": [{"id": str(n), "status": s} for n, s in enumerate(instances)], **more}


@pytest.mark.parametrize(
    ("story", "end"),
    [
        ([(1, "INITIALIZING"), (5, "BUILDING"), (5, "DEPLOYING"), (99, "SUCCESS")], ("done", None)),
        ([(99, "SUCCESS")], ("done", None)),
        ([(5, "BUILDING"), (99, "SLEEPING")], ("done", None)),
        ([(5, "BUILDING"), (99, "FAILED")], ("fail", "deployment_failed")),
        ([(5, "SUCCESS"), (99, "CRASHED")], ("fail", "deployment_crashed")),
        ([(5, "SUCCESS"), (99, node(instances=("RUNNING", "CRASHED")))], ("fail", "deployment_crashed")),
        ([(5, "SUCCESS"), (99, node(instances=("EXITED",)))], ("fail", "deployment_crashed")),
        ([(5, "SUCCESS"), (99, node(deploymentStopped=True))], ("fail", "deployment_stopped")),
        ([(99, node(instances=("RUNNING", "RESTARTING")))], ("fail", "timeout")),
        ([(9, node(instances=("INITIALIZING",))), (99, node())], ("done", None)),
        ([(5, "BUILDING"), (99, "REMOVED")], ("fail", "superseded")),
        ([(5, "SUCCESS"), (99, "REMOVING")], ("fail", "superseded")),
        ([(99, "SKIPPED")], ("fail", "deployment_skipped")),
        ([(99, "NEEDS_APPROVAL")], ("fail", "needs_approval")),
        ([(999, "QUEUED")], ("fail", "queue_timeout")),
        ([(40, "QUEUED"), (999, "BUILDING")], ("fail", "timeout")),
        ([(999, "CANCELLED")], ("fail", "unknown_status")),
        ([(30, "CANCELLED"), (99, "SUCCESS")], ("done", None)),
        # Up, away, and up again: the window begins anew.
        ([(8, "SUCCESS"), (4, "DEPLOYING"), (99, "SUCCESS")], ("done", None)),
    ],
)
def test_how_a_story_ends(story, end):
    taken, _at = tell(story)
    assert (taken.kind, taken.code) == end


def test_success_counts_only_after_the_window():
    assert tell([(99, "SUCCESS")])[1] == pytest.approx(10.0, abs=0.3)
    assert tell([(99, "SUCCESS")], Limits(window=0.0))[1] == 0.0
    assert tell([(8, "SUCCESS"), (4, "DEPLOYING"), (99, "SUCCESS")])[1] > 21.5


def test_a_job_that_ended_well_is_done():
    assert tell([(99, node(deploymentStopped=True))], is_job=True)[0].kind == "done"


def test_ten_minutes_of_waiting_take_few_requests():
    progress, at, looks = Progress(), 0.0, 0
    while at < 600:
        taken, progress = step(Look({"status": "BUILDING"}, at), progress, Limits())
        at += taken.next_look
        looks += 1
    assert looks < 50


@pytest.mark.parametrize(
    ("now", "elapsed", "done"),
    [
        (node(statusUpdatedAt="1"), 1.0, False),
        (node(statusUpdatedAt="1"), 10.0, True),
        (node(statusUpdatedAt="2"), 1.0, True),
        (node(statusUpdatedAt="2", instances=("RESTARTING",)), 99.0, False),
        (node(statusUpdatedAt="2", instances=()), 99.0, False),
        (node("CRASHED", statusUpdatedAt="1", instances=()), 99.0, False),
    ],
)
def test_when_a_restart_shows(now, elapsed, done):
    assert waiting.restarted(node(statusUpdatedAt="1"), now, elapsed, settle=10.0) is done
