"""Running deployments: their containers, what these write, and the routes that lead to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any

from .docker_api import DockerApi
from .state import Deployment, Replica, Service, VolumeInstance, World, new_id
from .traffic import Route

LAB_LABEL = "com.sre-remediation.lab"
PART_LABEL = f"{LAB_LABEL}.railway"
STOP_SECONDS = 2
SECONDS_TO_ANSWER = 5


class Runner:
    """The engine's side of one double; everything it makes carries the lab's label and `PART_LABEL`."""

    def __init__(self, engine: DockerApi, project: str, world: World) -> None:
        self.engine = engine
        self.project = project
        self.world = world
        self.routes: dict[str, Route] = {}

        self.part_label = PART_LABEL

    @property
    def network(self) -> str:
        return f"{self.project}-railway"

    def labels(self, **more: str) -> dict[str, str]:
        return {LAB_LABEL: self.project, PART_LABEL: self.project, **{f"{PART_LABEL}.{k}": v for k, v in more.items()}}

    async def ensure_network(self) -> None:
        if not await self.engine.listed("networks", f"{PART_LABEL}={self.project}"):
            spec = {"Name": self.network, "Labels": self.labels(), "CheckDuplicate": True}
            await self.engine.call("POST", "/networks/create", json=spec)

    async def ensure_volume(self, name: str) -> None:
        await self.engine.call("POST", "/volumes/create", json={"Name": name, "Labels": self.labels()})

    async def remove_containers(self, *, keep: Collection[str] = ()) -> None:
        found = await self.engine.listed("containers", f"{PART_LABEL}={self.project}")
        await asyncio.gather(*(self.engine.remove(container) for container in found if container not in keep))

    async def remove_extra_volumes(self) -> None:
        """Remove the volumes that backups and restores left."""
        used = {volume.volume for volume in self.world.volumes.values()}
        for name in await self.engine.listed("volumes", f"{PART_LABEL}={self.project}"):
            if name not in used:
                await self.engine.call("DELETE", f"/volumes/{name}", allow=(404,))

    def spec(self, deployment: Deployment, **labels: str) -> dict[str, Any]:
        """What the engine is told about one container of a deployment."""
        service, runtime = deployment.service, deployment.service.runtime
        volume = self.volume_of(service)
        memory = int((service.limits or {}).get("memoryBytes", runtime.memory))
        command = deployment.settings["startCommand"]
        return {
            "Image": deployment.digest,
            "Env": [f"{name}={value}" for name, value in deployment.variables.items()],
            "Labels": self.labels(deployment=deployment.id, service=service.name, **labels),
            "ExposedPorts": {f"{runtime.port}/tcp": {}},
            **({"Cmd": ["/bin/sh", "-c", command]} if command else {}),
            "HostConfig": {
                "PortBindings": {f"{runtime.port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
                "Binds": [f"{volume.volume}:{volume.mount}"] if volume else [],
                "Tmpfs": runtime.tmpfs,
                "Memory": memory,
                "MemorySwap": memory,
                "ShmSize": 64 * 1024 * 1024,
                "NetworkMode": self.network,
                "DnsOptions": ["timeout:1", "attempts:1"],
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m"}},
            },
            "NetworkingConfig": {"EndpointsConfig": {self.network: {"Aliases": [f"{service.name}.railway.internal"]}}},
        }

    def volume_of(self, service: Service) -> VolumeInstance | None:
        return next((volume for volume in self.world.volumes.values() if volume.service is service), None)

    async def add_replica(self, deployment: Deployment) -> Replica:
        """Create and start one more container; a container that cannot start is one that ended at once."""
        replica = Replica(id=new_id())
        deployment.replicas.append(replica)
        name = f"{self.project}-railway-{deployment.service.name}-{deployment.id[:8]}-{replica.id[:4]}"
        replica.container = await self.engine.create(self.spec(deployment, replica=replica.id), name)
        await self.start(deployment, replica)
        return replica

    async def start(self, deployment: Deployment, replica: Replica) -> None:
        """Start a replica's container. `EngineError` when its command cannot be run at all."""
        replica.expected_to_end = False
        await self.engine.start(replica.container)
        replica.address = await self.engine.address(replica.container, deployment.service.runtime.port)
        replica.status = "RUNNING"
        self.refresh_route(deployment)

    async def stop(self, deployment: Deployment, *, status: str, seconds: int = STOP_SECONDS) -> None:
        for replica in deployment.replicas:
            replica.expected_to_end = True
        await asyncio.gather(*(self.engine.stop(r.container, seconds) for r in deployment.replicas if r.container))
        for replica in deployment.replicas:
            replica.status = status
        self.refresh_route(deployment)

    async def remove(self, deployment: Deployment) -> None:
        """Stop and remove a deployment's containers; their last lines are kept."""
        await self.stop(
            deployment, status="REMOVING", seconds=int(deployment.settings["drainingSeconds"] or STOP_SECONDS)
        )
        deployment.kept_log = await self.log_lines(deployment)
        # By label, for one may just have been made when the deployment was aborted.
        made = await self.engine.listed("containers", f"{PART_LABEL}.deployment={deployment.id}")
        await asyncio.gather(*(self.engine.remove(container) for container in made))
        for replica in deployment.replicas:
            replica.status, replica.container = "REMOVED", ""

    async def drop_replica(self, deployment: Deployment, replica: Replica) -> None:
        replica.expected_to_end = True
        deployment.replicas.remove(replica)
        self.refresh_route(deployment)
        await self.engine.stop(replica.container, STOP_SECONDS)
        await self.engine.remove(replica.container)

    def switch_traffic(self, deployment: Deployment) -> None:
        """From now on this deployment serves."""
        service = deployment.service
        self.routes[service.id].addresses = [
            r.address for r in deployment.replicas if r.status == "RUNNING" and r.address
        ]

    def refresh_route(self, deployment: Deployment) -> None:
        """Let the route follow the containers of the deployment that serves; another one's are no matter to it."""
        serving = self.world.active(deployment.service)
        if serving and serving[0] is deployment and deployment.service.id in self.routes:
            self.switch_traffic(deployment)
        elif not serving and deployment.service.id in self.routes:
            self.routes[deployment.service.id].addresses = []

    async def answers(self, deployment: Deployment, replica: Replica) -> bool:
        """Whether a replica passes the health check of its deployment, or else the double's own. One that has ended
        does not, and neither does one that ended before the engine could say where its port was."""
        path, ready = deployment.settings["healthcheckPath"], deployment.service.runtime.ready
        if replica.status != "RUNNING":
            return False
        if path:
            return replica.address is not None and await http_status(replica.address, path) == 200
        if ready:
            return await self.engine.execute(replica.container, ready) == 0
        return True

    async def log_lines(self, deployment: Deployment) -> list[dict[str, Any]]:
        """All lines of a deployment, oldest first, as the API's Log has them."""
        lines = list(deployment.kept_log)
        for replica in deployment.replicas:
            if not replica.container:
                continue
            for moment, stream, message in await self.engine.logs(replica.container, replica.since):
                lines.append(
                    log_line(deployment, moment, message, "error" if stream == "stderr" else "info", replica.id)
                )
        return sorted(lines, key=lambda line: str(line["timestamp"]))


def log_line(
    deployment: Deployment, moment: str, message: str, severity: str = "info", replica: str | None = None
) -> dict[str, Any]:
    tags = {"deploymentId": deployment.id, "deploymentInstanceId": replica, "serviceId": deployment.service.id}
    attributes = [{"key": "level", "value": f'"{severity}"'}]
    return {"timestamp": moment, "severity": severity, "message": message, "attributes": attributes, "tags": tags}


async def http_status(address: tuple[str, int], path: str) -> int | None:
    """Status of a plain GET; None when there is no answer in time."""

    async def ask() -> int | None:
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: healthcheck.railway.app\r\n\r\n".encode())
            await writer.drain()
            words = (await reader.readline()).split()
            return int(words[1]) if len(words) > 1 else None
        finally:
            writer.close()

    with contextlib.suppress(OSError, ValueError):
        return await asyncio.wait_for(ask(), SECONDS_TO_ANSWER)
    return None
