"""Fixtures of the tests on the lab's double of AWS."""

from __future__ import annotations

import pytest
from ecs_lab import AwsLab
from iam_policies import Journals


@pytest.fixture(scope="session")
def journals() -> Journals:
    """Every call the modules made in this session, by module."""
    return Journals()


@pytest.fixture
def aws(aws_lab: dict[str, str], journals: Journals, monkeypatch: pytest.MonkeyPatch) -> AwsLab:
    """The healthy double, and its clients' environment."""
    for name, value in aws_lab.items():
        monkeypatch.setenv(name, value)
    lab = AwsLab(aws_lab, journals)
    lab.reset()
    return lab
