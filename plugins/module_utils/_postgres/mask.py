# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Query texts fit to be shown and stored: literals and comments become ``?``, and what is left is short. Pure.

When it is not clear where a literal ends (the server cut the text off, or a backslash before a quote could be an escape
or not), everything from there on is hidden.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re

from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

MARK = "?"
CUT = "..."

_START = re.compile(
    r"""(?P<identifier>"(?:[^"]|"")*(?:"|\Z))"""
    r"""|(?P<line_comment>--[^\n]*)"""
    r"""|(?P<comment>/\*)"""
    r"""|(?P<literal>(?:[EeBbXxNn]|[Uu]&)?')"""
    r"""|(?P<quote>')"""
    r"""|(?P<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w]*)?\$)"""
    r"""|(?P<word>[A-Za-z_\u0080-\uffff][\w$]*|\$\d+)"""
    r"""|(?P<number>\.?\d[\w.]*(?:(?<=[eE])[+-]\d+)?)""",
)
_END_OF_COMMENT = re.compile(r"/\*|\*/")
_END_OF_LITERAL = re.compile(r"(?:[^']|'')*'(?!')", re.DOTALL)
_END_OF_ESCAPED = re.compile(r"(?:[^'\\]|''|\\.)*'(?!')", re.DOTALL)


def masked(query: str, length: int) -> str:
    """Return the query without literals, comments, secrets and needless white space, at most ``length`` characters."""
    text = redact(" ".join(_without_literals(query).split()))
    return text if len(text) <= length else text[: max(0, length - len(CUT))] + CUT


def _without_literals(query: str) -> str:
    parts, position = [], 0
    while True:
        match = _START.search(query, position)
        if match is None:
            parts.append(query[position:])
            return "".join(parts)
        parts.append(query[position : match.start()])
        kind = match.lastgroup
        if kind in ("identifier", "word"):
            parts.append(match.group())
            position = match.end()
            continue
        parts.append(" " if kind in ("line_comment", "comment") else MARK)
        end = _end(query, match)
        if end is None:
            return "".join(parts)
        position = end


def _end(query: str, match: re.Match[str]) -> int | None:
    """Where the literal, comment or number ends; None when it does not, or not surely."""
    kind = match.lastgroup
    if kind in ("number", "line_comment"):
        return match.end()
    if kind == "dollar":
        end = query.find(match.group(), match.end())
        return None if end < 0 else end + len(match.group())
    if kind == "comment":
        return _end_of_comment(query, match.end())
    if match.group()[0] in "Ee":
        found = _END_OF_ESCAPED.match(query, match.end())
        return found.end() if found else None
    found = _END_OF_LITERAL.match(query, match.end())
    if found is None or "\\'" in found.group():
        return None
    return found.end()


def _end_of_comment(query: str, position: int) -> int | None:
    """Comments nest in PostgreSQL."""
    depth = 1
    for found in _END_OF_COMMENT.finditer(query, position):
        depth += 1 if found.group() == "/*" else -1
        if depth == 0:
            return found.end()
    return None
