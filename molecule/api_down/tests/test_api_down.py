"""After the healing: the API's container runs, users are answered, the ledger says recovered and nothing is left open."""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path

import pytest
from testinfra.host import Host

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
LAB = os.environ["LAB_PROJECT"]
PORT = int(os.environ["LAB_PORT_BASE"])

testinfra_hosts = ["local://"]


def test_the_container_runs(host: Host) -> None:
    names = host.check_output(
        "docker ps --format '{{.Names}}' --filter label=com.docker.compose.project=%s"
        " --filter label=com.docker.compose.service=api",
        LAB,
    ).split()
    assert len(names) == 1
    assert host.docker(names[0]).is_running


@pytest.mark.parametrize("port", [PORT + 1, PORT + 80], ids=["directly", "through the proxy"])
def test_users_are_answered(port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
        assert answer.status == 200


def test_the_ledger_tells_the_story(host: Host) -> None:
    script = (
        "from ansible.plugins.loader import init_plugin_loader; import os, sys; init_plugin_loader([sys.argv[1]]);"
        "from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger;"
        "ledger = open_ledger(os.environ['SRE_REMEDIATION_LEDGER']);"
        "print(*[row['verdict'] for row in reversed(ledger.incidents(service='api'))])"
    )
    verdicts = host.check_output("%s -c %s %s", sys.executable, script, str(ROOT / "collections"))
    assert verdicts.split() == ["planned", "recovered", "no_action_needed"]
