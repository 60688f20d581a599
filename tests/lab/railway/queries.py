"""The queries of the double, by name of the field."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from . import views
from .access import require_environment, require_project
from .double import Double
from .metrics import measured
from .paging import connection
from .refusal import NOT_AUTHORIZED, Refused
from .state import Deployment, Service
from .variables import readable

LOG_LIMIT = 500
OWNER = "lab@example.com"
INCIDENT_URL = "https://status.railway.com/"


def find_deployment(double: Double, id: str) -> Deployment:
    """A deployment; any other id, one of another kind too, is Not Authorized."""
    found = double.world.deployments.get(id)
    if found is None:
        raise Refused(NOT_AUTHORIZED)
    return found


def find_service(double: Double, service_id: str, environment_id: str) -> Service:
    require_environment(double.world, environment_id)
    found = double.world.services.get(service_id)
    if found is None:
        raise Refused(NOT_AUTHORIZED)
    return found


class Queries:
    """Each method is a field of Query; ``info.context`` is the `Access` of the request."""

    def __init__(self, double: Double) -> None:
        self.double = double

    # Identity.

    def me(self, info: Any) -> views.View:
        info.context.require("account")
        return {"id": "user", "name": "Lab", "email": OWNER, "workspaces": [self._workspace()]}

    def _workspace(self) -> views.View:
        return {
            "id": self.double.world.workspace_id,
            "name": "Lab",
            "projects": lambda _info, **page: self._projects(page),
        }

    def _projects(self, page: views.View) -> views.View:
        return connection(
            [_Project(self.double)], lambda _p: views.project_view(self.double), self.double.switches, **page
        )

    def apiToken(self, info: Any) -> views.View:
        info.context.require("account", "workspace")
        return {"workspaces": [{"id": self.double.world.workspace_id, "name": "Lab"}]}

    def projectToken(self, info: Any) -> views.View:
        info.context.require("project")
        world = self.double.world
        return {
            "id": world.token_id,
            "name": "lab",
            "projectId": world.project_id,
            "environmentId": world.environment_id,
            "project": views.project_view(self.double),
            "environment": views.environment_view(self.double),
        }

    def workspace(self, info: Any, workspaceId: str) -> views.View:
        info.context.require("account", "workspace")
        if workspaceId != self.double.world.workspace_id:
            raise Refused(NOT_AUTHORIZED)
        return self._workspace()

    def projects(self, info: Any, workspaceId: str | None = None, **page: Any) -> views.View:
        info.context.require("account", "workspace")
        page = {name: page[name] for name in ("first", "after", "last", "before") if name in page}
        if workspaceId is None:  # Railway lists none then
            return connection([], lambda p: p, self.double.switches, **page)
        if workspaceId != self.double.world.workspace_id:
            raise Refused(NOT_AUTHORIZED)
        return self._projects(page)

    def platformStatus(self, _info: Any) -> views.View:
        incident = self.double.world.incident
        shown = incident and {"id": "incident", "status": "INVESTIGATING", "url": INCIDENT_URL, **incident}
        return {"isStable": not incident, "incident": shown}

    # Inventory.

    def project(self, _info: Any, id: str) -> views.View:
        if id != self.double.world.project_id:
            raise Refused("Project not found" if id not in self.double.world.services else NOT_AUTHORIZED)
        return views.project_view(self.double)

    def environment(self, _info: Any, id: str, projectId: str | None = None) -> views.View:
        require_environment(self.double.world, id)
        if projectId is not None:
            require_project(self.double.world, projectId)
        return views.environment_view(self.double)

    def service(self, _info: Any, id: str) -> views.View:
        return views.service_view(self.double, find_service(self.double, id, self.double.world.environment_id))

    def serviceInstance(self, _info: Any, environmentId: str, serviceId: str) -> views.View:
        return views.service_instance_view(self.double, find_service(self.double, serviceId, environmentId))

    def serviceInstanceLimits(self, _info: Any, environmentId: str, serviceId: str) -> views.View:
        service = find_service(self.double, serviceId, environmentId)
        return {"containers": service.limits or {"cpu": 8, "memoryBytes": service.runtime.memory}}

    def serviceInstanceLimitOverride(self, _info: Any, environmentId: str, serviceId: str) -> views.View | None:
        limits = find_service(self.double, serviceId, environmentId).limits
        return {"containers": limits} if limits else None

    def regions(self, _info: Any, projectId: str | None = None) -> list[views.View]:
        return [
            {
                "id": name,
                "name": name,
                "region": name,
                "country": country,
                "location": place,
                "deploymentConstraints": {"deprecationInfo": None},
            }
            for name, country, place in (
                ("us-west2", "US", "US West"),
                ("us-east4-eqdc4a", "US", "US East"),
                ("europe-west4-drams3a", "NL", "EU West"),
            )
        ]

    # Deployments.

    def deployments(self, _info: Any, input: dict[str, Any], **page: Any) -> views.View:
        world = self.double.world
        wanted = input.get("status") or {}
        if input.get("environmentId"):
            require_environment(world, input["environmentId"])
        if input.get("projectId"):
            require_project(world, input["projectId"])
        if input.get("serviceId") and input["serviceId"] not in world.services:
            raise Refused(NOT_AUTHORIZED)
        listed = [
            d
            for d in sorted(world.deployments.values(), key=lambda d: d.created_at, reverse=True)
            if input.get("serviceId") in (None, d.service.id)
            and (wanted.get("in") is None or d.status in wanted["in"])
            and d.status not in (wanted.get("notIn") or ())
        ]
        shown = [d for d in listed if d.hidden_polls <= 0]
        for deployment in listed:
            deployment.hidden_polls = max(0, deployment.hidden_polls - 1)
        if self.double.switches.shuffle:
            random.Random(1).shuffle(shown)
        return connection(shown, lambda d: views.deployment_view(self.double, d), self.double.switches, **page)

    def deployment(self, _info: Any, id: str) -> views.View:
        return views.deployment_view(self.double, find_deployment(self.double, id))

    def deploymentEvents(self, _info: Any, id: str, **page: Any) -> views.View:
        events = find_deployment(self.double, id).events
        return connection(events, views.event_view, self.double.switches, **page)

    def deploymentSnapshot(self, _info: Any, deploymentId: str) -> views.View:
        return views.snapshot_view(find_deployment(self.double, deploymentId))

    # Logs and metrics.

    async def deploymentLogs(self, _info: Any, deploymentId: str, **wanted: Any) -> list[views.View]:
        deployment = find_deployment(self.double, deploymentId)
        return select_lines(await self.double.runner.log_lines(deployment), **wanted)

    def buildLogs(self, _info: Any, deploymentId: str, **wanted: Any) -> list[views.View]:
        return select_lines(find_deployment(self.double, deploymentId).build_log, **wanted)

    async def environmentLogs(
        self, _info: Any, environmentId: str, filter: str = "", beforeLimit: int = LOG_LIMIT, **_range: Any
    ) -> list[views.View]:
        require_environment(self.double.world, environmentId)
        words = (filter or "").split()
        services = {word.removeprefix("@service:") for word in words if word.startswith("@service:")}
        rest = " ".join(word for word in words if not word.startswith("@service:"))
        lines: list[views.View] = []
        for deployment in self.double.world.deployments.values():
            if not services or deployment.service.id in services:
                lines += await self.double.runner.log_lines(deployment)
        return select_lines(sorted(lines, key=lambda line: str(line["timestamp"])), limit=beforeLimit, filter=rest)

    async def metrics(self, _info: Any, measurements: list[str], startDate: str, **wanted: Any) -> list[views.View]:
        services = [
            s
            for s in self.double.world.services.values()
            if wanted.get("serviceId") in (None, s.id) and not s.deleted_at
        ]
        by_instance = "DEPLOYMENT_INSTANCE_ID" in (wanted.get("groupBy") or [])
        return [result for s in services for result in await measured(self.double, s, measurements, by_instance)]

    # Variables.

    def variables(
        self, _info: Any, projectId: str, environmentId: str, serviceId: str | None = None, unrendered: bool = False
    ) -> dict[str, str]:
        require_project(self.double.world, projectId)
        require_environment(self.double.world, environmentId)
        if serviceId is None:
            return dict(self.double.world.shared)
        service = find_service(self.double, serviceId, environmentId)
        values = service.variables if unrendered else views.current_variables(self.double, service)
        return readable(service, values)

    def variablesForServiceDeployment(
        self, _info: Any, projectId: str, environmentId: str, serviceId: str
    ) -> dict[str, str]:
        return self.variables(_info, projectId, environmentId, serviceId)


class _Project:
    def __init__(self, double: Double) -> None:
        self.id = double.world.project_id


def select_lines(
    lines: list[views.View],
    limit: int | None = None,
    filter: str | None = None,
    startDate: str | None = None,
    endDate: str | None = None,
) -> list[views.View]:
    """The last lines that match. Railway gives one more than it was asked for, and so does this."""
    level, words = None, []
    for word in (filter or "").split():
        if word.startswith("@level:"):
            level = word.removeprefix("@level:")
        else:
            words.append(word)
    needle = " ".join(words).strip('"')
    chosen = [
        line
        for line in lines
        if needle in line["message"]
        and level in (None, line["severity"])
        and (startDate is None or _moment(line) >= datetime.fromisoformat(startDate.replace("Z", "+00:00")))
        and (endDate is None or _moment(line) <= datetime.fromisoformat(endDate.replace("Z", "+00:00")))
    ]
    return chosen[-(limit + 1) :] if limit is not None else chosen[-LOG_LIMIT:]


def _moment(line: views.View) -> datetime:
    return datetime.fromisoformat(line["timestamp"][:26] + "+00:00")
