# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what ECS says to the normalized state of a service. Pure: nothing here asks AWS.

The tasks that speak for the service are those that run, and of the stopped ones those of its newest deployment. What a
deployment that ECS has taken back left behind is told in ``ecs`` and is not the state of the service.

Status of one task: ``starting`` until it runs, and after that until its health check has passed where there is one;
``unhealthy`` when that fails. Status of the service: that of its worst task. Without a task: ``stopped`` when none is
wanted, ``crash_loop`` after two failed ones, ``starting`` while one is being placed, else ``stopped``.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.sre.remediation.plugins.module_utils._aws import iso, short
from ansible_collections.sre.remediation.plugins.module_utils._ecs import definition as definitions
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import GOING_BACK, IN_FLIGHT
from ansible_collections.sre.remediation.plugins.module_utils._ecs.wait import primary_of
from ansible_collections.sre.remediation.plugins.module_utils._service import STATUS_ORDER, State, empty_state

Json = dict[str, t.Any]

#: Failed tasks of the newest deployment, with none running, that make a crash loop; the Docker modules use the same.
LOOP_FAILURES = 2

#: Seconds a task must run, after failures and without a health check, to count as started.
STABLE_SECONDS = 10.0

SHOWN_EVENTS, SHOWN_STOPPED = 20, 20

OUT_OF_MEMORY = ("OutOfMemory", "out of memory", "OOM")

#: Why a task never started, in the words of ECS: those of the image or the machine, and those of what it needs.
START_ERRORS = ("CannotPull", "CannotStart", "CannotCreate", "ResourceInitializationError", "CannotInspect", "invalid")

#: What ECS says of a deployment that was stopped by StopServiceDeployment.
BY_REQUEST = "user request"

#: How a task ends that was told to.
ORDERLY_STOPS = ("ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption", "TerminationNotice")


@dataclass
class Seen:
    """What was read about one service. ``previous`` is the entry for ``previous_version``."""

    service: Json | None
    definition: Json | None = None
    tasks: list[Json] = field(default_factory=list)
    previous: Json | None = None
    previous_definition: Json | None = None
    container: str | None = None
    required_env: tuple[str, ...] = ()
    rollouts: list[Json] = field(default_factory=list)


def is_stopped(task: Json) -> bool:
    """Tell whether a task has ended, or has none of its work left to do."""
    return task.get("lastStatus") in ("STOPPED", "DEPROVISIONING", "STOPPING", "DEACTIVATING")


def has_run(task: Json) -> bool:
    """Tell whether the container of a task ever started."""
    return bool(task.get("startedAt"))


def container_of(task: Json, name: str | None) -> Json:
    """Return the container of a task that is the service; an empty one where ECS tells of none."""
    containers = task.get("containers") or []
    named = [container for container in containers if container.get("name") == name]
    return (named or containers or [{}])[0]


def exit_of(task: Json, name: str | None) -> Json | None:
    """Return how a stopped task ended: ``{code, reason, oom_killed, at}``; None while it runs."""
    if not is_stopped(task):
        return None
    container = container_of(task, name)
    code = container.get("exitCode")
    # Another essential container may be the one that ended first.
    if code in (None, 0):
        code = next((item["exitCode"] for item in task.get("containers") or [] if item.get("exitCode")), code)
    reasons = [container.get("reason"), task.get("stoppedReason")]
    text = "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or str(task.get("stopCode") or "stopped")
    oom = any(word in text for word in OUT_OF_MEMORY)
    if failed_check(task) and not oom:
        # It was told to end, and its exit code says no more than that.
        code = None
    return {
        "code": code,
        "reason": "out of memory" if oom else text,
        "oom_killed": oom,
        "at": iso(task.get("stoppedAt") or task.get("stoppingAt")),
    }


def failed_check(task: Json) -> bool:
    """Tell whether ECS stopped a task because a health check failed, that of the container or of a load balancer."""
    reason = task.get("stoppedReason") or ""
    return is_stopped(task) and "failed" in reason and "health check" in reason


def failed(task: Json) -> bool:
    """Tell whether a stopped task ended by itself, never came up or was found unhealthy, and was not just told to end."""
    return is_stopped(task) and (task.get("stopCode") not in ORDERLY_STOPS or failed_check(task))


