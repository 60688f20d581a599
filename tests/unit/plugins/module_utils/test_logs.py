# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which log lines are chosen and counted, and what each place they are kept in gives."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.sre.remediation.plugins.module_utils import _logs
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._logs import Window, choose

LINES = ["GET / 200", "GET /a 500", "POST /a 500", "GET / 404", "password=hunter22secret 500"]
STATUS = r"(?P<status>\d{3})$"


@pytest.mark.parametrize(
    ("pattern", "count_by", "limit", "expected"),
    [
        (None, None, 2, (["GET / 404", "password=[redacted] 500"], 5, {})),
        ("500$", None, 10, (["GET /a 500", "POST /a 500", "password=[redacted] 500"], 3, {})),
        (STATUS, "status", 0, ([], 5, {"500": 3, "200": 1, "404": 1})),
        ("nothing", None, 10, ([], 0, {})),
    ],
)
def test_lines_are_chosen_and_counted(pattern, count_by, limit, expected):
    found = choose(LINES, pattern, count_by, limit)
    assert (found["lines"], found["matched"], found["counts"]) == expected
    assert found["read"] == 5


@pytest.mark.parametrize(("pattern", "count_by"), [("(", None), ("x", "status"), (None, "status")])
def test_a_pattern_that_is_none_is_refused(pattern, count_by):
    with pytest.raises(RemediationError) as caught:
        choose([], pattern, count_by, 0)
    assert caught.value.code == "invalid_option"


def test_a_file_is_read_by_its_times(tmp_path):
    log = tmp_path / "api.log"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    log.write_text(f"2020-01-01T00:00:00Z old\n  its trace\n{stamp} new\n  its trace\n{stamp} newer\n")
    params = {"path": str(log)}
    assert [line.split()[-1] for line in _logs.of_file(params, Window(60, 100))] == ["new", "trace", "newer"]
    assert [line.split()[-1] for line in _logs.of_file(params, Window(60, 1))] == ["newer"]
    with pytest.raises(RemediationError, match="No such file"):
        _logs.of_file({"path": str(tmp_path / "none")}, Window(60, 1))


@pytest.fixture
def loki():
    answers, asked = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            status, text = answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers, asked
    server.shutdown()
    server.server_close()


def ask(url, **more):
    params = {
        "url": url,
        "query": '{app="shop"}',
        "tenant": None,
        "token": None,
        "validate_certs": True,
        "timeout": 5.0,
    }
    return _logs.of_loki({**params, **more}, Window(60, 3))


def test_loki_s_streams_are_one_log(loki):
    url, answers, asked = loki
    streams = [{"values": [["3", "c"], ["1", "a"]]}, {"values": [["2", "b"], ["4", "d", {}]]}]
    answers.append((200, json.dumps({"data": {"result": streams}})))
    assert ask(url + "/", tenant="one", token="hush") == ["b", "c", "d"]
    path, headers = asked[0]
    assert path.startswith("/loki/api/v1/query_range?query=%7Bapp%3D%22shop%22%7D&start=")
    assert (headers["X-Scope-OrgID"], headers["Authorization"]) == ("one", "Bearer hush")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((500, "password=hunter22secret"), "platform_unreachable"),
        ((200, "{}"), "invalid_option"),
        ((200, '{"data": {"result": [{"value": [1, "2"]}]}}'), "invalid_option"),
    ],
)
def test_what_loki_answers_wrongly(loki, answer, code):
    url, answers, _asked = loki
    answers.append(answer)
    with pytest.raises(RemediationError) as caught:
        ask(url)
    assert caught.value.code == code
    assert "hunter22" not in caught.value.message
