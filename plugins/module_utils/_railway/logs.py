# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log entries of Railway as lines. Pure.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
import typing as t

Json = dict[str, t.Any]

LINE_LENGTH = 4000  #: characters of a line that are kept
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def entries_of(entries: t.Sequence[Json], count: int) -> list[Json]:
    """Return the newest ``count`` entries, oldest first. Railway gives one more than it is asked for, in any order."""
    ordered = sorted(entries, key=lambda entry: str(entry.get("timestamp") or ""))
    return ordered[-count:] if count > 0 else []


def lines_of(entries: t.Sequence[Json], count: int) -> list[str]:
    """Return the newest ``count`` entries as lines; with several instances each line names its own."""
    kept = entries_of(entries, count)
    speakers = {_instance(entry) for entry in kept} - {None}
    several = len(speakers) > 1
    lines = []
    for entry in kept:
        text = _COLOURS.sub("", str(entry.get("message") or ""))[:LINE_LENGTH].rstrip()
        instance = _instance(entry)
        lines.append(f"{instance[:8]} | {text}" if several and instance else text)
    return lines


def _instance(entry: Json) -> str | None:
    return (entry.get("tags") or {}).get("deploymentInstanceId")
