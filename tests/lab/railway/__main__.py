"""The double's process: the API and the control endpoint on the loopback. `part` starts it, with its plan in RAILWAY_DOUBLE."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from typing import Any

from aiohttp import web

from .access import Tokens
from .api import Api
from .clock import Clock
from .control import Control
from .deploys import Deploys
from .docker_api import DockerApi
from .double import Double
from .faults import FaultRules
from .journal import Journal
from .lifecycle import Lifecycle
from .runner import Runner
from .seed import Plan, new_world, seed
from .state import World
from .switches import Switches
from .traffic import Route
from .volume_store import VolumeStore

HOST = "127.0.0.1"
log = logging.getLogger("railway")


class Process:
    """What outlives a reset: the ports, the engine's connection, and the double behind them, which does not."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.plan = Plan(**config["plan"])
        self.tokens = Tokens(**config["tokens"])
        self.routes = {
            "api": Route(self.plan.api_port, http=True),
            "db": Route(self.plan.database_port, http=False),
        }
        self.double: Double
        self.api: Api
        self._watch: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    def _new_double(self, engine: DockerApi, world: World, clock: Clock) -> Double:
        switches = Switches()
        runner = Runner(engine, self.plan.project, world)
        for service in world.services.values():
            runner.routes[service.id] = self.routes[service.name]
        life = Lifecycle(world, runner, clock, switches)
        return Double(
            world=world,
            runner=runner,
            clock=clock,
            switches=switches,
            tokens=self.tokens,
            life=life,
            deploys=Deploys(life),
            volumes=VolumeStore(life),
            faults=FaultRules(),
            journal=Journal(),
        )

    async def reset(self) -> None:
        async with self._lock:
            untouched: set[str] = set()
            if self._watch:
                untouched = {d.id for d in self.double.world.deployments.values() if d.runs() and not d.stopped}
                self._watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._watch
                self._watch = None  # should this reset fail, the next one trusts no container
                await self.double.life.stop()
            clock = Clock(factor=float(self.config.get("clock_factor", 1)))
            double = self._new_double(self.engine, new_world(self.plan, clock), clock)
            for route in self.routes.values():
                route.addresses = []
            await seed(double, self.plan, untouched)
            self._watch = asyncio.create_task(double.life.watch())
            self.double, self.api = double, Api(double)
            self.control = Control(double, self.reset)

    async def _ask_api(self, request: web.Request) -> web.StreamResponse:
        return await self.api.handle(request)

    async def _ask_control(self, request: web.Request) -> web.StreamResponse:
        return await self.control.handle(request)

    async def run(self) -> None:
        self.engine = DockerApi(os.environ["DOCKER_HOST"])
        for route in self.routes.values():
            await route.open()
        await self.reset()
        api = web.Application(client_max_size=1024**2)
        api.router.add_post("/graphql/v2", self._ask_api)
        control = web.Application()
        control.router.add_route("*", "/{name}", self._ask_control)
        runners = [web.AppRunner(app, access_log=None) for app in (api, control)]
        for runner, port in zip(runners, (self.config["port"], self.config["control_port"])):
            await runner.setup()
            await web.TCPSite(runner, HOST, port).start()
        log.info("ready")
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        if self._watch:
            self._watch.cancel()
        await self.double.life.stop()
        for runner in runners:
            await runner.cleanup()
        await self.engine.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(Process(json.loads(os.environ.pop("RAILWAY_DOUBLE"))).run())
