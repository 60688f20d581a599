"""After the healing: users get the version before from the service on Railway, and the ledger tells the story."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "molecule"))

import story  # noqa: E402

testinfra_hosts = ["local://"]


def test_users_get_the_version_before() -> None:
    address = f"http://127.0.0.1:{int(os.environ['LAB_PORT_BASE']) + 120}/api/version"
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert json.load(answer)["version"] == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("api_railway", "api_down", "bad_release", ["rollback"])
