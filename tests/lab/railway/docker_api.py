"""The Docker Engine's HTTP API, as far as the double needs it. Environment variables travel in bodies only."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

LOOPBACK = "127.0.0.1"
SECONDS_TO_REMOVE = 60


class EngineError(RuntimeError):
    """The engine refused; the text is its own."""


class DockerApi:
    """A connection to the engine at ``host`` (unix socket)."""

    def __init__(self, host: str) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=host.removeprefix("unix://"), limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        )

    async def close(self) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, *, allow: tuple[int, ...] = (), **options: Any) -> Any:
        """Call and return the parsed answer; `EngineError` unless it succeeds or has a status of ``allow``."""
        async with self._session.request(method, f"http://engine/v1.41{path}", **options) as answer:
            body = await answer.read()
            if answer.status >= 400 and answer.status not in allow:
                try:
                    message = json.loads(body)["message"]
                except (ValueError, KeyError):
                    message = body.decode(errors="replace")
                raise EngineError(message)
            if answer.content_type == "application/json" and answer.status < 400:
                return json.loads(body or b"null")
            return body

    async def image_id(self, reference: str) -> str | None:
        """Identity of an image; None when the engine has none of that name."""
        found = await self.call("GET", f"/images/{reference}/json", allow=(400, 404))
        return found["Id"] if isinstance(found, dict) else None

    async def create(self, spec: dict[str, Any], name: str = "") -> str:
        params = {"name": name} if name else {}
        created = await self.call("POST", "/containers/create", json=spec, params=params)
        return str(created["Id"])

    async def start(self, container: str) -> None:
        await self.call("POST", f"/containers/{container}/start", allow=(304,))

    async def stop(self, container: str, seconds: int) -> None:
        await self.call("POST", f"/containers/{container}/stop", params={"t": str(seconds)}, allow=(304, 404))

    async def kill(self, container: str) -> None:
        await self.call("POST", f"/containers/{container}/kill", allow=(404, 409))

    async def wait(self, container: str) -> int:
        """Wait for a container's end; return its exit code."""
        return int((await self.call("POST", f"/containers/{container}/wait"))["StatusCode"])

    async def remove(self, container: str) -> None:
        """See to it that a container is gone. The engine refuses while an earlier call is still at it (also one that
        nobody waits for any more), and gives up where a busy machine does not end the processes in its ten seconds."""
        deadline = time.monotonic() + SECONDS_TO_REMOVE
        while True:
            try:
                await self.call("DELETE", f"/containers/{container}", params={"force": "1", "v": "1"}, allow=(404,))
                return
            except EngineError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.2)

    async def inspect(self, container: str) -> dict[str, Any]:
        found = await self.call("GET", f"/containers/{container}/json", allow=(404,))
        return found if isinstance(found, dict) else {}

    async def address(self, container: str, port: int) -> tuple[str, int] | None:
        """Where a container's port is published now; it changes with each start."""
        state = await self.inspect(container)
        published = ((state.get("NetworkSettings") or {}).get("Ports") or {}).get(f"{port}/tcp")
        return (LOOPBACK, int(published[0]["HostPort"])) if published else None

    async def execute(self, container: str, command: tuple[str, ...]) -> int | None:
        """Exit code of a command in a container; None when it does not run."""
        made = await self.call(
            "POST",
            f"/containers/{container}/exec",
            json={"Cmd": list(command), "AttachStdout": True, "AttachStderr": True},
            allow=(404, 409),
        )
        if not isinstance(made, dict):
            return None
        await self.call("POST", f"/exec/{made['Id']}/start", json={"Detach": False}, allow=(409,))
        return (await self.call("GET", f"/exec/{made['Id']}/json"))["ExitCode"]

    async def output(self, container: str, command: tuple[str, ...]) -> str:
        """What a command in a container writes to its standard output."""
        spec = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "User": "root"}
        made = await self.call("POST", f"/containers/{container}/exec", json=spec)
        raw = await self.call("POST", f"/exec/{made['Id']}/start", json={"Detach": False})
        # Framed as the log is, but no line begins with its time.
        parts = [(moment, message) for moment, stream, message in parse_log(raw) if stream == "stdout"]
        return "\n".join(f"{moment} {message}".strip() for moment, message in parts)

    async def logs(self, container: str, since: float = 0, tail: int = 1000) -> list[tuple[str, str, str]]:
        """The last lines of a container, none older than ``since``, as (time, stream, message)."""
        params = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": str(tail), "since": f"{since:.6f}"}
        raw = await self.call("GET", f"/containers/{container}/logs", params=params, allow=(404, 409))
        return [] if isinstance(raw, dict) else parse_log(raw)

    async def stats(self, container: str) -> dict[str, Any]:
        found = await self.call(
            "GET", f"/containers/{container}/stats", params={"stream": "0", "one-shot": "1"}, allow=(404, 409)
        )
        return found if isinstance(found, dict) else {}

    async def listed(self, kind: str, label: str) -> list[str]:
        """Names or ids of containers, volumes or networks with a label."""
        params = {"filters": json.dumps({"label": [label]}), **({"all": "1"} if kind == "containers" else {})}
        found = await self.call("GET", "/containers/json" if kind == "containers" else f"/{kind}", params=params)
        if kind == "volumes":
            return [volume["Name"] for volume in found["Volumes"] or []]
        return [thing["Id"] for thing in found]

    async def ends(self, label: str) -> AsyncIterator[tuple[str, int]]:
        """Containers with this label as they end: (id, exit code)."""
        params = {"filters": json.dumps({"type": ["container"], "event": ["die"], "label": [label]})}
        async with self._session.get("http://engine/v1.41/events", params=params) as answer:
            async for line in answer.content:
                event = json.loads(line)
                yield event["Actor"]["ID"], int(event["Actor"]["Attributes"].get("exitCode", 0))


def parse_log(raw: bytes) -> list[tuple[str, str, str]]:
    """Take the engine's framed stream apart: eight bytes of stream and length, then a chunk of lines."""
    lines, offset = [], 0
    while offset + 8 <= len(raw):
        stream, length = struct.unpack(">BxxxL", raw[offset : offset + 8])
        chunk = raw[offset + 8 : offset + 8 + length].decode(errors="replace")
        offset += 8 + length
        for line in chunk.splitlines():
            moment, _space, message = line.partition(" ")
            lines.append((moment, "stderr" if stream == 2 else "stdout", message))
    return lines
