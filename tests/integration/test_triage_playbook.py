# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``triage`` in a playbook: fed by a real probe, it returns the diagnosis at the top level of its result."""

from __future__ import annotations

import socket

from run_tasks import play

CAUSES = [
    {"cause": "no_database", "summary": "{service} has no database", "all": ["log_database_unreachable", "running"]},
    {"cause": "stopped", "summary": "{service} is stopped", "any": ["stopped"], "none": ["platform_unreachable"]},
]
SERVICE = {"platform": "docker", "name": "api", "status": "stopped", "exists": True}


def triage(name, **arguments):
    return {"name": name, "sre.remediation.triage": arguments, "ignore_errors": True}


def test_diagnosis_and_refusals(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    logs = ["could not connect to server: Connection refused", "dsn postgresql://app:hunter2secret@db/app"]
    tasks = [
        {"name": "probe", "sre.remediation.http_probe": {"url": url}, "register": "health"},
        triage("diagnosis", causes=CAUSES, service=SERVICE, logs=logs, probes={"health": "{{ health }}"}),
        triage("unknown option", causes=CAUSES, probe={}),
        triage("unknown condition", causes=[{**CAUSES[0], "every": ["x"]}], probes={"health": "{{ health }}"}),
        triage("no symptom", causes=CAUSES, service=SERVICE),
        triage("probe that is none", causes=CAUSES, probes={"health": "up"}),
        triage("secret", causes=CAUSES[:1], probes={"x": {"ok": False, "message": "see http://a:hunter2secret@b/"}}),
    ]
    results, _printed = play(tmp_path, tasks, "--check")
    diagnosis = results["diagnosis"]
    fields = ("changed", "found", "cause", "summary", "signals", "ruled_out")
    assert {field: diagnosis[field] for field in fields} == {
        "changed": False,
        "found": True,
        "cause": "stopped",
        "summary": "api is stopped",
        "signals": ["health_failed", "health_refused", "log_database_unreachable", "stopped"],
        "ruled_out": [{"cause": "no_database", "why": "no running"}],
    }
    assert diagnosis["evidence"] == [f"health: GET {url}: connection refused", "api is stopped"]
    assert "probe. Supported parameters include" in results["unknown option"]["msg"]
    assert "causes.every" in results["unknown condition"]["msg"]
    assert results["no symptom"]["msg"].startswith("nothing states the symptom")
    assert results["no symptom"]["code"] == "bad_argument"
    assert results["probe that is none"]["msg"] == "probes.health must be a dictionary"
    assert results["secret"]["evidence"] == ["x: see http://a:[redacted]@b/"]
