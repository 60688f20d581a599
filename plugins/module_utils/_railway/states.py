# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The states a Railway service can be brought to: for each the plan, and what is sent unless in check mode.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments as decide
from ansible_collections.sre.remediation.plugins.module_utils._railway import read, scaling, state, waiting
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import (
    Change,
    Done,
    expected_of_source,
    is_stopped,
)
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope

Json = dict[str, t.Any]

GIGABYTE = 1_000_000_000  #: Railway counts in decimal gigabytes

AFTER_ROLLBACK = (
    "the variables and the source of the service are as they were: its next push, or change of a variable, deploys the "
    "version that was rolled back from, unless they are put right first"
)


def apply(client: Client, params: t.Mapping[str, t.Any], done: Done) -> Json:
    """Bring the service to the state ``params`` ask for; what was done is in ``done`` even when it raises."""
    limits = wait_limits(params)
    check(params)
    found = scope(client, params["project"], params["environment"], params["service"])
    known = read.read(client, found, limits=params["state"] == "scaled")
    done.warnings += known.warnings
    change = Change(client, found, known, done, limits, params["wait"])
    facts = {"from": _version(known.current), "to": None, "undo": None, "deployment": known.current}
    facts.update(STATES[params["state"]](change, params))
    return facts


def wait_limits(params: t.Mapping[str, t.Any]) -> waiting.Limits:
    """Read the times of a wait; RemediationError for those that are none."""
    for name in ("wait_timeout", "queue_timeout"):
        if params[name] <= 0:
            raise RemediationError(f"{name}: must be greater than 0 (seconds)", "invalid_option")
    if params["stabilise"] < 0 or params["stabilise"] >= params["wait_timeout"]:
        raise RemediationError(
            "stabilise: must be 0 or greater, and less than wait_timeout (seconds)", "invalid_option"
        )
    return waiting.Limits(params["wait_timeout"], params["queue_timeout"], params["stabilise"])


def check(params: t.Mapping[str, t.Any]) -> None:
    """RemediationError for options that do not belong to the state, or are out of range."""
    belongs = {
        "rolled_back": ("to", "candidates", "exclude", "only_candidates"),
        "deployed": ("commit",),
        "scaled": ("replicas", "region", "memory_gb", "cpus"),
    }
    for owner, names in belongs.items():
        for name in names:
            if params[name] and params["state"] != owner:
                raise RemediationError(f"{name}: is for state={owner}", "invalid_option")
    if params["replicas"] is not None and not 1 <= params["replicas"] <= scaling.REPLICAS_MOST:
        raise RemediationError(
            f"replicas: must be from 1 to {scaling.REPLICAS_MOST}; to have none use state=stopped", "invalid_option"
        )
    for name in ("memory_gb", "cpus"):
        if params[name] is not None and params[name] <= 0:
            raise RemediationError(f"{name}: must be greater than 0", "invalid_option")


def _version(node: Json | None) -> Json | None:
    return {"version": node["id"], "name": decide.display_name(node)} if node else None


