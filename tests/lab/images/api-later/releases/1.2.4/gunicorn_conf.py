"""Settings of gunicorn: from this release on one worker, whose threads share the connections."""

from __future__ import annotations

import os

bind = os.environ.get("ORDERS_BIND", "0.0.0.0:8000")
threads = 16
graceful_timeout = 2
worker_tmp_dir = "/dev/shm"
