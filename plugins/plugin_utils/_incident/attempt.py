# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written around one attempt: evidence before the change, the result after it. PRIVATE to the collection."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._redact import redact
from ansible_collections.sre.remediation.plugins.plugin_utils._evidence import default_directory, save

CHANGES_VERSION = ("rollback", "redeploy", "rebuild")
"""Remedies after which the version seen before the attempt is not the version in service."""


def evidence_step(ledger, holder, arguments: dict[str, Any], environ) -> dict[str, Any]:
    """Save what was seen, redacted and hashed, before the first change. Fails (and so stops the attempt) when it cannot."""
    ledger.renew(arguments["incident"], holder, arguments["lease"])
    number = len(ledger.incident(arguments["incident"])["attempts"])
    return save(default_directory(environ), arguments["incident"], number, arguments["parts"])


def record_step(ledger, holder, arguments: dict[str, Any]) -> dict[str, Any]:
    """Write how the attempt ended. A verification that held makes the version in service a known good one."""
    now = time.time()
    failure = arguments["failure"]
    result = "failed" if failure else "recovered"
    error = redact(str(failure.get("msg") or "the verification did not hold")) if failure else None
    state, remedy = arguments["state"], arguments["remedy"]["remedy"]
    seen = arguments["verification"]
    # A verification that looked says itself which version it proved (null: none).
    version = seen["version"] if "version" in seen else None if remedy in CHANGES_VERSION else state.get("version")
    name = seen.get("version_name") if "version" in seen else state.get("version_name")
    hold = float((seen.get("seconds") or {}).get("hold") or 0.0)
    started_at = float(ledger.attempt(arguments["attempt"])["started_at"])
    ledger.renew(arguments["incident"], holder, arguments["lease"])
    ledger.finish_attempt(
        arguments["attempt"], result=result, error=error, finished_at=now, hold_seconds=hold, version_after=version
    )
    if result == "recovered" and version:
        ledger.add_known_good(arguments["service"], version, name, arguments["incident"])
    return {
        "result": result,
        "error": error,
        "remedy": remedy,
        "incident": arguments["incident"],
        "hold": hold,
        "seconds": round(now - started_at, 3),
        "state_before": state,
    }


def undone_step(ledger, arguments: dict[str, Any], started: float) -> dict[str, Any]:
    """Note that an attempt was put back; when that was a run of its own (``own_attempt``), end that run's incident."""
    ledger.mark_undone(arguments["attempt"], arguments["incident"])
    if arguments["own_attempt"]:
        now = time.time()
        ledger.finish_attempt(
            arguments["own_attempt"],
            result="recovered",
            error=None,
            finished_at=now,
            hold_seconds=0.0,
            version_after=None,
        )
        ledger.close_incident(
            arguments["incident"], verdict="undone", code=None, summary=f"attempt {arguments['attempt']} was put back",
            next_step=None, version=None, finished_at=now, seconds={"total": round(now - started, 3)},
            evidence=None,
        )  # fmt: skip
    return {"undone": arguments["attempt"]}
