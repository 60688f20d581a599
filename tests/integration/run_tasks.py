# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tasks on localhost with ansible-playbook, for tests that need what only a real run shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def play(tmp_path, tasks, *options):
    """Run tasks on localhost; returns ({task name: result}, everything that was printed)."""
    book = tmp_path / "play.yml"
    variables = {"ansible_python_interpreter": sys.executable}
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}]))
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "localhost,",
        "-c",
        "local",
        str(book),
        *options,
    ]
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "{\n" in done.stdout, done.stdout + done.stderr
    output = json.loads(done.stdout[done.stdout.index("{\n") :])
    results = {task["task"]["name"]: task["hosts"]["localhost"] for task in output["plays"][0]["tasks"]}
    return results, done.stdout + done.stderr
