"""How services, deployments, revisions and tasks look in answers."""

from __future__ import annotations

from typing import Any

from .model import Deployment, Revision, Service, Task, World
from .rollout import breaker_threshold
from .wire import Data, without_none

SHOWN_SETTINGS = (
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "healthCheckGracePeriodSeconds",
    "schedulingStrategy",
    "deploymentController",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
)
REVISION_SETTINGS = (
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
"""Settings a revision freezes; a change of one of them is a deployment."""


def _counts(tasks: list[Task]) -> dict[str, int]:
    return {
        "runningCount": sum(task.running for task in tasks),
        "pendingCount": sum(task.live and not task.running for task in tasks),
    }


def service(world: World, shown: Service) -> Data:
    """A service as DescribeServices has it."""
    tasks = world.tasks_of(shown)
    rolling = shown.controller == "ECS"
    newest = next(iter(shown.history), None)
    running = next((d for d in shown.history if not d.ended), newest)
    return without_none(
        {
            "serviceArn": shown.arn,
            "serviceName": shown.name,
            "clusterArn": shown.cluster_arn,
            "status": shown.status,
            "desiredCount": shown.desired,
            **_counts(tasks),
            "taskDefinition": shown.deployments[0].revision.task_definition_arn if shown.deployments else None,
            **{name: shown.settings.get(name) for name in SHOWN_SETTINGS},
            "deployments": [deployment(shown, d, tasks) for d in shown.deployments] if rolling else [],
            "taskSets": None if rolling else [_task_set(shown, d, tasks) for d in shown.deployments],
            "events": list(shown.events),
            "createdAt": shown.created_at,
            "createdBy": f"arn:aws:iam::{shown.scope[0]}:root",
            "roleArn": f"arn:aws:iam::{shown.scope[0]}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "currentServiceDeployment": running.arn if running and rolling else None,
            "currentServiceRevisions": [_current(shown, d, tasks) for d in shown.deployments] if rolling else None,
        }
    )


def _of(tasks: list[Task], shown: Deployment) -> list[Task]:
    return [task for task in tasks if task.deployment is shown]


def _wanted(owner: Service, shown: Deployment, tasks: list[Task]) -> int:
    """How many tasks a deployment is meant to have: the primary one all, an older one those it still has."""
    return owner.desired if shown is owner.primary else sum(task.live for task in _of(tasks, shown))


def deployment(owner: Service, shown: Deployment, tasks: list[Task]) -> Data:
    """An entry of a service's ``deployments``."""
    settings = shown.revision.settings
    return without_none(
        {
            "id": shown.id,
            "status": "PRIMARY" if shown is owner.primary else "ACTIVE",
            "taskDefinition": shown.revision.task_definition_arn,
            "desiredCount": _wanted(owner, shown, tasks),
            **_counts(_of(tasks, shown)),
            "failedTasks": shown.failed_tasks,
            "createdAt": shown.created_at,
            "updatedAt": shown.updated_at,
            "rolloutState": shown.rollout,
            "rolloutStateReason": shown.rollout_reason,
            "launchType": settings.get("launchType"),
            "platformVersion": settings.get("platformVersion"),
            "networkConfiguration": settings.get("networkConfiguration"),
        }
    )


def _task_set(owner: Service, shown: Deployment, tasks: list[Task]) -> Data:
    digits = shown.id.rpartition("/")[2]
    return {
        "id": shown.id,
        "taskSetArn": f"{owner.arn.replace(':service/', ':task-set/')}/{digits}",
        "serviceArn": owner.arn,
        "clusterArn": owner.cluster_arn,
        "externalId": "",
        "status": "PRIMARY" if shown is owner.primary else "ACTIVE",
        "taskDefinition": shown.revision.task_definition_arn,
        "computedDesiredCount": _wanted(owner, shown, tasks),
        **_counts(_of(tasks, shown)),
        "createdAt": shown.created_at,
        "updatedAt": shown.updated_at,
        "stabilityStatus": "STEADY_STATE" if owner.steady else "STABILIZING",
    }


def _current(owner: Service, shown: Deployment, tasks: list[Task]) -> Data:
    counted = _counts(_of(tasks, shown))
    return {
        "arn": shown.revision.arn,
        "requestedTaskCount": _wanted(owner, shown, tasks),
        "runningTaskCount": counted["runningCount"],
        "pendingTaskCount": counted["pendingCount"],
    }


def service_deployment_brief(owner: Service, shown: Deployment) -> Data:
    """An entry of ListServiceDeployments."""
    return without_none(
        {
            "serviceDeploymentArn": shown.arn,
            "serviceArn": owner.arn,
            "clusterArn": owner.cluster_arn,
            "startedAt": shown.created_at,
            "createdAt": shown.created_at,
            "finishedAt": shown.finished_at,
            "targetServiceRevisionArn": shown.revision.arn,
            "status": shown.status,
            "statusReason": shown.status_reason,
        }
    )


def service_deployment(world: World, owner: Service, shown: Deployment) -> Data:
    """An entry of DescribeServiceDeployments."""
    brief = service_deployment_brief(owner, shown)
    del brief["targetServiceRevisionArn"]
    tasks = world.tasks_of(owner)

    def summary(revision: Revision, wanted: int) -> Data:
        counted = _counts([t for t in tasks if t.deployment and t.deployment.revision is revision])
        return {
            "arn": revision.arn,
            "requestedTaskCount": wanted,
            "runningTaskCount": counted["runningCount"],
            "pendingTaskCount": counted["pendingCount"],
        }

    breaker = shown.breaker
    enabled = bool(breaker.get("enable"))
    status = "TRIGGERED" if shown.breaker_triggered else "MONITORING_COMPLETE" if shown.ended else "MONITORING"
    stopped = shown.finished_at if shown.status == "STOPPED" else None
    return without_none(
        {
            **brief,
            "updatedAt": shown.updated_at,
            "stoppedAt": stopped,
            "sourceServiceRevisions": [summary(revision, 0) for revision in shown.sources],
            "targetServiceRevision": summary(shown.revision, owner.desired),
            "deploymentConfiguration": shown.configuration,
            "rollback": shown.rollback,
            "deploymentCircuitBreaker": {
                "status": status if enabled else "DISABLED",
                "failureCount": shown.failed_tasks,
                "threshold": breaker_threshold(owner.desired),
            },
        }
    )


def revision(owner: Service, shown: Revision) -> Data:
    """An entry of DescribeServiceRevisions."""
    images = [
        without_none({"containerName": c["name"], "image": c["image"], "imageDigest": shown.digests.get(c["name"])})
        for c in shown.task_definition["containerDefinitions"]
    ]
    return without_none(
        {
            "serviceRevisionArn": shown.arn,
            "serviceArn": owner.arn,
            "clusterArn": owner.cluster_arn,
            "taskDefinition": shown.task_definition_arn,
            **{name: shown.settings.get(name) for name in REVISION_SETTINGS},
            "containerImages": images,
            "guardDutyEnabled": False,
            "createdAt": shown.created_at,
        }
    )


def task(shown: Task) -> Data:
    """A task as DescribeTasks has it."""
    definition: dict[str, Any] = shown.definition
    attachments = [
        {
            "id": shown.id,
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED" if shown.running else "DELETED",
            "details": [{"name": "privateIPv4Address", "value": address}],
        }
        for address in shown.addresses[:1]
        if definition.get("networkMode") == "awsvpc"
    ]
    return without_none(
        {
            "taskArn": shown.arn,
            "clusterArn": shown.cluster_arn,
            "taskDefinitionArn": definition["taskDefinitionArn"],
            "group": shown.group,
            "startedBy": shown.started_by,
            "launchType": shown.launch_type,
            "lastStatus": shown.last_status,
            "desiredStatus": shown.desired_status,
            "healthStatus": shown.health,
            "stopCode": shown.stop_code,
            "stoppedReason": shown.stopped_reason,
            "containers": [dict(container) for container in shown.containers],
            "attachments": attachments,
            "overrides": shown.overrides,
            "cpu": definition.get("cpu"),
            "memory": definition.get("memory"),
            "connectivity": "CONNECTED" if shown.running else None,
            "availabilityZone": f"{shown.scope[1]}a",
            "version": 1,
            "tags": list(shown.tags),
            **shown.times,
        }
    )
