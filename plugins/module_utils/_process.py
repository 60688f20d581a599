# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normalized state of a service that is a plain process on a Linux host. PRIVATE to the collection.

``look`` finds the main process (systemd unit, pid file, or command line), what else runs of it, who holds its port,
and fills the state of ``_service.py``. Reading is in ``_procfs.py``; ``parse_unit``, ``judge_pid`` and ``is_stale``
decide from what was read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils import _procfs
from ansible_collections.sre.remediation.plugins.module_utils._docker import ports as _ports
from ansible_collections.sre.remediation.plugins.module_utils._docker.times import iso
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._log_time import last_words, lines_since
from ansible_collections.sre.remediation.plugins.module_utils._procfs import Process, ProcFs, family, matches
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact, secret_values
from ansible_collections.sre.remediation.plugins.module_utils._service import State, empty_state, unreachable_state

#: Seconds by which a process may seem to start after its pid file was written: the boot time is known to a second only.
PID_FILE_SLACK = 2.0
COMMAND_TIMEOUT = 10  #: seconds that systemctl and journalctl may take
SYSTEMD = "/run/systemd/system"  #: there when systemd is the init of this host (sd_booted(3))
UNIT_PROPERTIES = (
    "LoadState,ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStatus,ExecMainCode,"
    "ExecMainExitTimestampMonotonic,MemoryCurrent,MemoryMax"
)


@dataclass(frozen=True)
class Wanted:
    """What to look for; the options of the module of the same names."""

    name: str
    pid_file: str | None = None
    unit: str | None = None
    match: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    chdir: str | None = None
    port: int | None = None
    log_file: str | None = None
    log_lines: int = 200
    env_file: str | None = None


@dataclass
class Look:
    """What was found: the state, the newest log lines, seconds since the log was written, warnings."""

    service: State
    logs: list[str] = field(default_factory=list)
    log_age: float | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Unit:
    """What systemd says about a unit. ``status`` is a status of ``_service.py``."""

    status: str
    pid: int | None
    restarts: int
    last_exit: dict[str, t.Any] | None
    memory: int | None
    memory_limit: int | None
    error: str | None = None


def parse_unit(text: str) -> Unit:
    """Read the output of ``systemctl show``. Pure."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    load, active, sub = found.get("LoadState"), found.get("ActiveState", ""), found.get("SubState")
    error = None
    if load == "not-found":
        status = "missing"
    elif load in ("masked", "bad-setting", "error"):
        status, error = "missing", f"the unit is {load}"
    elif sub == "auto-restart":
        status = "crash_loop"
    else:
        status = {"active": "running", "reloading": "running", "activating": "starting"}.get(active, "stopped")
    result = found.get("Result", "success")
    last_exit = None
    if found.get("ExecMainExitTimestampMonotonic", "0") != "0" and status != "running":
        killed = found.get("ExecMainCode") in ("2", "3")  # CLD_KILLED, CLD_DUMPED: the status is the signal
        code = int(found.get("ExecMainStatus") or 0) + (128 if killed else 0)
        at = time.time() - time.monotonic() + int(found["ExecMainExitTimestampMonotonic"]) / 1e6
        last_exit = {"code": code, "reason": result, "oom_killed": result == "oom-kill", "at": iso(round(at))}
    pid = _number(found.get("MainPID"))
    limit, memory = _number(found.get("MemoryMax")), _number(found.get("MemoryCurrent"))
    return Unit(status, pid or None, _number(found.get("NRestarts")) or 0, last_exit, memory, limit, error)


def _number(text: str | None) -> int | None:
    """A number of systemd; null for "infinity", "[not set]" and the greatest 64-bit number, which means the same."""
    return int(text) if text and text.isdecimal() and int(text) < 2**64 - 1 else None


def judge_pid(process: Process | None, written: float, match: t.Sequence[str]) -> str | None:
    """Why the process is not the one that the pid file speaks of, or null when it is. Pure."""
    if process is None or not process.alive:
        return "is dead"
    if process.started > written + PID_FILE_SLACK:
        return "was reused: the process started after the pid file was written"
    if match and not matches(process.argv, match):
        return "was reused: the process has another command line"
    return None


def roots(table: t.Mapping[int, Process], match: t.Sequence[str], ignored: t.Container[int]) -> list[Process]:
    """Processes with the command line that are not children of such a process, oldest first. Pure."""
    found = {
        pid: process
        for pid, process in table.items()
        if process.alive and pid not in ignored and matches(process.argv, match)
    }
    tops = [process for process in found.values() if process.parent not in found]
    return sorted(tops, key=lambda process: (process.started, process.pid))


def is_stale(
    holder: Process, executable: str | None, cwd: str | None, wanted: Wanted, own: str | None, old: int | None
) -> bool:
    """Whether the process that holds the port is a leftover of this service. Pure.

    It is when its command line says so, when it was started by the process in the pid file (workers outlive their
    parent, but keep its session and group), or when executable and directory are those of the service.
    """
    if wanted.match and matches(holder.argv, wanted.match):
        return True
    if old is not None and old in (holder.parent, holder.group, holder.session):
        return True
    return bool(own and executable and wanted.chdir and cwd) and (executable, cwd) == (
        own,
        os.path.realpath(wanted.chdir),
    )


def program(command: t.Sequence[str], chdir: str | None) -> str | None:
    """The executable that the kernel would run for a command, through one ``#!`` line; null when there is none."""
    if not command:
        return None
    name = command[0]
    path = os.path.join(chdir or "/", name) if "/" in name else shutil.which(name)
    if not path or not os.access(path, os.X_OK) or os.path.isdir(path):
        return None
    with open(path, "rb") as source:
        first = source.readline(256)
    words = first[2:].decode("utf-8", errors="replace").split() if first.startswith(b"#!") else []
    if words and words[0].endswith("/env") and len(words) > 1:
        words = [shutil.which(words[-1]) or words[0]]
    return os.path.realpath(words[0] if words else path)


