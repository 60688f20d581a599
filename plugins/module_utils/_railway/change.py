# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to a service on Railway: each sent once, then found again by its effect, then waited for.

A write that may be repeated without harm is. Any other is sent again only when it surely did nothing; when nobody can say
what it did, what it should have made is looked for, and without it the change fails with ``outcome_unknown``.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments as decide
from ansible_collections.sre.remediation.plugins.module_utils._railway import follow, waiting
from ansible_collections.sre.remediation.plugins.module_utils._railway.answers import RailwayError
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.read import Known
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import PAGE, Scope

Json = dict[str, t.Any]

STOP_TIMEOUT = 60.0  #: seconds a stopped deployment may take to end


@dataclass
class Done:
    """What a module did so far, in the form modules return. In check mode: what it would do."""

    check_mode: bool = False
    changed: bool = False
    actions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: Json = field(default_factory=dict)
    after: Json = field(default_factory=dict)

    def plan(self, action: str, before: Json, after: Json) -> None:
        """Note a change that is about to be made."""
        self.changed = True
        self.actions.append(action)
        self.before.update(before)
        self.after.update(after)

    def as_dict(self) -> Json:
        """Return it as modules return it."""
        return {"changed": self.changed, "actions": self.actions, "diff": {"before": self.before, "after": self.after}}


@dataclass
class Change:
    """One service that is being changed."""

    client: Client
    scope: Scope
    known: Known
    done: Done
    limits: waiting.Limits
    wait: bool = True
    snapshots: dict[str, Json | None] = field(default_factory=dict)

    def current(self) -> Json:
        """The deployment the service stands on; RemediationError when it has none."""
        found = self.known.current
        if found is None:
            raise RemediationError(
                f"{self.scope.name} has no deployment to work on; use state=deployed", "deployment_missing"
            )
        return found

    def send(self, name: str, variables: Json) -> tuple[t.Any, bool]:
        """Send a write: its answer, and whether it is known to have been done."""
        try:
            answer = next(iter(self.client.execute(name, variables).values()), None)
        except RailwayError as error:
            if error.code != "outcome_unknown":
                raise
            self.done.warnings.append(error.message)
            return None, False
        if answer is False:
            raise RemediationError(f"Railway answered {name} with false: it did nothing", "refused_by_platform")
        return answer, True

    def new_deployment(self, name: str, variables: Json, expected: Json | None) -> Json:
        """Send a write that makes a deployment, and return it once it is up (at once when nothing is waited for)."""
        known = {node["id"] for node in self.known.deployments}
        answer, sure = self.send(name, variables)
        ident = answer.get("id") if isinstance(answer, dict) else answer if isinstance(answer, str) else None
        if not ident:
            own = follow.find_new(self.client, self.scope, known, expected, follow.LIST_LAG)
            if own is None:
                raise self._unseen(sure, name)
            ident = own["id"]
        return self.wait_for(ident)

    def _unseen(self, sure: bool, name: str) -> RemediationError:
        incident = follow.incident_of(self.client)
        also = f". Railway has an incident of its own: {incident}" if incident else ""
        if sure:
            code = "platform_incident" if incident else "deployment_not_seen"
            return RemediationError(
                f"Railway accepted {name}, but no new deployment is seen after {follow.LIST_LAG:.0f} s{also}", code
            )
        return RemediationError(
            f"nobody can say whether Railway did {name}: no answer, and no new deployment is seen{also}. "
            "Look at the service before trying again",
            "outcome_unknown",
        )

    def wait_for(self, ident: str) -> Json:
        """Wait for a deployment of ours; only look at it when nothing is to be waited for."""
        if not self.wait:
            return follow.deployment(self.client, ident)
        is_job = bool(self.known.instance.get("cronSchedule"))
        return follow.follow(self.client, self.scope, ident, self.limits, self.known.secrets, is_job)

    def restart(self, node: Json) -> Json:
        """Restart a deployment."""
        before = follow.deployment(self.client, node["id"])
        _answer, sure = self.send("DeploymentRestart", {"id": node["id"]})
        if not self.wait:
            return follow.deployment(self.client, node["id"])
        return follow.follow_restart(self.client, self.scope, before, self.limits, sure, self.known.secrets)

    def stop(self, nodes: t.Sequence[Json]) -> list[Json]:
        """Stop deployments, and wait until nothing of them runs."""
        for node in nodes:
            self.send("DeploymentStop", {"id": node["id"]})
        deadline = self.client.deadline(STOP_TIMEOUT)
        while True:
            seen = [follow.deployment(self.client, node["id"]) for node in nodes]
            if not self.wait or all(is_stopped(node) for node in seen):
                return seen
            if deadline.left <= 0:
                raise RemediationError(
                    f"it still runs {STOP_TIMEOUT:.0f} s after Railway was told to stop it", "timeout"
                )
            self.client.pause(waiting.FIRST_POLL, deadline)

    def variables_of(self, node: Json) -> Json | None:
        """Return the variables a deployment ran with, None when Railway does not say. Asked once for each."""
        if node["id"] not in self.snapshots:
            try:
                answer = self.client.execute("DeploymentVariables", {"deploymentId": node["id"]})
            except RailwayError:
                answer = {}
            self.snapshots[node["id"]] = (answer.get("deploymentSnapshot") or {}).get("variables")
        return self.snapshots[node["id"]]

    def same_variables(self, one: Json, other: Json) -> bool:
        """Tell whether two deployments surely ran with the same variables of the user."""
        first, second = (own_variables(self.variables_of(node)) for node in (one, other))
        return first is not None and first == second

    def volumes(self) -> list[Json]:
        """Return the volume instances of the service."""
        variables = {"environmentId": self.scope.environment_id}
        found = self.client.pages("EnvironmentVolumes", variables, ("environment", "volumeInstances"), PAGE)
        return [node for node in found if node["serviceId"] == self.scope.service_id and not node["isPendingDeletion"]]


def is_stopped(node: Json) -> bool:
    """Tell whether nothing of a deployment runs."""
    running = [item for item in node.get("instances") or [] if item["status"] in ("RUNNING", "RESTARTING")]
    return not running and (bool(node.get("deploymentStopped")) or decide.class_of(node["status"]) != decide.UP)


def own_variables(variables: Json | None) -> Json | None:
    """Leave out what Railway adds itself: it differs from deployment to deployment."""
    if variables is None:
        return None
    return {name: value for name, value in variables.items() if not name.startswith("RAILWAY_")}


def expected_of_source(instance: Json, commit: str | None) -> Json | None:
    """Return what a deployment of the current configuration must run, as far as that is known."""
    image = (instance.get("source") or {}).get("image")
    if commit:
        return {"meta": {"commitHash": commit}}
    return {"meta": {"image": image}} if image else None
