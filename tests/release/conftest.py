"""What the release tests share: a run of the playbook api_down by any ansible-playbook, with a ledger of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """How a run ended: exit code, everything it printed, and its entry of the result file."""

    code: int
    output: str
    result: dict[str, Any]


Heal = Callable[..., Run]


@pytest.fixture
def heal(tmp_path: Path) -> Heal:
    """Return a function that runs a playbook against the lab, each time with the same new ledger."""

    def run(
        *arguments: str,
        program: str = "ansible-playbook",
        playbook: str = "playbooks/api_down.yml",
        cwd: Path = ROOT,
        environment: dict[str, str] | None = None,
    ) -> Run:
        result_file = tmp_path / "result.json"
        result_file.unlink(missing_ok=True)
        variables = {
            "SRE_REMEDIATION_LEDGER": str(tmp_path / "ledger.db"),
            "SRE_REMEDIATION_EVIDENCE_DIR": str(tmp_path / "evidence"),
            "SRE_REMEDIATION_RESULT_FILE": str(result_file),
        }
        done = subprocess.run(
            [program, playbook, "-i", str(ROOT / "inventories/lab"), "-e", "remediation_hold=2", *arguments],
            cwd=cwd,
            env={**os.environ, **variables, **(environment or {})},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert result_file.exists(), done.stdout
        (result,) = json.loads(result_file.read_text(encoding="utf-8"))
        return Run(done.returncode, done.stdout, result)

    return run


@pytest.fixture
def stopped_api(lab: None) -> None:
    """Stop the API of the lab, in which nothing else is broken, whatever the test before did."""
    subprocess.run([ROOT / "tests/lab/up", "--reset"], check=True)
    subprocess.run([ROOT / "tests/lab/break", "api-stopped"], check=True)
