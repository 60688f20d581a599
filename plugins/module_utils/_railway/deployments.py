# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decisions about deployments: what a status means, which one serves, which one to go back to, and which new one is
ours. Pure.

A deployment is the node Railway returns. Its ``meta`` has no schema, so every key of it may be missing.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._docker.times import iso, parse
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

IN_PROGRESS, APPROVAL, UP, FAILED, SKIPPED, GONE, UNKNOWN = (
    "in_progress",
    "approval",
    "up",
    "failed",
    "skipped",
    "gone",
    "unknown",
)

#: Status -> what it means. Others are unknown: reported, and not taken for an end.
CLASS_OF: dict[str, str] = {
    "INITIALIZING": IN_PROGRESS,
    "QUEUED": IN_PROGRESS,
    "WAITING": IN_PROGRESS,
    "BUILDING": IN_PROGRESS,
    "DEPLOYING": IN_PROGRESS,
    "NEEDS_APPROVAL": APPROVAL,
    "SUCCESS": UP,
    "SLEEPING": UP,
    "CRASHED": FAILED,
    "FAILED": FAILED,
    "SKIPPED": SKIPPED,
    "REMOVING": GONE,
    "REMOVED": GONE,
}

#: Statuses before Railway begins to work on a deployment.
QUEUED = ("INITIALIZING", "QUEUED", "WAITING")

#: Statuses of a deployment that ran once and can be gone back to.
ONCE_RAN = ("SUCCESS", "SLEEPING", "REMOVING", "REMOVED")


def class_of(status: str) -> str:
    """Return what a deployment status means."""
    return CLASS_OF.get(status, UNKNOWN)


def created(deployment: Json) -> float:
    """Return when it was made, in epoch seconds; 0 when that is not said."""
    moment = parse(deployment.get("createdAt"))
    return moment.timestamp() if moment else 0.0


def newest_first(deployments: t.Iterable[Json]) -> list[Json]:
    """Return them newest first, each id once: Railway promises no order."""
    return sorted({node["id"]: node for node in deployments}.values(), key=created, reverse=True)


def meta_of(deployment: Json) -> Json:
    """Return what is said of its source; an empty dictionary when nothing is."""
    meta = deployment.get("meta")
    return meta if isinstance(meta, dict) else {}


def artefact(deployment: Json) -> str | None:
    """Return what it runs, as exactly as is known: image digest, image, or commit; None when nothing is said."""
    meta = meta_of(deployment)
    for key in ("imageDigest", "image", "commitHash"):
        if meta.get(key):
            return f"{key}:{meta[key]}"
    return None


def display_name(deployment: Json) -> str:
    """Return what people call it: its image, or its commit with the first line of the message."""
    meta = meta_of(deployment)
    if meta.get("image"):
        return str(meta["image"])
    if meta.get("commitHash"):
        words = str(meta.get("commitMessage") or "").splitlines()
        return f"{str(meta['commitHash'])[:12]}{': ' + words[0] if words else ''}"
    return str(deployment["id"])


def runs_the_same(one: Json, other: Json) -> bool | None:
    """Tell whether two deployments run the same artefact; None when nobody can say."""
    first, second = meta_of(one), meta_of(other)
    for key in ("imageDigest", "commitHash", "image"):
        if first.get(key) and second.get(key):
            return bool(first[key] == second[key])
    return None


def active_of(instance: Json) -> list[Json]:
    """Return the deployments that really run, newest first."""
    running = [node for node in instance.get("activeDeployments") or [] if class_of(node["status"]) != GONE]
    return newest_first(running)


def current_of(instance: Json, deployments: t.Sequence[Json]) -> Json | None:
    """Return the deployment the service stands on: the one that runs, else the newest one that came to run or to fail.

    The newest record is not it: it may have failed while an older one serves, or it may be stale.
    """
    active = active_of(instance)
    if active:
        return active[0]
    latest = instance.get("latestDeployment")
    known = newest_first([*([latest] if latest else []), *deployments])
    meaning = {node["id"]: class_of(node["status"]) for node in known}
    for wanted in ((UP, FAILED), (IN_PROGRESS, APPROVAL, UNKNOWN)):
        found = [node for node in known if meaning[node["id"]] in wanted]
        if found:
            return found[0]
    return None


def latest_of(instance: Json, deployments: t.Sequence[Json]) -> Json | None:
    """Return the newest record, whatever became of it. ``latestDeployment`` alone may be stale."""
    latest = instance.get("latestDeployment")
    known = newest_first([*([latest] if latest else []), *deployments])
    return known[0] if known else None


@dataclass(frozen=True)
class Target:
    """A deployment to go back to, and how it was found: requested, known_good or previous."""

    deployment: Json
    found_by: str

    def as_dict(self) -> Json:
        """Return it as modules return it."""
        return {
            "version": self.deployment["id"],
            "name": display_name(self.deployment),
            "found_by": self.found_by,
        }


