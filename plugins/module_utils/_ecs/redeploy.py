# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new deployment of what is there, with or without something changed, from its options to its result.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._aws import short
from ansible_collections.sre.remediation.plugins.module_utils._docker import env as environment
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.definition import Change, changed_copy
from ansible_collections.sre.remediation.plugins.module_utils._ecs.deploy import (
    Deployment,
    DeploymentFailed,
    known_rollouts,
)
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import read_revision, read_rollout
from ansible_collections.sre.remediation.plugins.module_utils._ecs.target import check_service
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

Json = dict[str, t.Any]

#: What Secrets Manager and the parameter store of Systems Manager call their own.
SECRET_SOURCES = (":secretsmanager:", ":ssm:")


def wanted_revision(params: Json) -> Json:
    """Read what is to be different in the task definition; RemediationError (``invalid_option``) for what cannot be."""
    env: dict[str, str | None] = {}
    if params["env"] or params["unset"]:
        env = environment.wanted_changes(params["env"], params["unset"])
    for name, source in params["secrets"].items():
        if name in env:
            raise RemediationError(
                f"secrets and env or unset both name {name}: say which is meant", code="invalid_option"
            )
        source = str(source)
        if source.startswith("arn:") and not any(word in source for word in SECRET_SOURCES):
            raise RemediationError(
                f"secrets: {name} must name a secret of Secrets Manager or a parameter of Systems Manager by its ARN (a"
                " parameter of the same region by its name too)",
                code="invalid_option",
            )
    for name in ("cpu", "memory", "desired_count"):
        if params[name] is not None and params[name] < (0 if name == "desired_count" else 1):
            raise RemediationError(f"{name}: is too small", code="invalid_option")
    secrets = {name: str(source) for name, source in params["secrets"].items()}
    return {"env": env, "secrets": secrets, "cpu": params["cpu"], "memory": params["memory"]}


def must_deploy(params: Json, change: Change) -> bool:
    """Tell whether a deployment is due: the revision changes, it is asked for, or nothing else is."""
    if change.definition is not None or params["force"]:
        return True
    asked = params["env"] or params["unset"] or params["secrets"]
    asked = asked or any(params[name] is not None for name in ("cpu", "memory", "desired_count"))
    return params["force"] is None and not asked


def run(ecs: Ecs, params: Json, check_mode: bool, progress: Progress) -> Json:
    """Do it; what was done is in ``progress`` even when it raises."""
    wanted = wanted_revision(params)
    service = ecs.describe()
    check_service(service)
    current = ecs.definition(service["taskDefinition"])
    change = changed_copy(current, ecs.service, params["container"], wanted)
    name, count = short(current["taskDefinitionArn"]), service.get("desiredCount") or 0
    deploys = must_deploy(params, change)
    new_count = params["desired_count"] if params["desired_count"] not in (None, count) else None
    facts: Json = {
        "from": {"version": current["taskDefinitionArn"], "name": name, "desired_count": count},
        "to": {"version": current["taskDefinitionArn"], "name": name, "desired_count": count},
        "undo": None,
    }
    deployment = Deployment(ecs, service, progress, params["wait"], params["poll"])
    if not deploys and new_count is None:
        return {**facts, **deployment.facts}
    if change.definition:
        progress.actions.append(f"registered the next revision of {current['family']}: {'; '.join(change.actions)}")
        progress.before.update(change.before)
        progress.after.update(change.after)
    if deploys:
        progress.actions.append(f"began a new deployment of {ecs.service}")
    if new_count is not None:
        progress.actions.append(f"set the desired count of {ecs.service} from {count} to {new_count}")
        progress.before["desired_count"], progress.after["desired_count"] = count, new_count
        facts["to"]["desired_count"] = new_count
    undo = {"version": current["taskDefinitionArn"] if change.definition else None}
    facts["undo"] = {**undo, "desired_count": count if new_count is not None else None}
    progress.changed = True
    if check_mode:
        return {**facts, **deployment.facts}
    progress.changed = False
    return _act(ecs, service, current, change, deploys, new_count, deployment, facts, progress)


def _act(
    ecs: Ecs,
    service: Json,
    current: Json,
    change: Change,
    deploys: bool,
    new_count: int | None,
    deployment: Deployment,
    facts: Json,
    progress: Progress,
) -> Json:
    arn = current["taskDefinitionArn"]
    request: Json = {} if new_count is None else {"desiredCount": new_count}
    known: list[str] | None = []
    before: dict[str, str] = {}
    if deploys:
        known = known_rollouts(ecs)
        if change.definition:
            arn = ecs.register(change.definition)["taskDefinitionArn"]
            progress.changed = True
            request["taskDefinition"] = arn
            facts["to"].update(version=arn, name=short(arn))
        else:
            request["forceNewDeployment"] = True
            before = _digests_now(ecs, known)
    what = f"the new deployment of {ecs.service}" if deploys else f"the change of {ecs.service}"
    try:
        resized = t.cast(int, new_count)
        outcome = deployment.begin(known, arn, **request) if deploys else deployment.resize(resized)
        deployment.check(outcome, what)
    except DeploymentFailed as error:
        error.facts = {**facts, **error.facts}
        raise
    if deploys and outcome.status != "IN_PROGRESS":
        deployment.compare_digests(before)
    return {**facts, **deployment.facts}


def _digests_now(ecs: Ecs, known: list[str] | None) -> dict[str, str]:
    """Return the image digests of the newest deployment: tags are resolved anew by the one to come."""
    if not known:
        return {}
    newest = next((read_rollout(found, found) for found in ecs.rollouts(known[:1])), None)
    arn = (newest.back_to or newest.target) if newest else None
    found = ecs.revisions([arn]) if arn else []
    return dict(read_revision(found[0]).digests) if found else {}
