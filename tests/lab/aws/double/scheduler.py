"""The service scheduler: keeps every service at its desired count and takes its deployments to their end."""

from __future__ import annotations

import copy
import logging
import threading
import time
import uuid

from docker.errors import DockerException

from . import rollout
from .model import Deployment, Revision, Service, Task, World
from .observer import UNHEALTHY, Observer
from .rollout import Counts
from .runner import Runner
from .wire import now, number, tail

TICK = 0.25
log = logging.getLogger("lab.ecs")


class Scheduler:
    """Looks at all services every `TICK` seconds."""

    def __init__(self, world: World, runner: Runner, observer: Observer) -> None:
        self.world = world
        self.runner = runner
        self.observer = observer

    def run_in_background(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="scheduler").start()

    def _run(self) -> None:
        while True:
            try:
                self.observer.look()
                with self.world.lock:
                    for service in list(self.world.services.values()):
                        self.reconcile(service)
                    self.world.forget_old_tasks()
            except DockerException as error:
                log.warning("the engine did not answer: %s", error)
            except Exception:
                log.exception("the scheduler stumbled")
            time.sleep(TICK)

    # What follows is called with the lock held.

    def begin(self, service: Service, revision: Revision) -> Deployment:
        """Make a deployment of ``revision`` the primary one; one in progress before it is stopped."""
        digits = number()
        deployment = Deployment(
            id=f"ecs-svc/{digits}",
            arn=f"{service.arn.replace(':service/', ':service-deployment/')}/{digits}",
            revision=revision,
            sources=[old.revision for old in service.deployments if old.rollout == "COMPLETED"],
            configuration=copy.deepcopy(service.configuration),
        )
        deployment.rollout_reason = f"ECS deployment {deployment.id} in progress."
        for old in service.deployments:
            old.enter("STOPPED", "Service deployment stopped because a newer one was started.")
            if old.status == "SUCCESSFUL":  # a rollback to it may have been under way
                old.rollout = "COMPLETED"
        service.deployments.insert(0, deployment)
        service.history.insert(0, deployment)
        service.steady = False
        return deployment

    def roll_back(self, service: Service, reason: str) -> bool:
        """Turn from the primary deployment back to the last completed one; False when there is none."""
        failed = service.primary
        target = next((old for old in service.deployments[1:] if old.rollout == "COMPLETED"), None)
        if target is None:
            return False
        failed.settle("FAILED", f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}.")
        failed.enter("ROLLBACK_IN_PROGRESS", reason)
        failed.rollback = {"reason": reason, "startedAt": now(), "serviceRevisionArn": target.revision.arn}
        service.deployments.remove(target)
        service.deployments.insert(0, target)
        target.settle("IN_PROGRESS", f"ECS deployment {target.id} in progress.")
        target.failures_in_row, target.hold_off_until = 0, 0.0
        service.say(f"rolling back to deployment {target.id}.")
        service.steady = False
        return True

    def new_task(self, service: Service, deployment: Deployment) -> Task:
        cluster = tail(service.cluster_arn)
        arn = f"{service.arn.rsplit(':', 1)[0]}:task/{cluster}/{uuid.uuid4().hex}"
        definition = deployment.revision.task_definition
        task = Task(
            arn=arn,
            cluster_arn=service.cluster_arn,
            definition=definition,
            scope=service.scope,
            group=f"service:{service.name}",
            started_by=deployment.id,
            launch_type=service.settings.get("launchType") or "EC2",
            containers=self.runner.new_containers(definition, arn),
            deployment=deployment,
        )
        self.world.tasks[arn] = task
        self.runner.start(task)
        return task

    def stop_task(self, task: Task, code: str, reason: str) -> None:
        if task.fate(code, reason):
            self.runner.stop(task)

    def reconcile(self, service: Service) -> None:
        """One step towards what the service should be."""
        tasks = self.world.tasks_of(service)
        self._count_failures(service, tasks)
        if service.status != "ACTIVE":
            self._drain(service, tasks)
            return
        if service.controller == "EXTERNAL":
            return
        self._scale(service, tasks)
        self._conclude(service, tasks)

    def _drain(self, service: Service, tasks: list[Task]) -> None:
        for task in tasks:
            self.stop_task(task, "ServiceSchedulerInitiated", "Service deleted")
        if service.status == "DRAINING" and all(task.last_status == "STOPPED" for task in tasks):
            service.status = "INACTIVE"
            service.deployments = []

    def _count_failures(self, service: Service, tasks: list[Task]) -> None:
        """Hold against its deployment every task that ended by itself, once; open the circuit breaker when due."""
        for task in tasks:
            deployment = task.deployment
            if deployment is None or task.live or task.counted:
                continue
            task.counted = True
            by_itself = task.stop_code in ("TaskFailedToStart", "EssentialContainerExited")
            if task.stopped_reason == UNHEALTHY:
                service.say(f"(task {task.id}) failed container health checks.")
            elif not by_itself:
                continue
            deployment.failures_in_row += 1
            if deployment.rollout == "IN_PROGRESS":
                deployment.failed_tasks += 1
            deployment.hold_off_until = time.monotonic() + rollout.pause_after(deployment.failures_in_row)
            service.steady = False
            if deployment.failures_in_row >= 3 and not deployment.announced_trouble:
                deployment.announced_trouble = True
                service.say("is unable to consistently start tasks successfully.")
            if deployment.rollout == "IN_PROGRESS" and service.status == "ACTIVE":
                self._break_circuit(service, deployment)

    def _break_circuit(self, service: Service, deployment: Deployment) -> None:
        enough = deployment.failures_in_row >= rollout.breaker_threshold(service.desired)
        if not (enough and deployment.breaker.get("enable") and deployment is service.primary):
            return
        deployment.breaker_triggered = True
        service.say(f"(deployment {deployment.id}) deployment failed: tasks failed to start.")
        undone = next((d for d in service.deployments[1:] if d.status == "ROLLBACK_IN_PROGRESS"), None)
        if undone is not None:  # what we went back to does not start either
            deployment.settle("FAILED", "ECS deployment circuit breaker: tasks failed to start.")
            undone.enter("ROLLBACK_FAILED", "Service deployment rollback failed: tasks failed to start.")
        elif not deployment.breaker.get("rollback"):
            deployment.settle("FAILED", "ECS deployment circuit breaker: tasks failed to start.")
            deployment.enter(
                "STOPPED", "Service deployment stopped because the circuit breaker threshold was exceeded."
            )
        elif not self.roll_back(
            service, "Service deployment rolled back because the circuit breaker threshold was exceeded."
        ):
            deployment.settle("FAILED", "ECS deployment circuit breaker: tasks failed to start.")
            deployment.enter("ROLLBACK_FAILED", "There is no completed deployment to roll back to.")

    def counts(self, service: Service, tasks: list[Task]) -> Counts:
        new = [task for task in tasks if task.deployment is service.primary]
        old = [task for task in tasks if task.deployment is not service.primary]
        return Counts(
            new_live=sum(task.live for task in new),
            new_healthy=sum(task.healthy for task in new),
            old_live=sum(task.live for task in old),
            old_healthy=sum(task.healthy for task in old),
            stopping=sum(not task.live and task.last_status != "STOPPED" for task in tasks),
        )

    def _scale(self, service: Service, tasks: list[Task]) -> None:
        """Start what is missing and stop what is too much; a failed deployment starts nothing and ends nothing."""
        primary = service.primary
        if primary.rollout == "FAILED":
            return
        counts = self.counts(service, tasks)
        surplus = counts.new_live - service.desired
        new = [task for task in tasks if task.deployment is primary and task.live]
        leaving = sorted(new, key=lambda task: task.healthy)[: max(0, surplus)]  # those that are not healthy first
        self._let_go(service, leaving, "Scaling activity initiated by deployment " + primary.id)
        old = [task for task in tasks if task.deployment is not primary and task.live]
        number_old = rollout.old_to_stop(counts, service.limits)
        self._let_go(
            service,
            sorted(old, key=lambda task: task.healthy)[:number_old],
            "Scaling activity initiated by deployment " + primary.id,
        )
        if time.monotonic() >= primary.hold_off_until:
            started = [self.new_task(service, primary) for _time in range(rollout.to_start(counts, service.limits))]
            if started:
                service.say(f"has started {len(started)} tasks: {' '.join(f'(task {task.id})' for task in started)}.")
                service.steady = False

    def _let_go(self, service: Service, leaving: list[Task], reason: str) -> None:
        for task in leaving:
            self.stop_task(task, "ServiceSchedulerInitiated", reason)
        if leaving:
            names = " ".join(f"(task {task.id})" for task in leaving)
            service.say(f"has stopped {len(leaving)} running tasks: {names}.")

    def _conclude(self, service: Service, tasks: list[Task]) -> None:
        """Complete the primary deployment when it is, forget old ones without tasks, announce a steady state."""
        primary = service.primary
        counts = self.counts(service, tasks)
        running_since = [t.times["startedAt"] for t in tasks if t.deployment is primary and t.healthy]
        stands = (
            counts.new_healthy == counts.new_live == service.desired
            and counts.old_live == 0
            and all(now() - since >= self.world.steady_seconds for since in running_since)
        )
        if stands and primary.rollout == "IN_PROGRESS":
            self._complete(service, primary)
        if primary.rollout != "FAILED":
            with_tasks = [task.deployment for task in tasks if task.last_status != "STOPPED"]
            service.deployments = [
                d
                for d in service.deployments
                if d is primary or any(d is other for other in with_tasks) or primary.rollout == "IN_PROGRESS"
            ]
        if stands and not service.steady and counts.stopping == 0:
            service.steady = True
            primary.failures_in_row = 0
            service.say("has reached a steady state.")

    def _complete(self, service: Service, primary: Deployment) -> None:
        primary.settle("COMPLETED", f"ECS deployment {primary.id} completed.")
        primary.failures_in_row = 0
        primary.enter("SUCCESSFUL")
        for undone in service.history:
            if undone.status == "ROLLBACK_IN_PROGRESS":
                undone.enter("ROLLBACK_SUCCESSFUL")
        service.say(f"(deployment {primary.id}) deployment completed.")
