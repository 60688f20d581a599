"""Who asks: the three kinds of token, and what each of them reaches."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from .refusal import NOT_AUTHORIZED, Refused
from .state import World

PROJECT_TOKEN_NOT_FOUND = "Project Token not found"


@dataclass(frozen=True)
class Tokens:
    """Drawn for each lab."""

    account: str
    workspace: str
    project: str


@dataclass(frozen=True)
class Access:
    """The kind of token: ``account``, ``workspace`` or ``project``."""

    kind: str

    def require(self, *kinds: str) -> None:
        if self.kind not in kinds:
            raise Refused(NOT_AUTHORIZED)


def authenticate(headers: Mapping[str, str], tokens: Tokens) -> Access:
    """Tell who asks, or refuse. Each header knows only its own kinds of token."""
    project = headers.get("Project-Access-Token")
    if project is not None:
        if not hmac.compare_digest(project.encode(), tokens.project.encode()):
            raise Refused(PROJECT_TOKEN_NOT_FOUND)
        return Access("project")
    kind, _space, bearer = headers.get("Authorization", "").partition(" ")
    for name in ("account", "workspace"):
        if kind == "Bearer" and hmac.compare_digest(bearer.encode(), getattr(tokens, name).encode()):
            return Access(name)
    raise Refused(NOT_AUTHORIZED)


def kind_claimed(headers: Mapping[str, str]) -> str:
    """What a request says it has, for the journal; never the token."""
    if "Project-Access-Token" in headers:
        return "project-access-token"
    return "bearer" if "Authorization" in headers else "none"


def require_environment(world: World, environment_id: str) -> None:
    """All tokens of a lab reach its only environment, and nothing else."""
    if environment_id != world.environment_id:
        raise Refused(NOT_AUTHORIZED)


def require_project(world: World, project_id: str) -> None:
    if project_id != world.project_id:
        raise Refused(NOT_AUTHORIZED)
