"""The double's own interface under ``/_lab/``, and the way of every other request through faults and journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .baseline import Baseline
from .faults import ApiFault, ApiFaults
from .metrics import QUESTIONS, Meter
from .model import World
from .requests import action_of, target_of
from .runner import Runner

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
PREFIX = "/_lab/"


class Control:
    """ASGI middleware around ministack."""

    def __init__(self, faults: ApiFaults, world: World, runner: Runner, meter: Meter) -> None:
        self._faults = faults
        self._meter = meter
        self._world = world
        self._runner = runner
        self._baseline: Baseline | None = None

    def around(self, application: Application) -> Application:
        async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await application(scope, receive, send)
                return
            body = await _read(receive)
            if scope["path"].startswith(PREFIX):
                await self._control(scope, body, send)
            else:
                await self._pass_on(application, scope, body, send)

        return wrapped

    async def _pass_on(self, application: Application, scope: Message, body: bytes, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        action = action_of(scope["path"], headers, body)
        fault = self._faults.take(action) if action else None
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault and fault.error:
            self._faults.record(action, fault.status, target_of(headers, body))
            await _answer(send, fault.status, fault.error_body(action), "application/x-amz-json-1.1")
            return

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and action:
                self._faults.record(action, message["status"], target_of(headers, body))
            await send(message)

        if action in QUESTIONS:
            await asyncio.to_thread(self._meter.measure)
        await application(scope, _once(body), noting)

    async def _control(self, scope: Message, body: bytes, send: Send) -> None:
        route = f"{scope['method']} {scope['path'].removeprefix(PREFIX)}"
        try:
            answer = await asyncio.to_thread(self._act, route, json.loads(body or b"{}"))
        except (LookupError, TypeError, ValueError) as error:
            await _answer(send, 400, {"error": f"{route}: {error}"}, "application/json")
            return
        await _answer(send, 200, answer, "application/json")

    def _act(self, route: str, data: dict[str, Any]) -> dict[str, Any]:
        if route == "GET journal":
            return self._faults.journal()
        if route == "DELETE journal":
            self._faults.reset_journal()
        elif route == "POST faults":
            self._faults.add(ApiFault(**data))
        elif route == "DELETE faults":
            self._faults.clear()
        elif route == "PUT settings":
            self._world.steady_seconds = float(data["steady_seconds"])
        elif route == "POST baseline":
            self._baseline = Baseline(self._world)
        elif route == "POST reset":
            return {"reset": self._reset()}
        elif route not in ("GET faults", "GET settings"):
            raise LookupError("there is no such thing here")
        return {
            "faults": self._faults.shown(),
            "steady_seconds": self._world.steady_seconds,
            "baseline": self._baseline is not None,
        }

    def _reset(self) -> bool:
        """Back to the baseline; False when none was set."""
        self._faults.clear()
        self._meter.forget()
        if self._baseline:
            self._baseline.restore(self._world, self._runner)
        return self._baseline is not None


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


def _once(body: bytes) -> Receive:
    """A ``receive`` that gives the body again, and then waits for ever like one of a client that stays."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, status: int, data: dict[str, Any], kind: str) -> None:
    headers = [(b"content-type", kind.encode()), (b"x-amzn-requestid", b"00000000-0000-0000-0000-00000000000a")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(data).encode()})
