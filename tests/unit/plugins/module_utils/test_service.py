"""The signals of a state, and which of two states is worse."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._service import (
    empty_state,
    signals,
    unreachable_state,
    worse,
)


def state(**changes):
    made = empty_state("docker", "api")
    made.update({"status": "running", "running": 1, "networks": ["net"], **changes})
    return made


def ended(code, oom_killed=False):
    return {"code": code, "reason": "", "oom_killed": oom_killed, "at": "2026-01-01T00:00:00Z"}


def conflict(stale):
    return {
        "port": 1,
        "address": "",
        "holder": {"kind": "container", "name": "x", "project": None, "service": None, "pid": None, "stale": stale},
    }


DOWN = {"status": "stopped", "running": 0}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["running"]),
        ({"status": "missing", "running": 0, "networks": []}, ["missing"]),
        ({"status": "unhealthy"}, ["unhealthy"]),
        ({"deployment": {"version": "v2", "status": "succeeded"}, "version": "v2"}, ["running"]),
        ({"deployment": {"version": "v2", "status": "in_progress"}}, ["deployment_in_progress", "running"]),
        ({"deployment": {"version": "v2", "status": "failed"}, "version": "v2"}, ["deployment_failed", "running"]),
        (
            {"deployment": {"version": "v2", "status": "failed"}, "version": "v1"},
            ["deployment_failed", "earlier_version_kept", "running"],
        ),
        (
            {**DOWN, "deployment": {"version": "v2", "status": "failed"}, "version": "v1"},
            ["deployment_failed", "stopped"],
        ),
        ({"status": "starting"}, ["starting"]),
        ({"status": "paused", "running": 0}, ["paused"]),
        ({**DOWN, "last_exit": ended(0)}, ["exited_orderly", "stopped"]),
        ({**DOWN, "last_exit": ended(143)}, ["exited_orderly", "stopped"]),
        ({**DOWN, "last_exit": ended(1)}, ["exited_with_error", "stopped"]),
        ({**DOWN, "last_exit": ended(137)}, ["killed", "stopped"]),
        ({**DOWN, "last_exit": ended(137, True)}, ["oom_killed", "stopped"]),
        ({**DOWN, "status": "crash_loop", "last_exit": ended(2)}, ["crash_loop", "exited_with_error"]),
        ({"last_exit": ended(1)}, ["running"]),
        ({"last_exit": ended(137, True)}, ["oom_killed", "running"]),
        ({"last_exit": ended(137, True), "healthy": 1}, ["running"]),
        ({"last_exit": ended(137, True), "healthy": 0, "status": "unhealthy"}, ["oom_killed", "unhealthy"]),
        ({**DOWN, "port_conflicts": [conflict(True)]}, ["port_conflict_stale", "stopped"]),
        ({**DOWN, "port_conflicts": [conflict(False)]}, ["port_conflict_foreign", "stopped"]),
        (
            {"limits": {"memory_bytes": 100, "cpus": None}, "usage": {"memory_bytes": 91}},
            ["memory_near_limit", "running"],
        ),
        ({"limits": {"memory_bytes": 100, "cpus": None}, "usage": {"memory_bytes": 90}}, ["running"]),
        ({"usage": {"memory_bytes": 90}}, ["running"]),
        ({"networks": []}, ["no_network", "running"]),
        ({**DOWN, "networks": []}, ["stopped"]),
        (
            {"env_lost_since_previous": ["B", "A"]},
            ["env_lost_since_previous:A", "env_lost_since_previous:B", "running"],
        ),
    ],
)
def test_signals(changes, expected):
    assert signals(state(**changes)) == expected


def test_unreachable_says_nothing_else_and_keeps_the_error_on_one_line():
    unreachable = unreachable_state("docker", "api", "connection\n refused")
    assert signals(unreachable) == ["platform_unreachable"]
    assert (unreachable["status"], unreachable["error"], unreachable["exists"]) == (
        "unknown",
        "connection refused",
        None,
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, False),
        ({}, {"status": "starting"}, True),
        ({"status": "starting"}, {"status": "unhealthy"}, True),
        ({"status": "unhealthy"}, {"status": "crash_loop"}, True),
        ({"status": "crash_loop"}, {"status": "stopped", "running": 0}, True),
        ({"status": "stopped", "running": 0}, {"status": "paused", "running": 0}, False),
        ({"status": "paused", "running": 0}, {"status": "stopped", "running": 0}, False),
        ({"status": "stopped", "running": 0}, {"status": "missing", "running": 0}, True),
        ({"status": "stopped", "running": 0}, {}, False),
        ({"running": 3}, {"running": 2}, True),
        ({"running": 2, "healthy": 2}, {"running": 2, "healthy": 1}, True),
        ({"running": 2, "healthy": 1}, {"running": 2, "healthy": 2}, False),
        ({}, {"status": "unknown", "running": 0}, False),
        ({"status": "unknown", "running": 0}, {"status": "missing", "running": 0}, False),
    ],
)
def test_worse(before, after, expected):
    assert worse(state(**before), state(**after)) is expected
