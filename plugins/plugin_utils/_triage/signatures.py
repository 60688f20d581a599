# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines to signals, by the catalogue ``signatures.yml``. PRIVATE to the collection.

The search is bounded (``LINE_LIMIT`` newest lines of at most ``WIDTH_LIMIT`` characters) and cheap: an entry's words
are looked for in the whole text first, its expression is compiled and tried only on lines that have one of them.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LINE_LIMIT = 500  #: newest lines that are searched
WIDTH_LIMIT = 2000  #: characters of a line that are searched; a stack trace in one JSON line keeps its head
DETAIL_LIMIT = 20  #: different details kept for a signature, e.g. names of missing variables
CATALOGUE = Path(__file__).with_name("signatures.yml")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NUMBERED = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Signature:
    """One entry of the catalogue; see the head of ``signatures.yml`` for its fields."""

    signal: str
    cause_hint: str
    words: tuple[str, ...]
    pattern: str
    example: str
    source: str
    also: tuple[str, ...] = ()

    def match(self, line: str) -> dict[str, str] | None:
        """The named groups (``name_2`` counts as ``name``) when the line matches, else null."""
        found = _compiled(self.pattern).search(line)
        if not found:
            return None
        return {_NUMBERED.sub("", name): value for name, value in found.groupdict().items() if value}


@dataclass
class Hit:
    """A signal that was seen.

    :ivar line: the newest line that gives it.
    :ivar at: position of that line among those searched; bigger is newer.
    :ivar details: named groups, newest first, without repetitions.
    """

    signal: str
    line: str
    at: int
    hint: str
    details: list[dict[str, str]] = field(default_factory=list)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def catalogue() -> tuple[Signature, ...]:
    """All signatures, in the order of the file."""
    import yaml
    from ansible.module_utils.common.yaml import SafeLoader  # libyaml's, where there is one

    with CATALOGUE.open(encoding="utf-8") as stream:
        entries = yaml.load(stream, Loader=SafeLoader)
    return tuple(
        Signature(**{**entry, "words": tuple(entry["words"]), "also": tuple(entry.get("also", ()))})
        for entry in entries
    )


def log_signals() -> frozenset[str]:
    """The names of all signals that the catalogue can give."""
    return frozenset(signature.signal for signature in catalogue())


def scan(lines: t.Iterable[str], signatures: t.Sequence[Signature] | None = None) -> dict[str, Hit]:
    """The signals in log lines (oldest first), each with its newest line. Pure but for the catalogue."""
    searched = [_COLOURS.sub("", str(line)[:WIDTH_LIMIT]) for line in list(lines)[-LINE_LIMIT:]]
    lowered = [line.lower() for line in searched]
    everything = "\n".join(lowered)
    hits: dict[str, Hit] = {}
    for signature in catalogue() if signatures is None else signatures:
        words = [word for word in signature.words if word in everything]
        if words:
            _search(signature, words, searched, lowered, hits)
    return hits


def _search(
    signature: Signature, words: list[str], searched: list[str], lowered: list[str], hits: dict[str, Hit]
) -> None:
    """Add what one signature finds, newest line first; without named groups the first line is enough."""
    for at in range(len(searched) - 1, -1, -1):
        if not any(word in lowered[at] for word in words):
            continue
        detail = signature.match(searched[at])
        if detail is None:
            continue
        hit = hits.get(signature.signal)
        if hit is None or at > hit.at:
            details = hit.details if hit else []
            hit = Hit(signature.signal, searched[at].strip(), at, signature.cause_hint, details)
            hits[signature.signal] = hit
        if detail and detail not in hit.details:
            hit.details.append(detail)
        if "(?P<" not in signature.pattern or len(hit.details) >= DETAIL_LIMIT:
            return
