"""The healthy state: what the lab's project is after a reset."""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from .clock import Clock
from .double import Double
from .state import Commit, Deployment, Event, Replica, Runtime, Service, VolumeInstance, World, new_id
from .variables import rendered

REPOSITORY = "lab/orders"
SECONDS_TO_HEALTHY = 90
DATABASE_URL = "postgresql://orders:${{POSTGRES_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:5432/orders"
API_RUNTIME = Runtime(
    port=8000, tmpfs={"/run/orders": "uid=10001,mode=0755", "/data": "uid=10001,gid=10001,mode=0755,size=16m"}
)
DATABASE_RUNTIME = Runtime(
    port=5432,
    http=False,
    memory=256 * 1024 * 1024,
    mount="/var/lib/postgresql/data",
    ready=("pg_isready", "--quiet", "--host=127.0.0.1", "--username=orders"),
)


@dataclass(frozen=True)
class Plan:
    """What the lab wants in its project; it comes to the double's process through the environment."""

    project: str
    api_port: int
    database_port: int
    api_images: list[str]
    """Oldest first; the last one serves."""
    database_image: str
    api_variables: dict[str, str]
    database_password: str
    schema: int
    """Version of the database's schema the newest release needs."""


def stable_id(plan: Plan, what: str) -> str:
    """An id that is the same after every start of this lab."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{what}.{plan.project}.railway.lab"))


def new_world(plan: Plan, clock: Clock) -> World:
    """The project without a deployment."""
    now = clock.now()
    world = World(
        workspace_id=stable_id(plan, "workspace"),
        project_id=stable_id(plan, "project"),
        environment_id=stable_id(plan, "environment"),
        token_id=stable_id(plan, "token"),
        created_at=now - timedelta(days=30),
    )
    world.commits[REPOSITORY] = [
        Commit(hashlib.sha256(image.encode()).hexdigest()[:40], f"Release {image.rpartition(':')[2]}", image)
        for image in plan.api_images
    ]
    database = _service(plan, world, "db", DATABASE_RUNTIME, {"image": plan.database_image}, plan.database_port)
    database.variables = {"POSTGRES_PASSWORD": plan.database_password, "DATABASE_URL": DATABASE_URL}
    api = _service(plan, world, "api", API_RUNTIME, {"repo": REPOSITORY}, plan.api_port)
    api.variables = {**plan.api_variables, "DATABASE_URL": "${{db.DATABASE_URL}}", "PORT": str(API_RUNTIME.port)}
    api.commit = world.commits[REPOSITORY][-1].hash
    api.settings |= {"healthcheckPath": "/api/health", "healthcheckTimeout": 60}
    volume = VolumeInstance(
        id=stable_id(plan, "volume-instance"),
        volume_id=stable_id(plan, "volume"),
        name="db-volume",
        service=database,
        mount=DATABASE_RUNTIME.mount,
        volume=f"{plan.project}-railway-database",
        created_at=world.created_at,
    )
    world.volumes[volume.id] = volume
    return world


def _service(plan: Plan, world: World, name: str, runtime: Runtime, source: dict[str, str], port: int) -> Service:
    service = Service(
        id=stable_id(plan, f"service-{name}"),
        instance_id=stable_id(plan, f"instance-{name}"),
        name=name,
        runtime=runtime,
        created_at=world.created_at,
        source=source,
        traffic_port=port,
    )
    service.settings |= {"restartPolicyMaxRetries": 2, "region": "us-east4-eqdc4a"}
    world.services[service.id] = service
    return service


async def seed(double: Double, plan: Plan, untouched: Collection[str] = ()) -> None:
    """Bring the project up: the database, its schema, then the API with the history of its releases. A deployment in
    ``untouched`` is one of this state that still serves, as an earlier double knows: its container is gone on with."""
    world = double.world
    database, api = world.named("db"), world.named("api")
    await double.runner.ensure_network()
    await double.runner.ensure_volume(double.runner.volume_of(database).volume)  # type: ignore[union-attr]
    image = plan.database_image
    stored = await _record(double, plan, database, image, age=timedelta(days=20), meta={"image": image})
    history = []
    for commit, days in zip(world.commits[REPOSITORY], range(9 * len(plan.api_images), 0, -9)):
        meta = {"repo": REPOSITORY, "branch": "main", "commitHash": commit.hash, "commitMessage": commit.message}
        history.append(await _record(double, plan, api, commit.image, age=timedelta(days=days), meta=meta))
    for old in history[:-1]:
        old.status = "REMOVED"
        old.removed_at = double.clock.now() - timedelta(hours=2)
    served = history[-1]
    kept = {await _adopt(double, deployment) for deployment in (stored, served) if deployment.id in untouched}
    await double.runner.remove_containers(keep=kept)
    await double.runner.remove_extra_volumes()
    if not stored.replicas:
        await double.runner.add_replica(stored)
        await _healthy(double, stored)
        await _migrate_unless(double, stored, plan.schema, served)
    if not served.replicas:
        await double.runner.add_replica(served)
    for deployment in (stored, served):
        await _healthy(double, deployment)
        double.runner.switch_traffic(deployment)


async def _adopt(double: Double, deployment: Deployment) -> str:
    """Go on with the container of this deployment that an earlier double has left working; empty when there is none."""
    engine, runner = double.runner.engine, double.runner
    for container in await engine.listed("containers", f"{runner.part_label}.deployment={deployment.id}"):
        state = await engine.inspect(container)
        mounted = {mount.get("Name") for mount in state["Mounts"]}
        volume = runner.volume_of(deployment.service)
        if not state["State"]["Running"] or (volume and volume.volume not in mounted):
            continue
        replica = Replica(state["Config"]["Labels"][f"{runner.part_label}.replica"], container, "RUNNING")
        replica.since = time.time()
        replica.address = await engine.address(container, deployment.service.runtime.port)
        deployment.replicas = [replica]
        if state["Image"] == deployment.digest and await runner.answers(deployment, replica):
            return container
        deployment.replicas = []
    return ""


async def _record(
    double: Double, plan: Plan, service: Service, image: str, *, age: timedelta, meta: dict[str, str]
) -> Deployment:
    """A deployment of the past, which once succeeded."""
    created = double.clock.now() - age
    digest = await double.runner.engine.image_id(image)
    if digest is None:
        raise RuntimeError(f"the engine has no image {image}: run tests/lab/up")
    done = created + timedelta(seconds=30)
    deployment = Deployment(
        service=service,
        created_at=created,
        image=image,
        digest=digest,
        variables=rendered(double.world, service),
        settings=dict(service.settings),
        meta={**meta, "imageDigest": digest, "reason": "deploy"},
        creator="deployer@example.com",
        build="repo" in service.source,
        id=stable_id(plan, f"deployment-{service.name}-{image}"),
        status="SUCCESS",
        status_updated_at=done,
        updated_at=done,
        succeeded=True,
        events=[Event("CREATE_CONTAINER", created, completed_at=done)],
    )
    double.world.deployments[deployment.id] = deployment
    return deployment


async def _migrate_unless(double: Double, stored: Deployment, schema: int, deployment: Deployment) -> None:
    """Unless the database has this schema, bring it there in a container of the release that ends."""
    runner = double.runner
    query = f'test "$(psql -At -c "SELECT max(version) FROM schema_version" orders)" = {schema}'
    if await runner.engine.execute(stored.replicas[0].container, ("sh", "-c", query)) == 0:
        return
    spec = runner.spec(deployment, task="migrate")
    spec["Cmd"] = ["python3", "-m", "app.migrate"]
    del spec["NetworkingConfig"], spec["Labels"][f"{runner.part_label}.deployment"]
    container = await runner.engine.create(spec, name=f"{runner.project}-railway-migrate-{new_id()[:8]}")
    try:
        await runner.engine.start(container)
        if await runner.engine.wait(container) != 0:
            raise RuntimeError(f"the migration failed: {await runner.engine.logs(container)}")
    finally:
        await runner.engine.remove(container)


async def _healthy(double: Double, deployment: Deployment) -> None:
    """Wait until it works. Nobody follows the ends of containers yet, so one that ended is started again here."""
    deadline = time.monotonic() + SECONDS_TO_HEALTHY
    while False in [await double.runner.answers(deployment, replica) for replica in deployment.replicas]:
        for replica in deployment.replicas:
            if not (await double.runner.engine.inspect(replica.container)).get("State", {}).get("Running"):
                await double.runner.start(deployment, replica)
        if time.monotonic() > deadline:
            lines = [line["message"] for line in await double.runner.log_lines(deployment)]
            raise RuntimeError(f"{deployment.service.name} does not become healthy: {lines[-5:]}")
        await asyncio.sleep(0.1)
