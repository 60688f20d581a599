"""A release that cannot start: its new dependency was never added to the image."""

from __future__ import annotations

from exchange_rates import RATES  # noqa: F401

VERSION = "1.2.0-bad"
SCHEMA = 2