def _started(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    current = change.known.current
    status = state.status_of(current, state.instances_of(current))
    if current is None or (decide.class_of(current["status"]) == decide.FAILED and current["status"] != "CRASHED"):
        return _deployed(change, params)
    if status in ("running", "starting", "unknown"):
        return {}
    return _restart(change, current)


def _restarted(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    return _restart(change, change.current())


def _restart(change: Change, node: Json) -> Json:
    if decide.class_of(node["status"]) not in (decide.UP, decide.FAILED) or node["status"] == "FAILED":
        raise RemediationError(
            f"deployment {node['id']} is {node['status']}: only one that came to run can be restarted; "
            "use state=deployed or state=rolled_back",
            "deployment_missing",
        )
    change.done.plan(f"restarted deployment {node['id']} ({decide.display_name(node)})", {}, {})
    return {} if change.done.check_mode else {"deployment": change.restart(node)}


def _redeployed(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    node = change.current()
    if not node["canRedeploy"]:
        raise RemediationError(
            f"deployment {node['id']} ({node['status']}) cannot be redeployed now (canRedeploy is false)",
            "refused_by_platform",
        )
    change.done.plan(f"redeployed the image of deployment {node['id']} ({decide.display_name(node)})", {}, {})
    if change.done.check_mode:
        return {}
    variables = {"id": node["id"], "usePreviousImageTag": True}
    return {"deployment": change.new_deployment("DeploymentRedeploy", variables, node)}


def _deployed(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    commit = params.get("commit")
    source = change.known.instance.get("source") or {}
    what = commit or source.get("image") or source.get("repo") or "its source"
    change.done.plan(f"deployed the current configuration ({what})", {}, {})
    if change.done.check_mode:
        return {}
    variables = {"environmentId": change.scope.environment_id, "serviceId": change.scope.service_id}
    if commit:
        variables["commitSha"] = commit
    expected = expected_of_source(change.known.instance, commit)
    return {"deployment": change.new_deployment("ServiceInstanceDeployV2", variables, expected)}


def _rolled_back(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    current = change.known.current
    listed = change.known.deployments
    other = _with_other_variables(change, params)
    target = decide.choose_target(
        listed, current, params["to"], params["candidates"], params["exclude"], other, params["only_candidates"]
    )
    facts = {"to": target.as_dict()}
    node = target.deployment
    if current and _is_there(change, current, node):
        return facts
    before, after = _version(current) or {}, _version(node) or {}
    change.done.plan(f"rolled back to deployment {node['id']} ({decide.display_name(node)})", before, after)
    change.done.warnings.append(AFTER_ROLLBACK)
    if current:
        facts["undo"] = {"version": current["id"]}
    if change.done.check_mode:
        return facts
    facts["deployment"] = change.new_deployment("DeploymentRollback", {"id": node["id"]}, node)
    return facts


def _with_other_variables(change: Change, params: t.Mapping[str, t.Any]) -> list[str]:
    """Return the known good deployments that run the same artefact as now, but ran with other variables.

    Each takes a request. So one is looked for when no known good one runs another artefact, and all of them only when
    what runs already is not to be left for another of them.
    """
    current, by_id = change.known.current, {node["id"]: node for node in change.known.deployments}
    if current is None or params["to"]:
        return []
    good = [by_id[version] for version in params["candidates"] if version in by_id and version != current["id"]]
    good = [node for node in good if node["canRollback"] and node["id"] not in params["exclude"]]
    same = [node for node in good if decide.runs_the_same(node, current)]
    if len(same) < len(good) and not params["only_candidates"]:
        return []
    looked_at = same if params["only_candidates"] else same[:1]
    return [node["id"] for node in looked_at if not change.same_variables(node, current)]


def _is_there(change: Change, current: Json, target: Json) -> bool:
    """Whether the service runs already what it would be taken back to."""
    runs = decide.class_of(current["status"]) == decide.UP and not is_stopped(current)
    if not runs:
        return False
    if current["id"] == target["id"]:
        return True
    return bool(decide.runs_the_same(current, target)) and change.same_variables(current, target)


def _scaled(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    known = change.known
    facts: Json = {}
    undo: Json = {}
    if params["replicas"] is not None:
        facts, undo = scaling.scale(change, params["replicas"], params["region"])
    now = state.limits_of(known.limits)
    wanted = {"memoryGB": params["memory_gb"], "vCPUs": params["cpus"]}
    have = {"memoryGB": (now["memory_bytes"] or 0) / GIGABYTE or None, "vCPUs": now["cpus"]}
    due = {key: value for key, value in wanted.items() if value is not None and value != have[key]}
    if due:
        shown = ", ".join(f"{key} {value}" for key, value in due.items())
        change.done.plan(f"limited each instance to {shown}", {key: have[key] for key in due}, due)
        undo.update({"memory_gb": have["memoryGB"], "cpus": have["vCPUs"]})
        if not change.done.check_mode:
            ids = {key: change.scope.ids[key] for key in ("environmentId", "serviceId")}
            # What is not named would be lifted.
            limits = {**{key: value for key, value in have.items() if value is not None}, **due}
            change.send("ServiceInstanceLimitsUpdate", {"input": {**ids, **limits}})
        facts.update(_deployed(change, {}))
    facts["undo"] = undo or None
    return facts


def _stopped(change: Change, params: t.Mapping[str, t.Any]) -> Json:
    running = [node for node in change.known.active if not is_stopped(node)]
    if not running:
        return {}
    for node in running:
        change.done.plan(f"stopped deployment {node['id']} ({decide.display_name(node)})", {}, {})
    if change.done.check_mode:
        return {}
    return {"deployment": change.stop(running)[0]}


#: State -> how the service is brought to it.
STATES: dict[str, t.Callable[[Change, t.Mapping[str, t.Any]], Json]] = {
    "started": _started,
    "restarted": _restarted,
    "redeployed": _redeployed,
    "deployed": _deployed,
    "rolled_back": _rolled_back,
    "scaled": _scaled,
    "stopped": _stopped,
}
