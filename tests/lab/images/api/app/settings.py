"""Configuration from the environment, checked once at start."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

REQUIRED = ("DATABASE_URL", "JWT_SECRET", "REDIS_URL", "ORDERS_CURRENCY")
REGIONS = ("br-south", "br-southeast")


@dataclass(frozen=True)
class Settings:
    database_url: str
    jwt_secret: str
    redis_url: str
    currency: str
    data_directory: str
    run_directory: str
    start_delay: float


def read_settings() -> Settings:
    """The settings, or the end of the process with one clear line per problem."""
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    for name in missing:
        print(f"ERROR Missing required environment variable: {name}", file=sys.stderr, flush=True)
    if missing:
        raise SystemExit(1)
    region = os.environ.get("ORDERS_REGION", REGIONS[0])
    if region not in REGIONS:
        print(
            f"ERROR Refusing to start: ORDERS_REGION is {region!r}, known are {', '.join(REGIONS)}",
            file=sys.stderr,
            flush=True,
        )
        raise SystemExit(78)
    environ = os.environ
    return Settings(
        database_url=environ["DATABASE_URL"],
        jwt_secret=environ["JWT_SECRET"],
        redis_url=environ["REDIS_URL"],
        currency=environ["ORDERS_CURRENCY"],
        data_directory=environ.get("ORDERS_DATA", "/data"),
        run_directory=environ.get("ORDERS_RUN", "/run/orders"),
        start_delay=float(environ.get("ORDERS_START_DELAY", "0")),
    )
