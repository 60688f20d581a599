# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger knows of a service's versions: which held, and which were left behind. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ORDERED = "emergency_rollback"
"""The scenario a person starts by hand."""

TAKEN_BACK = "deploy_failed"
"""The scenario that takes a failed deployment back."""

LOOKS = ("no_action_needed", "planned", "diagnosed")
"""Verdicts of rows without an attempt."""

LOOK_BACK = 200
"""Newest incidents of the service that are looked through."""

KNOWN_GOOD = 20


def read_versions(ledger, service: str) -> dict[str, Any]:
    """Known good versions, and the rollbacks that a person ordered or a failed deployment led to, newest first."""
    rows = [row for row in ledger.incidents(service, limit=LOOK_BACK) if row["verdict"] not in LOOKS]

    def left_by(scenario: str) -> list[dict[str, Any]]:
        return left_behind(ledger.incident(row["incident_id"]) for row in rows if row["scenario"] == scenario)

    return {
        "known_good": [item["version"] for item in ledger.known_good(service, limit=KNOWN_GOOD)],
        "ordered_away": left_by(ORDERED),
        "taken_back": left_by(TAKEN_BACK),
    }


def left_behind(incidents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rollbacks among the attempts that held and were not put back: {left, reached, incident}. Pure.

    An attempt's undo record names the version it left; the verification that held, maybe of a later run, the one reached.
    """
    found = []
    for incident in incidents:
        attempts = incident["attempts"]
        left = [
            version
            for attempt in attempts
            if attempt["remedy"] == "rollback" and not attempt.get("undone_by") and attempt.get("result") != "failed"
            for version in ((attempt.get("undo") or {}).get("with") or {}).get("platform_candidates") or []
        ]
        reached = [attempt["version_after"] for attempt in attempts if held(attempt)]
        if left and reached:
            found.append({"left": left[-1], "reached": reached[-1], "incident": incident["incident_id"]})
    return found


def held(attempt: dict[str, Any]) -> bool:
    """Whether a version was proved by this attempt."""
    return attempt.get("result") == "recovered" and bool(attempt.get("version_after"))
