"""From a container definition to the engine: what a container is created with, and which image it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from .ministack_seams import secret_value
from .wire import Data

LABEL = "com.sre-remediation.lab"
TASK_LABEL = "com.amazonaws.ecs.task-arn"
SECOND = 10**9
MEBIBYTE = 2**20


class CannotStart(Exception):
    """A task cannot start; the text is the task's ``stoppedReason``."""


@dataclass(frozen=True)
class Place:
    """Where the tasks of this double run."""

    project: str
    """The lab's project, the value of the label of everything made."""

    @property
    def network(self) -> str:
        return f"{self.project}_ecs"

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: self.project, f"{LABEL}.part": "aws"}

    def volume(self, name: str) -> str:
        return f"{self.project}_ecs-{name}"


def ensure_network(client: docker.DockerClient, place: Place) -> None:
    """Make the network of all tasks, which stands in for a VPC."""
    if not client.networks.list(names=[f"^{place.network}$"]):
        client.networks.create(place.network, driver="bridge", labels=place.labels)


def remove_leftovers(client: docker.DockerClient, place: Place) -> None:
    """Remove the containers an earlier run of the double left: what it knew of them is lost."""
    wanted = [f"{name}={value}" for name, value in place.labels.items()]
    for container in client.containers.list(all=True, filters={"label": wanted}):
        container.remove(force=True, v=True)


def image_digest(client: docker.DockerClient, image: str) -> str:
    """Id of the local image, which takes the place of the manifest's digest; nothing is ever pulled."""
    reference = image.partition("@")[2] or image
    try:
        return str(client.images.get(reference).id)
    except (ImageNotFound, APIError):
        raise CannotStart(
            f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}:"
            f" {image}: not found"
        ) from None


def environment(definition: Data, override: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a container, secrets resolved; one that does not exist keeps the task from starting."""
    values = {entry["name"]: entry["value"] for entry in definition.get("environment", [])}
    for secret in definition.get("secrets", []):
        reference = secret["valueFrom"]
        value = secret_value(reference)
        if value is None:
            store, what = ("asm", "secret") if ":secretsmanager:" in reference else ("ssm", "parameter")
            raise CannotStart(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval"
                f" failed: unable to retrieve secret from {store}: service call has been retried 1 time(s): failed to"
                f" fetch {what} {reference}: ResourceNotFoundException: can't find the specified {what}"
            )
        values[secret["name"]] = value
    values.update({entry["name"]: entry["value"] for entry in override.get("environment", [])})
    return values


def volumes(task_definition: Data, definition: Data, place: Place) -> list[str]:
    """Mounts as ``source:path:mode``: a host path, or a Docker volume that outlives its tasks."""
    sources = {}
    for volume in task_definition.get("volumes", []):
        path = (volume.get("host") or {}).get("sourcePath")
        sources[volume["name"]] = path or place.volume(volume["name"])
    return [
        f"{sources[mount['sourceVolume']]}:{mount['containerPath']}:{'ro' if mount.get('readOnly') else 'rw'}"
        for mount in definition.get("mountPoints", [])
    ]


def health_check(definition: Data) -> Data | None:
    """The container health check as Docker wants it, with the defaults of ECS."""
    check = definition.get("healthCheck")
    if not check:
        return None
    return {
        "test": check["command"],
        "interval": check.get("interval", 30) * SECOND,
        "timeout": check.get("timeout", 5) * SECOND,
        "retries": check.get("retries", 3),
        "start_period": check.get("startPeriod", 0) * SECOND,
    }


def options(task_definition: Data, definition: Data, override: Mapping[str, Any], place: Place) -> Data:
    """What a container is created with, but for its image, name, environment and network."""
    linux = definition.get("linuxParameters") or {}
    found: Data = {
        "command": override.get("command") or definition.get("command"),
        "entrypoint": definition.get("entryPoint"),
        "user": definition.get("user"),
        "working_dir": definition.get("workingDirectory"),
        "hostname": definition.get("hostname"),
        "healthcheck": health_check(definition),
        "read_only": definition.get("readonlyRootFilesystem") or None,
        "init": linux.get("initProcessEnabled") or None,
        "shm_size": linux["sharedMemorySize"] * MEBIBYTE if linux.get("sharedMemorySize") else None,
        "tmpfs": {t["containerPath"]: f"size={t['size']}m" for t in linux.get("tmpfs", [])} or None,
        "volumes": volumes(task_definition, definition, place) or None,
        "mem_reservation": _bytes(definition.get("memoryReservation")),
        "extra_hosts": {h["hostname"]: h["ipAddress"] for h in definition.get("extraHosts", [])} or None,
    }
    limit = _bytes(definition.get("memory")) or _bytes(task_definition.get("memory"))
    if limit:
        found.update(mem_limit=limit, memswap_limit=limit)
    if task_definition.get("networkMode") in ("bridge", None):
        found["ports"] = {
            f"{p['containerPort']}/{p.get('protocol', 'tcp')}": ("127.0.0.1", p.get("hostPort") or None)
            for p in definition.get("portMappings", [])
        }
    return {name: value for name, value in found.items() if value not in (None, {})}


def _bytes(mebibytes: int | str | None) -> int | None:
    return int(mebibytes) * MEBIBYTE if mebibytes else None


def network_bindings(attributes: Data) -> list[Data]:
    """Published ports as DescribeTasks shows them."""
    bindings = []
    for port, hosts in (attributes["NetworkSettings"].get("Ports") or {}).items():
        inside, _slash, protocol = port.partition("/")
        for host in hosts or []:
            bindings.append(
                {
                    "bindIP": host["HostIp"],
                    "containerPort": int(inside),
                    "hostPort": int(host["HostPort"]),
                    "protocol": protocol,
                }
            )
    return bindings


def address(attributes: Data, place: Place) -> str:
    """IP address of a container in the network of the tasks."""
    network = attributes["NetworkSettings"]["Networks"].get(place.network) or {}
    return str(network.get("IPAddress", ""))


def attributes_of(client: docker.DockerClient, container_id: str) -> Data | None:
    """The engine's record of a container; None when it has been removed."""
    try:
        found: Data = client.api.inspect_container(container_id)
    except NotFound:
        return None
    return found
