# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services of Railway environments as inventory hosts: which there are, and which variables each gets.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import ENDPOINT, Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.deployments import active_of
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import PAGE, is_id, place, projects

Json = dict[str, t.Any]


def find(client: Client, wanted_projects: t.Sequence[str], wanted_environments: t.Sequence[str]) -> list[Json]:
    """Return the hosts of all environments that are wanted, by name.

    :raises RemediationError: ``not_found`` for a project or environment that was named and is not there.
    """
    found = [
        _host(node, project, environment)
        for project, environment in _environments(client, wanted_projects, wanted_environments)
        for node in _instances(client, environment)
    ]
    return sorted(found, key=lambda host: host["name"])


def _environments(client: Client, wanted: t.Sequence[str], environments: t.Sequence[str]) -> list[tuple[Json, Json]]:
    if client.connection.token_type == "project":
        return [_of_token(client, wanted, environments)]
    known = [{"id": ident, "name": ident} for ident in wanted if is_id(ident)]
    if len(known) < len(wanted) or not wanted:
        known = projects(client)
    kept = [project for project in known if not wanted or {project["id"], project["name"]} & set(wanted)]
    _all_there("projects", wanted, kept)
    pairs = [(project, environment) for project in kept for environment in _of_project(client, project, environments)]
    _all_there("environments", environments, [environment for _project, environment in pairs])
    return pairs


def _of_token(client: Client, wanted: t.Sequence[str], environments: t.Sequence[str]) -> tuple[Json, Json]:
    if len(wanted) > 1 or len(environments) > 1:
        raise RemediationError("a project token sees one environment of one project: name no more", "wrong_scope")
    where = place(client, next(iter(wanted), None), next(iter(environments), None))
    project = {"id": where.project_id, "name": where.project_name or where.project_id}
    return project, {"id": where.environment_id, "name": where.environment_name or where.environment_id}


def _of_project(client: Client, project: Json, wanted: t.Sequence[str]) -> list[Json]:
    nodes = client.pages("ProjectEnvironments", {"id": project["id"]}, ("project", "environments"), PAGE)
    seen = [node for node in nodes if node.get("canAccess") is not False]
    if wanted:
        return [node for node in seen if {node["id"], node["name"]} & set(wanted)]
    return [node for node in seen if not node.get("isEphemeral")]


def _all_there(option: str, wanted: t.Sequence[str], found: t.Sequence[Json]) -> None:
    missing = [name for name in wanted if not any(name in (node["id"], node["name"]) for node in found)]
    if missing:
        raise RemediationError(f"{option}: there is no {', '.join(missing)}", "not_found")


def _instances(client: Client, environment: Json) -> list[Json]:
    variables = {"environmentId": environment["id"]}
    return client.pages("EnvironmentInventory", variables, ("environment", "serviceInstances"), PAGE)


def _host(node: Json, project: Json, environment: Json) -> Json:
    domains = node.get("domains") or {}
    active = active_of(node)
    return {
        "name": f"{project['name']}/{environment['name']}/{node['serviceName']}",
        "project_id": project["id"],
        "project_name": project["name"],
        "environment_id": environment["id"],
        "environment_name": environment["name"],
        "service_id": node["serviceId"],
        "service_name": node["serviceName"],
        "domains": [
            entry["domain"] for kind in ("customDomains", "serviceDomains") for entry in domains.get(kind) or []
        ],
        "source": node.get("source"),
        "region": node.get("region"),
        "replicas": node.get("numReplicas") or 1,
        "healthcheck_path": node.get("healthcheckPath"),
        "cron_schedule": node.get("cronSchedule"),
        "active_deployment": active[0]["id"] if active else None,
        "latest_status": (node.get("latestDeployment") or {}).get("status"),
    }


def variables(host: Json, params: t.Mapping[str, t.Any]) -> Json:
    """Return the variables of a host: what the roles need, and what Railway says. Never the token. Pure."""
    railway = {
        "project": host["project_id"],
        "environment": host["environment_id"],
        "service": host["service_id"],
        "token_type": params["token_type"],
    }
    if params["endpoint"] != ENDPOINT:
        railway["endpoint"] = params["endpoint"]
    return {
        "ansible_connection": "local",
        # The Python that runs Ansible: it has all that the modules need.
        "ansible_python_interpreter": sys.executable,
        "service_platform": "railway",
        "service_name": host["service_name"],
        "service_railway": railway,
        **{f"railway_{key}": value for key, value in host.items() if key != "name"},
    }
