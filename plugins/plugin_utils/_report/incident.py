# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one incident: a Markdown page beside its evidence, made from the ledger. PRIVATE to the collection."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPORT_NAME = "report.md"


def write_report(folder: Path, incident: dict[str, Any], entry: dict[str, Any], reason: str) -> str:
    """Write the page (mode 0600) into the incident's evidence folder; returns its path."""
    path = folder / REPORT_NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(render(incident, entry, reason))
    return str(path)


def render(incident: dict[str, Any], entry: dict[str, Any], reason: str) -> str:
    """The page as text. Pure."""
    seconds = entry["seconds"]
    lines = [
        f"# Incident {entry['ledger_id']}",
        "",
        f"- Service: {entry['service']} (scenario {entry['scenario']})",
        f"- Verdict: **{entry['verdict']}**" + (f" ({entry['code']})" if entry["code"] else ""),
        f"- Cause: {entry['cause'] or 'none found'}",
        f"- Summary: {entry['summary']}",
        f"- Plan: {entry['plan_hash']}",
        f"- Seconds: {seconds['total']} in all, {seconds['to_first_action']} to the first action, {seconds['hold']} of hold",
    ]
    if reason:
        lines.append(f"- Started because: {reason}")
    if entry["next_step"]:
        lines.append(f"- Next step: {entry['next_step']}")
    lines += ["", "## Timeline (UTC)", ""]
    for attempt in incident["attempts"]:
        lines.append(f"- {clock(attempt['started_at'])} remedy {attempt['remedy']} [{attempt['impact']}] begins")
        if attempt.get("finished_at"):
            error = f": {attempt['error']}" if attempt.get("error") else ""
            lines.append(f"- {clock(attempt['finished_at'])} {attempt['remedy']}: {attempt['result']}{error}")
    lines += ["", "## Undo", ""]
    for attempt in incident["attempts"]:
        how = (attempt.get("undo") or {}).get("how") or "not undoable"
        lines.append(f"- {attempt['remedy']}: {how} (`playbooks/undo.yml -e undo_attempt={attempt['attempt_id']}`)")
    lines += [
        "",
        "## Evidence",
        "",
        f"{entry['evidence'] or 'none'} (check: `sha256sum -c SHA256SUMS` in each attempt)",
        "",
    ]
    return "\n".join(lines)


def clock(moment: float) -> str:
    """Time of day in UTC."""
    return datetime.fromtimestamp(float(moment), tz=UTC).strftime("%Y-%m-%d %H:%M:%S")
