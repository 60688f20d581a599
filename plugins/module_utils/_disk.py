# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files may go, and how they go without ever leaving a declared root. PRIVATE to the collection.

``check_path`` refuses roots that nobody can mean, ``scan_root`` walks one through directory descriptors (no link is
followed, no other file system entered), ``plan`` chooses the oldest up to the goal, ``delete`` removes them:
each is found again from its root, link by link, and left alone when it is not the file that was planned.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

DEPTH_LIMIT = 64  #: directories below a root; each level holds a file descriptor open
ENTRY_LIMIT = 1_000_000  #: directory entries looked at per root; bounds time and memory
BLOCK = 512  #: bytes of a block of st_blocks, whatever the file system (stat(2))

#: Directories that are no root themselves, though directories below them may be.
NOT_ITSELF = (
    "/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/var", "/var/cache", "/var/lib", "/var/lib/mysql",
    "/var/lib/postgresql", "/var/opt", "/var/spool",
)  # fmt: skip
#: Directories that are no root, nor is anything below them: the system, or an engine's own storage (prune that instead).
NOT_BELOW = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr",
    "/var/lib/containerd", "/var/lib/docker", "/var/lib/dpkg", "/var/lib/rpm",
)  # fmt: skip
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Root:
    """A declared root: which of its files may go. ``keep`` newest files of every pattern stay, whatever their age."""

    path: str
    patterns: tuple[str, ...]
    older_than: float
    keep: int = 0


@dataclass(frozen=True)
class Goal:
    """When to stop: used percent of the file system (bytes and inodes) below ``percent``, or ``size`` bytes freed."""

    percent: float | None = None
    size: int | None = None


@dataclass(frozen=True)
class Found:
    """A regular file that matches a pattern. ``freed`` bytes come back when it goes (none while it has other names)."""

    root: str
    parts: tuple[str, ...]
    size: int
    freed: int
    modified: float
    device: int
    inode: int

    @property
    def path(self) -> str:
        return os.path.join(self.root, *self.parts)


@dataclass(frozen=True)
class Usage:
    """A file system as ``df`` sees it. Bytes and inodes; ``total`` counts what ordinary users may use."""

    used: int
    total: int
    inodes_used: int
    inodes: int

    def minus(self, freed: int, files: int) -> Usage:
        return Usage(max(0, self.used - freed), self.total, max(0, self.inodes_used - files), self.inodes)

    def percent(self) -> float:
        """The greater of the used percents of bytes and inodes."""
        return max(100 * self.used / max(1, self.total), 100 * self.inodes_used / self.inodes if self.inodes else 0.0)

    def shown(self) -> dict[str, t.Any]:
        inodes = round(100 * self.inodes_used / self.inodes, 1) if self.inodes else None
        return {
            "used_bytes": self.used,
            "total_bytes": self.total,
            "used_percent": round(100 * self.used / max(1, self.total), 1),
            "inodes_used": self.inodes_used,
            "inodes_used_percent": inodes,
        }


@dataclass
class Deleted:
    """What was removed, and what was left alone and why."""

    files: list[Found] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


def _bad(message: str) -> RemediationError:
    return RemediationError(message, "bad_argument")


def parse_age(text: str, option: str) -> float:
    """Seconds of ``7d``, ``36h``, ``30m``, ``90s`` or ``2w``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if not found:
        raise _bad(f"{option} must be a number and one of s, m, h, d, w, like 7d, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def parse_goal(text: str | None) -> Goal:
    """A goal like ``80%`` (used percent to get below) or ``5G`` (bytes to free); null means everything that may go."""
    if text is None:
        return Goal()
    percent = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if percent and 0 < float(percent[1]) < 100:
        return Goal(percent=float(percent[1]))
    size = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if size and not percent and float(size[1]) > 0:
        return Goal(size=int(float(size[1]) * _SIZES[size[2].upper()]))
    raise _bad(f"goal must be a used percent like 80% or a size to free like 5G, got {text!r}")


def check_path(path: str) -> None:
    """Refuse what nobody can mean as a root. Pure; links and other names of the same directory are found on opening."""
    if not path.startswith("/"):
        raise _bad(f"roots: {path!r} must be an absolute path")
    if os.path.normpath(path) != path or path.startswith("//"):
        raise _bad(f"roots: {path!r} must be written without '..', '.', '//' and a slash at its end")
    below = any(path == name or path.startswith(f"{name}/") for name in NOT_BELOW)
    if below or path in NOT_ITSELF or os.path.dirname(path) == "/home":
        raise _bad(f"roots: {path} is refused, as it holds more than may be reclaimed; give a directory further down")


@contextmanager
def opened(path: str) -> t.Iterator[int]:
    """A descriptor of a root, reached from / without following any link."""
    check_path(path)
    descriptor = os.open("/", _OPEN)
    try:
        for part in path.strip("/").split("/"):
            below = _enter(descriptor, part, path)
            os.close(descriptor)
            descriptor = below
        status = os.fstat(descriptor)
        for name in NOT_ITSELF + NOT_BELOW:
            if _same(name, status):
                raise _bad(f"roots: {path} is another name of {name}, which is refused")
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(descriptor: int, part: str, path: str) -> int:
    try:
        return os.open(part, _OPEN, dir_fd=descriptor)
    except OSError as problem:
        if problem.errno in (errno.ELOOP, errno.ENOTDIR):
            link = stat.S_ISLNK(os.stat(part, dir_fd=descriptor, follow_symlinks=False).st_mode)
            why = f"goes through the link {part!r}; give the real path" if link else "is no directory"
            raise _bad(f"roots: {path} {why}") from problem
        raise _bad(f"roots: {path} cannot be opened: {problem.strerror}") from problem


def _same(name: str, status: os.stat_result) -> bool:
    try:
        other = os.stat(name)
    except OSError:
        return False
    return (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino)


def usage(descriptor: int) -> Usage:
    """The file system of an open directory."""
    found = os.statvfs(descriptor)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return Usage(used, used + found.f_bavail * found.f_frsize, found.f_files - found.f_ffree, found.f_files)


def mount_points(path: str = "/proc/self/mountinfo") -> frozenset[str]:
    """Where file systems are mounted; a bind mount of the same file system is seen only here."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            fields = [line.split()[4] for line in source]
    except (OSError, IndexError):
        return frozenset()
    return frozenset(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), name) for name in fields)


