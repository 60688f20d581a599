# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request against real sockets: every way a server can misbehave becomes its symptom, in time."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time

import pytest

from ansible_collections.sre.remediation.plugins.module_utils import _http_request
from ansible_collections.sre.remediation.plugins.module_utils._http_request import BODY_LIMIT, Request, fetch


@contextlib.contextmanager
def served(handle, wrap=None):
    """A server on a free port of 127.0.0.1 that gives each connection, its request read, to ``handle(connection, text)``."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection):
        with contextlib.suppress(OSError), connection:
            if wrap:
                connection = wrap(connection)
            handle(connection, connection.recv(65536).decode("latin-1"))
            if wrap:
                connection.unwrap()

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.close()


def answers(text):
    return lambda connection, _request: connection.sendall(text.encode() if isinstance(text, str) else text)


def reset(connection, _request):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silence(connection, _request):
    connection.recv(1)


def dribble_headers(connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        connection.sendall(f"X-{number}: y\r\n".encode())
        time.sleep(0.02)


def dribble_body(connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _number in range(1000):
        connection.sendall(b".")
        time.sleep(0.02)


def endless_body(connection, _request):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 4096)


@pytest.mark.parametrize(
    ("handle", "symptom", "status", "body"),
    [
        (answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), None, 200, "ok"),
        (answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), None, 200, "ok"),
        (answers("HTTP/1.1 204 No Content\r\n\r\n"), None, 204, ""),
        (answers("HTTP/1.0 503 Sorry\r\n\r\nno database"), None, 503, "no database"),
        (answers("SSH-2.0-OpenSSH_9.2\r\n"), "bad_status", None, ""),
        (answers(""), "reset", None, ""),
        (reset, "reset", None, ""),
        (answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), "reset", 200, "ok"),
        (answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok"), "reset", 200, "ok"),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe"), None, 200, "\ufffd\ufffd"),
    ],
)
def test_what_the_server_does_becomes_a_symptom(handle, symptom, status, body):
    with served(handle) as port:
        answer = fetch(Request(url=f"http://127.0.0.1:{port}/health"), timeout=3)
    assert (answer.symptom, answer.status, answer.body) == (symptom, status, body)
    assert answer.seconds < 2


@pytest.mark.parametrize("handle", [silence, dribble_headers, dribble_body])
def test_a_slow_server_cannot_hold_the_probe(handle):
    with served(handle) as port:
        began = time.monotonic()
        answer = fetch(Request(url=f"http://127.0.0.1:{port}/"), timeout=0.4)
        took = time.monotonic() - began
    assert (answer.symptom, answer.error) == ("timeout", "no complete answer within 0.4 s")
    assert 0.35 < took < 0.8


def test_the_part_that_arrived_is_kept_on_a_timeout():
    with served(dribble_body) as port:
        answer = fetch(Request(url=f"http://127.0.0.1:{port}/"), timeout=0.3)
    assert answer.status == 200
    assert set(answer.body) == {"."}


def test_an_endless_body_is_cut():
    with served(endless_body) as port:
        answer = fetch(Request(url=f"http://127.0.0.1:{port}/"), timeout=5)
    assert (answer.symptom, answer.truncated, len(answer.body)) == (None, True, BODY_LIMIT)
    assert answer.seconds < 2


def test_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = fetch(Request(url=f"http://127.0.0.1:{port}/"), timeout=3)
    assert (answer.symptom, answer.error, answer.status) == ("refused", "connection refused", None)


def test_unknown_name():
    answer = fetch(Request(url="http://no-such-host.invalid/"), timeout=3)
    assert answer.symptom == "dns"
    assert answer.error.startswith(("cannot resolve no-such-host.invalid", "no answer from name resolution"))


def test_a_hanging_resolver_cannot_hold_the_probe(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(_http_request.socket, "getaddrinfo", lambda *args, **kwargs: release.wait(5) and [])
    answer = fetch(Request(url="http://slow.example/"), timeout=0.2)
    release.set()
    assert answer.symptom == "dns"
    assert answer.seconds < 0.6


def redirect(to, status="302 Found"):
    return f"HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"


def site(pages):
    def handle(connection, request):
        connection.sendall(pages[request.split(" ")[1]].encode())

    return handle


PAGES = {
    "/": redirect("/login"),
    "/login": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlogin",
    "/loop": redirect("/loop"),
    "/away": redirect("ftp://127.0.0.1/"),
}


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/", {}, (None, 200, "login")),
        ("/", {"follow_redirects": False}, (None, 302, "")),
        ("/", {"accept": frozenset({302})}, (None, 302, "")),
        ("/loop", {}, ("bad_status", 302, "")),
        ("/away", {}, (None, 302, "")),
    ],
)
def test_redirects(path, options, expected):
    with served(site(PAGES)) as port:
        answer = fetch(Request(url=f"http://127.0.0.1:{port}{path}", **options), timeout=3)
    assert (answer.symptom, answer.status, answer.body) == expected


def test_a_redirect_to_another_host_takes_no_credentials_along():
    seen = []

    def note(connection, request):
        seen.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with served(note) as second, served(answers(redirect(f"http://127.0.0.1:{second}/x"))) as first:
        headers = {"Authorization": "Bearer abc", "X-Trace": "1"}
        fetch(Request(url=f"http://127.0.0.1:{first}/", headers=headers), timeout=3)
    assert "X-Trace: 1" in seen[0]
    assert "Authorization" not in seen[0]


def test_request_line_headers_and_basic_authentication():
    seen = []

    def note(connection, request):
        seen.append(request)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with served(note) as port:
        fetch(Request(url=f"http://me:p%40ss@127.0.0.1:{port}/caf\u00e9?q=a%20b", method="POST"), timeout=3)
    assert seen[0].startswith("POST /caf%C3%A9?q=a%20b HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n" in seen[0]
    assert "Authorization: Basic bWU6cEBzcw==\r\n" in seen[0]


def test_the_proxy_of_the_environment_is_used_only_when_asked(monkeypatch):
    with served(answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        through = fetch(Request(url="http://127.0.0.2:9/", use_proxy=True), timeout=3)
        direct = fetch(Request(url="http://127.0.0.2:9/"), timeout=3)
    assert (through.body, direct.symptom) == ("proxy", "refused")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(PEM file of a self-signed certificate for 127.0.0.1, server context)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "probe test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_tls(certificate):
    path, context = certificate
    handle = answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with served(handle, wrap=lambda plain: context.wrap_socket(plain, server_side=True)) as port:
        url = f"https://127.0.0.1:{port}/"
        distrusted = fetch(Request(url=url, tls=ssl.create_default_context()), timeout=3)
        trusted = fetch(Request(url=url, tls=ssl.create_default_context(cafile=str(path))), timeout=3)
        unchecked = fetch(Request(url=url, tls=unverified()), timeout=3)
    assert (distrusted.symptom, distrusted.error) == ("tls", "certificate verify failed: self-signed certificate")
    assert (trusted.symptom, trusted.body) == (None, "ok")
    assert (unchecked.symptom, unchecked.body) == (None, "ok")


def test_tls_server_that_dribbles_is_cut_off(certificate):
    context = certificate[1]
    with served(dribble_body, wrap=lambda plain: context.wrap_socket(plain, server_side=True)) as port:
        answer = fetch(Request(url=f"https://127.0.0.1:{port}/", tls=unverified()), timeout=0.4)
    assert answer.symptom == "timeout"
    assert answer.seconds < 0.8


@pytest.mark.parametrize(
    ("handle", "symptom"),
    [(answers("HTTP/1.1 400 Bad\r\n\r\n"), "tls"), (silence, "timeout"), (reset, "tls"), (answers(""), "tls")],
)
def test_tls_against_a_server_that_speaks_none(handle, symptom):
    with served(handle) as port:
        answer = fetch(Request(url=f"https://127.0.0.1:{port}/", tls=unverified()), timeout=0.5)
    assert answer.symptom == symptom