def start_error_of(task: Json, name: str | None) -> str | None:
    """Return why a task never started, in the words of ECS."""
    if not is_stopped(task) or has_run(task) and container_of(task, name).get("exitCode") is not None:
        return None
    container = container_of(task, name)
    for reason in (container.get("reason"), task.get("stoppedReason")):
        if reason and (task.get("stopCode") == "TaskFailedToStart" or any(word in reason for word in START_ERRORS)):
            return " ".join(reason.split())
    return None


def task_status(task: Json, checked: bool, after_failures: bool, now: datetime) -> str:
    """Return the status of a task that has not stopped.

    :param checked: its container has a health check.
    :param after_failures: the newest deployment had failed tasks before it.
    """
    if task.get("lastStatus") != "RUNNING":
        return "starting"
    health = task.get("healthStatus")
    if health == "UNHEALTHY":
        return "unhealthy"
    if checked:
        return "running" if health == "HEALTHY" else "starting"
    started = task.get("startedAt")
    young = started is not None and now - started < timedelta(seconds=STABLE_SECONDS)
    return "crash_loop" if after_failures and young else "running"


def missing_secrets(start_error: str | None, container: Json) -> list[str]:
    """Return the variables whose secret could not be read, by the ARN or name in what ECS said."""
    if not start_error or "ResourceInitializationError" not in start_error:
        return []
    lost = []
    for name, source in definitions.secret_sources(container).items():
        # arn:aws:secretsmanager:<region>:<account>:secret:<name>[:<json key>:<stage>:<id>], or the name of a parameter
        parts = source.split(":")
        arn = ":".join(parts[:7]) if len(parts) > 7 else source
        if arn in start_error or (len(parts) < 2 and source and source in start_error):
            lost.append(name)
    return sorted(lost)


def service_state(name: str, seen: Seen, now: datetime) -> State:
    """Return the normalized state of a service, and under ``ecs`` what only ECS has."""
    state = empty_state("ecs", name)
    service, definition = seen.service, seen.definition
    state["exists"] = bool(service) and service.get("status") != "INACTIVE"
    if not state["exists"] or service is None or definition is None:
        state.update(status="missing", desired=0, ecs=None)
        return state
    main = definitions.main_container(definition, seen.container)
    primary = primary_of(service)
    own = [task for task in seen.tasks if task.get("startedBy") == primary.get("id")] or [
        task for task in seen.tasks if task.get("taskDefinitionArn") == service.get("taskDefinition")
    ]
    alive = [task for task in seen.tasks if not is_stopped(task)]
    ended = sorted((task for task in own if is_stopped(task)), key=_stopped_at)
    failures = [task for task in ended if failed(task)]
    looping = max(len(failures), primary.get("failedTasks") or 0) >= LOOP_FAILURES
    checked = bool(main.get("healthCheck"))
    instances = [_instance(task, main, checked, looping, now) for task in alive]
    up = [item for item in instances if item["status"] != "starting" or item["started_at"]]
    newest_error = None
    stays = any(item["status"] == "running" for item in instances if item["id"] in [task["taskArn"] for task in own])
    if not stays:
        # What came up since is newer than any word about what did not.
        newest_error = next((text for task in reversed(failures) if (text := start_error_of(task, main["name"]))), None)
    lost = missing_secrets(newest_error, main)
    start_error = None if any(item["status"] == "running" for item in instances) else newest_error
    last = exit_of(ended[-1], main["name"]) if ended else None
    if last and last["code"] is None and not last["oom_killed"] and not failed_check(ended[-1]):
        # It never ran, which start_error tells.
        last = None
    names = [each for each in definitions.env_names(main) if each not in lost]
    state.update(
        desired=service.get("desiredCount") or 0,
        running=len(up),
        healthy=sum(item["health"] == "healthy" for item in instances) if checked else None,
        status=_status(service, instances, looping, bool(failures)),
        version=service.get("taskDefinition"),
        version_name=short(service.get("taskDefinition")),
        previous_version=seen.previous,
        started_at=max((item["started_at"] for item in instances if item["started_at"]), default=None),
        restarts=len(failures),
        last_exit=last,
        instances=instances,
        limits=definitions.limits(definition, main),
        env_names=names,
        env_lost_since_previous=_lost_env(seen, names, main),
        ports=_ports(alive, main),
        networks=_networks(alive, definition),
        start_error=_explain(start_error, lost),
        events=[
            {"at": iso(event.get("createdAt")), "what": event.get("message") or ""}
            for event in sorted(service.get("events") or [], key=lambda event: str(event.get("createdAt")))
        ][-SHOWN_EVENTS:],
    )
    state["deployment"] = newest_deployment(seen, primary, failures, stays, main["name"])
    state["ecs"] = details(seen, service, definition, main)
    return state


