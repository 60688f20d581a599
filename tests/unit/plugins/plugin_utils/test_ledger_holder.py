"""When is the process that holds a lease provably dead? Real processes, and a /proc of our own for the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import holder as module
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger.holder import Holder, process_start


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_living_process_is_not_dead(child):
    assert not Holder.current(child.pid).is_provably_dead()
    assert not Holder.current().is_provably_dead()


def test_default_is_the_parent_process():
    assert Holder.current(run="r").pid == os.getppid()


def test_killed_process_is_dead_even_before_it_is_reaped(child):
    holder = Holder.current(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # Dead, but still a zombie in the process table.
    assert holder.is_provably_dead()
    child.wait()
    assert holder.is_provably_dead()


def test_a_reused_pid_is_another_process(child):
    holder = Holder.current(child.pid)
    assert replace(holder, started=holder.started - 1).is_provably_dead()
    assert replace(holder, started=holder.started - 1).key != holder.key


@pytest.mark.parametrize("machine", ["other-host|boot|pid:[1]", "host|unknown|unknown", ""])
def test_nothing_is_provable_about_another_machine(child, machine):
    holder = replace(Holder.current(child.pid), machine=machine)
    child.kill()
    child.wait()
    assert not holder.is_provably_dead()


def test_nothing_is_provable_without_a_start_time(child):
    holder = replace(Holder.current(child.pid), started=0)
    child.kill()
    child.wait()
    assert not holder.is_provably_dead()


def test_a_process_hidden_by_hidepid_is_not_dead(child, monkeypatch):
    holder = Holder.current(child.pid)
    monkeypatch.setattr(module, "_stat_fields", lambda pid: None)
    assert not holder.is_provably_dead()


def test_without_proc_the_machine_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PROC", tmp_path)
    holder = Holder.current(os.getpid())
    assert "unknown" in holder.machine and holder.started == 0
    assert not holder.is_provably_dead()


def test_start_time_survives_blanks_and_brackets_in_the_command(tmp_path, monkeypatch):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) b (c)) S " + " ".join(str(n) for n in range(4, 53)))
    monkeypatch.setattr(module, "PROC", tmp_path)
    assert process_start(7) == 22


def test_round_trip_through_the_ledger():
    holder = Holder.current(run="r1")
    assert Holder.from_dict(holder.to_dict()) == holder
    assert holder.describe() == f"r1 on {holder.host} pid {holder.pid}"
