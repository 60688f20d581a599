"""Writes a heartbeat every second, to the log and to a file whose age the health check looks at."""

from __future__ import annotations

import datetime
import signal
import sys
import time
from pathlib import Path

HEARTBEAT = Path("/run/worker/heartbeat")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    number = 0
    while True:
        number += 1
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(f"{now} INFO worker heartbeat {number}", flush=True)
        HEARTBEAT.touch()
        time.sleep(1)


main()
