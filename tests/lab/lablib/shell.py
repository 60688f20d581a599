"""Running commands for the lab, and the one error type that ends a lab command with a plain message."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence


class LabError(Exception):
    """Something the user has to know or do; its text is printed as it is and the command ends with exit code 1."""


def say(message: str) -> None:
    """Print one line of progress (to stderr, so that stdout stays the command's result)."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` and capture its output as text.

    ``env`` is added to the environment; ``timeout`` is in seconds. With ``check``, a failure raises `LabError` with the
    last lines the command wrote. Secrets are passed by ``stdin`` only: an argument list can be seen by every user.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(argv)}` did not end within {timeout:.0f} s") from error
    if check and done.returncode != 0:
        tail = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-15:])
        raise LabError(f"`{' '.join(argv)}` ended with exit code {done.returncode}:\n{tail}")
    return done


def wait_until(what: str, condition: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> float:
    """Wait until ``condition()`` is true; return the seconds it took. `LabError` names ``what`` when time is up."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise LabError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)
    return time.monotonic() - started
