"""After the healing: the API's container runs, users are answered, the ledger says recovered and nothing is left open."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader
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


def test_the_ledger_tells_the_story() -> None:
    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    with open_ledger(os.environ["SRE_REMEDIATION_LEDGER"]) as ledger:
        newest, *earlier = ledger.incidents(service="api")
        acted = [row for row in map(ledger.incident, (row["incident_id"] for row in earlier)) if row["attempts"]]
        leases = ledger.leases()

    assert newest["verdict"] == "no_action_needed"
    assert "planned" in [row["verdict"] for row in earlier]
    (healed,) = acted
    assert (healed["verdict"], healed["cause"]) == ("recovered", "stopped")
    assert [(attempt["remedy"], attempt["result"]) for attempt in healed["attempts"]] == [("start", "recovered")]
    assert leases == []
