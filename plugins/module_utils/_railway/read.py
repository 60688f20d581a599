# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a service: its normalized state, its deployments and its newest log lines, in two requests.

What is not needed for the state (variables, limits, words) is best effort: when Railway does not give it to this token,
the look goes on and says so in a warning.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments as decide
from ansible_collections.sre.remediation.plugins.module_utils._railway import state
from ansible_collections.sre.remediation.plugins.module_utils._railway.answers import RailwayError
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.logs import lines_of
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import Scope
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact, secret_values
from ansible_collections.sre.remediation.plugins.module_utils._service import State

Json = dict[str, t.Any]

NEWEST = 50  #: deployments that are looked at

#: Root field of an answer -> the variable of the operation that leaves it out.
OPTIONAL = {
    "variables": "variables",
    "serviceInstanceLimits": "limits",
    "deploymentLogs": "runtime",
    "buildLogs": "build",
    "deploymentEvents": "events",
    "deploymentSnapshot": "previous",
}


@dataclass
class Known:
    """What Railway says about a service. ``variables`` holds values: they stay here."""

    instance: Json
    deployments: list[Json]
    variables: Json = field(default_factory=dict)
    limits: t.Any = None
    warnings: list[str] = field(default_factory=list)

    @property
    def current(self) -> Json | None:
        """The deployment the service stands on."""
        return decide.current_of(self.instance, self.deployments)

    @property
    def latest(self) -> Json | None:
        """The newest record, whatever became of it."""
        return decide.latest_of(self.instance, self.deployments)

    @property
    def active(self) -> list[Json]:
        """The deployments that run, newest first."""
        return decide.active_of(self.instance)

    @property
    def secrets(self) -> list[str]:
        """The values that must not be shown."""
        return secret_values({name: str(value) for name, value in self.variables.items() if value})


@dataclass
class Look:
    """What one look found."""

    service: State
    railway: Json
    logs: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def ask(client: Client, name: str, variables: Json, warnings: list[str]) -> Json:
    """Send a query, and again without each part that Railway does not give this token."""
    asked = dict(variables)
    while True:
        try:
            return client.execute(name, asked)
        except RailwayError as error:
            part = OPTIONAL.get(error.path or "")
            if part is None or not asked.get(part):
                raise
            warnings.append(f"{error.path}: {error.message}")
            asked[part] = False


def read(client: Client, scope: Scope, *, variables: bool = True, limits: bool = True) -> Known:
    """Read all about a service but its words, in one request."""
    warnings: list[str] = []
    asked = {**scope.ids, "first": NEWEST, "variables": variables, "limits": limits}
    data = ask(client, "ServiceLook", asked, warnings)
    return Known(
        instance=data["serviceInstance"],
        deployments=decide.newest_first(edge["node"] for edge in data["deployments"]["edges"]),
        variables=data.get("variables") or {},
        limits=data.get("serviceInstanceLimits"),
        warnings=warnings,
    )


def words(
    client: Client,
    deployment: Json,
    lines: int,
    since: str | None,
    warnings: list,
    failed: Json | None = None,
    previous: Json | None = None,
) -> Json:
    """Read what a deployment said, why ``failed`` did, and which variables ``previous`` ran with, in one request."""
    asked = {
        "id": deployment["id"],
        "limit": lines,
        "since": since,
        "runtime": lines > 0,
        "build": deployment["status"] == "FAILED" and lines > 0,
        "failedId": (failed or deployment)["id"],
        "events": failed is not None,
        "previousId": (previous or deployment)["id"],
        "previous": previous is not None,
    }
    return ask(client, "DeploymentWords", asked, warnings)


def errors_of(said: Json) -> list[str]:
    """Return what the events of a deployment say went wrong."""
    edges = (said.get("deploymentEvents") or {}).get("edges") or []
    payloads = [(edge["node"]["step"], edge["node"].get("payload") or {}) for edge in edges]
    return [f"{step}: {payload['error']}" for step, payload in payloads if payload.get("error")]


def look(client: Client, scope: Scope, log_lines: int, required_env: t.Sequence[str] = ()) -> Look:
    """Read the state of a service and its newest log lines, with every secret taken out."""
    known = read(client, scope)
    current, latest = known.current, known.latest
    failed = latest if latest and latest["status"] == "FAILED" else None
    speaker = failed if failed and not known.active else current
    older = decide.candidates_of(known.deployments, current)
    lost = [name for name in required_env if name not in known.variables]
    said: Json = {}
    previous: Json | None = None
    if speaker and (log_lines or failed):
        previous = decide.before(known.deployments, current) if lost else None
        said = words(client, speaker, log_lines, state.log_since(speaker), known.warnings, failed, previous)
    service = state.service_state(known.instance, known.deployments, known.variables, known.limits, errors_of(said))
    snapshot = (said.get("deploymentSnapshot") or {}).get("variables") or {}
    found_again = sorted(set(lost) & set(snapshot))
    if previous and found_again:
        # It may run the same image: what it has over the current one is the variables.
        service["previous_version"] = {**state.previous_of(previous), "env_names": sorted(snapshot)}
        service["env_lost_since_previous"] = found_again
    secrets = known.secrets + secret_values({name: str(value) for name, value in snapshot.items() if value})
    lines = lines_of([*(said.get("buildLogs") or []), *(said.get("deploymentLogs") or [])], log_lines)
    service["start_error"] = redact(service["start_error"], secrets)
    return Look(
        service=service,
        railway=redact(railway_facts(scope, known, older), secrets),
        logs=redact(lines, secrets),
        warnings=redact(known.warnings, secrets),
    )


def railway_facts(scope: Scope, known: Known, older: t.Sequence[Json]) -> Json:
    """Return what only Railway has, as modules return it."""
    instance = known.instance
    return {
        "project_id": scope.project_id,
        "environment_id": scope.environment_id,
        "service_id": scope.service_id,
        "active": [decide.shown(node) for node in known.active],
        "latest": decide.shown(known.latest),
        "rollback_candidates": [decide.shown(node) for node in older],
        "source": instance.get("source"),
        "region": instance.get("region"),
        "healthcheck": {"path": instance.get("healthcheckPath"), "timeout": instance.get("healthcheckTimeout")},
        "restart_policy": {
            "type": instance.get("restartPolicyType"),
            "max_retries": instance.get("restartPolicyMaxRetries"),
        },
        "sleeps": bool(instance.get("sleepApplication")),
        "cron_schedule": instance.get("cronSchedule"),
    }
