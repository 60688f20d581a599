"""The Railway double speaks Railway's language: its schema is a part of Railway's own, and so is all that is asked of it.

Railway's published schema is not part of this repository. Where a copy lies beside it (`../shared/reference`), the whole
is compared; without one, the double's schema is what the documents are held against.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_client_schema,
    build_schema,
    is_enum_type,
    is_input_object_type,
    is_object_type,
    parse,
    print_schema,
    validate,
    validate_schema,
)
from lablib.settings import REPOSITORY
from railway.schema import not_implemented, schema

PUBLISHED = "shared/reference/railway_schema.json"
PACKAGE = REPOSITORY / "plugins" / "module_utils" / "_railway"


@cache
def published() -> GraphQLSchema | None:
    """Railway's own schema, from the nearest directory above that has a copy."""
    for directory in REPOSITORY.parents:
        path = directory / PUBLISHED
        if path.exists():
            return build_client_schema(json.loads(path.read_text(encoding="utf-8"))["data"])
    return None


def documents() -> Iterator[tuple[str, str]]:
    """The collection's GraphQL documents with their places: files, and whatever its Python says that is GraphQL."""
    for path in sorted(PACKAGE.glob("*.graphql")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.glob("*.py")):
        names: dict[str, object] = {"__name__": path.stem}
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name == "operations.py":  # data only: it can be run on its own
            exec(compile(tree, str(path), "exec"), names)
            operations = names["OPERATIONS"]
            assert isinstance(operations, dict) and operations
            for name, text in operations.items():
                yield f"{path.name}: {name}", text


def complaints(own: GraphQLSchema, text: str) -> list[str]:
    try:
        return [error.message for error in validate(own, parse(text))]
    except GraphQLError as error:
        return [error.message]


def own_types(own: GraphQLSchema) -> dict[str, GraphQLNamedType]:
    builtin = {"String", "Int", "Float", "Boolean", "ID"}
    return {name: kind for name, kind in own.type_map.items() if not name.startswith("__") and name not in builtin}


def differences(own: GraphQLSchema, real: GraphQLSchema) -> list[str]:
    """Every field, argument, value and type of ``own`` that ``real`` has not, or has otherwise; and what is missing of
    the inputs and enums, for these have to be whole."""
    found = []
    for name, kind in own_types(own).items():
        theirs = real.type_map.get(name)
        if theirs is None or type(theirs) is not type(kind):
            found.append(f"{name}: no such type")
        elif is_object_type(kind):
            for field, mine in kind.fields.items():
                other = theirs.fields.get(field)
                if other is None or str(other.type) != str(mine.type):
                    found.append(f"{name}.{field}: {mine.type}, really {other and other.type}")
                elif _arguments(mine.args) != _arguments(other.args):
                    found.append(f"{name}.{field}: other arguments")
        elif is_input_object_type(kind):
            if _arguments(kind.fields) != _arguments(theirs.fields):
                found.append(f"{name}: other fields")
        elif is_enum_type(kind) and set(kind.values) != set(theirs.values):
            found.append(f"{name}: other values")
    return found


def _arguments(arguments: dict) -> dict[str, tuple[str, str]]:
    return {name: (str(argument.type), str(argument.default_value)) for name, argument in arguments.items()}


def test_the_schema_is_one() -> None:
    assert validate_schema(schema()) == []
    assert len(schema().query_type.fields) > 25 and len(schema().mutation_type.fields) > 20


def test_the_schema_is_a_part_of_railways_own() -> None:
    real = published() or schema()
    assert differences(schema(), real) == []


def test_a_difference_would_be_seen() -> None:
    """The comparison itself: a field that is not there, a type and an argument that differ, a value too many."""
    text = print_schema(schema())
    for old, new in (
        ("deploymentRollback(id: String!): Boolean!", "deploymentRollback(id: ID!): Deployment!"),
        ("deploymentStop(id: String!)", "deploymentStop(id: String)"),
        ("enum DeploymentStatus {", "enum DeploymentStatus {\n  CANCELLED"),
    ):
        assert old in text
        text = text.replace(old, new)
    broken = build_schema(text)
    found = " ".join(differences(broken, published() or schema()))
    assert "Mutation.deploymentRollback: Deployment!, really Boolean!" in found
    assert "Mutation.deploymentStop: other arguments" in found
    assert "DeploymentStatus: other values" in found


def test_what_is_lacking_is_listed() -> None:
    """The list of what Railway has beyond the double names nothing the double has, and all the rest."""
    own = {
        f"{name}.{field}" for name, kind in own_types(schema()).items() if is_object_type(kind) for field in kind.fields
    }
    assert not own & not_implemented() and len(not_implemented()) > 400
    real = published()
    if real is not None:
        theirs = {
            f"{name}.{field}"
            for name, kind in own_types(schema()).items()
            if is_object_type(kind)
            for field in real.type_map[name].fields
        }
        assert not_implemented() == theirs - own


def test_every_document_of_the_collection_fits() -> None:
    """Railway accepts all that the collection sends, and the double can be asked it."""
    wrong = []
    for place, text in documents():
        for name, held_against in (("the double", schema()), ("Railway", published() or schema())):
            wrong += [f"{place}: {name}: {message}" for message in complaints(held_against, text)]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "mutation { deploymentRollback(id: 1) { id status } }",
        "query { deployments(input: {status: {successfulOnly: true}}) { edges { node { id } } } }",
        'mutation { volumeInstanceBackupCreate(volumeInstanceId: "v") }',
    ],
    ids=["rollback-selection", "successful-only", "backup-without-selection"],
)
def test_well_known_mistakes_are_refused(text: str) -> None:
    """Documents that go around, some of them from Railway's own documentation."""
    for held_against in (schema(), published() or schema()):
        assert complaints(held_against, text)


def test_one_operation_a_document() -> None:
    for place, text in documents():
        kinds = [type(node) for node in parse(text).definitions]
        assert kinds.count(OperationDefinitionNode) == 1, place
        assert set(kinds) <= {OperationDefinitionNode, FragmentDefinitionNode}, place
