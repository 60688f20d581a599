"""After the order: an earlier release serves, it was gone back to once, and the ledger says who asked for it."""

from __future__ import annotations

import json
import os
import urllib.request

import story

PORT = int(os.environ["LAB_PORT_BASE"])

testinfra_hosts = ["local://"]


def test_users_get_the_version_before() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 80}/api/version", timeout=5) as answer:
        assert json.load(answer)["version"] == "1.0.0"


def test_the_ledger_tells_the_story() -> None:
    done = story.check("api", "emergency_rollback", "ordered", ["rollback"])
    assert "molecule orders it" in done["summary"]
