"""Fixtures of the integration tests of modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker_lab import DockerLab


@pytest.fixture(scope="session")
def docker_engine(engine: None) -> Iterator[DockerLab]:
    """Images and containers of this test session, removed with it."""
    lab = DockerLab()
    yield lab
    lab.close()


@pytest.fixture
def lab(docker_engine: DockerLab) -> Iterator[DockerLab]:
    """The same, with all containers, networks and volumes removed after each test."""
    yield docker_engine
    docker_engine.clear()


@pytest.fixture(scope="session")
def versions(docker_engine: DockerLab) -> dict[str, str]:
    """Three images of one repository, oldest first, that say who they are; the id of each by its tag. ``3`` cannot
    start its command."""
    made = {}
    for number in (1, 2, 3):
        command = (
            '["sh", "-c", "echo version $APP_VERSION; sleep 300"]'
            if number < 3
            else '["sh", "-c", "echo broken with $PASSWORD >&2; exit 3"]'
        )
        tag = f"{docker_engine.prefix}-app:{number}"
        lost = ["ENV LOST_LATER=1"] if number == 1 else []
        made[tag] = docker_engine.image(tag, f"ENV APP_VERSION={number}", *lost, "VOLUME /data", f"CMD {command}")
    return made
