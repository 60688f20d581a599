"""Start the API: check the configuration, prepare the run directory, become gunicorn. ``python3 -m app.serve``"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from . import lab_switches, release
from .settings import read_settings


def main() -> None:
    settings = read_settings()
    print(f"INFO orders API {release.VERSION} starting", file=sys.stderr, flush=True)
    lab_switches.clear()
    # The workers share their Prometheus counters through files, which must not outlive a run.
    metrics = Path(settings.run_directory, "metrics")
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container ignores it otherwise
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    if settings.start_delay:
        print(f"INFO loading the catalogue ({settings.start_delay:g} s)", file=sys.stderr, flush=True)
        time.sleep(settings.start_delay)
    os.execvp("gunicorn", ["gunicorn", "--config", "python:app.gunicorn_conf", "app.web:create_app()"])


if __name__ == "__main__":
    main()
