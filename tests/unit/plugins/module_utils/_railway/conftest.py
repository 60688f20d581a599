# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Railway of canned answers on a free port: by operation name, in order, the last one for ever; and what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client, Connection


class Canned:
    """``answers``: operation name -> list of (status, headers, body) or of data; ``journal``: what was asked."""

    def __init__(self):
        self.answers = {}
        self.journal = []
        self.url = ""

    def names(self):
        return [entry["body"]["operationName"] for entry in self.journal]

    def answer(self, name):
        waiting = self.answers.get(name, [(500, {}, "no answer for " + name)])
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(found, dict):
            return (
                200,
                {"Content-Type": "application/json"},
                json.dumps(found if "errors" in found else {"data": found}),
            )
        return found


@pytest.fixture
def canned():
    railway = Canned()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            railway.journal.append({"body": body, "headers": dict(self.headers), "path": self.path})
            status, headers, text = railway.answer(body["operationName"])
            if status == "hang up":
                self.connection.close()
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    railway.url = f"http://127.0.0.1:{server.server_port}/graphql/v2"
    yield railway
    server.shutdown()
    server.server_close()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time_():
    return Time()


@pytest.fixture
def make_client(canned, time_):
    def make(token_type="project", **options):
        connection = Connection("t0ken-of-the-test", token_type, canned.url, timeout=5.0, **options)
        return Client(connection, sleep=time_.sleep, clock=time_.clock, jitter=lambda: 0.5)

    return make


@pytest.fixture
def node():
    def make(ident, at, status="REMOVED", **more):
        image = more.pop("image", None)
        meta = more.pop("meta", {"image": image, "imageDigest": f"sha256:{image}"} if image else {})
        return {
            "id": ident,
            "status": status,
            "createdAt": f"2026-11-26T00:{at:02d}:00Z",
            "statusUpdatedAt": f"2026-11-26T00:{at:02d}:30Z",
            "canRollback": True,
            "canRedeploy": True,
            "deploymentStopped": False,
            "meta": meta,
            "creator": None,
            "instances": [{"id": f"instance-of-{ident}", "status": "RUNNING"}] if status == "SUCCESS" else [],
            **more,
        }

    return make
