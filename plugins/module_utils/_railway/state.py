# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Railway says about a service as the normalized state of this collection. Pure.

Railway measures health only while it deploys, and never says an exit code: ``healthy`` is null, and the code of a crash
is unknown.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker.times import iso, parse
from ansible_collections.sre.remediation.plugins.module_utils._railway.deployments import (
    APPROVAL,
    FAILED,
    GONE,
    IN_PROGRESS,
    SKIPPED,
    UP,
    active_of,
    candidates_of,
    class_of,
    current_of,
    display_name,
    latest_of,
    newest_first,
)
from ansible_collections.sre.remediation.plugins.module_utils._service import STATUS_ORDER, State, empty_state

Json = dict[str, t.Any]

#: Instance status -> status of the normalized state. Others say nothing about the service.
INSTANCE_STATUS: dict[str, str] = {
    "CREATED": "starting",
    "INITIALIZING": "starting",
    "RUNNING": "running",
    "RESTARTING": "crash_loop",
    "CRASHED": "crash_loop",
    "EXITED": "stopped",
    "STOPPED": "stopped",
}

SHOWN_EVENTS = 20

#: Seconds a deployment may take to show that it does not work (twice Railway's time for a health check).
LONGEST_START = 600.0


def instances_of(deployment: Json | None) -> list[Json]:
    """Return the entries of ``instances``."""
    return [
        {
            "id": instance["id"],
            "name": instance["id"][:8],
            "status": INSTANCE_STATUS[instance["status"]],
            "health": None,
            "started_at": None,
            "restarts": 0,
            "exit_code": None,
            "networks": [],
        }
        for instance in (deployment or {}).get("instances") or []
        if instance["status"] in INSTANCE_STATUS
    ]


def status_of(current: Json | None, instances: t.Sequence[Json]) -> str:
    """Return the status of the service that stands on the deployment ``current``."""
    if current is None:
        return "missing"
    meaning = class_of(current["status"])
    if meaning in (UP, FAILED) and current.get("deploymentStopped"):
        return "stopped"
    if current["status"] == "CRASHED" and not any(item["status"] == "running" for item in instances):
        return "crash_loop"
    if meaning == UP:
        if current["status"] == "SLEEPING":
            return "running"
        worst = max((item["status"] for item in instances), key=lambda status: STATUS_ORDER[status], default="running")
        return str(worst)
    if meaning == FAILED:
        return "crash_loop" if current["status"] == "CRASHED" else "stopped"
    if meaning == IN_PROGRESS:
        return "starting"
    if meaning == APPROVAL:
        return "stopped"
    return "missing" if meaning == GONE else "unknown"


def last_exit_of(current: Json | None) -> Json | None:
    """Return what is known of the last exit."""
    if current is None:
        return None
    at = iso(current.get("statusUpdatedAt"))
    if current["status"] == "CRASHED":
        return {"code": None, "reason": "crashed until Railway gave up", "oom_killed": False, "at": at}
    if current.get("deploymentStopped"):
        return {"code": 0, "reason": "ended by itself", "oom_killed": False, "at": at}
    return None


def limits_of(limits: t.Any) -> Json:
    """Return memory and CPU limits from the shape Railway gives them in, or nulls."""
    containers = limits.get("containers") if isinstance(limits, dict) else None
    containers = containers if isinstance(containers, dict) else {}
    memory, cpus = containers.get("memoryBytes"), containers.get("cpu")
    return {
        "memory_bytes": int(memory) if isinstance(memory, (int, float)) and memory else None,
        "cpus": float(cpus) if isinstance(cpus, (int, float)) and cpus else None,
    }


def failure_text(deployment: Json | None, errors: t.Sequence[str]) -> str | None:
    """Return why the newest deployment did not come to run, None when it did."""
    if deployment is None:
        return None
    if class_of(deployment["status"]) == APPROVAL:
        return f"deployment {deployment['id']} waits for a person's approval in Railway's dashboard"
    if deployment["status"] != "FAILED":
        return None
    said = "; ".join(dict.fromkeys(errors))
    return f"deployment {deployment['id']} failed{': ' + said if said else ''}"


def missing_state(name: str, environment: str) -> State:
    """Return the state of a service that has no instance in the environment."""
    state = empty_state("railway", name)
    state.update(exists=False, desired=1, status="missing", networks=[environment])
    return state