def look(wanted: Wanted, proc: str = "/proc") -> Look:
    """Look at the service once. Raises RemediationError when the host cannot say."""
    procfs = ProcFs(proc)
    table = procfs.table()
    ignored = _ancestors(table, os.getpid())
    found = Look(empty_state("host", wanted.name))
    state = found.service
    state.update(desired=1, status="stopped")
    unit = _ask_systemd(wanted) if wanted.unit else None
    recorded = _procfs.read_pid(wanted.pid_file) if wanted.pid_file else None
    if isinstance(unit, str):
        return Look(unreachable_state("host", wanted.name, unit))
    others = roots(table, wanted.match, ignored) if wanted.match else []
    here = procfs.link(os.getpid(), "ns/pid")  # the same command line in a container is another service
    others = [process for process in others if procfs.link(process.pid, "ns/pid") in (None, here)]
    main = _main(wanted, unit, recorded, table, others, found)
    mine = family(table, main.pid) if main else set()
    duplicates = [process for process in others if process.pid not in mine]
    own = program(wanted.command, wanted.chdir)
    if main:
        state.update(
            status="paused" if main.state == "T" else "running",
            started_at=iso(round(main.started)),
            networks=["host"],
            usage={"memory_bytes": sum(procfs.resident_bytes(pid) for pid in mine)},
        )
    elif wanted.command and own is None:
        state.update(status="missing", start_error=f"there is no program {wanted.command[0]}")
    _add_unit(state, unit, main)
    state["exists"] = state["status"] != "missing" if (main or wanted.command or wanted.unit) else None
    state["instances"] = [_instance(process, "main") for process in [main] if process]
    state["instances"] += [_instance(process, "duplicate") for process in duplicates]
    state["running"] = sum(instance["status"] == "running" for instance in state["instances"]) if main else 0
    if wanted.port:
        _add_port(state, wanted, procfs, table, mine, own, recorded)
    environment = (procfs.environment(main.pid) if main else None) or (
        _procfs.read_environment_file(wanted.env_file) if wanted.env_file else None
    )
    state["env_names"] = sorted(environment or ())
    _add_logs(found, wanted, unit, secret_values(environment or {}))
    begun = main.started if main else recorded[1] if recorded else None
    found.logs = last_words(found.logs) if begun is None else lines_since(found.logs, begun)
    return found


def _ancestors(table: t.Mapping[int, Process], pid: int) -> set[int]:
    """This process and those it descends from: Ansible's own command lines may name the service."""
    found: set[int] = set()
    while pid in table and pid not in found:
        found.add(pid)
        pid = table[pid].parent
    return found


