# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lease, and whether that process is provably gone. PRIVATE to the collection.

A process is named by machine, pid and start time, because pids are used again. "Machine" is host name + boot id + pid
namespace: only an observer for whom all three are equal sees the same process table and may call a holder dead.
Everybody else waits for the lease to expire. Where Linux's /proc is missing nothing is ever provable.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Holder:
    """machine: id of the process table; started: clock ticks after boot at which the process began (0: unknown)."""

    machine: str
    host: str
    pid: int
    started: int
    run: str = ""

    @classmethod
    def current(cls, pid: int | None = None, run: str = "") -> Holder:
        """The holder for ``pid``; default is the parent: the ansible-playbook process of a task's worker."""
        pid = os.getppid() if pid is None else pid
        return cls(machine_id(), socket.gethostname(), pid, process_start(pid) or 0, run)

    @classmethod
    def from_dict(cls, data: dict) -> Holder:
        return cls(**{name: data[name] for name in ("machine", "host", "pid", "started", "run")})

    def to_dict(self) -> dict:
        return asdict(self)

    @property
    def key(self) -> str:
        """Equal for two holders exactly when they are the same process."""
        return f"{self.machine}/{self.pid}/{self.started}"

    def is_provably_dead(self) -> bool:
        """True only if this machine's process table shows that the process is gone (or is a zombie)."""
        if UNKNOWN in self.machine or self.machine != machine_id() or not self.started:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # It exists and belongs to somebody else; /proc may still show another start time.
        started = process_start(self.pid)
        if started is None:
            return _is_zombie(self.pid)
        return started != self.started

    def describe(self) -> str:
        return f"{self.run + ' on ' if self.run else ''}{self.host} pid {self.pid}"


def machine_id() -> str:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink(PROC / "self/ns/pid")
    except OSError:
        boot = namespace = UNKNOWN
    return f"{socket.gethostname()}|{boot}|{namespace}"


def process_start(pid: int) -> int | None:
    """Clock ticks after boot at which a living process began; None if it is gone, a zombie, or not ours to see."""
    fields = _stat_fields(pid)
    if fields is None or fields[0] in ("Z", "X", "x"):
        return None
    return int(fields[19])


def _is_zombie(pid: int) -> bool:
    fields = _stat_fields(pid)
    return fields is not None and fields[0] in ("Z", "X", "x")


def _stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on; the second (the command) may contain blanks and brackets."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
