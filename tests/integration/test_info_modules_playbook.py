# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``process_service_info`` and ``disk_reclaim`` as Ansible runs them: check mode, refusals, exact lists."""

from __future__ import annotations

import os
import subprocess

import pytest
from run_tasks import play


def task(title, module, **arguments):
    return {"name": title, f"sre.remediation.{module}": arguments, "ignore_errors": True}


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "54321"])
    yield process
    process.kill()
    process.wait(5)


def test_process_service_info(tmp_path, sleeper):
    (tmp_path / "pid").write_text(str(sleeper.pid))
    tasks = [
        task("running", "process_service_info", name="s", pid_file=str(tmp_path / "pid"), match=["sleep", "54321"]),
        task("stopped", "process_service_info", name="s", pid_file=str(tmp_path / "none")),
        task("nothing to look for", "process_service_info", name="s"),
    ]
    results, _printed = play(tmp_path, tasks, "--check")
    assert results["running"]["service"]["instances"][0]["id"] == str(sleeper.pid)
    assert results["running"]["signals"] == ["running"]
    assert (results["stopped"]["signals"], results["stopped"]["changed"]) == (["stopped"], False)
    assert results["nothing to look for"]["failed"] is True
    assert "unit, pid_file" in results["nothing to look for"]["msg"]


@pytest.mark.parametrize("mode", ["--check", "--diff"])
def test_disk_reclaim(tmp_path, mode):
    root = tmp_path / "logs"
    root.mkdir()
    for name in ("old.log", "new.log"):
        (root / name).write_text("x")
    os.utime(root / "old.log", (0, 0))
    roots = [{"path": str(root), "patterns": ["*.log"], "older_than": "7d"}]
    tasks = [
        task("refused", "disk_reclaim", roots=[*roots, {"path": "/etc", "patterns": ["*"], "older_than": "0s"}]),
        task("reclaim", "disk_reclaim", roots=roots),
        task("again", "disk_reclaim", roots=roots),
    ]
    results, _printed = play(tmp_path, tasks, mode)
    assert results["refused"]["code"] == "bad_argument"
    assert "/etc is refused" in results["refused"]["msg"]
    assert [file["path"] for file in results["reclaim"]["files"]] == [str(root / "old.log")]
    assert results["reclaim"]["changed"] is True
    assert results["again"]["changed"] is (mode == "--check")
    assert sorted(os.listdir(root)) == (["new.log", "old.log"] if mode == "--check" else ["new.log"])
