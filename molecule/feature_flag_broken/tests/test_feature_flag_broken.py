"""After the healing: the declared flag is as declared, the other one untouched, and the ledger says recovered."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader
from testinfra.host import Host

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
LAB = os.environ["LAB_PROJECT"]

testinfra_hosts = ["local://"]


def rows(host: Host, query: str) -> list[str]:
    """Ask the lab's database."""
    command = "docker exec %s psql --username=postgres --dbname=orders --tuples-only --no-align --command=%s"
    return host.check_output(command, f"{LAB}-db-1", query).splitlines()


def test_the_rows(host: Host) -> None:
    found = rows(host, "SELECT key, enabled, rollout_percentage FROM feature_flags ORDER BY key")
    assert found == ["another|f|7", "passenger_favorites_matching|t|0"]
    members = rows(host, "SELECT * FROM feature_flag_allowlist ORDER BY passenger_id")
    assert members == ["passenger_favorites_matching|p-1001", "passenger_favorites_matching|p-1002"]


def test_the_ledger_tells_the_story() -> None:
    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    with open_ledger(os.environ["SRE_REMEDIATION_LEDGER"]) as ledger:
        seen = [row for row in ledger.incidents(service="worker") if row["scenario"] == "feature_flag_broken"]
        acted = [row for row in map(ledger.incident, (row["incident_id"] for row in seen)) if row["attempts"]]
        leases = ledger.leases()

    assert seen[0]["verdict"] == "no_action_needed"
    assert "planned" in [row["verdict"] for row in seen]
    (healed,) = acted
    assert (healed["verdict"], healed["cause"]) == ("recovered", "disabled_flag")
    assert [(attempt["remedy"], attempt["result"]) for attempt in healed["attempts"]] == [("reset_flag", "recovered")]
    assert leases == []