def newest_deployment(seen: Seen, primary: Json, failures: list[Json], stays: bool, container: str) -> Json:
    """Return what became of the newest deployment: ``{version, status, error}``.

    Status is one of in_progress, succeeded, failed, and withdrawn when somebody had it taken back, which is no failure
    that is still to be seen to. One whose tasks fail again and again while none ``stays`` (or is healthy, where it is the
    health check that ends them) has failed, although ECS goes on trying: one of them runs at most moments.
    """
    newest = seen.rollouts[-1] if seen.rollouts else None
    if newest:
        version, said, reason = newest["version"], newest["status"], newest["reason"]
        status = "in_progress" if said in IN_FLIGHT else "succeeded" if said == "SUCCESSFUL" else "failed"
        if said == "ROLLBACK_SUCCESSFUL" and BY_REQUEST in reason:
            status = "withdrawn"
    else:
        version, said, reason = primary.get("taskDefinition"), primary.get("rolloutState"), ""
        status = {"COMPLETED": "succeeded", "FAILED": "failed"}.get(said or "", "in_progress")
        reason = primary.get("rolloutStateReason") or ""
    own = newest is None or version == primary.get("taskDefinition")
    if status == "in_progress" and said not in GOING_BACK and own:
        lost = max(len(failures), primary.get("failedTasks") or 0)
        status = "failed" if lost >= LOOP_FAILURES and not _any_proved(seen, primary, failures, stays) else status
    told = failures or [task for task in seen.tasks if task.get("taskDefinitionArn") == version and failed(task)]
    last = exit_of(max(told, key=_stopped_at), container) if told and status in ("failed", "in_progress") else None
    words = [reason] if status == "failed" else []
    if last:
        words.append(last["reason"] + (f", exit code {last['code']}" if last["code"] is not None else ""))
    return {"version": version, "status": status, "error": "; ".join(word for word in words if word) or None}


def _any_proved(seen: Seen, primary: Json, failures: list[Json], stays: bool) -> bool:
    """Tell whether a task of the newest deployment is up, for which it must be healthy once health checks ended others."""
    if sum(map(failed_check, failures)) < LOOP_FAILURES:
        return stays
    own = [task for task in seen.tasks if task.get("startedBy") == primary.get("id")]
    return any(task.get("healthStatus") == "HEALTHY" for task in own if not is_stopped(task))


def _stopped_at(task: Json) -> str:
    return str(task.get("stoppedAt") or task.get("stoppingAt") or task.get("createdAt") or "")


def _status(service: Json, instances: list[Json], looping: bool, any_failure: bool) -> str:
    if not instances:
        if not service.get("desiredCount"):
            return "stopped"
        if looping:
            return "crash_loop"
        return "stopped" if any_failure or not service.get("pendingCount") else "starting"
    serving = [item["status"] for item in instances if item["status"] == "running"]
    if len(serving) >= (service.get("desiredCount") or 0) and serving:
        # A rollout beside them does not make those worse that serve.
        return "running"
    if looping and all(item["status"] == "starting" for item in instances):
        return "crash_loop"
    return max((item["status"] for item in instances), key=lambda status: STATUS_ORDER[status])


def _instance(task: Json, main: Json, checked: bool, after_failures: bool, now: datetime) -> Json:
    health = {"HEALTHY": "healthy", "UNHEALTHY": "unhealthy"}.get(task.get("healthStatus") or "", "starting")
    container = container_of(task, main["name"])
    return {
        "id": task["taskArn"],
        "name": short(task["taskArn"]),
        "status": task_status(task, checked, after_failures, now),
        "health": health if checked and task.get("lastStatus") == "RUNNING" else None,
        "started_at": iso(task.get("startedAt")),
        "restarts": 0,
        "exit_code": None,
        "networks": _networks([task], {}),
        "version": task.get("taskDefinitionArn"),
        "image_digest": container.get("imageDigest"),
    }