@dataclass
class Scan:
    """What a walk found. ``kept`` holds (device, inode) of the newest files, which no other root may take either."""

    old: list[Found] = field(default_factory=list)
    kept: set[tuple[int, int]] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def scan_root(root: Root, descriptor: int, mounts: t.Container[str], now: float) -> Scan:
    """Walk a root."""
    found: list[Found] = []
    warnings: list[str] = []
    device, seen = os.fstat(descriptor).st_dev, 0

    def walk(directory: int, parts: tuple[str, ...]) -> None:
        nonlocal seen
        with os.scandir(directory) as entries:
            for entry in entries:
                seen += 1
                if seen > ENTRY_LIMIT:
                    return
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                below = (*parts, entry.name)
                if stat.S_ISDIR(status.st_mode):
                    if status.st_dev == device and os.path.join(root.path, *below) not in mounts:
                        descend(directory, entry.name, below)
                elif stat.S_ISREG(status.st_mode) and any(fnmatchcase(entry.name, glob) for glob in root.patterns):
                    freed = status.st_blocks * BLOCK if status.st_nlink == 1 else 0
                    identity = (status.st_dev, status.st_ino)
                    found.append(Found(root.path, below, status.st_size, freed, status.st_mtime, *identity))

    def descend(directory: int, name: str, parts: tuple[str, ...]) -> None:
        if len(parts) > DEPTH_LIMIT:
            warnings.append(f"{os.path.join(root.path, *parts)} is too deep and was not looked at")
            return
        try:
            below = os.open(name, _OPEN, dir_fd=directory)
        except OSError as problem:  # not readable, or replaced by a link meanwhile
            warnings.append(f"{os.path.join(root.path, *parts)} was not looked at: {problem.strerror}")
            return
        try:
            walk(below, parts)
        finally:
            os.close(below)

    walk(descriptor, ())
    if seen > ENTRY_LIMIT and root.keep:
        raise RemediationError(
            f"{root.path} has more than {ENTRY_LIMIT} entries, so its newest files are unknown", "too_many"
        )
    if seen > ENTRY_LIMIT:
        warnings.append(f"{root.path} has more than {ENTRY_LIMIT} entries; the rest was not looked at")
    old = [file for file in found if now - file.modified > root.older_than]
    return Scan(old, newest(root, found), warnings)


def newest(root: Root, found: t.Iterable[Found]) -> set[tuple[int, int]]:
    """(device, inode) of the ``keep`` newest files of every pattern. Pure."""
    ordered = sorted(found, key=lambda file: (file.modified, file.path), reverse=True)
    kept: set[tuple[int, int]] = set()
    for glob in root.patterns if root.keep else ():
        matching = [file for file in ordered if fnmatchcase(file.parts[-1], glob)]
        kept.update((file.device, file.inode) for file in matching[: root.keep])
    return kept


def plan(found: t.Iterable[Found], goal: Goal, before: t.Mapping[int, Usage], most: int) -> list[Found]:
    """The files to delete, oldest first, until the goal is reached. ``before`` is by device. Pure."""
    chosen: list[Found] = []
    freed_total = 0
    freed: dict[int, int] = {}
    count: dict[int, int] = {}
    for file in sorted(
        {(one.device, one.path): one for one in found}.values(), key=lambda one: (one.modified, one.path)
    ):
        if len(chosen) >= most or (goal.size is not None and freed_total >= goal.size):
            break
        device = file.device
        left = before[device].minus(freed.get(device, 0), count.get(device, 0))
        if goal.percent is not None and left.percent() < goal.percent:
            continue  # this file system is well; another root may be on one that is not
        chosen.append(file)
        freed_total += file.freed
        freed[device] = freed.get(device, 0) + file.freed
        count[device] = count.get(device, 0) + 1
    return chosen


def delete(files: t.Iterable[Found]) -> Deleted:
    """Remove the files; one that is not the planned one any more, or may not be removed, is left and reported."""
    done = Deleted()
    for file in files:
        try:
            _delete(file)
        except OSError as problem:
            if problem.errno == errno.EROFS:
                raise RemediationError(f"{file.root} is on a read-only file system", "read_only") from problem
            done.skipped.append({"path": file.path, "why": problem.strerror or str(problem)})
        except RemediationError as problem:
            done.skipped.append({"path": file.path, "why": problem.message})
        else:
            done.files.append(file)
    return done


def _delete(file: Found) -> None:
    with opened(file.root) as root:
        directory = os.dup(root)
        try:
            for part in file.parts[:-1]:
                below = os.open(part, _OPEN, dir_fd=directory)
                os.close(directory)
                directory = below
            status = os.stat(file.parts[-1], dir_fd=directory, follow_symlinks=False)
            now = (status.st_dev, status.st_ino, status.st_mtime, status.st_size)
            if not stat.S_ISREG(status.st_mode) or now != (file.device, file.inode, file.modified, file.size):
                raise RemediationError("it changed since it was planned", "changed")
            os.unlink(file.parts[-1], dir_fd=directory)
        finally:
            os.close(directory)
