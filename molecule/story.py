"""What the ledger of a molecule run tells of one service: planned first, then healed, then left alone."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])


def check(service: str, scenario: str, cause: str, remedies: list[str]) -> None:
    """Assert that the scenario was planned, healed by exactly these remedies, found well afterwards, and left no lease."""
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
