"""After the healing: no endless statement is left, the API answers its users, the ledger says recovered."""

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


def test_no_statement_is_left(host: Host) -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'"
    assert host.check_output("docker exec %s-db-1 psql -Atc %s orders", LAB, count) == "0"


def test_users_are_answered() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 80}/api/health", timeout=5) as answer:
        assert answer.status == 200


def test_the_ledger_tells_the_story() -> None:
    story.check("database", "slow_queries", "stuck", ["cancel_statements"])
