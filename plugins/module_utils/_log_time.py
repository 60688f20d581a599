# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of an append-only log belong to the present run of a service. Pure. PRIVATE to the collection.

A cause that was healed yesterday must not be found in yesterday's lines.
"""

from __future__ import annotations

import re
from datetime import datetime

LAST_WORDS = 30.0
"""Seconds before its newest line that still count as the end of a run whose beginning is not known."""

TOLERANCE = 1.0
"""Seconds a line may seem older than the run: log times are whole seconds."""

_STAMP = re.compile(r"^\W{0,2}(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?")


def stamp(line: str) -> float | None:
    """Epoch seconds of the date and time a line begins with, None when it has none. Without a zone it is local time."""
    found = _STAMP.match(line)
    if not found:
        return None
    zone = (found[7] or "").replace("Z", "+0000").replace(":", "")
    text = f"{found[1]}-{found[2]}-{found[3]} {found[4]}:{found[5]}:{found[6]}{zone}"
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S%z" if zone else "%Y-%m-%d %H:%M:%S").timestamp()
    except ValueError:
        return None


def last_words(lines: list[str]) -> list[str]:
    """The end of a log whose last run began at an unknown time: what was said within LAST_WORDS of the newest line."""
    newest = max((when for when in map(stamp, lines) if when is not None), default=None)
    return lines_since(lines, None if newest is None else newest - LAST_WORDS)


def lines_since(lines: list[str], moment: float | None) -> list[str]:
    """The lines since ``moment`` (epoch seconds); all of them where no line tells its time.

    Lines without a time belong to the line before them; those after the last old line are kept when nothing newer
    tells its time, for they may be all that a run that failed at once has said.
    """
    if moment is None:
        return lines
    stamps = [stamp(line) for line in lines]
    old = [at for at, when in enumerate(stamps) if when is not None and when < moment - TOLERANCE]
    if not old:
        return lines
    rest = range(old[-1] + 1, len(lines))
    newer = next((at for at in rest if stamps[at] is not None), None)
    return lines[newer if newer is not None else old[-1] + 1 :]
