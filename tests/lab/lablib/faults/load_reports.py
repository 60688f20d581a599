"""Runs inside a container of the API's image: five who read a slow report again and again. It is handed over as text."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.request

READERS = 5
PATIENCE = 90  # seconds, longer than a report takes
URL = "http://api:8000/api/reports/sales"


def read() -> None:
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(URL, timeout=PATIENCE).read()
        time.sleep(0.05)


for _reader in range(READERS):
    threading.Thread(target=read).start()
