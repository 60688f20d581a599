"""ECS actions on service deployments and revisions: list, describe, stop."""

from __future__ import annotations

from . import views
from .model import Deployment, Service, World
from .scheduler import Scheduler
from .service_actions import ServiceActions
from .wire import ApiError, Data, at_most, page

BY_USER = "Service deployment rolled back because of user request."
ROLLING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


class DeploymentActions:
    """Handlers of the actions on service deployments."""

    def __init__(self, world: World, scheduler: Scheduler, services: ServiceActions) -> None:
        self._world = world
        self._scheduler = scheduler
        self._services = services

    def list(self, data: Data) -> Data:
        with self._world.lock:
            owner = self._services.find(data)
            span = data.get("createdAt") or {}
            statuses = data.get("status") or []
            found = [
                views.service_deployment_brief(owner, deployment)
                for deployment in (owner.history if owner.controller == "ECS" else [])
                if (not statuses or deployment.status in statuses)
                and deployment.created_at <= float(span.get("before") or "inf")
                and deployment.created_at >= float(span.get("after") or 0)
            ]
            return page(found, data, "serviceDeployments", default=20)

    def describe(self, data: Data) -> Data:
        with self._world.lock:
            wanted = data.get("serviceDeploymentArns") or []
            at_most(wanted, 20, "serviceDeploymentArns")
            found = {d.arn: (owner, d) for owner in self._world.services.values() for d in owner.history}
            return {
                "serviceDeployments": [
                    views.service_deployment(self._world, *found[arn]) for arn in wanted if arn in found
                ],
                "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found],
            }

    def describe_revisions(self, data: Data) -> Data:
        with self._world.lock:
            wanted = data.get("serviceRevisionArns") or []
            at_most(wanted, 20, "serviceRevisionArns")
            found = {
                d.revision.arn: (owner, d.revision) for owner in self._world.services.values() for d in owner.history
            }
            return {
                "serviceRevisions": [views.revision(*found[arn]) for arn in wanted if arn in found],
                "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found],
            }

    def _find(self, arn: str) -> tuple[Service, Deployment]:
        for owner in self._world.services.values():
            for deployment in owner.history:
                if deployment.arn == arn:
                    return owner, deployment
        raise ApiError("ServiceDeploymentNotFoundException", "Service deployment not found.")

    def stop(self, data: Data) -> Data:
        """StopServiceDeployment; one that rolls back already just goes on."""
        with self._world.lock:
            owner, stopped = self._find(str(data.get("serviceDeploymentArn") or ""))
            if data.get("stopType", "ROLLBACK") != "ROLLBACK":
                raise ApiError("InvalidParameterException", "Unsupported stop type. The valid value is ROLLBACK.")
            if stopped.ended or owner.status != "ACTIVE":
                raise ApiError(
                    "ConflictException", f"The service deployment cannot be stopped: its status is {stopped.status}."
                )
            if stopped.status not in ROLLING_BACK:
                stopped.enter("ROLLBACK_REQUESTED", BY_USER)
                if not self._scheduler.roll_back(owner, BY_USER):
                    stopped.settle("FAILED", "There is no completed deployment to roll back to.")
                    stopped.enter("ROLLBACK_FAILED", "There is no completed deployment to roll back to.")
            return {"serviceDeploymentArn": stopped.arn}
