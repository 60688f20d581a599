"""Runs this checkout's playbooks on one service whose database is a throw-away one, and reads what they left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """One run: its exit code, the entries of the result file, all it printed."""

    rc: int
    results: list[dict[str, Any]]
    output: str

    @property
    def said(self) -> str:
        """The output without line ends and quotes, as its callback folds long messages."""
        return " ".join(self.output.replace("\\", "").replace('"', "").replace("'", "").split())

    @property
    def result(self) -> dict[str, Any]:
        assert len(self.results) == 1, self.output[-3000:]
        return self.results[0]


class Workplace:
    """A ledger of the test's own, and an inventory of one service ``rides`` with the given variables."""

    def __init__(self, directory: Path, **variables: Any) -> None:
        self.directory, self.variables = directory, variables

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SRE_REMEDIATION_LEDGER": str(self.directory / "ledger.db"),
            "SRE_REMEDIATION_EVIDENCE_DIR": str(self.directory / "evidence"),
            "SRE_REMEDIATION_RESULT_FILE": str(self.directory / "result.json"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def run(self, playbook: str, *options: str, variables: dict[str, Any] | None = None, **extra: Any) -> Outcome:
        """Run ``playbooks/<playbook>.yml``; ``variables`` replace the service's own, ``extra`` are extra variables."""
        common = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "remediation_hold": 1}
        service = {**common, "service_platform": "docker", **self.variables, **(variables or {})}
        inventory = self.directory / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"rides": service}}}), encoding="utf-8")
        result_file = self.directory / "result.json"
        result_file.unlink(missing_ok=True)
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                "-i",
                str(inventory),
                str(ROOT / f"playbooks/{playbook}.yml"),
                "-e",
                json.dumps({"target": "rides", **extra}),
                *options,
            ],
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=200,
        )
        results = json.loads(result_file.read_text(encoding="utf-8")) if result_file.exists() else []
        return Outcome(done.returncode, results, done.stdout + done.stderr)
