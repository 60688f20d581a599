"""Marker of the tests that start a lab of their own."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "lab: starts a lab of its own (needs a Docker Engine)")