def service_state(
    instance: Json, deployments: t.Sequence[Json], variables: t.Iterable[str], limits: t.Any, errors: t.Sequence[str]
) -> State:
    """Return the normalized state of a service.

    :param instance: the service instance, with its latest and its active deployments.
    :param deployments: the newest deployments of the service, in any order.
    :param variables: names of its variables.
    :param limits: what serviceInstanceLimits says.
    :param errors: what the events of the newest deployment say went wrong.
    """
    current, latest = current_of(instance, deployments), latest_of(instance, deployments)
    instances = instances_of(current)
    older = candidates_of(deployments, current)
    state = empty_state("railway", instance["serviceName"])
    serving = current is not None and class_of(current["status"]) == UP and not current.get("deploymentStopped")
    running = sum(item["status"] == "running" for item in instances)
    state.update(
        exists=current is not None,
        desired=instance.get("numReplicas") or 1,
        running=running if instances else int(serving),
        status=status_of(current, instances),
        version=current["id"] if current else None,
        version_name=display_name(current) if current else None,
        previous_version=previous_of(older[0]) if older else None,
        deployment=deployment_of(deployments, latest, errors),
        started_at=started_at(current),
        last_exit=last_exit_of(current),
        instances=instances,
        limits=limits_of(limits),
        env_names=sorted(variables),
        networks=["railway"],
        start_error=None if active_of(instance) and serving else failure_text(latest, errors),
        events=events_of(deployments),
    )
    return state


def deployment_of(deployments: t.Sequence[Json], latest: Json | None, errors: t.Sequence[str]) -> Json | None:
    """Return the entry ``deployment``: what became of the newest deployment that was not skipped or removed."""
    known = newest_first([*deployments, *([latest] if latest else [])])
    newest = next((node for node in known if class_of(node["status"]) not in (SKIPPED, GONE)), None)
    if newest is None:
        return None
    status = {UP: "succeeded", FAILED: "failed"}.get(class_of(newest["status"]), "in_progress")
    if newest["status"] == "CRASHED" and crashed_late(newest):
        status = "succeeded"
    error = None
    if status == "failed":
        error = "; ".join(dict.fromkeys(errors)) or f"its status is {newest['status']}"
    return {"version": newest["id"], "status": status, "error": error}


def crashed_late(deployment: Json) -> bool:
    """Tell whether a deployment crashed so long after it was made that making it is not what failed."""
    begun, ended = parse(deployment.get("createdAt")), parse(deployment.get("statusUpdatedAt"))
    return bool(begun and ended and (ended - begun).total_seconds() > LONGEST_START)


def previous_of(deployment: Json) -> Json:
    """Return the entry ``previous_version``."""
    return {
        "version": deployment["id"],
        "name": display_name(deployment),
        "created": iso(deployment.get("createdAt")),
        "env_names": [],
    }


def started_at(current: Json | None) -> str | None:
    """Return when the deployment came to its present status, where that is a start."""
    if current is None or class_of(current["status"]) != UP:
        return None
    return iso(current.get("statusUpdatedAt") or current.get("createdAt"))


def events_of(deployments: t.Sequence[Json]) -> list[Json]:
    """Return what became of the newest deployments, oldest first."""
    newest = newest_first(deployments)[:SHOWN_EVENTS][::-1]
    return [
        {
            "at": iso(node.get("statusUpdatedAt") or node.get("createdAt")),
            "what": f"deployment {node['id'][:8]} of {display_name(node)}: {node['status']}",
        }
        for node in newest
    ]


def log_since(current: Json | None) -> str | None:
    """Return the moment from which the log speaks of the present run: a little before a running service came up.

    A service that does not run is told by all that its deployment has said.
    """
    if current is None or class_of(current["status"]) != UP or current.get("deploymentStopped"):
        return None
    begun, up = parse(current.get("createdAt")), parse(current.get("statusUpdatedAt"))
    if begun is None or up is None or (up - begun).total_seconds() < LOG_SLACK:
        return None
    return iso(up.timestamp() - LOG_SLACK)


LOG_SLACK = 60.0  #: seconds a run may have spoken before Railway called it up (it waits for the health check)
