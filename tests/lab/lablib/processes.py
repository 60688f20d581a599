"""Identity of a process that survives the reuse of its number: pid, start time and boot."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TypedDict

from .shell import wait_until


class Identity(TypedDict):
    """A process as it is remembered in a file of the lab's state."""

    pid: int
    started: int
    """Clock ticks between the boot and the start of the process (field 22 of /proc/<pid>/stat)."""
    boot: str


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> Identity | None:
    """Identity of the running process ``pid``; None when there is none, or it has ended and only waits to be reaped."""
    try:
        # The command's name (in parentheses) may contain anything, so the fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else {"pid": pid, "started": int(fields[19]), "boot": _boot()}


def is_running(identity: Identity) -> bool:
    return identify(identity["pid"]) == identity


def terminate(identity: Identity, *, seconds: float) -> None:
    """End exactly this process and wait up to ``seconds`` for it; a later process with its number is left alone."""
    if is_running(identity):
        os.kill(identity["pid"], signal.SIGTERM)
        wait_until(f"process {identity['pid']} to end", lambda: not is_running(identity), seconds=seconds)
