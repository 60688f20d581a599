"""The edge before a service: one port that stays, and leads to the deployment that serves at the moment."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging

Address = tuple[str, int]
_BODY = b'{"status":"error","code":502,"message":"Application failed to respond"}'
NO_APPLICATION = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nX-Railway-Fallback: true\r\nX-Lab-Edge: %s\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
)
"""What the edge answers where the application does not; `X-Lab-Edge` is the lab's own and says why."""
CHUNK = 65536
SECONDS_TO_CONNECT = 2
NO_ADDRESS, NO_CONNECTION, NO_ANSWER = "no address", "no connection", "no answer"
log = logging.getLogger("railway")


class Route:
    """Traffic of one service: each connection goes to one of the addresses of the serving deployment, in turn."""

    def __init__(self, port: int, *, http: bool) -> None:
        self.port = port
        self.http = http
        self.addresses: list[Address] = []
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._connections):
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection in a task that is held on to, for the loop itself forgets it."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            upstream = await self._connect()
            if isinstance(upstream, str):
                await self._refuse(reader, writer, upstream)
                return
            up_reader, up_writer = upstream
            with contextlib.closing(up_writer):
                asking = asyncio.create_task(_ask(reader, up_writer))
                try:
                    await self._answer(up_reader, writer)
                finally:
                    asking.cancel()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | str:
        """A connection to the next address that takes one; else why there is none."""
        addresses, reason = list(self.addresses), NO_ADDRESS
        for _time in addresses:
            host, port = addresses[next(self._turn) % len(addresses)]
            try:
                return await asyncio.wait_for(asyncio.open_connection(host, port), SECONDS_TO_CONNECT)
            except OSError as error:
                log.info("port %d: no connection to port %d: %r", self.port, port, error)
                reason = NO_CONNECTION
        return reason

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reason: str) -> None:
        """Say what Railway's edge says of a service that does not answer; a raw connection just ends."""
        if self.http:
            await asyncio.wait_for(reader.read(CHUNK), SECONDS_TO_CONNECT)
            await self._say(writer, reason)

    async def _say(self, writer: asyncio.StreamWriter, reason: str) -> None:
        log.info("port %d: 502, %s; addresses: %s", self.port, reason, [port for _host, port in self.addresses])
        writer.write(NO_APPLICATION % (reason.encode(), len(_BODY), _BODY))
        await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the answer on; where there is none at all, the edge answers instead."""
        if await _copy(reader, writer) == 0 and self.http:
            with contextlib.suppress(OSError, RuntimeError):
                await self._say(writer, NO_ANSWER)
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass the request on, and its end."""
    await _copy(reader, writer)
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Copy until the sender is done; return how much it was."""
    total = 0
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            total += len(chunk)
            writer.write(chunk)
            await writer.drain()
    return total
