"""The life of a deployment, from INITIALIZING to REMOVED, and what may happen to it on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .clock import Clock
from .docker_api import EngineError
from .runner import Runner, log_line
from .state import IN_PROGRESS, Deployment, Event, Replica, World
from .switches import Switches

log = logging.getLogger("railway")
HEALTH_PAUSE = 0.1


class DeployFailed(Exception):
    """A deployment ends FAILED; the text is the reason its last event gives."""


class Lifecycle:
    def __init__(self, world: World, runner: Runner, clock: Clock, switches: Switches) -> None:
        self.world = world
        self.runner = runner
        self.clock = clock
        self.switches = switches
        self.released = asyncio.Event()
        self.supersede: Callable[[Deployment], Awaitable[None]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def background(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Do it meanwhile; its failure is written to the log."""

        async def guarded() -> None:
            try:
                await work
            except Exception:
                log.exception("background work failed")

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Leave everything as it is, at once."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def begin(self, deployment: Deployment) -> None:
        deployment.task = self.background(self._run(deployment))

    def set_status(self, deployment: Deployment, status: str) -> None:
        deployment.status = status
        deployment.status_updated_at = deployment.updated_at = self.clock.now()

    async def pause(self, delay: str) -> None:
        await self.clock.sleep(self.switches.delays[delay])

    def event(self, deployment: Deployment, step: str) -> Event:
        event = Event(step, self.clock.now())
        deployment.events.append(event)
        return event

    def build_line(self, deployment: Deployment, message: str, severity: str = "info") -> None:
        moment = self.clock.now().isoformat(timespec="microseconds").replace("+00:00", "000Z")
        deployment.build_log.append(log_line(deployment, moment, message, severity))

    async def _run(self, deployment: Deployment) -> None:
        try:
            await self._deploy(deployment)
        except DeployFailed as error:
            event = deployment.events[-1] if deployment.events else self.event(deployment, "BUILD_IMAGE")
            event.error = str(error)
            deployment.kept_log = await self.runner.log_lines(deployment)
            self.set_status(deployment, "FAILED")
            await self.runner.remove(deployment)

    async def _deploy(self, deployment: Deployment) -> None:
        kind = deployment.outcome.get("outcome", "success")
        await self.pause("initializing")
        if kind == "skipped":
            self.set_status(deployment, "SKIPPED")
            return
        if kind == "unknown_status":
            self.set_status(deployment, deployment.outcome.get("status", "CANCELLED"))
            return
        if kind == "needs_approval":
            self.set_status(deployment, "NEEDS_APPROVAL")
            await deployment.approved.wait()
        self.set_status(deployment, "QUEUED")
        await self.pause("queued")
        while (kind == "stuck_queued" or self.world.incident) and not self.released.is_set():
            await asyncio.sleep(HEALTH_PAUSE)
        if deployment.build:
            await self._build(deployment, fails=kind == "build_failed")
        if kind == "superseded" and self.supersede:
            self.set_status(deployment, "DEPLOYING")
            self.background(self.supersede(deployment))
            await self.pause("starting")
            self._mark_removed(deployment)
            return
        await self._start(deployment)
        await self.check(deployment, never=kind == "healthcheck_failed")
        if deployment.status == "DEPLOYING":
            await self.serve(deployment)
            if kind in ("crash_late", "replica_crashed"):
                await self.clock.sleep(float(deployment.outcome.get("seconds", 1)))
                await self.crash(deployment, deployment.replicas if kind == "crash_late" else deployment.replicas[:1])

    async def _build(self, deployment: Deployment, *, fails: bool) -> None:
        self.set_status(deployment, "BUILDING")
        for step in ("SNAPSHOT_CODE", "BUILD_IMAGE"):
            event = self.event(deployment, step)
            self.build_line(
                deployment, f"{step.lower().replace('_', ' ')}: {deployment.meta.get('commitHash', deployment.image)}"
            )
            await self.clock.sleep(self.switches.delays["building"] / 2)
            if fails and step == "BUILD_IMAGE":
                self.build_line(deployment, "ERROR: failed to build: process did not complete: exit code: 1", "error")
                raise DeployFailed("Failed to build an image. Please check the build logs for more details.")
            event.completed_at = self.clock.now()
        if deployment.digest:
            self.build_line(deployment, f"image digest: {deployment.digest}")

    async def _start(self, deployment: Deployment) -> None:
        self.set_status(deployment, "DEPLOYING")
        event = self.event(deployment, "CREATE_CONTAINER")
        if deployment.digest is None:
            raise DeployFailed(f"Failed to pull image: {deployment.image}: not found")
        await self.pause("starting")
        if self.runner.volume_of(deployment.service):
            # A volume has one user at a time, so the old deployment ends first.
            await self._retire_others(deployment)
        for _time in range(deployment.service.replicas()):
            try:
                await self.runner.add_replica(deployment)
            except EngineError as error:
                await self._cannot_start(deployment, deployment.replicas[-1], error)
        event.completed_at = self.clock.now()

    async def check(self, deployment: Deployment, *, never: bool = False) -> None:
        """Wait until all replicas pass the health check, where there is one; a crash meanwhile ends the waiting."""
        path = deployment.settings["healthcheckPath"]
        if not path and not deployment.service.runtime.ready and not never:
            return
        event = self.event(deployment, "HEALTHCHECK")
        loop = asyncio.get_running_loop()
        # A container that really starts takes its time whatever the clock says.
        patience = float(deployment.settings["healthcheckTimeout"] or 300) * (self.clock.factor if never else 1)
        deadline = loop.time() + patience
        while deployment.status == "DEPLOYING":
            healthy = [await self.runner.answers(deployment, replica) for replica in deployment.replicas]
            if healthy and all(healthy) and not never:
                event.completed_at = self.clock.now()
                return
            if loop.time() > deadline:
                raise DeployFailed(f"Healthcheck failed! {path or 'TCP'} did not become healthy in time")
            await asyncio.sleep(HEALTH_PAUSE)

    async def serve(self, deployment: Deployment) -> None:
        """The moment of success: a newer deployment that was faster wins, an older one is replaced."""
        newer = [d for d in self.world.active(deployment.service) if d.created_at > deployment.created_at]
        if newer:
            await self.take_away(deployment)
            return
        deployment.succeeded = True
        self.set_status(deployment, "SUCCESS")
        self.runner.switch_traffic(deployment)
        await self._retire_others(deployment)

    async def _retire_others(self, deployment: Deployment) -> None:
        older = [
            d
            for d in self.world.of(deployment.service)
            if d is not deployment
            and d.created_at < deployment.created_at
            and (d.runs() or d.status in IN_PROGRESS or (d.status == "CRASHED" and d.removed_at is None))
        ]
        await asyncio.gather(*(self.take_away(d) for d in older))

    async def take_away(self, deployment: Deployment) -> None:
        """REMOVING, then REMOVED; an unfinished one is aborted."""
        if deployment.task and deployment.task is not asyncio.current_task():
            deployment.task.cancel()
        deployment.removed_at = self.clock.now()
        self.set_status(deployment, "REMOVING")
        await self.pause("removing")
        await self.runner.remove(deployment)
        self._mark_removed(deployment)

    def _mark_removed(self, deployment: Deployment) -> None:
        deployment.removed_at = deployment.removed_at or self.clock.now()
        self.set_status(deployment, "REMOVED")
        self.runner.refresh_route(deployment)

    async def crash(self, deployment: Deployment, replicas: list[Replica]) -> None:
        """Kill replicas in a way no restart helps."""
        for replica in list(replicas):
            replica.restarts = 10**6
            await self.runner.engine.kill(replica.container)

    async def watch(self) -> None:
        """Follow the ends of containers for as long as the double runs."""
        label = f"com.sre-remediation.lab.railway={self.runner.project}"
        async for container, code in self.runner.engine.ends(label):
            for deployment in self.world.deployments.values():
                for replica in deployment.replicas:
                    if replica.container == container and not replica.expected_to_end:
                        self.background(self._ended(deployment, replica, code))

    async def _ended(self, deployment: Deployment, replica: Replica, code: int) -> None:
        """A container ended by itself: the restart policy decides."""
        policy = deployment.settings["restartPolicyType"]
        if policy != "ALWAYS" and code == 0:
            replica.status = "EXITED"
            deployment.stopped = all(r.status == "EXITED" for r in deployment.replicas)
            self.runner.refresh_route(deployment)
            return
        if policy == "NEVER" or replica.restarts >= deployment.settings["restartPolicyMaxRetries"]:
            self._crashed(deployment, replica)
            return
        replica.restarts += 1
        replica.status = "RESTARTING"
        self.runner.refresh_route(deployment)
        await self.pause("restart_pause")
        if replica.expected_to_end or not replica.container:
            return
        try:
            await self.runner.start(deployment, replica)
        except EngineError as error:
            await self._cannot_start(deployment, replica, error)

    async def _cannot_start(self, deployment: Deployment, replica: Replica, error: EngineError) -> None:
        """The engine cannot run the command at all: no restart would help, and the log says why."""
        moment = self.clock.now().isoformat(timespec="microseconds").replace("+00:00", "000Z")
        deployment.kept_log.append(
            log_line(deployment, moment, f"container failed to start: {error}", "error", replica.id)
        )
        self._crashed(deployment, replica)

    def _crashed(self, deployment: Deployment, replica: Replica) -> None:
        replica.status = "CRASHED"
        whole = all(r.status == "CRASHED" for r in deployment.replicas)
        if deployment.status in ("SUCCESS", "DEPLOYING"):
            self.set_status(deployment, "CRASHED" if whole else self.switches.partial_crash_status)
        self.runner.refresh_route(deployment)
