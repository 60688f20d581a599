# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a plain process, looked at with real processes of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from ansible_collections.sre.remediation.plugins.module_utils import _process
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._process import (
    Wanted,
    is_stale,
    judge_pid,
    look,
    parse_unit,
    program,
)
from ansible_collections.sre.remediation.plugins.module_utils._procfs import Process, ProcFs, family, matches, read_tail
from ansible_collections.sre.remediation.plugins.module_utils._service import empty_state, signals

SCRIPT = """
import os, socket, sys, time
port, child = int(sys.argv[1]), sys.argv[2] == "child"
if child and os.fork():
    time.sleep(60)
listener = socket.create_server(("127.0.0.1", port), reuse_port=True) if port else None
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def service(tmp_path):
    """Starts a service script (its own session) and writes its pid file; ends what it started afterwards."""
    script = tmp_path / "service.py"
    script.write_text(SCRIPT)
    started = []

    def start(port=0, mode="single", record=True, **options):
        command = [sys.executable, str(script), str(port), mode]
        options.setdefault("cwd", tmp_path)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **options)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        if record:
            (tmp_path / "pid").write_text(f"{process.pid}\n")
        return process

    def wanted(**options):
        given = {"pid_file": str(tmp_path / "pid"), "match": (str(script),), "chdir": str(tmp_path)}
        return Wanted(name="worker", **{**given, **options})

    start.wanted, start.path = wanted, tmp_path
    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait(5)
        process.stdout.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_running(service):
    port = free_port()
    process = service(port, env={"API_KEY": "hunter2secret", "PATH": os.environ["PATH"]})
    (service.path / "log").write_text("one\nkey hunter2secret\nthree\n")
    found = look(service.wanted(port=port, log_file=str(service.path / "log"), log_lines=2))
    state = found.service
    assert state.keys() == empty_state("host", "worker").keys()
    assert (state["status"], state["running"], state["desired"], state["exists"]) == ("running", 1, 1, True)
    assert [(item["id"], item["name"]) for item in state["instances"]] == [(str(process.pid), "main")]
    assert state["env_names"] == ["API_KEY", "PATH"]
    assert state["port_conflicts"] == []
    assert state["ports"][0]["address"] == "127.0.0.1"
    assert state["usage"]["memory_bytes"] > 1_000_000
    assert abs(time.time() - _epoch(state["started_at"])) < 10
    assert found.logs == ["key [redacted]", "three"]
    assert found.log_age < 10
    assert signals(state) == ["running"]
    assert "hunter2secret" not in str(found)


def _epoch(stamp):
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def test_children_are_no_duplicates(service):
    process = service(0, "child")
    found = look(service.wanted())
    assert [item["id"] for item in found.service["instances"]] == [str(process.pid)]


def test_paused(service):
    process = service()
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    state = look(service.wanted()).service
    assert (state["status"], state["running"], signals(state)) == ("paused", 0, ["paused"])


def test_killed_and_never_collected_is_stopped(service):
    process = service()
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    state = look(service.wanted()).service
    assert (state["status"], state["instances"], signals(state)) == ("stopped", [], ["stopped"])
    assert state["events"][0]["what"] == f"pid {process.pid} of the pid file is dead"


def test_a_duplicate_is_listed_and_the_pid_file_names_the_main_one(service):
    second = service(record=False)
    first = service()
    state = look(service.wanted()).service
    assert {(item["id"], item["name"]) for item in state["instances"]} == {
        (str(first.pid), "main"),
        (str(second.pid), "duplicate"),
    }
    assert (state["status"], state["running"]) == ("running", 2)


def test_without_a_pid_file_the_oldest_match_is_the_main_one(service):
    process = service(record=False)
    state = look(service.wanted(pid_file=None)).service
    assert [(item["id"], item["name"]) for item in state["instances"]] == [(str(process.pid), "main")]


@pytest.mark.parametrize(
    ("pid_text", "age", "match", "why"),
    [
        ("{pid}", 3600, (), "was reused: the process started after the pid file was written"),
        ("{pid}", 0, ("another", "command"), "was reused: the process has another command line"),
    ],
)
def test_a_reused_pid_is_stopped(service, pid_text, age, match, why):
    process = service(record=False)
    path = service.path / "pid"
    path.write_text(pid_text.format(pid=process.pid))
    os.utime(path, (time.time() - age,) * 2)
    state = look(service.wanted(match=match)).service
    assert (state["status"], state["running"]) == ("stopped", 0)
    assert state["events"][0]["what"] == f"pid {process.pid} of the pid file {why}"


@pytest.mark.parametrize("text", ["", "\n", "nobody", "-1", "0", "99999999"])
def test_a_pid_file_without_a_process_is_stopped(service, text):
    (service.path / "pid").write_text(text)
    assert look(service.wanted()).service["status"] == "stopped"


def test_no_pid_file_is_stopped_and_variables_come_from_the_file(service):
    (service.path / "env").write_text("# comment\nexport A=1\nDB_URL='postgres://u:secretpw@h/d'\nnot a name=1\n\n")
    (service.path / "log").write_text("using postgres://u:secretpw@h/d and secretpw\n")
    found = look(service.wanted(env_file=str(service.path / "env"), log_file=str(service.path / "log")))
    assert (found.service["status"], found.service["env_names"]) == ("stopped", ["A", "DB_URL"])
    assert "secretpw" not in str(found)


def test_a_program_that_is_not_there_is_missing(service):
    state = look(service.wanted(command=("/opt/none/bin/api", "serve"))).service
    assert (state["status"], state["exists"]) == ("missing", False)
    assert state["start_error"] == "there is no program /opt/none/bin/api"
    assert look(service.wanted(command=(sys.executable, "x"))).service["status"] == "stopped"


def test_a_leftover_holds_the_port(service):
    port = free_port()
    leftover = service(port, record=False)
    conflicts = look(service.wanted(port=port)).service["port_conflicts"]
    assert [(item["port"], item["holder"]["pid"], item["holder"]["stale"]) for item in conflicts] == [
        (port, leftover.pid, True)
    ]
    assert str(service.path) not in str(conflicts), "arguments are never shown"


def test_a_worker_that_outlived_its_parent_is_stale(service):
    port = free_port()
    parent = service(port, "child")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(5)
    state = look(service.wanted(port=port, match=())).service
    assert signals(state) == ["port_conflict_stale", "stopped"]


def test_a_stranger_holds_the_port(service):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        state = look(service.wanted(port=port)).service
    holder = state["port_conflicts"][0]["holder"]
    assert (holder["kind"], holder["pid"], holder["stale"]) == ("process", os.getpid(), False)
    assert signals(state) == ["port_conflict_foreign", "stopped"]


def test_a_log_that_cannot_be_read_is_a_warning(service):
    found = look(service.wanted(log_file=str(service.path / "none.log")))
    assert (found.logs, found.log_age) == ([], None)
    assert found.warnings == [f"log_file {service.path}/none.log cannot be read: No such file or directory"]


def test_a_pipe_as_log_does_not_hang(service):
    os.mkfifo(service.path / "pipe")
    found = look(service.wanted(log_file=str(service.path / "pipe")))
    assert found.warnings == [f"log_file {service.path}/pipe cannot be read: it is no regular file"]


def test_a_unit_without_systemd_needs_another_way(service, monkeypatch):
    monkeypatch.setattr(_process, "SYSTEMD", str(service.path / "none"))
    assert look(service.wanted(unit="x.service")).service["status"] == "stopped"
    with pytest.raises(RemediationError, match="^unit needs systemd"):
        look(Wanted(name="x", unit="x.service"))


def test_a_systemd_that_does_not_answer_is_unreachable(service, monkeypatch):
    (service.path / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    (service.path / "systemctl").chmod(0o755)
    monkeypatch.setattr(_process, "SYSTEMD", str(service.path))
    monkeypatch.setenv("PATH", f"{service.path}:{os.environ['PATH']}")
    state = look(Wanted(name="x", unit="x.service")).service
    assert (state["reachable"], state["error"]) == (False, "systemctl failed: Failed to connect to bus")


def test_no_proc_is_an_error(tmp_path):
    with pytest.raises(RemediationError) as caught:
        look(Wanted(name="x", match=("x",)), proc=str(tmp_path))
    assert caught.value.code == "no_proc"


@pytest.mark.parametrize(
    ("text", "status", "pid", "exit_code"),
    [
        ("LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=42", "running", 42, None),
        ("LoadState=not-found\nActiveState=inactive\nSubState=dead\nMainPID=0", "missing", None, None),
        ("LoadState=masked\nActiveState=inactive\nMainPID=0", "missing", None, None),
        ("LoadState=loaded\nActiveState=inactive\nSubState=dead\nMainPID=0", "stopped", None, None),
        ("LoadState=loaded\nActiveState=activating\nSubState=start\nMainPID=7", "starting", 7, None),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nMainPID=0\nResult=exit-code\n"
            "ExecMainCode=1\nExecMainStatus=3\nExecMainExitTimestampMonotonic=5000000",
            "crash_loop",
            None,
            3,
        ),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nMainPID=0\nResult=oom-kill\n"
            "ExecMainCode=2\nExecMainStatus=9\nExecMainExitTimestampMonotonic=5000000",
            "stopped",
            None,
            137,
        ),
    ],
)
def test_parse_unit(text, status, pid, exit_code):
    unit = parse_unit(text)
    assert (unit.status, unit.pid, unit.last_exit and unit.last_exit["code"]) == (status, pid, exit_code)


def test_parse_unit_memory_and_restarts():
    unit = parse_unit(
        f"LoadState=loaded\nActiveState=active\nNRestarts=3\nMemoryCurrent=[not set]\nMemoryMax={2**64 - 1}"
    )
    assert (unit.restarts, unit.memory, unit.memory_limit) == (3, None, None)
    assert parse_unit("LoadState=loaded\nMemoryCurrent=5\nMemoryMax=9").memory_limit == 9


@pytest.mark.parametrize(
    ("argv", "wanted", "found"),
    [
        (("/usr/bin/gunicorn", "app:app", "-w", "4"), ("gunicorn", "app:app"), True),
        (("/usr/bin/python3", "/opt/venv/bin/gunicorn", "app:app"), ("gunicorn", "app:app"), True),
        (("/usr/bin/python3", "-u", "worker.py"), ("worker.py",), True),
        (("python3", "worker.py"), ("/usr/bin/python3", "worker.py"), False),
        (("/usr/bin/gunicorn", "other:app"), ("gunicorn", "app:app"), False),
        (("vi", "-c", "x", "worker.py"), ("worker.py",), False),
        (("gunicorn: master [app:app]",), ("gunicorn:", "master"), True),
        ((), ("x",), False),
    ],
)
def test_matches(argv, wanted, found):
    assert matches(argv, wanted) is found


def made(pid=10, state="S", parent=1, group=10, session=10, started=100.0, argv=("x",)):
    return Process(pid, "x", state, parent, group, session, started, argv)


@pytest.mark.parametrize(
    ("process", "written", "why"),
    [
        (None, 0, "is dead"),
        (made(state="Z"), 100, "is dead"),
        (made(started=100), 98.5, None),
        (made(started=100), 97, "was reused: the process started after the pid file was written"),
    ],
)
def test_judge_pid(process, written, why):
    assert judge_pid(process, written, ()) == why


@pytest.mark.parametrize(
    ("holder", "executable", "cwd", "old", "stale"),
    [
        (made(argv=("/bin/api", "serve")), None, None, None, True),
        (made(parent=7), None, None, 7, True),
        (made(session=7), None, None, 7, True),
        (made(parent=8), None, None, 7, False),
        (made(), "/usr/bin/python3.11", "/", None, True),
        (made(), "/usr/bin/python3.11", "/tmp", None, False),
        (made(), "/usr/bin/nc", "/", None, False),
    ],
)
def test_is_stale(holder, executable, cwd, old, stale):
    wanted = Wanted(name="api", match=("api", "serve"), chdir="/")
    assert is_stale(holder, executable, cwd, wanted, "/usr/bin/python3.11", old) is stale


def test_program_follows_the_first_line_of_a_script(tmp_path):
    script = tmp_path / "tool"
    script.write_text(f"#!{sys.executable}\n")
    assert program(["./tool"], str(tmp_path)) is None
    script.chmod(0o755)
    assert program(["./tool"], str(tmp_path)) == os.path.realpath(sys.executable)
    assert program([str(tmp_path)], None) is None


def test_family_survives_a_loop():
    table = {pid: made(pid=pid, parent=parent) for pid, parent in ((1, 3), (2, 1), (3, 2), (4, 9))}
    assert family(table, 1) == {1, 2, 3}


@pytest.mark.parametrize(
    ("content", "count", "lines"),
    [
        (b"", 5, []),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb\nc", 2, ["b", "c"]),
        (b"a\n", 0, []),
        (b"x" * 200_000 + b"\nlast\n", 1, ["last"]),
        (b"".join(b"line %d\n" % number for number in range(50_000)), 2, ["line 49998", "line 49999"]),
        (b"y" * 3_000_000 + b"\nend", 10, ["end"]),
        (b"\xff\n", 1, ["\ufffd"]),
    ],
)
def test_read_tail(tmp_path, content, count, lines):
    (tmp_path / "log").write_bytes(content)
    assert read_tail(str(tmp_path / "log"), count).lines == lines


def test_the_process_table_has_this_process():
    process = ProcFs().process(os.getpid())
    assert (process.pid, process.parent, process.alive) == (os.getpid(), os.getppid(), True)
    assert process.argv
