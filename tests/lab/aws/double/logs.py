"""Container output to CloudWatch Logs, as the awslogs driver does it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import docker
from docker.errors import DockerException

from .ministack_seams import put_log_lines, within
from .model import Task
from .wire import Data, Scope

SECONDS_TO_FINISH = 3


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines of a stream that comes in pieces; what lacks its end at the end of the stream counts as one."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", errors="replace").rstrip("\r") for line in whole)
    if rest:
        yield rest.decode("utf-8", errors="replace")


def destination(definition: Data, task_id: str, container_id: str) -> tuple[str, str, bool] | None:
    """Group, stream and whether to make the group; None where the container logs elsewhere."""
    configuration = definition.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return None
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{prefix}/{definition['name']}/{task_id}" if prefix else container_id
    return options["awslogs-group"], stream, str(options.get("awslogs-create-group")).lower() == "true"


class LogForwarder:
    """Follows one container until it ends."""

    def __init__(self, client: docker.DockerClient, container_id: str, to: tuple[str, str, bool], scope: Scope) -> None:
        self._client = client
        self._container = container_id
        self._group, self._stream, self._create = to
        self._scope = scope
        self._thread = threading.Thread(target=self._forward, daemon=True, name=f"logs-{container_id[:8]}")
        self._thread.start()

    @classmethod
    def of(cls, client: docker.DockerClient, container_id: str, definition: Data, task: Task) -> LogForwarder | None:
        to = destination(definition, task.id, container_id)
        return cls(client, container_id, to, task.scope) if to else None

    def _forward(self) -> None:
        try:
            chunks = self._client.api.logs(self._container, stream=True, follow=True, stdout=True, stderr=True)
            with within(self._scope):
                for line in lines_of(chunks):
                    if line:
                        put_log_lines(self._group, self._stream, [line], create_group=self._create)
        except (DockerException, OSError):
            return  # the container was removed under its reader

    def finish(self) -> None:
        """Wait until the last line is through."""
        self._thread.join(timeout=SECONDS_TO_FINISH)
