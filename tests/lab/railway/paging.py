"""Relay's pages, with the surprises a client has to survive."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from .refusal import Refused
from .switches import Switches

LARGEST_PAGE = 5000


def cursor(place: int, key: str, switches: Switches) -> str:
    """An opaque word for a place in a list; the key is that of the node there."""
    salt = secrets.token_hex(3) if switches.changing_cursors else ""
    return base64.urlsafe_b64encode(f"{place}:{key}:{salt}".encode()).decode()


def place_of(word: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(word.encode()).decode().split(":")[0])
    except ValueError:
        raise Refused("Invalid cursor", "BAD_USER_INPUT") from None


def connection(
    items: Sequence[Any],
    view: Callable[[Any], dict[str, Any]],
    switches: Switches,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    """One page of ``items`` as a connection."""
    start = place_of(after) + 1 if after else 0
    end = place_of(before) if before else len(items)
    if after and switches.use("empty_pages"):
        end = start
    size = min(first if first is not None else LARGEST_PAGE, switches.page_size or LARGEST_PAGE)
    if last is not None:
        start = max(start, end - last)
    else:
        end = min(end, start + size)
    edges = [
        {"cursor": cursor(place, str(items[place].id), switches), "node": view(items[place])}
        for place in range(start, end)
    ]
    words = [edge["cursor"] for edge in edges]
    return {
        "edges": edges,
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": words[0] if words else None,
            # An empty page goes on where it is, so that the client comes further with the next one.
            "endCursor": words[-1] if words else (cursor(start - 1, "", switches) if after else None),
        },
    }
