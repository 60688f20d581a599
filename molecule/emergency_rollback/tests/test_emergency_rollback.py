"""After the order: an earlier release serves, it was gone back to once, and the ledger says who asked for it."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
PORT = int(os.environ["LAB_PORT_BASE"])

testinfra_hosts = ["local://"]


def test_users_are_answered() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 80}/api/health", timeout=5) as answer:
        assert answer.status == 200


def test_the_ledger_tells_the_story() -> None:
    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    with open_ledger(os.environ["SRE_REMEDIATION_LEDGER"]) as ledger:
        rows = [row for row in ledger.incidents(service="api") if row["scenario"] == "emergency_rollback"]
        (done,) = [row for row in map(ledger.incident, (row["incident_id"] for row in rows)) if row["attempts"]]
    assert rows[0]["verdict"] == "no_action_needed"
    assert "planned" in [row["verdict"] for row in rows]
    assert (done["verdict"], done["cause"]) == ("recovered", "ordered")
    assert "molecule orders it" in done["summary"]
    assert [(attempt["remedy"], attempt["result"]) for attempt in done["attempts"]] == [("rollback", "recovered")]
