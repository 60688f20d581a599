"""The Railway double of the lab, calm and healthy before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from railway_project import Project

QUICK = 0.2
"""The clock's factor in these tests."""


@pytest.fixture(scope="session")
def whole(railway_lab: dict[str, str]) -> Iterator[Project]:
    project = Project(railway_lab)
    yield project
    project.control.call("reset")


@pytest.fixture
def project(whole: Project) -> Project:
    """The project, in its healthy state; nothing of an earlier test is left but old deployments."""
    whole.control.call("clear")
    if whole.version() != "1.1.0" or whole.serving().get("status") != "SUCCESS":
        whole.control.call("reset")
    whole.control.call("clock", factor=QUICK)
    return whole
