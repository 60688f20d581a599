"""The mutations of the double, by name of the field. Each method does what Railway does, and answers no more than it."""

from __future__ import annotations

from typing import Any

from . import views
from .access import require_environment, require_project
from .double import Double
from .queries import OWNER, find_deployment, find_service
from .refusal import Refused
from .state import SETTINGS, Service, new_id

LARGEST_SCALE = 50


class Mutations:
    """Each method is a field of Mutation; what volumes can do is in `Volumes`."""

    def __init__(self, double: Double) -> None:
        self.double = double
        self.deploys = double.deploys

    # Deployments.

    async def deploymentRedeploy(self, _info: Any, id: str, usePreviousImageTag: bool | None = False) -> views.View:
        old = find_deployment(self.double, id)
        new = await self.deploys.redeploy(old, reuse_image=bool(usePreviousImageTag), creator=OWNER)
        return views.deployment_view(self.double, new)

    async def deploymentRestart(self, _info: Any, id: str) -> bool:
        await self.deploys.restart(find_deployment(self.double, id))
        return True

    async def deploymentRollback(self, _info: Any, id: str) -> bool:
        await self.deploys.rollback(find_deployment(self.double, id), creator=OWNER)
        return True

    async def deploymentCancel(self, _info: Any, id: str) -> bool:
        await self.deploys.cancel(find_deployment(self.double, id))
        return True

    async def deploymentStop(self, _info: Any, id: str) -> bool:
        await self.deploys.stop(find_deployment(self.double, id))
        return True

    async def deploymentRemove(self, _info: Any, id: str) -> bool:
        await self.deploys.remove(find_deployment(self.double, id))
        return True

    async def deploymentApprove(self, _info: Any, id: str) -> bool:
        deployment = find_deployment(self.double, id)
        if deployment.status != "NEEDS_APPROVAL":
            raise Refused("Deployment does not need approval")
        deployment.approved.set()
        return True

    async def serviceInstanceRedeploy(self, _info: Any, environmentId: str, serviceId: str) -> bool:
        service = find_service(self.double, serviceId, environmentId)
        for latest in self.double.world.of(service)[:1]:
            await self.deploys.redeploy(latest, reuse_image=False, creator=OWNER)
            return True
        raise Refused("Service has no deployment")

    async def serviceInstanceDeploy(
        self,
        _info: Any,
        environmentId: str,
        serviceId: str,
        latestCommit: bool | None = False,
        commitSha: str | None = None,
    ) -> bool:
        service = find_service(self.double, serviceId, environmentId)
        sha = commitSha or (self.deploys.latest_commit(service) if latestCommit else None)
        await self.deploys.deploy_current(service, sha, creator=OWNER)
        return True

    async def serviceInstanceDeployV2(
        self, _info: Any, environmentId: str, serviceId: str, commitSha: str | None = None
    ) -> str:
        service = find_service(self.double, serviceId, environmentId)
        return (await self.deploys.deploy_current(service, commitSha, creator=OWNER)).id

    # Variables.

    async def variableUpsert(self, info: Any, input: dict[str, Any]) -> bool:
        given = {name: value for name, value in input.items() if name not in ("name", "value")}
        return await self.variableCollectionUpsert(info, {**given, "variables": {input["name"]: input["value"]}})

    async def variableCollectionUpsert(self, _info: Any, input: dict[str, Any]) -> bool:
        variables, services = self._variables(input)
        new = {name: str(value) for name, value in input["variables"].items()}
        if input.get("replace"):
            variables.clear()
        variables.update(new)
        if not input.get("skipDeploys"):
            await self._deploy(services)
        return True

    async def variableDelete(self, _info: Any, input: dict[str, Any]) -> bool:
        variables, services = self._variables(input)
        if variables.pop(input["name"], None) is not None:
            await self._deploy(services)
        return True

    def _variables(self, input: dict[str, Any]) -> tuple[dict[str, str], list[Service]]:
        """The collection an input addresses, and the services that are deployed after its change."""
        require_project(self.double.world, input["projectId"])
        require_environment(self.double.world, input["environmentId"])
        if not input.get("serviceId"):
            return self.double.world.shared, list(self.double.world.services.values())
        service = find_service(self.double, input["serviceId"], input["environmentId"])
        return service.variables, [service]

    async def _deploy(self, services: list[Service]) -> None:
        for service in services:
            await self.deploys.deploy_current(service, creator=OWNER)

    # Settings and scaling.

    async def serviceInstanceUpdate(
        self, _info: Any, serviceId: str, input: dict[str, Any], environmentId: str | None = None
    ) -> bool:
        service = find_service(self.double, serviceId, environmentId or self.double.world.environment_id)
        change_settings(service, input)
        if input.get("source"):
            service.source = {kind: value for kind, value in input["source"].items() if value}
        return True

    async def serviceInstanceLimitsUpdate(self, _info: Any, input: dict[str, Any]) -> bool:
        service = find_service(self.double, input["serviceId"], input["environmentId"])
        limits = dict(service.limits or {})
        if input.get("memoryGB") is not None:
            limits["memoryBytes"] = int(input["memoryGB"] * 1_000_000_000)
        if input.get("vCPUs") is not None:
            limits["cpu"] = input["vCPUs"]
        service.limits = limits
        return True

    async def environmentPatchCommit(
        self, _info: Any, environmentId: str, patch: dict[str, Any] | None = None, commitMessage: str | None = None
    ) -> str:
        require_environment(self.double.world, environmentId)
        await self.apply(patch or {})
        return new_id()

    async def environmentPatchCommitStaged(
        self, _info: Any, environmentId: str, commitMessage: str | None = None, skipDeploys: bool | None = False
    ) -> str:
        require_environment(self.double.world, environmentId)
        patch, self.double.world.staged = self.double.world.staged, {}
        changed = await self.apply(patch)
        changed += self.double.volumes.swap(patch.get("volumes", {}))
        if not skipDeploys:
            await self._deploy(list({service.id: service for service in changed}.values()))
        return new_id()

    async def apply(self, patch: dict[str, Any]) -> list[Service]:
        """Apply the services' part of a patch: variables and source take a deployment, which is the caller's matter;
        the number of replicas takes none."""
        redeploy = []
        for service_id, change in patch.get("services", {}).items():
            service = find_service(self.double, service_id, self.double.world.environment_id)
            deploy = change.get("deploy", {})
            for region in (deploy.get("multiRegionConfig") or {}).values():
                if region and not 0 < int(region.get("numReplicas", 1)) <= LARGEST_SCALE:
                    raise Refused(f"numReplicas must be from 1 to {LARGEST_SCALE}", "BAD_USER_INPUT")
            if self.double.runner.volume_of(service) and "multiRegionConfig" in deploy:
                raise Refused("Services with a volume cannot have replicas", "BAD_USER_INPUT")
            change_settings(service, deploy)
            for name, variable in change.get("variables", {}).items():
                if variable is None:
                    service.variables.pop(name, None)
                else:
                    service.variables[name] = str(variable["value"])
            if change.get("source"):
                service.source = dict(change["source"])
            if change.get("variables") or change.get("source"):
                redeploy.append(service)
            await self.deploys.scale(service)
        return redeploy


def change_settings(service: Service, values: dict[str, Any]) -> None:
    """Set those settings that are given; null unsets one."""
    for name, value in values.items():
        if name in SETTINGS:
            service.settings[name] = value if value is not None or name not in REQUIRED else SETTINGS[name]


REQUIRED = ("restartPolicyType", "restartPolicyMaxRetries")