def _main(
    wanted: Wanted,
    unit: Unit | None,
    recorded: tuple[int, float] | None,
    table: t.Mapping[int, Process],
    others: t.Sequence[Process],
    found: Look,
) -> Process | None:
    """The main process: as systemd says, else as the pid file says, else the oldest with the command line."""
    if unit:
        process = table.get(unit.pid or 0)
        return process if process and process.alive else None
    if wanted.pid_file:
        if recorded is None:
            return None
        why = judge_pid(table.get(recorded[0]), recorded[1], wanted.match)
        if why is None:
            return table[recorded[0]]
        found.service["events"].append(
            {"at": iso(round(recorded[1])), "what": f"pid {recorded[0]} of the pid file {why}"}
        )
        return None
    return next(iter(others), None)


def _ask_systemd(wanted: Wanted) -> Unit | str | None:
    """The unit, or why systemd did not answer, or null when this host has none and there is another way to look."""
    if not os.path.isdir(SYSTEMD):
        if wanted.pid_file or wanted.match:
            return None
        message = "unit needs systemd, which does not run on this host; give pid_file or match instead"
        raise RemediationError(message, "bad_argument")
    try:
        done = _run("systemctl", "show", f"--property={UNIT_PROPERTIES}", "--", str(wanted.unit))
    except (OSError, subprocess.SubprocessError) as problem:
        return f"systemctl did not answer: {problem}"
    return parse_unit(done.stdout) if done.returncode == 0 else f"systemctl failed: {done.stderr.strip()}"


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        argv, capture_output=True, text=True, errors="replace", timeout=COMMAND_TIMEOUT, check=False, env=environment
    )


def _add_unit(state: State, unit: Unit | None, main: Process | None) -> None:
    if not unit:
        return
    if not (main and unit.status == "running"):
        state["status"] = unit.status
    state.update(restarts=unit.restarts, last_exit=unit.last_exit, start_error=unit.error or state["start_error"])
    state["limits"] = {"memory_bytes": unit.memory_limit, "cpus": None}
    if main and unit.memory is not None:
        state["usage"] = {"memory_bytes": unit.memory}


def _instance(process: Process, name: str) -> dict[str, t.Any]:
    return {
        "id": str(process.pid),
        "name": name,
        "status": "paused" if process.state == "T" else "running",
        "health": None,
        "started_at": iso(round(process.started)),
        "restarts": 0,
        "exit_code": None,
        "networks": ["host"],
    }


def _add_port(
    state: State,
    wanted: Wanted,
    procfs: ProcFs,
    table: t.Mapping[int, Process],
    mine: t.Collection[int],
    own: str | None,
    recorded: tuple[int, float] | None,
) -> None:
    """The service's port, and who else listens on it. A listener nobody may be named for is taken for the service's own."""
    bound = [item for item in _ports.listeners(procfs.root) if item.protocol == "tcp" and item.port == wanted.port]
    owners = _ports.processes({item.inode for item in bound}, procfs.root) if bound else {}
    port = {"address": "0.0.0.0", "host_port": wanted.port, "port": wanted.port, "protocol": "tcp"}
    state["ports"] = [{**port, "address": bound[0].address} if bound else port]
    seen: set[int | None] = set()
    for item in bound:
        pid, name = owners.get(item.inode, (None, None))
        if pid in seen or pid in mine or (pid is None and mine):
            continue
        seen.add(pid)
        holder = _ports.process_holder(pid, name)
        process = table.get(pid or 0)
        if process:
            executable, cwd = procfs.link(process.pid, "exe"), procfs.link(process.pid, "cwd")
            old = recorded[0] if recorded else None
            holder["stale"] = is_stale(process, executable, cwd, wanted, own, old)
        state["port_conflicts"].append(_ports.conflict({**port, "address": item.address}, holder))


def _add_logs(found: Look, wanted: Wanted, unit: Unit | None, secrets: t.Sequence[str]) -> None:
    """The newest lines of the log file, or of the journal of the unit, without secrets."""
    if wanted.log_file:
        try:
            tail = _procfs.read_tail(wanted.log_file, wanted.log_lines)
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            found.warnings.append(f"log_file {wanted.log_file} cannot be read: {reason}")
            return
        found.logs, found.log_age = tail.lines, round(max(0.0, time.time() - tail.written), 1)
    elif unit and wanted.log_lines > 0:
        try:
            options = ("--no-pager", "--output=cat", f"--lines={wanted.log_lines}")
            found.logs = _run("journalctl", *options, f"--unit={wanted.unit}").stdout.splitlines()
        except (OSError, subprocess.SubprocessError) as problem:
            found.warnings.append(f"the journal of {wanted.unit} cannot be read: {problem}")
    found.logs = redact(found.logs, secrets=secrets)
