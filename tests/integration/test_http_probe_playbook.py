# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``http_probe`` in a playbook: the action on the controller and the module on the host say the same."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from run_tasks import play

MOVING = {"samples", "latency", "seconds", "started_at", "message"}  # these hold times, which differ between two runs


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "healthy", "you": self.headers.get("Authorization", "")}).encode()
        self.send_response(200 if self.path == "/health" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def probe(name, **arguments):
    return {"name": name, "sre.remediation.http_probe": arguments, "ignore_errors": True}


CASES = {
    "good": {"expect": {"json": [{"path": "status", "equals": "healthy"}]}, "headers": {"Authorization": "Bearer 0123456789"}},
    "bad": {"path": "/other", "require": True},
    "unknown option": {"retries": 3},
    "bad option": {"samples": 0},
    "waiting": {"successes": 2, "interval": 0.01, "deadline": 5, "hold": 0.1},
}  # fmt: skip


@pytest.mark.parametrize("mode", [[], ["--check"]])
def test_action_and_module_agree(tmp_path, url, mode):
    tasks = []
    for name, options in CASES.items():
        arguments = {"url": url + options.get("path", "/health"), **options}
        arguments.pop("path", None)
        tasks += [probe(f"{name} here", **arguments), probe(f"{name} there", **arguments, **{"from": "host"})]
    results, printed = play(tmp_path, tasks, *mode)
    assert "0123456789" not in printed
    for name in CASES:
        here, there = results[f"{name} here"], results[f"{name} there"]
        for result in (here, there):
            assert result.get("failed", False) is (name in ("bad", "unknown option", "bad option"))
            assert result["changed"] is False
        if "ok" in here:
            assert {key: here[key] for key in here.keys() - MOVING if key != "msg" and not key.startswith("_")} == {
                key: there[key]
                for key in there.keys() - MOVING
                if key not in ("msg", "invocation") and not key.startswith("_")
            }
            assert here["message"].split(" in ")[0] == there["message"].split(" in ")[0]
    assert results["good here"]["ok"] is True
    assert "[redacted]" in results["good here"]["body_excerpt"]
    assert results["bad here"]["msg"] == f"GET {url}/other: status 503 instead of 200"
    assert "retries" in results["unknown option here"]["msg"]
    assert results["bad option here"]["msg"] == "samples must be from 1 and at most 1000, got 0"
    assert results["bad option here"]["code"] == results["bad option there"]["code"] == "bad_argument"
    assert results["waiting here"]["seconds"]["hold"] >= 0.1
