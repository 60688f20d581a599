# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which project, environment and service are meant, by id or by name.

Ids cost no request. Names cost one or two with a project token, and up to one per page of projects more with others.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import astuple, dataclass

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client

Json = dict[str, t.Any]

PAGE = 100  #: nodes of one page
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """An environment of a project; names are empty where only ids were given."""

    project_id: str
    environment_id: str
    project_name: str = ""
    environment_name: str = ""


@dataclass(frozen=True)
class Scope(Place):
    """A service in an environment of a project."""

    service_id: str = ""
    name: str = ""

    @property
    def ids(self) -> dict[str, str]:
        """The ids as the operations name them."""
        return {
            "projectId": self.project_id,
            "environmentId": self.environment_id,
            "serviceId": self.service_id,
        }


def is_id(text: str | None) -> bool:
    """Tell whether it is an id rather than a name."""
    return bool(text and _ID.fullmatch(text))


def pick(option: str, wanted: str, nodes: t.Sequence[Json], id_key: str = "id", name_key: str = "name") -> Json:
    """Return the one node with the id or the name ``wanted``.

    :raises RemediationError: ``not_found`` or ``ambiguous``.
    """
    found = [node for node in nodes if wanted in (node[id_key], node[name_key])]
    if not found:
        names = ", ".join(sorted(str(node[name_key]) for node in nodes)[:20]) or "none"
        raise RemediationError(f"{option}: there is no {wanted} (there are: {names})", "not_found")
    if len(found) > 1:
        raise RemediationError(f"{option}: {len(found)} are called {wanted}; give the id", "ambiguous")
    return found[0]


def place(client: Client, project: str | None, environment: str | None) -> Place:
    """Find the environment.

    A project token belongs to one environment: project and environment may be left out then, and must fit where given.
    """
    if project and environment and is_id(project) and is_id(environment):
        return Place(project, environment)
    if client.connection.token_type == "project":
        return _of_token(client.execute("ProjectToken")["projectToken"], project, environment)
    if not project or not environment:
        raise RemediationError(
            "give project and environment: only a token of type project says them by itself", "invalid_option"
        )
    project_id = project if is_id(project) else pick("project", project, projects(client))["id"]
    environments = client.pages("ProjectEnvironments", {"id": project_id}, ("project", "environments"), PAGE)
    found = pick("environment", environment, environments)
    if found.get("canAccess") is False:
        raise RemediationError(f"environment: this token may not see {environment}", "unauthorized")
    return Place(project_id, found["id"], "" if is_id(project) else project, found["name"])


def _of_token(token: Json, project: str | None, environment: str | None) -> Place:
    for option, wanted, node in (
        ("project", project, token["project"]),
        ("environment", environment, token["environment"]),
    ):
        if wanted and wanted not in (node["id"], node["name"]):
            raise RemediationError(
                f"{option}: this project token belongs to {node['name']}, not to {wanted}", "wrong_scope"
            )
    names = (token["project"]["name"], token["environment"]["name"])
    return Place(token["projectId"], token["environmentId"], *names)


def projects(client: Client) -> list[Json]:
    """Return all projects the token may see. Asked without a workspace Railway gives an account token none."""
    workspaces = client.execute("ApiToken")["apiToken"]["workspaces"]
    return [
        project
        for workspace in workspaces
        for project in client.pages("WorkspaceProjects", {"workspaceId": workspace["id"]}, ("projects",), PAGE)
    ]


def scope(client: Client, project: str | None, environment: str | None, service: str) -> Scope:
    """Find the service; RemediationError (``not_found``) when it has no instance in the environment."""
    if not service:
        raise RemediationError("service: an empty one names nothing", "invalid_option")
    where = place(client, project, environment)
    if is_id(service):
        return Scope(*astuple(where), service, service)
    variables = {"environmentId": where.environment_id}
    nodes = client.pages("EnvironmentServices", variables, ("environment", "serviceInstances"), PAGE)
    found = pick("service", service, nodes, "serviceId", "serviceName")
    return Scope(*astuple(where), found["serviceId"], found["serviceName"])
