"""After the healing: the release runs with the declared value, users are answered, and the ledger says how."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader
from testinfra.host import Host

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
LAB = os.environ["LAB_PROJECT"]
PORT = int(os.environ["LAB_PORT_BASE"])

testinfra_hosts = ["local://"]


def test_the_variable_is_set(host: Host) -> None:
    found = host.check_output("docker inspect --format '{{.Config.Image}} {{.Config.Env}}' %s", f"{LAB}-api-1")
    assert "/api:1.3.0-bad" in found and "ORDERS_CURRENCY=BRL" in found


def test_users_are_answered() -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT + 80}/api/health", timeout=5) as answer:
        assert answer.status == 200


def test_the_ledger_tells_the_story() -> None:
    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    with open_ledger(os.environ["SRE_REMEDIATION_LEDGER"]) as ledger:
        rows = [row for row in ledger.incidents(service="api") if row["scenario"] == "container_wont_start"]
        (healed,) = [row for row in map(ledger.incident, (row["incident_id"] for row in rows)) if row["attempts"]]
    assert rows[0]["verdict"] == "no_action_needed"
    assert "planned" in [row["verdict"] for row in rows]
    assert (healed["verdict"], healed["cause"]) == ("recovered", "env_lost_in_release")
    (attempt,) = healed["attempts"]
    assert (attempt["remedy"], attempt["result"]) == ("set_default_env", "recovered")
    assert attempt["undo"]["with"] == {"platform_env_unset": ["ORDERS_CURRENCY"]}
