"""Faults that only the application itself can have, switched on by files in the run directory (a lab needs them, a real
service has them unasked). The next start switches all of them off.

``unhealthy``  every health check fails until the next start
``leak``       the main process takes memory until the kernel kills it
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

RUN = Path(os.environ.get("ORDERS_RUN", "/run/orders"))


def clear() -> None:
    for name in ("unhealthy", "leak"):
        (RUN / name).unlink(missing_ok=True)


def is_unhealthy() -> bool:
    return (RUN / "unhealthy").exists()


def watch_for_leak() -> None:
    threading.Thread(target=_leak_when_asked, daemon=True).start()


def _leak_when_asked() -> None:
    while not (RUN / "leak").exists():
        time.sleep(0.25)
    taken = []
    while True:
        taken.append(bytearray(os.urandom(1024)) * 4096)
        time.sleep(0.005)
