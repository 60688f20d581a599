"""A limit on the connections that are used at once, and what those are told that wait for one too long."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg2

SIZE = int(os.environ.get("DB_POOL_MAX", "2"))
PATIENCE = 0.5  # seconds
_FREE = threading.BoundedSemaphore(SIZE)


def limited(transaction: Callable[[str], AbstractContextManager[Any]]) -> Callable[[str], AbstractContextManager[Any]]:
    """The same transaction, of which SIZE can be open at once."""

    @contextlib.contextmanager
    def waiting(url: str) -> Iterator[Any]:
        if not _FREE.acquire(timeout=PATIENCE):
            raise psycopg2.OperationalError(
                f"QueuePool limit of size {SIZE} overflow 0 reached, connection timed out, timeout {PATIENCE:.2f}"
            )
        try:
            with transaction(url) as cursor:
                yield cursor
        finally:
            _FREE.release()

    return waiting
