"""The double's own schema, and the names Railway has beyond it: these are refused as what they are, not as unknown."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_schema

DIRECTORY = Path(__file__).resolve().parent / "schema"
BEYOND = DIRECTORY / "not_implemented.txt"


@cache
def schema() -> GraphQLSchema:
    """Railway's types, except that a status no schema knows can be answered: Railway's own schema may be newer."""
    built = build_schema("\n".join(path.read_text(encoding="utf-8") for path in sorted(DIRECTORY.glob("*.graphql"))))
    built.type_map["DeploymentStatus"].serialize = str  # type: ignore[union-attr]
    return built


@cache
def not_implemented() -> frozenset[str]:
    """``Type.field`` of everything Railway has and the double lacks, for the types the double has."""
    names = set()
    for line in BEYOND.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        kind, _colon, fields = line.partition(":")
        names.update(f"{kind}.{name}" for name in fields.split())
    return frozenset(names)
