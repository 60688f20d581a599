"""The molecule scenarios pass, in a lab of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_scenario() -> None:
    done = subprocess.run(
        [ROOT / "tests/tools/molecule", "test", "--all"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
