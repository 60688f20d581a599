# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Linux says about processes, and bounded reads of their files. PRIVATE to the collection.

Reads ``/proc`` (or a directory made like it), the environment of a process, environment files and the end of a log.
Nothing is decided here; that is ``_process.py``.
"""

from __future__ import annotations

import os
import stat
import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

TAIL_BYTES = 1024 * 1024  #: bytes read from the end of a log at most
TAIL_BLOCK = 64 * 1024
FILE_BYTES = 1024 * 1024  #: bytes read of an environment file or environment at most


@dataclass(frozen=True)
class Process:
    """A line of the process table.

    :ivar state: (str) the kernel's letter: R, S, D, T (stopped by a signal), Z (dead, not yet collected) and so on.
    :ivar started: (float) when it started, in epoch seconds (to about a second).
    """

    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    started: float
    argv: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        return self.state not in ("Z", "X", "x")


class ProcFs:
    """Reads a directory like ``/proc``; a process that ends meanwhile, or is hidden, is simply not there."""

    def __init__(self, root: str = "/proc") -> None:
        self.root = root
        try:
            with open(f"{root}/stat", encoding="ascii") as source:
                boot = [line.split()[1] for line in source if line.startswith("btime ")]
            self._boot = float(boot[0])
        except (OSError, IndexError) as problem:
            raise RemediationError(
                "this host shows no processes in /proc; only Linux is supported", "no_proc"
            ) from problem
        self._ticks = os.sysconf("SC_CLK_TCK")

    def process(self, pid: int) -> Process | None:
        """The process with this id, or null."""
        try:
            with open(f"{self.root}/{pid}/stat", "rb") as source:
                text = source.read().decode("utf-8", errors="replace")
            with open(f"{self.root}/{pid}/cmdline", "rb") as source:
                raw = source.read(FILE_BYTES)
        except OSError:
            return None
        head, tail = text.rsplit(")", 1)
        fields = tail.split()
        # A process that rewrites its title (setproctitle) may pad it with null bytes or leave one text with blanks.
        argv = tuple(raw.rstrip(b"\0").decode("utf-8", errors="replace").split("\0")) if raw.strip(b"\0") else ()
        return Process(
            pid=pid,
            name=head.partition("(")[2],
            state=fields[0],
            parent=int(fields[1]),
            group=int(fields[2]),
            session=int(fields[3]),
            started=self._boot + int(fields[19]) / self._ticks,
            argv=argv,
        )

    def table(self) -> dict[int, Process]:
        """All processes that this user may see."""
        found = (self.process(int(entry)) for entry in os.listdir(self.root) if entry.isdigit())
        return {process.pid: process for process in found if process}

    def link(self, pid: int, what: str) -> str | None:
        """Where ``exe`` or ``cwd`` of a process points; null when that is not shown to this user."""
        try:
            return os.readlink(f"{self.root}/{pid}/{what}").removesuffix(" (deleted)")
        except OSError:
            return None

    def environment(self, pid: int) -> dict[str, str] | None:
        """Names and values a process was started with; null when that is not shown to this user."""
        try:
            with open(f"{self.root}/{pid}/environ", "rb") as source:
                text = source.read(FILE_BYTES).decode("utf-8", errors="replace")
        except OSError:
            return None
        return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)

    def resident_bytes(self, pid: int) -> int:
        """Resident memory, 0 when it is gone."""
        try:
            with open(f"{self.root}/{pid}/statm", encoding="ascii") as source:
                return int(source.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0


def family(table: t.Mapping[int, Process], pid: int) -> set[int]:
    """A process and all its descendants. Pure."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, waiting = set(), [pid]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += children.get(one, ())
    return found


def matches(argv: t.Sequence[str], wanted: t.Sequence[str]) -> bool:
    """Whether a command line begins with ``wanted``, or does after an interpreter and one option of it. Pure.

    A script's command line begins with its interpreter: ``/usr/bin/python3 /usr/bin/gunicorn ...`` is ``gunicorn ...``.
    A first word without a slash matches any directory.
    """
    words = argv[0].split(" ") if len(argv) == 1 else argv
    for start in range(min(3, len(words) - len(wanted) + 1)):
        found = list(words[start : start + len(wanted)])
        if "/" not in wanted[0]:
            found[0] = found[0].rpartition("/")[2]
        if found == list(wanted):
            return True
    return False


def read_pid(path: str) -> tuple[int, float] | None:
    """(pid, when the file was written in epoch seconds) of a pid file; null when there is none or no number in it."""
    try:
        with open(path, encoding="ascii", errors="replace") as source:
            text, written = source.read(64), os.fstat(source.fileno()).st_mtime
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise RemediationError(f"pid_file {path} cannot be read: {problem.strerror}", "unreadable") from problem
    first = text.split()[0] if text.split() else ""
    return (int(first), written) if first.isdecimal() and int(first) > 0 else None


def read_environment_file(path: str) -> dict[str, str] | None:
    """Names and values of a file of ``NAME=value`` lines; null when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            lines = source.read(FILE_BYTES).splitlines()
    except OSError:
        return None
    found = {}
    for line in lines:
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and name.strip().isidentifier():
            found[name.strip()] = value.strip().strip("\"'")
    return found


@dataclass(frozen=True)
class Tail:
    """The end of a log: its newest lines, oldest first, and when it was last written in epoch seconds."""

    lines: list[str]
    written: float


def read_tail(path: str, count: int) -> Tail:
    """The newest ``count`` lines of a regular file, reading from its end and at most ``TAIL_BYTES``.

    :raises OSError: when it cannot be read, ValueError when it is no regular file (a pipe would hang or lose data).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        position, read = status.st_size, b""
        while position and len(read) < TAIL_BYTES and read.count(b"\n") <= count:
            step = min(TAIL_BLOCK, position)
            position -= step
            source.seek(position)
            read = source.read(step) + read
    lines = read.decode("utf-8", errors="replace").splitlines()
    if position and lines:
        lines = lines[1:]  # the first one is cut
    return Tail(lines=lines[-count:] if count > 0 else [], written=status.st_mtime)
