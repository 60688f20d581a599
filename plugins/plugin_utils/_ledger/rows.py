# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Python values and ledger rows: readable ids, redacted JSON, decoded rows. PRIVATE to the collection."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

JSON_COLUMNS = ("plan", "seconds", "evidence", "undo", "targets", "holder")
INTERNAL_COLUMNS = ("holder_key", "disruptive_at")


def new_id(at: float, name: str) -> str:
    """20261121T220501Z-api-3f9c1b: sorts by time, safe as a file name, unique for 16 million a second and name."""
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{re.sub(r'[^A-Za-z0-9_-]+', '-', name)[:40]}-{secrets.token_hex(3)}"


def to_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True, default=str)


def decode(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as callers see it: JSON parsed, found as a bool, no bookkeeping columns."""
    result = {name: value for name, value in row.items() if name not in INTERNAL_COLUMNS}
    for name in JSON_COLUMNS:
        if result.get(name) is not None:
            result[name] = json.loads(result[name])
    if "found" in result:
        result["found"] = bool(result["found"])
    return result


def decode_incident(row: Mapping[str, Any]) -> dict[str, Any]:
    result = decode(row)
    result["incident_id"] = result.pop("id")
    return result


def decode_attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    result = decode(row)
    result["attempt_id"] = result.pop("id")
    return result
