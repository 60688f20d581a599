"""Settings of gunicorn: two workers with threads, log to stderr, and the lab's switch for a memory leak."""

from __future__ import annotations

import os

from app import lab_switches

bind = os.environ.get("ORDERS_BIND", "0.0.0.0:8000")
workers = 2
threads = 4
graceful_timeout = 2
worker_tmp_dir = "/dev/shm"


def on_starting(server):
    """Watch for the leak in the main process: when the kernel kills that one, the whole service is gone."""
    lab_switches.watch_for_leak()
