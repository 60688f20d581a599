"""What can be done with deployments: make one of a service's current settings or of an older one, restart, stop, remove."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

from .lifecycle import Lifecycle
from .refusal import Refused
from .state import IN_PROGRESS, Commit, Deployment, Service
from .variables import rendered
from .views import frozen_view

SOMEBODY_ELSE = "colleague@example.com"


class Deploys:
    def __init__(self, lifecycle: Lifecycle) -> None:
        self.life = lifecycle
        self.world = lifecycle.world
        self.runner = lifecycle.runner
        self.switches = lifecycle.switches
        self.clock = lifecycle.clock
        lifecycle.supersede = self._deploy_by_somebody_else

    def commit(self, service: Service, sha: str | None = None) -> Commit:
        """A commit of the service's repository: the given one, else the one associated with it."""
        for commit in reversed(self.world.commits.get(service.source["repo"], [])):
            if commit.hash.startswith(sha or service.commit):
                return commit
        raise Refused("Commit not found")

    def latest_commit(self, service: Service) -> str | None:
        """The newest commit of the service's repository; None for an image."""
        commits = self.world.commits.get(service.source.get("repo", ""), [])
        return commits[-1].hash if commits else None

    async def deploy_current(self, service: Service, sha: str | None = None, *, creator: str) -> Deployment:
        """Deploy the service as it is configured now."""
        meta: dict[str, Any] = {"reason": "deploy"}
        if "repo" in service.source:
            commit = self.commit(service, sha)
            service.commit = commit.hash
            image = commit.image
            meta |= {"repo": service.source["repo"], "branch": "main", "commitHash": commit.hash}
            meta |= {"commitMessage": commit.message}
        else:
            image = service.source["image"]
            meta |= {"image": image}
        return await self.make(
            service,
            image=image,
            digest=await self.runner.engine.image_id(image),
            variables=rendered(self.world, service),
            settings=dict(service.settings),
            meta=meta,
            build="repo" in service.source,
            creator=creator,
        )

    async def redeploy(self, old: Deployment, *, reuse_image: bool, creator: str) -> Deployment:
        """Deploy an old deployment's source once more, building it unless its image is reused."""
        if old.status in IN_PROGRESS or old.digest is None:
            raise Refused("Cannot redeploy a deployment that is still building or has no image")
        if reuse_image and not self.image_is_kept(old):
            raise Refused("The image of this deployment is no longer available")
        given = self.switches.redeploy_variables == "given"
        variables = dict(old.variables) if given else rendered(self.world, old.service)
        build = "repo" in old.meta and not reuse_image
        return await self._again(old, variables=variables, reason="redeploy", build=build, creator=creator)

    async def rollback(self, target: Deployment, *, creator: str) -> Deployment:
        """Deploy an old deployment's image, settings and variables once more, without a build."""
        if self.switches.expire_images_at_mutation:
            self.clock.advance(self.switches.image_hours * 3600 + 1)
        if not self.can_rollback(target):
            raise Refused(self.switches.rollback_refused)
        return await self._again(
            target, variables=dict(target.variables), reason="rollback", build=False, creator=creator
        )

    async def _again(
        self, old: Deployment, *, variables: dict[str, str], reason: str, build: bool, creator: str
    ) -> Deployment:
        return await self.make(
            old.service,
            image=old.image,
            digest=old.digest,
            variables=variables,
            settings=dict(old.settings),
            meta={**{k: v for k, v in old.meta.items() if k != "imageDigest"}, "reason": reason},
            build=build,
            creator=creator,
        )

    async def make(self, service: Service, *, meta: dict[str, Any], **frozen: Any) -> Deployment:
        """Record a new deployment and let it live."""
        digest = frozen["digest"]
        manifest = {"deploy": {k: v for k, v in service.settings.items() if v is not None}}
        deployment = Deployment(
            service=service,
            created_at=self.clock.now(),
            meta={**meta, **({"imageDigest": digest} if digest else {}), "serviceManifest": manifest},
            outcome=service.outcomes.pop(0) if service.outcomes else {},
            hidden_polls=self.switches.hide_new_for,
            **frozen,
        )
        deployment.status_updated_at = deployment.updated_at = deployment.created_at
        self.world.deployments[deployment.id] = deployment
        self.life.begin(deployment)
        if deployment.creator != SOMEBODY_ELSE and self.switches.use("foreign_deployments"):
            await self._deploy_by_somebody_else(deployment)
        return deployment

    async def _deploy_by_somebody_else(self, after: Deployment) -> None:
        """What happens when a colleague deploys at the same time."""
        image = self.switches.foreign_image or after.service.source.get("image") or self.commit(after.service).image
        digest = await self.runner.engine.image_id(image)
        sha = hashlib.sha256(image.encode()).hexdigest()[:40]
        await self.make(
            after.service,
            image=image,
            digest=digest,
            variables=rendered(self.world, after.service),
            settings=dict(after.service.settings),
            meta={"reason": "deploy", "commitHash": sha, "commitMessage": "Something else", "branch": "main"},
            build=False,
            creator=SOMEBODY_ELSE,
        )

    def image_is_kept(self, deployment: Deployment) -> bool:
        """Whether the image can still be used: as long as the deployment stands, and some hours longer."""
        if deployment.digest is None:
            return False
        kept = timedelta(hours=self.switches.image_hours)
        return deployment.removed_at is None or self.clock.now() < deployment.removed_at + kept

    def can_rollback(self, deployment: Deployment) -> bool:
        return deployment.succeeded and self.image_is_kept(deployment)

    def can_redeploy(self, deployment: Deployment) -> bool:
        return deployment.status not in (*IN_PROGRESS, "REMOVING", "REMOVED") and deployment.digest is not None

    async def restart(self, deployment: Deployment) -> None:
        """Restart the containers: same deployment, image and variables."""
        if not deployment.replicas or deployment.removed_at:
            raise Refused("Deployment is not running")
        if self.switches.restart_stale_for:
            deployment.stale = {"polls": self.switches.restart_stale_for, "view": frozen_view(deployment)}
        was_down = deployment.status == "CRASHED" or deployment.stopped
        deployment.stopped = False
        if was_down:
            self.life.set_status(deployment, "DEPLOYING")
        for replica in deployment.replicas:
            replica.status, replica.restarts, replica.expected_to_end = "RESTARTING", 0, True
        self.life.background(self._restart(deployment))

    async def _restart(self, deployment: Deployment) -> None:
        for replica in deployment.replicas:
            await self.runner.engine.stop(replica.container, 2)
        await self.life.pause("starting")
        if self.switches.restart_changes_instances:
            for replica in list(deployment.replicas):
                await self.runner.drop_replica(deployment, replica)
                await self.runner.add_replica(deployment)
        else:
            await asyncio.gather(*(self.runner.start(deployment, replica) for replica in deployment.replicas))
        if not deployment.succeeded:
            # It never served: it does so only after its health check, as if it were new.
            await self.life.check(deployment)
            if deployment.status == "DEPLOYING":
                await self.life.serve(deployment)
        elif deployment.status in ("DEPLOYING", "SUCCESS"):
            self.life.set_status(deployment, "SUCCESS")
        self.runner.refresh_route(deployment)

    async def stop(self, deployment: Deployment) -> None:
        if not deployment.runs():
            raise Refused("Deployment is not running")
        deployment.stopped = True
        await self.runner.stop(deployment, status="STOPPED")
        self.life.set_status(deployment, self.switches.stopped_status)
        self.runner.refresh_route(deployment)

    async def remove(self, deployment: Deployment) -> None:
        if deployment.status in ("REMOVING", "REMOVED"):
            raise Refused("Deployment is already removed")
        self.life.background(self.life.take_away(deployment))
        await asyncio.sleep(0)

    async def cancel(self, deployment: Deployment) -> None:
        if deployment.status not in IN_PROGRESS:
            raise Refused("Only a deployment that is building or queued can be cancelled")
        await self.remove(deployment)

    async def scale(self, service: Service) -> None:
        """Bring the running deployment to the number of replicas the service now has, without a new deployment."""
        for deployment in self.world.active(service)[:1]:
            wanted = service.replicas()
            while len(deployment.replicas) > wanted:
                await self.runner.drop_replica(deployment, deployment.replicas[-1])
            while len(deployment.replicas) < wanted:
                await self.runner.add_replica(deployment)
