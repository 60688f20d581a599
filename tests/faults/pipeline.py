"""Run a playbook of this checkout as AWX does (ansible-runner), and read what it left: exit code, verdict, output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "inventories/lab"


@dataclass(frozen=True)
class Outcome:
    """What one run left: its exit code, the entries of the result file, all it printed, and the artifacts for AWX."""

    rc: int
    results: list[dict[str, Any]]
    output: str
    artifacts: dict[str, Any]

    @property
    def result(self) -> dict[str, Any]:
        assert len(self.results) == 1, f"one service expected, got {self.results}\n{self.output[-3000:]}"
        return self.results[0]

    @property
    def remedies(self) -> list[str]:
        return [remedy["name"] for remedy in self.result["remedies"]]


@dataclass(frozen=True)
class Workplace:
    """One test's own ledger, evidence and result file."""

    directory: Path
    ledger: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SRE_REMEDIATION_LEDGER": self.ledger,
            "SRE_REMEDIATION_EVIDENCE_DIR": str(self.directory / "evidence"),
            "SRE_REMEDIATION_RESULT_FILE": str(self.directory / "result.json"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        }

    def run(
        self,
        playbook: str = "api_down",
        *,
        cmdline: str = "",
        verbosity: int = 0,
        inventory: Path = INVENTORY,
        **extra: Any,
    ) -> Outcome:
        """Run ``playbooks/<playbook>.yml`` with the extra variables; never raises for a failed play."""
        result_file = self.directory / "result.json"
        result_file.unlink(missing_ok=True)
        # A directory of its own for each run: ansible-runner would repeat the arguments of the run before.
        runner_directory = tempfile.mkdtemp(prefix="runner-", dir=self.directory)
        runner = ansible_runner.run(
            private_data_dir=runner_directory,
            project_dir=str(ROOT),
            playbook=str(ROOT / "playbooks" / f"{playbook}.yml"),
            inventory=str(inventory),
            envvars={
                **self.environment,
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            },
            extravars={"remediation_hold": 1, **extra},
            cmdline=cmdline or None,
            verbosity=verbosity or None,
            quiet=True,
            timeout=300,
        )
        output = Path(runner.stdout.name).read_text(encoding="utf-8")
        artifacts = [
            event["event_data"].get("artifact_data") for event in runner.events if event["event"] == "playbook_on_stats"
        ]
        results = json.loads(result_file.read_text(encoding="utf-8")) if result_file.exists() else []
        return Outcome(runner.rc, results, output, artifacts[-1] or {} if artifacts else {})

    def start(
        self,
        *arguments: str,
        output: Path,
        playbook: str = "api_down",
        inventory: Path = INVENTORY,
        **environment: str,
    ) -> subprocess.Popen[bytes]:
        """Start ansible-playbook itself in the background, for runs that are killed or that race."""
        with output.open("wb") as stream:
            return subprocess.Popen(
                ["ansible-playbook", "-i", str(inventory), str(ROOT / "playbooks" / f"{playbook}.yml"), *arguments],
                cwd=ROOT,
                env={**os.environ, **self.environment, "SRE_REMEDIATION_RESULT_FILE": f"{output}.json", **environment},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def open_ledger(self):
        """The ledger itself, for looking into it."""
        from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

        return open_ledger(self.ledger)
