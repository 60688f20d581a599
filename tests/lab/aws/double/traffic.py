"""The way of users to a service: one stable port on the loopback, behind it whichever tasks are healthy now."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from dataclasses import dataclass

from .model import World

SECONDS_TO_CONNECT = 2


@dataclass(frozen=True)
class Route:
    """Port ``port`` of the loopback leads to ``container_port`` of the tasks of ``service``."""

    service: str
    port: int
    container_port: int


def parse_routes(text: str) -> list[Route]:
    """Routes as ``api=23100:8000,db=23101:5432``."""
    routes = []
    for entry in filter(None, text.split(",")):
        service, _equals, ports = entry.partition("=")
        outside, _colon, inside = ports.partition(":")
        routes.append(Route(service, int(outside), int(inside)))
    return routes


def targets(world: World, service: str) -> list[str]:
    """Addresses of the tasks that may get traffic."""
    with world.lock:
        return [
            task.addresses[0]
            for task in world.tasks.values()
            if task.group == f"service:{service}" and task.healthy and task.addresses
        ]


class Balancer:
    """Forwards connections, each to the next healthy task; without one it hangs up, as a balancer with no target."""

    def __init__(self, world: World, routes: list[Route]) -> None:
        self._world = world
        self._routes = routes
        self._turn = itertools.count()

    def run_in_background(self) -> None:
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True, name="balancer").start()

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as servers:
            for route in self._routes:
                await servers.enter_async_context(
                    await asyncio.start_server(self._handler(route), "127.0.0.1", route.port)
                )
            await asyncio.Event().wait()

    def _handler(self, route: Route):  # noqa: ANN202
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._forward(route, reader, writer)
            except (OSError, TimeoutError):
                pass  # the task went away; its user sees the connection end
            finally:
                writer.close()

        return handle

    async def _forward(self, route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        addresses = targets(self._world, route.service)
        if not addresses:
            return
        address = addresses[next(self._turn) % len(addresses)]
        connection = asyncio.open_connection(address, route.container_port)
        far_reader, far_writer = await asyncio.wait_for(connection, SECONDS_TO_CONNECT)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
