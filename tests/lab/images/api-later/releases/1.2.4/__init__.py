"""The orders API, which from this release on uses no more than DB_POOL_MAX database connections at once."""

from __future__ import annotations

from . import database
from .pool import limited

database.transaction = limited(database.transaction)