def candidates_of(deployments: t.Sequence[Json], current: Json | None) -> list[Json]:
    """Return the deployments a rollback may go to, best first.

    They still have their image, once ran, run something else than the current one, and something older: what came after
    the current artefact first appeared is what was rolled back from.
    """
    known = newest_first(deployments)
    if current is None:
        return [node for node in known if node["canRollback"] and node["status"] in ONCE_RAN]
    begin = _first_seen(current, known)
    return [
        node
        for node in known
        if node["canRollback"]
        and node["status"] in ONCE_RAN
        and node["id"] != current["id"]
        and not runs_the_same(node, current)
        and _first_seen(node, known) < begin
    ]


def before(deployments: t.Sequence[Json], current: Json | None) -> Json | None:
    """Return the newest deployment before the current one that can be gone back to, whatever it runs."""
    for node in newest_first(deployments):
        older = current is None or (node["id"] != current["id"] and created(node) <= created(current))
        if older and node["canRollback"] and node["status"] in ONCE_RAN:
            return node
    return None


def _first_seen(deployment: Json, known: t.Sequence[Json]) -> float:
    """Return when the artefact of ``deployment`` first appeared."""
    same = [created(node) for node in known if runs_the_same(node, deployment)]
    return min([created(deployment), *same])


def choose_target(
    deployments: t.Sequence[Json],
    current: Json | None,
    to: str | None = None,
    known_good: t.Sequence[str] = (),
    exclude: t.Collection[str] = (),
    other_variables: t.Collection[str] = (),
    only_known_good: bool = False,
) -> Target:
    """Choose the deployment to go back to.

    :param to: id asked for.
    :param known_good: ids known to be good, best first; those that cannot be gone back to are passed over.
    :param exclude: ids known to be bad.
    :param other_variables: ids of known_good that ran with other variables than the current one runs with.
    :param only_known_good: go to nothing else, and stay where one of them runs already: a plan named them.
    :raises RemediationError: ``no_previous_version``, ``not_rollbackable`` or ``excluded_target``.
    """
    by_id = {node["id"]: node for node in deployments}
    if to:
        if to in exclude:
            raise RemediationError("to and exclude name the same deployment: say which is meant", "excluded_target")
        if to not in by_id:
            raise RemediationError(
                f"to: {to} is none of the newest {len(by_id)} deployments of this service", "not_rollbackable"
            )
        is_current = current is not None and to == current["id"]
        if not by_id[to]["canRollback"] and not is_current:
            raise RemediationError(
                f"to: Railway no longer keeps the image of {to} (canRollback is false); deploy its commit or image again",
                "not_rollbackable",
            )
        return Target(by_id[to], "requested")
    good = [by_id[version] for version in known_good if version in by_id and version not in exclude]
    same = [node for node in good if _runs_as(node, current) and node["id"] not in other_variables]
    if only_known_good and same and current is not None and class_of(current["status"]) == UP:
        return Target(same[0], "known_good")
    for node in good:
        if node["canRollback"] and node["status"] in ONCE_RAN and node not in same:
            return Target(node, "known_good")
    if only_known_good:
        raise RemediationError(
            f"candidates: none of the {len(known_good)} deployments named can be gone back to (Railway no longer keeps "
            "it, it runs already and does not work, or it is in exclude), and only_candidates forbids any other; look "
            "again and plan anew, or name one with 'to'",
            "no_previous_version",
        )
    for node in candidates_of(deployments, current):
        if node["id"] not in exclude:
            return Target(node, "previous")
    raise RemediationError(
        "there is no earlier deployment whose image Railway still keeps (canRollback); "
        "deploy an earlier commit or image with your deploy tool",
        "no_previous_version",
    )


def _runs_as(node: Json, current: Json | None) -> bool:
    """Tell whether a deployment is the current one or runs the same artefact."""
    return current is not None and (node["id"] == current["id"] or bool(runs_the_same(node, current)))


def adopt(deployments: t.Sequence[Json], known: t.Collection[str], expected: Json | None) -> Json | None:
    """Return the deployment that a write of ours made, None when it does not show yet.

    It is new, and runs what was asked for. Of several that do, ours is the oldest: somebody else's came after it. One
    that says nothing about what it runs is taken only where nothing else can be compared.

    :param known: ids there were before the write.
    :param expected: a deployment that runs what the new one must run, None when anything may come.
    """
    unseen = newest_first([node for node in deployments if node["id"] not in known])[::-1]
    if expected is None or artefact(expected) is None:
        return unseen[0] if unseen else None
    verdicts = [(runs_the_same(node, expected), node) for node in unseen]
    for wanted in (True, None):
        for verdict, node in verdicts:
            if verdict is wanted:
                return node
    return None


def shown(deployment: Json | None) -> Json | None:
    """Return a deployment as modules return it."""
    if deployment is None:
        return None
    creator = deployment.get("creator") or {}
    return {
        "id": deployment["id"],
        "status": deployment["status"],
        "name": display_name(deployment),
        "created": iso(deployment.get("createdAt")),
        "creator": creator.get("id"),
        "can_rollback": deployment.get("canRollback"),
        "can_redeploy": deployment.get("canRedeploy"),
        "stopped": deployment.get("deploymentStopped"),
        "instances": deployment.get("instances") or [],
    }
