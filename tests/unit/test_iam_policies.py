"""The IAM policies in docs/iam are well formed and narrow. What they allow is compared with real calls by the integration tests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

POLICIES = sorted((Path(__file__).resolve().parents[2] / "docs/iam").glob("*.json"))
#: What none of this collection does on AWS.
NEVER = re.compile(r"\*|Delete|Deregister|GetSecretValue|GetParameter|PutSecret|CreateService|iam:(?!PassRole)")


def actions(name: str, optional: bool = True) -> set[str]:
    document = json.loads(next(path for path in POLICIES if path.stem == name).read_text(encoding="utf-8"))
    return {
        action
        for statement in document["Statement"]
        if optional or not statement["Sid"].startswith("Only")
        for action in statement["Action"]
    }


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_is_narrow(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if NEVER.search(action)]
    assert f"({path.name})" in path.with_name("README.md").read_text(encoding="utf-8")


def test_the_roles_may_do_what_their_modules_do() -> None:
    modules = set().union(*(actions(name) for name in ("ecs_service_info", "ecs_rollback", "ecs_redeploy")))
    assert actions("scenario_roles") == modules - {"ecs:ListTaskDefinitions"}


def test_looking_changes_nothing() -> None:
    for name in ("ecs_service_info", "metrics_info", "inventory_ecs"):
        assert not [each for each in actions(name) if not re.match(r"\w+:(Describe|List|Get)", each)], name
