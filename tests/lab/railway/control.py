"""The control endpoint: what a test may do with the double besides asking it as a client does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from .deploys import Deploys
from .double import Double
from .faults import KINDS
from .outcomes import OUTCOMES, check
from .refusal import Refused
from .state import Commit, Deployment, Service, new_id

log = logging.getLogger("railway")
Handler = Callable[[dict[str, Any]], Awaitable[Any]]


class Control:
    """Each method is a path; it takes and returns JSON."""

    def __init__(self, double: Double, reset: Callable[[], Awaitable[None]]) -> None:
        self.double = double
        self._reset = reset

    @property
    def deploys(self) -> Deploys:
        return self.double.deploys

    async def reset(self, _given: dict[str, Any]) -> Any:
        """Back to the healthy state: everything of before is gone, the journal too."""
        await self._reset()
        return {"healthy": True}

    async def state(self, _given: dict[str, Any]) -> Any:
        """What is there, for tests and for people."""
        world = self.double.world
        return {
            "project": world.project_id,
            "environment": world.environment_id,
            "services": {s.name: self._service(s) for s in world.services.values()},
            "volumes": {v.name: v.id for v in world.volumes.values()},
            "incident": world.incident,
        }

    def _service(self, service: Service) -> dict[str, Any]:
        listed = self.double.world.of(service)
        return {
            "id": service.id,
            "url": f"http://127.0.0.1:{service.traffic_port}",
            "deployments": [self._deployment(d) for d in listed],
        }

    def _deployment(self, deployment: Deployment) -> dict[str, Any]:
        return {
            "id": deployment.id,
            "status": deployment.status,
            "image": deployment.image,
            "digest": deployment.digest,
            "creator": deployment.creator,
            "reason": deployment.meta.get("reason"),
            "serves": deployment in self.double.world.active(deployment.service)[:1],
            "stopped": deployment.stopped,
            "instances": [{"id": r.id, "status": r.status, "container": r.container} for r in deployment.replicas],
        }

    async def fault(self, given: dict[str, Any]) -> Any:
        """Make requests fail: {kind, on, nth, count, when, delay, with}."""
        return {"id": self.double.faults.add(given).id}

    async def outcome(self, given: dict[str, Any]) -> Any:
        """Decide what becomes of a service's next deployment: {service, outcome, ...}."""
        service = self.double.world.named(given.pop("service"))
        service.outcomes.append(check(given))
        return {"outcomes": len(service.outcomes)}

    async def switch(self, given: dict[str, Any]) -> Any:
        self.double.switches.set(given)
        return {}

    async def clock(self, given: dict[str, Any]) -> Any:
        """{factor: of all delays} and {advance: seconds}."""
        self.double.clock.factor = float(given.get("factor", self.double.clock.factor))
        self.double.clock.advance(float(given.get("advance", 0)))
        return {"factor": self.double.clock.factor}

    async def incident(self, given: dict[str, Any]) -> Any:
        """{message: ...} begins an incident: deployments stay queued. {} ends it."""
        self.double.world.incident = given or None
        return {}

    async def release(self, _given: dict[str, Any]) -> Any:
        """Let everything that is stuck in the queue go on."""
        self.double.life.released.set()
        return {}

    async def push(self, given: dict[str, Any]) -> Any:
        """A commit arrives in a service's repository and is deployed: {service, image, message, deploy: true}."""
        service = self.double.world.named(given["service"])
        commit = Commit(new_id().replace("-", "") + "0" * 8, given.get("message", "A change"), given["image"])
        self.double.world.commits[service.source["repo"]].append(commit)
        if not given.get("deploy", True):
            return {"commit": commit.hash}
        return {"commit": commit.hash, "deployment": (await self._deploy(service, commit.hash)).id}

    async def deploy(self, given: dict[str, Any]) -> Any:
        """Somebody deploys the service as it is: {service}."""
        return {"deployment": (await self._deploy(self.double.world.named(given["service"]))).id}

    async def _deploy(self, service: Service, sha: str | None = None) -> Deployment:
        return await self.deploys.deploy_current(service, sha, creator="deployer@example.com")

    async def settings(self, given: dict[str, Any]) -> Any:
        """Change settings and variables (null: delete) of a service: {service, settings: {}, variables: {}, sealed: []}."""
        service = self.double.world.named(given["service"])
        service.settings.update(given.get("settings", {}))
        service.sealed.update(given.get("sealed", []))
        for name, value in given.get("variables", {}).items():
            if value is None:
                service.variables.pop(name, None)
            else:
                service.variables[name] = value
        return {}

    async def stop(self, given: dict[str, Any]) -> Any:
        for deployment in self._active(given):
            await self.deploys.stop(deployment)
        return {}

    async def remove(self, given: dict[str, Any]) -> Any:
        for deployment in self._active(given):
            await self.double.life.take_away(deployment)
        return {}

    async def crash(self, given: dict[str, Any]) -> Any:
        """The serving deployment crashes for good: {service}."""
        for deployment in self._active(given):
            await self.double.life.crash(deployment, deployment.replicas)
        return {}

    def _active(self, given: dict[str, Any]) -> list[Deployment]:
        return self.double.world.active(self.double.world.named(given["service"]))

    async def many(self, given: dict[str, Any]) -> Any:
        """Add services that never ran, for tests of size: {services: 200}."""
        world = self.double.world
        like = next(iter(world.services.values()))
        for number in range(int(given["services"])):
            service = Service(
                new_id(),
                new_id(),
                f"service-{number:03}",
                like.runtime,
                self.double.clock.now(),
                {"image": "none:1"},
                1,
            )
            world.services[service.id] = service
        return {"services": len(world.services)}

    async def journal(self, _given: dict[str, Any]) -> Any:
        return self.double.journal.as_data()

    async def catalogue(self, _given: dict[str, Any]) -> Any:
        """What can be set, and the faults that are."""
        switches = asdict(self.double.switches)
        return {
            "kinds": list(KINDS),
            "outcomes": OUTCOMES,
            "switches": switches,
            "faults": self.double.faults.as_data(),
        }

    async def clear(self, _given: dict[str, Any]) -> Any:
        """Forget the journal, and every fault, outcome, switch and incident; deployments stay as they are."""
        self.double.journal.entries.clear()
        self.double.faults.clear()
        self.double.switches.restore()
        self.double.world.incident = None
        self.double.life.released = asyncio.Event()
        for service in self.double.world.services.values():
            service.outcomes.clear()
        return {}

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        handler: Handler | None = (
            None if name.startswith("_") or name in ("handle", "deploys") else getattr(self, name, None)
        )
        if handler is None:
            return web.json_response({"error": f"there is no {name!r}"}, status=404)
        try:
            given = json.loads(await request.read() or b"{}")
            return web.json_response(await handler(given))
        except KeyError as error:
            return web.json_response({"error": f"{error} is missing or unknown"}, status=400)
        except (ValueError, TypeError, Refused) as error:
            return web.json_response({"error": str(error)}, status=400)
        except RuntimeError as error:
            log.exception("%s failed", name)
            return web.json_response({"error": str(error)}, status=500)