def _lost_env(seen: Seen, present: list[str], main: Json) -> list[str]:
    """Return required variables that the previous version has (its secret being another one) and this one lacks."""
    if seen.previous_definition is None:
        return []
    before = definitions.main_container(seen.previous_definition, None)
    sources, now = definitions.secret_sources(before), definitions.secret_sources(main)
    return [
        name
        for name in seen.required_env
        if name not in present
        and name in definitions.env_names(before)
        and not (name in sources and sources[name] == now.get(name))
    ]


def _explain(start_error: str | None, lost: list[str]) -> str | None:
    return f"{start_error} (value of {', '.join(lost)})" if start_error and lost else start_error


def _ports(tasks: list[Json], main: Json) -> list[Json]:
    """Return the published ports: as bound, else as declared."""
    found = [
        {
            "address": binding.get("bindIP") or "0.0.0.0",
            "host_port": binding["hostPort"],
            "port": binding.get("containerPort"),
            "protocol": binding.get("protocol") or "tcp",
        }
        for task in tasks
        for container in task.get("containers") or []
        for binding in container.get("networkBindings") or []
        if binding.get("hostPort")
    ]
    return found or [
        {
            "address": "0.0.0.0",
            "host_port": mapping["hostPort"],
            "port": mapping.get("containerPort"),
            "protocol": mapping.get("protocol") or "tcp",
        }
        for mapping in main.get("portMappings") or []
        if mapping.get("hostPort")
    ]


def _networks(tasks: list[Json], definition: Json) -> list[str]:
    """Return the subnets of the tasks' interfaces, else the network mode: a task of ECS is never without a network."""
    subnets = {
        detail["value"]
        for task in tasks
        for attachment in task.get("attachments") or []
        for detail in attachment.get("details") or []
        if detail.get("name") == "subnetId" and detail.get("value")
    }
    return sorted(subnets) or [definition.get("networkMode") or "bridge"]


def details(seen: Seen, service: Json, definition: Json, main: Json) -> Json:
    """Return what only ECS has."""
    stopped = sorted((task for task in seen.tasks if is_stopped(task)), key=_stopped_at)
    return {
        "service_arn": service.get("serviceArn"),
        "cluster_arn": service.get("clusterArn"),
        "launch_type": service.get("launchType") or "",
        "controller": (service.get("deploymentController") or {}).get("type") or "ECS",
        "container": main["name"],
        "image": main.get("image"),
        "secret_names": sorted(definitions.secret_sources(main)),
        "deployment_configuration": service.get("deploymentConfiguration") or {},
        "deployments": [
            {
                "id": item.get("id"),
                "status": item.get("status"),
                "task_definition": item.get("taskDefinition"),
                "rollout_state": item.get("rolloutState"),
                "rollout_reason": item.get("rolloutStateReason"),
                "desired": item.get("desiredCount"),
                "running": item.get("runningCount"),
                "pending": item.get("pendingCount"),
                "failed_tasks": item.get("failedTasks") or 0,
                "created_at": iso(item.get("createdAt")),
            }
            for item in service.get("deployments") or []
        ],
        "service_deployments": seen.rollouts,
        "stopped_tasks": [_ended(task, main["name"]) for task in stopped[-SHOWN_STOPPED:]],
    }


def _ended(task: Json, name: str) -> Json:
    ended = exit_of(task, name) or {}
    return {
        "id": short(task["taskArn"]),
        "version": short(task.get("taskDefinitionArn")),
        "deployment": task.get("startedBy"),
        "stop_code": task.get("stopCode"),
        "reason": task.get("stoppedReason"),
        "exit_code": ended.get("code"),
        "oom_killed": ended.get("oom_killed", False),
        "stopped_at": ended.get("at"),
        "failed": failed(task),
        "containers": [
            {"name": item.get("name"), "exit_code": item.get("exitCode"), "reason": item.get("reason")}
            for item in task.get("containers") or []
        ],
    }
