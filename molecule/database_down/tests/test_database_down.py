"""After the healing: the database answers with its schema, the API answers its users, the ledger says recovered."""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path

from testinfra.host import Host

sys.path.insert(0, str(Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], "molecule")))

import story  # noqa: E402

LAB = os.environ["LAB_PROJECT"]
PORT = int(os.environ["LAB_PORT_BASE"])

testinfra_hosts = ["local://"]


def test_the_server_answers(host: Host) -> None:
    said = host.check_output("docker exec %s-db-1 psql -Atc 'SELECT max(version) FROM schema_version' orders", LAB)
    assert said == "2"


def test_users_are_answered() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 80}/api/health", timeout=5) as answer:
        assert answer.status == 200


def test_the_ledger_tells_the_story() -> None:
    story.check("database", "database_down", "stopped", ["start"])
