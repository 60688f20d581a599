"""The checks people run by make are green: linters, ansible-test sanity, documentation and changelog."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", ["lint", "sanity", "docs"])
def test_make(target: str) -> None:
    result = subprocess.run(
        ["make", "--silent", target], cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, result.stdout
