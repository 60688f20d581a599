# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's timestamps: RFC 3339 with nanoseconds, and a zero time in year 1 for "never".

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime


def parse(stamp: str | None) -> datetime | None:
    """Read an engine timestamp (cut to microseconds); None for the engine's "never"."""
    if not stamp or stamp.startswith("0001-"):
        return None
    return datetime.fromisoformat(stamp).astimezone(UTC)


def epoch(stamp: str | None) -> float | None:
    """Read an engine timestamp as epoch seconds."""
    parsed = parse(stamp)
    return parsed.timestamp() if parsed else None


def iso(value: str | float | None) -> str | None:
    """Write an engine timestamp or epoch seconds as ISO 8601 in UTC."""
    parsed = datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else parse(value)
    return parsed.isoformat().replace("+00:00", "Z") if parsed else None
