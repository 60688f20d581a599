"""The IAM policies of docs/iam, and the calls they are compared with."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
POLICIES = ROOT / "docs/iam"


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((POLICIES / f"{name}.json").read_text(encoding="utf-8"))["Statement"]
    return found


def allowed(name: str) -> set[str]:
    """The actions a policy allows."""
    return {action for statement in statements(name) for action in statement["Action"]}


def of_role(role: str) -> list[str]:
    """The policies a role's README says it needs."""
    text = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"docs/iam/(\w+)\.json", text)
    assert found, f"roles/{role}/README.md names no policy of docs/iam"
    return found


def needed(name: str) -> set[str]:
    """Those it allows to everybody: not only to who uses an option."""
    return {
        action
        for statement in statements(name)
        if not statement["Sid"].startswith("Only")
        for action in statement["Action"]
    }


class Journals:
    """The calls of each part of the collection; a call its policy does not allow is an error at once."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def note(self, name: str, actions: dict[str, int], policies: list[str] | None = None) -> None:
        """Remember the calls of ``name``, which its policies (by default the one of its name) must allow."""
        self.seen.setdefault(name, set()).update(actions)
        may = set().union(*map(allowed, policies or [name]))
        over = [action for action in actions if not any(fnmatchcase(action, each) for each in may)]
        assert not over, f"{policies or name} of docs/iam do not allow {over}"

    def never_used(self, name: str) -> set[str]:
        """What the policy allows to everybody and was never called."""
        return needed(name) - self.seen.get(name, set())
