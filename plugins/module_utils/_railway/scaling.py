# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many instances a service on Railway has, by region, and how their number is changed.

Railway changes it without a new deployment: the one that runs gets more instances, or fewer.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments as decide
from ansible_collections.sre.remediation.plugins.module_utils._railway import follow, read, waiting
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import Change, is_stopped

Json = dict[str, t.Any]

REPLICAS_MOST = 50  #: Railway's own limit


def regions_of(config: Json, service_id: str, instance: Json, current: Json | None) -> dict[str, int]:
    """Return the number of instances in each region. Pure.

    The environment's configuration is what the next change starts from. Where it names no region, what the deployment was
    made with is next, then the service instance, whose own number need not follow a change.
    """
    service = (config.get("services") or {}).get(service_id) or {}
    manifest = (decide.meta_of(current).get("serviceManifest") or {}) if current else {}
    for source in (service, manifest):
        regions = ((source.get("deploy") or {}).get("multiRegionConfig")) or {}
        found = {name: int((has or {}).get("numReplicas") or 1) for name, has in regions.items() if has is not None}
        if found:
            return found
    region = instance.get("region")
    return {str(region): instance.get("numReplicas") or 1} if region else {}


def region_of(regions: t.Collection[str], asked: str | None) -> str:
    """Return the region whose instances are meant; RemediationError when there are several or none is known. Pure."""
    if asked:
        return asked
    if len(regions) > 1:
        raise RemediationError(
            f"region: the service runs in {', '.join(sorted(regions))}; say which is meant", "invalid_option"
        )
    if not regions:
        raise RemediationError("region: Railway does not say where the service runs; give it", "invalid_option")
    return next(iter(regions))


def scale(change: Change, replicas: int, asked: str | None) -> tuple[Json, Json]:
    """Bring one region to ``replicas`` instances, and wait until they run: what to add to the facts, and the undo."""
    variables: Json = {"environmentId": change.scope.environment_id}
    config = change.client.execute("EnvironmentConfig", variables)["environment"]["config"] or {}
    current = change.known.current
    regions = regions_of(config, change.scope.service_id, change.known.instance, current)
    where = region_of(regions, asked)
    before = regions.get(where, 0)
    if replicas == before:
        return {}, {}
    if replicas > 1 and change.volumes():
        raise RemediationError("replicas: a service with a volume can have only one instance", "invalid_option")
    change.done.plan(f"scaled to {replicas} instances in {where}", {"replicas": before}, {"replicas": replicas})
    undo = {"replicas": before, **({"region": where} if asked else {})} if before else {}
    if change.done.check_mode:
        return {}, undo
    patch = {
        "services": {change.scope.service_id: {"deploy": {"multiRegionConfig": {where: {"numReplicas": replicas}}}}}
    }
    change.send("EnvironmentPatchCommit", {**variables, "patch": patch, "commitMessage": "sre.remediation: scale"})
    serves = current is not None and decide.class_of(current["status"]) == decide.UP and not is_stopped(current)
    if not change.wait or not serves:
        return {}, undo
    return {"deployment": _follow(change, sum({**regions, where: replicas}.values()))}, undo


def _follow(change: Change, wanted: int) -> Json:
    """Wait until as many instances run as shall, and stay so for the window."""
    client, scope, limits = change.client, change.scope, change.limits
    deadline, pause = client.deadline(limits.timeout), waiting.FIRST_POLL / 4
    node, running = None, 0
    while True:
        known = follow.tolerant(lambda: read.read(client, scope, variables=False, limits=False), deadline)
        node = known.current if known else node
        running = sum(item["status"] == "RUNNING" for item in (node or {}).get("instances") or [])
        if node and running == wanted:
            break
        if node and decide.class_of(node["status"]) == decide.FAILED:
            code = f"deployment_{node['status'].lower()}"
            reason = f"it {node['status'].lower()} after it was scaled"
            raise follow.explained(client, scope, node["id"], node, code, reason, change.known.secrets)
        if deadline.left <= 0:
            ident = node["id"] if node else "of no id"
            reason = f"{running} of {wanted} instances run {limits.timeout:.0f} s after it was scaled"
            raise follow.explained(client, scope, ident, node, "timeout", reason, change.known.secrets)
        client.pause(pause, deadline)
        pause = min(pause * 2, waiting.LONGEST_POLL)
    if limits.window <= 0:
        return node
    rest = waiting.Limits(max(deadline.left, limits.window + 1), limits.queue_timeout, limits.window)
    return follow.follow(client, scope, node["id"], rest, change.known.secrets)
