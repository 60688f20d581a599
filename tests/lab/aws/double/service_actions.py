"""ECS actions on services: create, update, delete, describe, list."""

from __future__ import annotations

import copy

from . import views
from .ministack_seams import cluster, current_scope, remember_taggable, tags_of, task_definition
from .model import Revision, Service, World
from .scheduler import Scheduler
from .wire import ApiError, Data, at_most, number, page

DEFAULT_CONFIGURATION: Data = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
}
CODE_DEPLOY_REFUSES = ("taskDefinition", "networkConfiguration", "platformVersion", "loadBalancers")


def usable_task_definition(reference: str) -> Data:
    """The task definition a service is to run; `ApiError` for one that is unknown or not ACTIVE."""
    found = task_definition(reference)
    if found is None:
        raise ApiError("ClientException", "TaskDefinition not found.")
    if found["status"] != "ACTIVE":
        raise ApiError("ClientException", "TaskDefinition is inactive")
    return found


class ServiceActions:
    """Handlers of the actions on services."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    def find(self, data: Data, name: str = "service") -> Service:
        """The service a request names by name or ARN."""
        owner = cluster(data.get("cluster"))
        found = self._world.services.get(self._arn(owner, str(data.get(name) or "")))
        if found is None:
            raise ApiError("ServiceNotFoundException", "Service not found.")
        return found

    @staticmethod
    def _arn(owner: Data, reference: str) -> str:
        if reference.startswith("arn:"):
            return reference
        return f"{owner['clusterArn'].replace(':cluster/', ':service/')}/{reference}"

    def create(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            name = data.get("serviceName")
            if not name:
                raise ApiError("InvalidParameterException", "Service name cannot be null or empty.")
            arn = self._arn(owner, name)
            known = self._world.services.get(arn)
            if known and known.status != "INACTIVE":
                raise ApiError("InvalidParameterException", "Creation of service was not idempotent.")
            controller = (data.get("deploymentController") or {}).get("type", "ECS")
            settings = copy.deepcopy(data)
            settings["deploymentConfiguration"] = _configuration(DEFAULT_CONFIGURATION, data)
            settings.setdefault("deploymentController", {"type": controller})
            settings.setdefault("schedulingStrategy", "REPLICA")
            if not data.get("capacityProviderStrategy"):
                settings.setdefault("launchType", "EC2")
            made = Service(
                arn=arn,
                name=name,
                cluster_arn=owner["clusterArn"],
                scope=current_scope(),
                settings=settings,
                desired=int(data.get("desiredCount") or 0),
            )
            if controller != "EXTERNAL":
                definition = usable_task_definition(str(data.get("taskDefinition") or ""))
                self._scheduler.begin(made, _revision(made, definition))
            self._world.services[arn] = made
            remember_taggable(arn, data.get("tags") or [])
            if made.deployments:
                self._scheduler.reconcile(made)
            return {"service": views.service(self._world, made)}

    def update(self, data: Data) -> Data:
        with self._world.lock:
            changed = self.find(data)
            if changed.status != "ACTIVE":
                raise ApiError("ServiceNotActiveException", "Service was not ACTIVE.")
            self._refuse_foreign_controller(changed, data)
            definition = changed.primary.revision.task_definition if changed.deployments else None
            if data.get("taskDefinition"):
                definition = usable_task_definition(data["taskDefinition"])
            if data.get("desiredCount") is not None:
                changed.desired = int(data["desiredCount"])
                changed.steady = False
            changed.settings["deploymentConfiguration"] = _configuration(changed.configuration, data)
            plain = ("healthCheckGracePeriodSeconds", "enableExecuteCommand", "propagateTags", "enableECSManagedTags")
            changed.settings.update({name: data[name] for name in plain if data.get(name) is not None})
            frozen = {n: data[n] for n in views.REVISION_SETTINGS if data.get(n) not in (None, changed.settings.get(n))}
            changed.settings.update(copy.deepcopy(frozen))
            if definition and (
                data.get("forceNewDeployment")
                or frozen
                or definition["taskDefinitionArn"] != changed.primary.revision.task_definition_arn
            ):
                self._scheduler.begin(changed, _revision(changed, definition))
            if changed.deployments:
                self._scheduler.reconcile(changed)
            return {"service": views.service(self._world, changed)}

    @staticmethod
    def _refuse_foreign_controller(changed: Service, data: Data) -> None:
        refused = [name for name in CODE_DEPLOY_REFUSES if data.get(name)]
        if changed.controller == "CODE_DEPLOY" and (refused or data.get("forceNewDeployment")):
            raise ApiError(
                "InvalidParameterException",
                f"Unable to update {' and '.join(refused) or 'deployments'} on services with a CODE_DEPLOY deployment"
                " controller. Use AWS CodeDeploy to trigger a new deployment.",
            )
        if changed.controller == "EXTERNAL" and refused:
            raise ApiError(
                "InvalidParameterException",
                f"Unable to update {' and '.join(refused)} on services with an EXTERNAL deployment controller.",
            )

    def delete(self, data: Data) -> Data:
        with self._world.lock:
            gone = self.find(data)
            if gone.desired and not data.get("force"):
                raise ApiError("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
            if gone.status == "ACTIVE":
                gone.status, gone.desired = "DRAINING", 0
            for deployment in gone.deployments:
                deployment.enter("STOPPED", "Service deleted.")
            self._scheduler.reconcile(gone)
            return {"service": views.service(self._world, gone)}

    def describe(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            wanted = data.get("services") or []
            at_most(wanted, 10, "services")
            services, failures = [], []
            for reference in wanted:
                found = self._world.services.get(self._arn(owner, reference))
                if found is None or found.cluster_arn != owner["clusterArn"]:
                    failures.append({"arn": self._arn(owner, reference), "reason": "MISSING"})
                    continue
                view = views.service(self._world, found)
                if "TAGS" in (data.get("include") or []):
                    view["tags"] = tags_of(found.arn)
                services.append(view)
            return {"services": services, "failures": failures}

    def list(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            arns = [
                s.arn
                for s in self._world.services.values()
                if s.cluster_arn == owner["clusterArn"]
                and s.status == "ACTIVE"
                and data.get("launchType") in (None, s.settings.get("launchType"))
                and data.get("schedulingStrategy") in (None, s.settings.get("schedulingStrategy"))
            ]
            return page(arns, data, "serviceArns", default=10)


def _configuration(before: Data, data: Data) -> Data:
    """The deployment configuration after a request, which replaces the members it names."""
    return copy.deepcopy({**before, **(data.get("deploymentConfiguration") or {})})


def _revision(owner: Service, definition: Data) -> Revision:
    arn = f"{owner.arn.replace(':service/', ':service-revision/')}/{number()}"
    frozen = {name: owner.settings[name] for name in views.REVISION_SETTINGS if name in owner.settings}
    return Revision(arn=arn, task_definition=copy.deepcopy(definition), settings=copy.deepcopy(frozen))
