"""After the healing: front and back are the same version, and the ledger says recovered, proved and left alone."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
PORT = int(os.environ["LAB_PORT_BASE"])

testinfra_hosts = ["local://"]


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def test_front_and_back_belong_together() -> None:
    (front,) = re.findall(r"Front end ([\w.-]+)", page(PORT + 81, "/"))
    assert json.loads(page(PORT + 1, "/api/version"))["version"] == front


def test_the_ledger_tells_the_story() -> None:
    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    with open_ledger(os.environ["SRE_REMEDIATION_LEDGER"]) as ledger:
        rows = [row for row in ledger.incidents(service="api") if row["scenario"] == "deploy_failed"]
        (healed,) = [row for row in map(ledger.incident, (row["incident_id"] for row in rows)) if row["attempts"]]
        known = [item["version"] for item in ledger.known_good("api")]
    assert rows[0]["verdict"] == "no_action_needed"
    assert "planned" in [row["verdict"] for row in rows]
    assert (healed["verdict"], healed["cause"]) == ("recovered", "versions_disagree")
    (attempt,) = healed["attempts"]
    assert (attempt["remedy"], attempt["result"]) == ("rollback", "recovered")
    assert attempt["version_after"] in known
