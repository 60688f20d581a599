"""Variables as Railway renders them: shared ones, references to other services, and its own RAILWAY_* ones."""

from __future__ import annotations

import re

from .state import Service, World

REFERENCE = re.compile(r"\$\{\{\s*(?:([\w .-]+?)\.)?(\w+)\s*\}\}")
DEPTH = 8


def provided(world: World, service: Service) -> dict[str, str]:
    """What Railway adds by itself."""
    return {
        "RAILWAY_PROJECT_ID": world.project_id,
        "RAILWAY_PROJECT_NAME": world.project_name,
        "RAILWAY_ENVIRONMENT_ID": world.environment_id,
        "RAILWAY_ENVIRONMENT_NAME": world.environment_name,
        "RAILWAY_SERVICE_ID": service.id,
        "RAILWAY_SERVICE_NAME": service.name,
        "RAILWAY_PRIVATE_DOMAIN": f"{service.name}.railway.internal",
    }


def rendered(world: World, service: Service) -> dict[str, str]:
    """The variables a deployment of this service gets."""
    own = {**provided(world, service), **service.variables}
    return {name: render(world, service, value) for name, value in own.items()}


def render(world: World, service: Service, value: str, depth: int = DEPTH) -> str:
    """Fill in ``${{NAME}}``, ``${{shared.NAME}}`` and ``${{service.NAME}}``; what is not there becomes empty."""

    def fill(match: re.Match[str]) -> str:
        owner, name = match.groups()
        if depth == 0:
            return ""
        if owner == "shared":
            return render(world, service, world.shared.get(name, ""), depth - 1)
        target = next((s for s in world.services.values() if s.name == owner), None) if owner else service
        if target is None:
            return ""
        values = {**provided(world, target), **target.variables}
        return render(world, target, values.get(name, ""), depth - 1)

    return REFERENCE.sub(fill, value)


def readable(service: Service, values: dict[str, str]) -> dict[str, str]:
    """``values`` without the sealed ones, which Railway shows to nobody."""
    return {name: value for name, value in values.items() if name not in service.sealed}
