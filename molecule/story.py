"""What a molecule run leaves: in the ledger (planned first, then healed, then left alone), and on the lab's doubles."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from ansible.plugins.loader import init_plugin_loader

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
PORT = int(os.environ["LAB_PORT_BASE"])


def check(service: str, scenario: str, cause: str, remedies: list[str]) -> dict[str, Any]:
    """Assert that the scenario was planned, healed by exactly these remedies, found well afterwards, and left no lease.

    Returns the incident that was healed.
    """
    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    with open_ledger(os.environ["SRE_REMEDIATION_LEDGER"]) as ledger:
        rows = [row for row in ledger.incidents(service=service) if row["scenario"] == scenario]
        newest, *earlier = rows
        acted = [row for row in map(ledger.incident, (row["incident_id"] for row in earlier)) if row["attempts"]]
        leases = ledger.leases()
    assert newest["verdict"] == "no_action_needed"
    assert "planned" in [row["verdict"] for row in earlier]
    (healed,) = acted
    assert (healed["verdict"], healed["cause"]) == ("recovered", cause)
    assert [attempt["remedy"] for attempt in healed["attempts"]] == remedies
    assert leases == []
    return healed


def settled_on_ecs(service: str) -> str:
    """Assert that the service's deployments are over, one being left; return the version users of the API get."""
    import boto3

    ecs = boto3.client("ecs", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{PORT + 66}")
    (found,) = ecs.describe_services(cluster="lab", services=[service])["services"]
    assert [deployment["rolloutState"] for deployment in found["deployments"]] == ["COMPLETED"]
    return _served(PORT + 100)


def served_on_railway() -> str:
    """Return the version users of the API on Railway get."""
    return _served(PORT + 120)


def _served(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/version", timeout=5) as answer:
        return json.load(answer)["version"]
