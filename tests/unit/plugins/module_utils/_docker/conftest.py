"""Containers and images as an engine (20.10) described them, with what a test changes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent / "fixtures"


def _load(name: str) -> Callable[..., dict[str, Any]]:
    recorded = json.loads((FIXTURES / name).read_text())

    def make(**changes: dict[str, Any] | Any) -> dict[str, Any]:
        made = copy.deepcopy(recorded)
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(made.get(key), dict):
                made[key].update(value)
            else:
                made[key] = value
        return made

    return make


@pytest.fixture
def container() -> Callable[..., dict[str, Any]]:
    """Make an inspected Compose container; dictionaries given are merged one level deep."""
    return _load("container.json")


@pytest.fixture
def image() -> Callable[..., dict[str, Any]]:
    """Make the inspected image of that container."""
    return _load("image.json")
