"""The engine client against an HTTP server on a unix socket, and the options that lead to it."""

from __future__ import annotations

import http.client
import http.server
import json
import pickle
import socketserver
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._docker import api, options
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: dict = {}
    asked: list = []
    delays: dict = {}

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        type(self).asked.append((self.command, self.path, self.rfile.read(length).decode()))
        status, body = type(self).answers.get(self.path.partition("?")[0], (404, '{"message": "no such thing"}'))
        time.sleep(type(self).delays.get(self.path, 0))
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *args):
        pass

    def address_string(self):
        return "unix"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def engine():
    """An engine whose answers a test sets, and what it was asked."""
    _Handler.answers, _Handler.asked, _Handler.delays = {"/_ping": (200, "OK")}, [], {}
    with tempfile.TemporaryDirectory(prefix="sre", dir="/tmp") as directory:
        path = Path(directory) / "s"
        with _Server(str(path), _Handler) as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            yield api.Engine(api.EngineOptions(docker_host=f"unix://{path}", timeout=2)), _Handler
            server.shutdown()


def test_it_asks_once_for_the_version_and_then_in_that_version(engine):
    client, server = engine
    server.answers["/v1.41/info"] = (200, '{"a": 1}')
    assert client.get("/info", filters={"label": ["x=y"]}, all=1) == {"a": 1}
    assert client.get("/info") == {"a": 1}
    assert [path for method, path, body in server.asked] == [
        "/_ping",
        "/v1.41/info?filters=%7B%22label%22%3A+%5B%22x%3Dy%22%5D%7D&all=1",
        "/v1.41/info",
    ]
    assert client.api_version == (1, 41)


def test_a_change_carries_its_body(engine):
    client, server = engine
    server.answers["/v1.41/containers/create"] = (201, '{"Id": "x"}')
    assert client.post("/containers/create", {"Image": "i"}, name="n") == {"Id": "x"}
    assert server.asked[-1] == ("POST", "/v1.41/containers/create?name=n", json.dumps({"Image": "i"}))


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, api.NotFound, "engine_error"),
        (409, api.EngineError, "engine_error"),
        (500, api.EngineError, "engine_error"),
        (403, api.EngineUnreachable, "platform_unreachable"),
    ],
)
def test_errors_are_typed_and_say_what_the_engine_said(engine, status, kind, code):
    client, server = engine
    server.answers["/v1.41/x"] = (status, '{"message": "because"}')
    with pytest.raises(kind, match="because") as raised:
        client.get("/x")
    assert raised.value.code == code
    assert getattr(raised.value, "status", status) == status


def test_a_connection_closed_while_idle_is_opened_again_to_read_but_a_lost_answer_to_a_change_is_an_error(engine):
    client, server = engine
    server.answers["/v1.41/x"] = (200, "{}")
    client.get("/x")
    client._connection.sock.shutdown(2)
    assert client.get("/x") == {}
    server.answers["/v1.41/x"] = (None, "")
    asked = len(server.asked)
    with pytest.raises(api.EngineUnreachable):
        client.post("/x")
    assert len(server.asked) == asked + 1


def test_streams_end_by_themselves(engine):
    client, server = engine
    server.answers["/v1.41/events"] = (200, '{"a": 1}\n\n{"a": 2}\n')
    server.answers["/v1.41/logs"] = (200, "x" * 10)
    assert client.documents("/events") == [{"a": 1}, {"a": 2}]
    assert list(client.chunks("/logs", size=4)) == [b"xxxx", b"xxxx", b"xx"]


def test_an_engine_that_hangs_is_given_up_after_the_timeout(engine):
    client, server = engine
    server.answers["/v1.41/x"] = (200, "{}")
    server.delays["/v1.41/x"] = 0.5
    with pytest.raises(api.EngineUnreachable, match="GET /v1.41/x: no answer in time"):
        api.Engine(api.EngineOptions(docker_host=client.options.docker_host, timeout=0.1)).get("/x")


def test_a_socket_one_may_not_use():
    assert api._reason(PermissionError(13, "Permission denied")).startswith("permission denied: the user of this task")


def test_nobody_there():
    client = api.Engine(api.EngineOptions(docker_host="unix:///nonexistent/docker.sock"))
    with pytest.raises(api.EngineUnreachable, match="unix:///nonexistent/docker.sock: no such file or directory"):
        client.get("/info")


@pytest.mark.parametrize(
    ("version", "prefix"),
    [("1.41", "/v1.41"), ("1.24", "/v1.24"), ("1.52", "/v1.47"), ("2.0", "/v1.47"), (None, ""), ("x", "")],
)
def test_negotiation(version, prefix):
    assert api.negotiate(version) == prefix


@pytest.mark.parametrize(
    ("given", "kind", "port"),
    [
        ({"docker_host": "tcp://h:1234"}, http.client.HTTPConnection, 1234),
        ({"docker_host": "tcp://h"}, http.client.HTTPConnection, 2375),
        ({"docker_host": "tcp://h", "tls": True}, http.client.HTTPSConnection, 2376),
        ({"docker_host": "https://h", "validate_certs": False}, http.client.HTTPSConnection, 2376),
    ],
)
def test_addresses(given, kind, port):
    connection = api.open_connection(api.EngineOptions(**given))
    assert connection.__class__ is kind
    assert connection.port == port


@pytest.mark.parametrize("address", ["ssh://h", "unix://", "h:2375", ""])
def test_addresses_that_cannot_be_used_name_the_option(address):
    with pytest.raises(RemediationError, match="docker_host: .* use unix:///path, tcp://host:port") as raised:
        api.open_connection(api.EngineOptions(docker_host=address))
    assert raised.value.code == "invalid_option"


def test_certificates_that_cannot_be_read_name_the_options():
    with pytest.raises(RemediationError, match="ca_path, client_cert, client_key"):
        api.open_connection(api.EngineOptions(docker_host="tcp://h", ca_path="/nonexistent"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "both project and service"),
        ({"project": "p"}, "both project and service"),
        ({"service": "s"}, "both project and service"),
        ({"container": ""}, "an empty one names nothing"),
        ({"container": "c", "service": "s"}, "container excludes project and service"),
    ],
)
def test_a_service_is_named_in_exactly_one_way(given, words):
    with pytest.raises(RemediationError, match=words):
        options.selector({"container": None, "project": None, "service": None, **given})


def test_typed_errors_keep_their_code_across_processes():
    error = pickle.loads(pickle.dumps(api.NotFound("gone", status=404)))
    assert (type(error), error.message, error.code) == (api.NotFound, "gone", "engine_error")
