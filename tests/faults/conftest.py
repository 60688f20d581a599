"""A clean lab and an empty ledger for every test that breaks something."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import world  # noqa: E402
from pipeline import Workplace  # noqa: E402


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    """A ledger, an evidence directory and a result file of the test's own."""
    return Workplace(tmp_path, str(tmp_path / "ledger.db"))


@pytest.fixture
def clean_lab(lab) -> Iterator[None]:
    """The lab with nothing broken, whatever the test before did."""
    world.reset()
    yield


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of this test run, which all its workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
