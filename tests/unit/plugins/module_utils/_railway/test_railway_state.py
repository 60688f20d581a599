# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Railway says, as the normalized state and its signals."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._railway import logs, state
from ansible_collections.sre.remediation.plugins.module_utils._service import signals

INSTANCE = {"serviceName": "api", "numReplicas": 2, "activeDeployments": [], "latestDeployment": None}


def look(deployments, active=(), errors=(), **instance):
    whole = {**INSTANCE, "activeDeployments": list(active), **instance}
    return state.service_state(whole, deployments, ["B", "A"], {"containers": {"cpu": 2, "memoryBytes": 512e6}}, errors)


def with_instances(made, *statuses):
    made["instances"] = [{"id": f"{n}2345678-9", "status": status} for n, status in enumerate(statuses)]
    return made


@pytest.mark.parametrize(
    ("status", "instances", "more", "expected", "signal"),
    [
        ("SUCCESS", ("RUNNING", "RUNNING"), {}, "running", "running"),
        ("SUCCESS", ("RUNNING", "CRASHED"), {}, "crash_loop", "crash_loop"),
        ("SUCCESS", ("RUNNING", "RESTARTING"), {}, "crash_loop", "crash_loop"),
        ("SUCCESS", ("RUNNING", "REMOVED"), {}, "running", "running"),
        ("SUCCESS", ("INITIALIZING",), {}, "starting", "starting"),
        ("SUCCESS", ("EXITED",), {"deploymentStopped": True}, "stopped", "exited_orderly"),
        ("SLEEPING", (), {}, "running", "running"),
        ("CRASHED", ("CRASHED",), {}, "crash_loop", "exited_with_error"),
        ("BUILDING", (), {}, "starting", "starting"),
        ("NEEDS_APPROVAL", (), {}, "stopped", "stopped"),
        ("CANCELLED", (), {}, "unknown", None),
    ],
)
def test_the_status_of_a_service(node, status, instances, more, expected, signal):
    made = with_instances(node("a", 1, status, image="1", **more), *instances)
    found = look([made], active=[made])
    assert found["status"] == expected
    assert signal is None or signal in signals(found)
    assert found["version"] == "a"


def test_a_failed_deployment_matters_only_when_none_serves(node):
    good, bad = node("good", 1, "SUCCESS", image="1"), node("bad", 2, "FAILED", image="2")
    serving = look([bad, good], active=[good], errors=["HEALTHCHECK: no answer"])
    assert (serving["status"], serving["version"], serving["start_error"]) == ("running", "good", None)
    good["status"] = "REMOVED"
    down = look([bad, good], errors=["HEALTHCHECK: no answer", "HEALTHCHECK: no answer"])
    assert (down["status"], down["version"]) == ("stopped", "bad")
    assert down["start_error"] == "deployment bad failed: HEALTHCHECK: no answer"
    assert down["previous_version"] == {
        "version": "good",
        "name": "1",
        "created": "2026-11-26T00:01:00Z",
        "env_names": [],
    }


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("SUCCESS", {}, "succeeded"),
        ("BUILDING", {}, "in_progress"),
        ("NEEDS_APPROVAL", {}, "in_progress"),
        ("CANCELLED", {}, "in_progress"),
        ("FAILED", {}, "failed"),
        ("CRASHED", {}, "failed"),
        ("CRASHED", {"statusUpdatedAt": "2026-11-27T00:00:00Z"}, "succeeded"),
        ("SKIPPED", {}, "succeeded"),
        ("REMOVED", {}, "succeeded"),
    ],
)
def test_what_became_of_the_newest_deployment(node, status, more, expected):
    good = node("good", 1, "SUCCESS", image="1")
    found = look([node("new", 2, status, image="2", **more), good], active=[good])["deployment"]
    assert found["status"] == expected
    assert (found["version"] == "good") is (status in ("SKIPPED", "REMOVED"))
    assert (found["error"] is None) is (expected != "failed")


def test_a_failed_deployment_while_an_older_one_serves_is_told_by_signals(node):
    good = node("good", 1, "SUCCESS", image="1")
    found = signals(look([node("new", 2, "FAILED", image="2"), good], active=[good]))
    assert {"deployment_failed", "earlier_version_kept", "running"} <= set(found)


def test_a_service_without_a_deployment_is_missing(node):
    found = look([node("a", 1)])
    assert (found["status"], found["exists"], found["version"]) == ("missing", False, None)
    assert signals(found) == ["missing"]


def test_limits_names_and_events(node):
    made = node("a", 1, "SUCCESS", image="shop:1")
    found = look([made], active=[made])
    assert found["limits"] == {"memory_bytes": 512000000, "cpus": 2.0}
    assert (found["env_names"], found["version_name"], found["desired"]) == (["A", "B"], "shop:1", 2)
    assert found["events"] == [{"at": "2026-11-26T00:01:30Z", "what": "deployment a of shop:1: SUCCESS"}]
    for shape in (None, {}, {"containers": None}, {"containers": {"memoryBytes": "much"}}):
        assert state.limits_of(shape) == {"memory_bytes": None, "cpus": None}


def test_the_log_of_a_running_service_begins_with_its_run(node):
    made = node("a", 1, "SUCCESS", statusUpdatedAt="2026-11-26T00:31:00Z")
    assert state.log_since(made) == "2026-11-26T00:30:00Z"
    assert state.log_since(node("a", 1, "SUCCESS")) is None
    assert state.log_since(node("a", 1, "CRASHED", statusUpdatedAt="2026-11-26T00:31:00Z")) is None
    assert state.log_since(None) is None


def entry(second, message, instance="11111111-1"):
    return {
        "timestamp": f"2026-11-26T00:00:{second:02d}Z",
        "message": message,
        "tags": {"deploymentInstanceId": instance},
    }


def test_log_lines_are_the_newest_in_order():
    entries = [entry(3, "c"), entry(1, "a"), entry(2, "\x1b[31mb\x1b[0m ")]
    assert logs.lines_of(entries, 2) == ["b", "c"]
    assert logs.lines_of(entries, 0) == []
    assert logs.lines_of([entry(1, "a"), entry(2, "b", "22222222-2")], 9) == ["11111111 | a", "22222222 | b"]
    assert logs.lines_of([{"timestamp": None, "message": None, "tags": None}], 9) == [""]
