# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of the volume of a Railway service: make one, list them, put one back.

Railway makes and restores in the background and names no backup it made: it is found in the list. A restore is only
staged, and committing it commits whatever else is staged, so that must be nothing.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker.times import iso
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import follow, read
from ansible_collections.sre.remediation.plugins.module_utils._railway.answers import RailwayError
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import Change, Done
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.deployments import created
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope
from ansible_collections.sre.remediation.plugins.module_utils._railway.states import wait_limits

Json = dict[str, t.Any]

POLL = 1.0  #: seconds between two looks at a workflow
NOT_FOUND_GRACE = 30.0  #: seconds a workflow may be unknown after it was begun


def shown(backup: Json) -> Json:
    """Return a backup as the module returns it. Railway's sizes are hours old."""
    return {
        "id": backup["id"],
        "name": backup.get("name"),
        "created": iso(backup.get("createdAt")),
        "expires": iso(backup.get("expiresAt")),
        "used_mb": backup.get("usedMB"),
    }


def is_empty_patch(patch: t.Any) -> bool:
    """Tell whether a staged patch changes nothing: it holds no value but empty dictionaries. Pure."""
    if isinstance(patch, dict):
        return all(is_empty_patch(value) for value in patch.values())
    return patch is None


def newest_made(backups: t.Sequence[Json], known: t.Collection[str], name: str | None) -> Json | None:
    """Return the backup that was made since ``known``, by its name where it has one. Pure."""
    unseen = [backup for backup in backups if backup["id"] not in known]
    named = [backup for backup in unseen if name and backup.get("name") == name]
    return max(named or ([] if name else unseen), key=created, default=None)


class Backups:
    """The backups of the one volume of a service."""

    def __init__(self, change: Change, timeout: float) -> None:
        self.change = change
        self.client = change.client
        self.timeout = timeout
        volumes = change.volumes()
        if not volumes:
            raise RemediationError(f"{change.scope.name} has no volume in this environment", "volume_missing")
        if len(volumes) > 1:
            raise RemediationError(
                f"{change.scope.name} has {len(volumes)} volumes; that is not supported", "ambiguous"
            )
        self.volume = volumes[0]

    def list(self) -> list[Json]:
        """Return the backups, newest first."""
        data = self.client.execute("VolumeInstanceBackupList", {"volumeInstanceId": self.volume["id"]})
        return sorted(data["volumeInstanceBackupList"], key=created, reverse=True)

    def create(self, name: str) -> Json:
        """Make a backup, and return it once it is complete."""
        before = self.list()
        if any(backup.get("name") == name for backup in before):
            return next(backup for backup in before if backup.get("name") == name)
        self.change.done.plan(f"made the backup {name} of volume {self.volume['volume']['name']}", {}, {"backup": name})
        if self.change.done.check_mode:
            return {"id": None, "name": name}
        known = {backup["id"] for backup in before}
        variables = {"volumeInstanceId": self.volume["id"], "name": name}
        answer, sure = self.change.send("VolumeInstanceBackupCreate", variables)
        if sure:
            self._complete(answer, "the backup")
        deadline = self.client.deadline(follow.LIST_LAG)
        while True:
            found = newest_made(self.list(), known, name)
            if found:
                return found
            if deadline.left <= 0:
                raise RemediationError(f"the backup {name} does not show in the list", "outcome_unknown")
            self.client.pause(2 * POLL, deadline)

    def restore(self, ident: str) -> Json:
        """Put a backup back, and return the deployment that runs on it."""
        backup = next((item for item in self.list() if ident in (item["id"], item.get("name"))), None)
        if backup is None:
            raise RemediationError(f"backup: there is no {ident} of this volume", "not_found")
        self._refuse_when_staged()
        what = f"restored volume {self.volume['volume']['name']} from {backup.get('name') or backup['id']}"
        self.change.done.plan(f"{what} ({iso(backup.get('createdAt'))})", {}, {"restored_from": backup["id"]})
        if self.change.done.check_mode:
            return backup
        variables = {"volumeInstanceId": self.volume["id"], "volumeInstanceBackupId": backup["id"]}
        answer, sure = self.change.send("VolumeInstanceBackupRestore", variables)
        if not sure:
            raise RemediationError(
                "nobody can say whether Railway staged the restore. Look at the staged changes before trying again",
                "outcome_unknown",
            )
        self._complete(answer, "the restore")
        self.change.known = read.read(self.client, self.change.scope, limits=False)
        commit = {"environmentId": self.change.scope.environment_id, "commitMessage": f"sre.remediation: {what}"}
        expected = self.change.known.current
        known = {node["id"] for node in self.change.known.deployments}
        self.change.send("EnvironmentPatchCommitStaged", commit)
        own = follow.find_new(self.client, self.change.scope, known, expected, follow.LIST_LAG)
        if own is None:
            raise RemediationError(
                "Railway committed the restore, but no new deployment is seen", "deployment_not_seen"
            )
        self.change.wait_for(own["id"])
        return backup

    def _refuse_when_staged(self) -> None:
        variables = {"environmentId": self.change.scope.environment_id}
        staged = self.client.execute("EnvironmentStagedChanges", variables)["environmentStagedChanges"]
        if staged and not is_empty_patch(staged.get("patch")):
            raise RemediationError(
                "the environment has other staged changes, which the restore would deploy too; "
                "deploy or discard them in Railway's dashboard first",
                "staged_changes",
            )

    def _complete(self, answer: t.Any, what: str) -> None:
        """Wait for a workflow: unknown at first, then running, then complete."""
        ident = (answer or {}).get("workflowId")
        if not ident:
            return
        deadline = self.client.deadline(self.timeout)
        while True:
            try:
                result = self.client.execute("WorkflowStatus", {"workflowId": ident}, deadline)["workflowStatus"]
            except RailwayError as error:
                if not error.transient:
                    raise
                result = {"status": "Running"}
            if result["status"] == "Complete":
                return
            if result["status"] == "Error":
                raise RemediationError(f"Railway could not finish {what}: {result.get('error')}", "workflow_failed")
            lost = result["status"] == "NotFound" and deadline.elapsed > NOT_FOUND_GRACE
            if lost or deadline.left <= 0:
                raise RemediationError(f"Railway has not finished {what} after {deadline.elapsed:.0f} s", "timeout")
            self.client.pause(POLL, deadline)


def apply(client: Client, params: t.Mapping[str, t.Any], done: Done) -> Json:
    """Do what ``params`` ask for, and return the facts of the module."""
    limits = wait_limits(params)
    where = scope(client, params["project"], params["environment"], params["service"])
    # What Railway says of the service is read when it is needed: a list needs only the volume.
    change = Change(client, where, read.Known({}, []), done, limits)
    backups = Backups(change, params["wait_timeout"])
    facts: Json = {"volume": backups.volume["volume"]["name"], "backup": None}
    if params["state"] == "created":
        facts["backup"] = shown(backups.create(params["name"]))
    elif params["state"] == "restored":
        facts["backup"] = shown(backups.restore(params["backup"]))
    facts["backups"] = [shown(backup) for backup in backups.list()]
    return facts
