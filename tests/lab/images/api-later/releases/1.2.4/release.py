"""What this release is, and which version of the database schema its code needs."""

from __future__ import annotations

VERSION = "1.2.4"
SCHEMA = 2
