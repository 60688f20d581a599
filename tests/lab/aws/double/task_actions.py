"""ECS actions on tasks, and those on task definitions and clusters that ministack answers differently from AWS."""

from __future__ import annotations

import json
import uuid

from . import views
from .ministack_seams import Handler, cluster, clusters, current_scope, original, remember_taggable, task_definitions
from .model import Task, World
from .runner import Runner
from .service_actions import ServiceActions, usable_task_definition
from .wire import ApiError, Data, at_most, page


class TaskActions:
    """Handlers of the actions on tasks."""

    def __init__(self, world: World, runner: Runner, services: ServiceActions) -> None:
        self._world = world
        self._runner = runner
        self._services = services

    def run(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            definition = usable_task_definition(str(data.get("taskDefinition") or ""))
            made = []
            for _time in range(int(data.get("count") or 1)):
                arn = f"{owner['clusterArn'].replace(':cluster/', ':task/')}/{uuid.uuid4().hex}"
                task = Task(
                    arn=arn,
                    cluster_arn=owner["clusterArn"],
                    definition=definition,
                    scope=current_scope(),
                    group=data.get("group") or f"family:{definition['family']}",
                    started_by=data.get("startedBy") or "",
                    launch_type=data.get("launchType") or "EC2",
                    containers=self._runner.new_containers(definition, arn),
                    overrides=data.get("overrides") or {},
                    tags=data.get("tags") or [],
                )
                self._world.tasks[arn] = task
                remember_taggable(arn, task.tags)
                made.append(views.task(task))
                self._runner.start(task)
            return {"tasks": made, "failures": []}

    def stop(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            task = self._find(owner, str(data.get("task") or ""))
            if task is None:
                raise ApiError("InvalidParameterException", "The referenced task was not found.")
            if task.fate("UserInitiated", data.get("reason") or "Task stopped by user"):
                self._runner.stop(task)
            return {"task": views.task(task)}

    def _find(self, owner: Data, reference: str) -> Task | None:
        arn = reference
        if not reference.startswith("arn:"):
            arn = f"{owner['clusterArn'].replace(':cluster/', ':task/')}/{reference}"
        found = self._world.tasks.get(arn)
        return found if found and found.cluster_arn == owner["clusterArn"] and not found.forgotten else None

    def describe(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            wanted = data.get("tasks") or []
            at_most(wanted, 100, "tasks")
            found = {reference: self._find(owner, reference) for reference in wanted}
            return {
                "tasks": [views.task(task) for task in found.values() if task],
                "failures": [{"arn": name, "reason": "MISSING"} for name, task in found.items() if task is None],
            }

    def list(self, data: Data) -> Data:
        with self._world.lock:
            owner = cluster(data.get("cluster"))
            group = f"service:{self._services.find(data, 'serviceName').name}" if data.get("serviceName") else None
            arns = [
                task.arn
                for task in self._world.tasks.values()
                if task.cluster_arn == owner["clusterArn"]
                and not task.forgotten
                and task.desired_status == data.get("desiredStatus", "RUNNING")
                and group in (None, task.group)
                and data.get("family") in (None, task.definition["family"])
                and data.get("startedBy") in (None, task.started_by)
                and data.get("launchType") in (None, task.launch_type)
            ]
            return page(arns, data, "taskArns")


def list_task_definitions(data: Data) -> Data:
    """ListTaskDefinitions: by family, which is its whole name, and revision."""
    family, status = data.get("familyPrefix"), data.get("status") or "ACTIVE"
    found = [d for d in task_definitions() if family in (None, d["family"]) and d["status"] == status]
    found.sort(key=lambda d: (d["family"], d["revision"]), reverse=data.get("sort") == "DESC")
    return page([d["taskDefinitionArn"] for d in found], data, "taskDefinitionArns")


def list_clusters(data: Data) -> Data:
    """ListClusters, in pages."""
    return page([found["clusterArn"] for found in clusters()], data, "clusterArns")


def describe_clusters(world: World) -> Handler:
    """DescribeClusters of ministack, with the counts of what really runs."""
    theirs = original("DescribeClusters")

    def describe(data: Data) -> Data:
        answer: Data = json.loads(theirs(data)[2])
        with world.lock:
            for shown in answer.get("clusters", []):
                tasks = [task for task in world.tasks.values() if task.cluster_arn == shown["clusterArn"]]
                services = [s for s in world.services.values() if s.cluster_arn == shown["clusterArn"]]
                shown["runningTasksCount"] = sum(task.running for task in tasks)
                shown["pendingTasksCount"] = sum(task.live and not task.running for task in tasks)
                shown["activeServicesCount"] = sum(s.status == "ACTIVE" for s in services)
        return answer

    return describe
