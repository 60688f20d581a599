"""The API's objects, made from what the double knows. Nested lists are functions, asked only when a query wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import text
from .paging import connection
from .state import Deployment, Service, VolumeInstance
from .variables import rendered

if TYPE_CHECKING:
    from .double import Double

View = dict[str, Any]


def frozen_view(deployment: Deployment) -> View:
    """What a deployment looks like now, to be shown later."""
    return {
        "status": deployment.status,
        "statusUpdatedAt": text(deployment.status_updated_at),
        "deploymentStopped": deployment.stopped,
        "instances": [{"id": replica.id, "status": replica.status} for replica in deployment.replicas],
    }


def deployment_view(double: Double, deployment: Deployment) -> View:
    now = frozen_view(deployment)
    stale = deployment.stale
    if stale:
        now = stale["view"]
        stale["polls"] -= 1
        if stale["polls"] <= 0:
            deployment.stale = None
    service = deployment.service
    return {
        **now,
        "id": deployment.id,
        "createdAt": text(deployment.created_at),
        "updatedAt": text(deployment.updated_at),
        "projectId": double.world.project_id,
        "environmentId": double.world.environment_id,
        "serviceId": service.id,
        "canRedeploy": double.deploys.can_redeploy(deployment),
        "canRollback": double.deploys.can_rollback(deployment),
        "url": f"http://127.0.0.1:{service.traffic_port}",
        "staticUrl": f"127.0.0.1:{service.traffic_port}",
        "meta": deployment.meta,
        "snapshotId": None,
        "diagnosis": None,
        "suggestAddServiceDomain": False,
        "sockets": [],
        "creator": {"id": deployment.creator, "email": deployment.creator, "name": None, "avatar": None},
        "service": lambda _info: service_view(double, service),
        "environment": lambda _info: environment_view(double),
    }


def event_view(event: Any) -> View:
    done = event.completed_at
    payload = {
        "detail": None,
        "error": event.error,
        "reason": None,
        "skipped": False,
        "attempt": None,
        "maxAttempts": None,
        "durationMs": int((done - event.created_at).total_seconds() * 1000) if done else None,
    }
    return {
        "id": event.id,
        "step": event.step,
        "createdAt": text(event.created_at),
        "completedAt": text(done),
        "payload": payload,
    }


def service_view(double: Double, service: Service) -> View:
    return {
        "id": service.id,
        "name": service.name,
        "icon": None,
        "projectId": double.world.project_id,
        "createdAt": text(service.created_at),
        "updatedAt": text(service.created_at),
        "deletedAt": text(service.deleted_at),
        "hasHiddenRegistryCredentialsFromTemplate": False,
        "templateId": None,
        "templateServiceId": None,
        "templateThreadSlug": None,
    }


def service_instance_view(double: Double, service: Service) -> View:
    world, switches = double.world, double.switches

    def latest(_info: Any) -> View | None:
        listed = world.of(service)
        if switches.use("stale_latest_for"):
            listed = [d for d in listed if d.succeeded] or listed
        return deployment_view(double, listed[0]) if listed else None

    domain = {"domain": f"127.0.0.1:{service.traffic_port}", "targetPort": service.runtime.port}
    return {
        **{name: value for name, value in service.settings.items() if name not in ("multiRegionConfig",)},
        "id": service.instance_id,
        "serviceId": service.id,
        "serviceName": service.name,
        "environmentId": world.environment_id,
        "deletedAt": text(service.deleted_at),
        "nextCronRunAt": None,
        "source": {"image": service.source.get("image"), "repo": service.source.get("repo")},
        "domains": {"serviceDomains": [domain] if service.runtime.http else [], "customDomains": []},
        "latestDeployment": latest,
        "activeDeployments": lambda _info: [deployment_view(double, d) for d in world.active(service)],
    }


def volume_view(double: Double, volume: VolumeInstance) -> View:
    size = max((backup.size_mb for backup in volume.backups), default=64)
    return {
        "id": volume.id,
        "serviceId": volume.service.id,
        "environmentId": double.world.environment_id,
        "volumeId": volume.volume_id,
        "mountPath": volume.mount,
        "currentSizeMB": float(size),
        "sizeMB": 5000,
        "state": volume.state,
        "region": volume.service.settings["region"],
        "isPendingDeletion": False,
        "volume": {"id": volume.volume_id, "name": volume.name},
    }


def environment_view(double: Double) -> View:
    world, switches = double.world, double.switches
    services = [s for s in world.services.values() if not s.deleted_at]
    return {
        "id": world.environment_id,
        "name": world.environment_name,
        "projectId": world.project_id,
        "createdAt": text(world.created_at),
        "updatedAt": text(world.created_at),
        "deletedAt": None,
        "isEphemeral": False,
        "canAccess": True,
        "unmergedChangesCount": len(world.staged),
        "config": lambda _info, **_args: environment_config(double),
        "configEtag": "W/1",
        "serviceInstances": lambda _info, **page: connection(
            services, lambda service: service_instance_view(double, service), switches, **page
        ),
        "variables": lambda _info, **page: connection(
            [_Variable(service, name) for service in services for name in service.variables],
            lambda variable: variable.view(double),
            switches,
            **page,
        ),
        "volumeInstances": lambda _info, **page: connection(
            list(world.volumes.values()), lambda volume: volume_view(double, volume), switches, **page
        ),
    }


def environment_config(double: Double) -> View:
    """The environment's configuration as Railway's patches address it; values of variables are left out."""
    services = {}
    for service in double.world.services.values():
        deploy = {name: value for name, value in service.settings.items() if value is not None}
        if service.limits:
            deploy["limitOverride"] = {"containers": service.limits}
        variables = {name: {"isSealed": name in service.sealed} for name in service.variables}
        services[service.id] = {"source": dict(service.source), "deploy": deploy, "variables": variables}
    return {"services": services}


def project_view(double: Double) -> View:
    world, switches = double.world, double.switches
    return {
        "id": world.project_id,
        "name": world.project_name,
        "workspaceId": world.workspace_id,
        "createdAt": text(world.created_at),
        "deletedAt": None,
        "primaryEnvironmentId": world.environment_id,
        "services": lambda _info, **page: connection(
            list(world.services.values()), lambda service: service_view(double, service), switches, **page
        ),
        "environments": lambda _info, **page: connection(
            [_Environment(double)],
            lambda _env: environment_view(double),
            switches,
            **_without(page, "isEphemeral", "sort"),
        ),
    }


class _Environment:
    """The one environment, with the id paging asks for."""

    def __init__(self, double: Double) -> None:
        self.id = double.world.environment_id


class _Variable:
    """The name of a variable, with the id paging asks for."""

    def __init__(self, service: Service, name: str) -> None:
        self.id = f"{service.id}:{name}"
        self.service = service
        self.name = name

    def view(self, double: Double) -> View:
        return {
            "id": self.id,
            "name": self.name,
            "serviceId": self.service.id,
            "environmentId": double.world.environment_id,
            "isSealed": self.name in self.service.sealed,
        }


def _without(page: View, *names: str) -> View:
    return {name: value for name, value in page.items() if name not in names}


def snapshot_view(deployment: Deployment) -> View:
    return {"id": deployment.id, "createdAt": text(deployment.created_at), "variables": deployment.variables}


def current_variables(double: Double, service: Service) -> dict[str, str]:
    return rendered(double.world, service)
