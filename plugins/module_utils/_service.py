# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every platform says about a service: one normalized state, the signals it gives, and which of two states is
worse.

Every `*_service_info` module fills the same dictionary, so that diagnosis, guards and reports never ask which platform
they look at. All functions here are pure.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

State = dict[str, t.Any]

#: Good to bad; ``stopped`` and ``paused`` are equally bad, and a state nobody could read compares with nothing.
STATUS_ORDER: dict[str, int] = {
    "running": 0,
    "starting": 1,
    "unhealthy": 2,
    "crash_loop": 3,
    "stopped": 4,
    "paused": 4,
    "missing": 5,
}

#: Share of the memory limit above which a service is near it (runbook threshold for memory alerts: 90 %).
MEMORY_NEAR_LIMIT = 0.9

#: Exit codes of a service that ended as it was told to: 0 by itself, 143 by SIGTERM, 137 by SIGKILL (the latter has its
#: own signal).
EXPECTED_EXIT_CODES = (0, 137, 143)


def empty_state(platform: str, name: str) -> State:
    """Return the state of a service about which nothing is known yet, with every key there is.

    :param platform: docker, railway, ecs or host.
    :param name: the name users know the service by on that platform.
    """
    return {
        "platform": platform,
        "name": name,
        "reachable": True,
        "error": None,
        "exists": None,
        "desired": None,
        "running": 0,
        "healthy": None,
        "status": "unknown",
        "version": None,
        "version_name": None,
        "previous_version": None,
        "deployment": None,
        "started_at": None,
        "restarts": 0,
        "last_exit": None,
        "instances": [],
        "limits": {"memory_bytes": None, "cpus": None},
        "usage": {"memory_bytes": None},
        "env_names": [],
        "env_lost_since_previous": [],
        "ports": [],
        "port_conflicts": [],
        "networks": [],
        "start_error": None,
        "events": [],
    }


def unreachable_state(platform: str, name: str, error: str) -> State:
    """Return the state of a service whose control plane did not answer; ``error`` is the reason in one line."""
    state = empty_state(platform, name)
    state.update(reachable=False, error=" ".join(error.split()))
    return state


def signals(state: State) -> list[str]:
    """Name what is worth knowing about ``state``, sorted. Diagnosis rules are written in these names."""
    if not state["reachable"]:
        return ["platform_unreachable"]
    found = {state["status"]} - {"unknown"}
    found.update(_exit_signals(state))
    for conflict in state["port_conflicts"]:
        found.add("port_conflict_stale" if conflict["holder"]["stale"] else "port_conflict_foreign")
    limit, usage = state["limits"]["memory_bytes"], state["usage"]["memory_bytes"]
    if limit and usage and usage > MEMORY_NEAR_LIMIT * limit:
        found.add("memory_near_limit")
    if state["running"] and not state["networks"]:
        found.add("no_network")
    found.update(f"env_lost_since_previous:{name}" for name in state["env_lost_since_previous"])
    found.update(_deployment_signals(state))
    return sorted(found)


def _deployment_signals(state: State) -> set[str]:
    """Read the newest deployment, where the platform keeps a record of them: {version, status, error}, status one of
    in_progress, succeeded and failed. When it failed and another version is in service, that one was kept."""
    deployment = state["deployment"] or {}
    if deployment.get("status") == "in_progress":
        return {"deployment_in_progress"}
    if deployment.get("status") != "failed":
        return set()
    kept = state["running"] and state["version"] not in (None, deployment.get("version"))
    return {"deployment_failed", "earlier_version_kept"} if kept else {"deployment_failed"}


def _exit_signals(state: State) -> set[str]:
    """Read the last exit: it speaks only while the service is not well again."""
    last_exit = state["last_exit"]
    if last_exit is None:
        return set()
    if last_exit["oom_killed"]:
        proven_well = (
            state["status"] == "running" and state["healthy"] is not None and state["healthy"] >= state["running"]
        )
        return set() if proven_well else {"oom_killed"}
    if state["status"] == "running":
        return set()
    if last_exit["code"] == 137:
        return {"killed"}
    return {"exited_orderly"} if last_exit["code"] in EXPECTED_EXIT_CODES else {"exited_with_error"}


def healthy_instances(state: State) -> int:
    """Count the instances that serve: the healthy ones, or the running ones where nothing measures health."""
    return state["running"] if state["healthy"] is None else state["healthy"]


def worse(before: State, after: State) -> bool:
    """Tell whether ``after`` is worse than ``before``: a worse status, or fewer instances that serve.

    A state that could not be read is no measurement: it is never worse and never better.
    """
    if "unknown" in (before["status"], after["status"]):
        return False
    if STATUS_ORDER[after["status"]] != STATUS_ORDER[before["status"]]:
        return STATUS_ORDER[after["status"]] > STATUS_ORDER[before["status"]]
    return healthy_instances(after) < healthy_instances(before)
