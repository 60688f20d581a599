# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request with a hard limit on its time and on its memory. PRIVATE to the collection.

A socket timeout bounds one read, so a server that sends a byte now and then keeps an ordinary client for hours. Here
every read is cut to what is left until one deadline (name resolution, connecting, TLS, headers, body and redirects
together), and at most ``BODY_LIMIT`` bytes of a body are kept. What goes wrong becomes a symptom, never an exception.
"""

from __future__ import annotations

import errno
import http.client
import ipaddress
import queue
import socket
import threading
import time
import typing as t
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

BODY_LIMIT = 64 * 1024  #: bytes of a body that are read; more is not needed to judge a health answer
MAX_REDIRECTS = 5  #: hops; a loop of redirects is a bad answer, not a reason to go on
REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Headers that belong to the host they were meant for and do not follow a redirect to another one.
PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_URL_SAFE = "/%:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True)
class Request:
    """What to ask, in terms the caller has validated already.

    :ivar accept: statuses that end a chain of redirects (a redirect that is expected is not followed).
    :ivar tls: an ``ssl.SSLContext`` for https URLs.
    :ivar content: what is sent as the body.
    :ivar body_limit: bytes of the answer's body that are kept.
    """

    url: str
    method: str = "GET"
    headers: t.Mapping[str, str] = field(default_factory=dict)
    follow_redirects: bool = True
    accept: frozenset[int] = frozenset({200})
    use_proxy: bool = False
    tls: t.Any = None
    content: bytes | None = None
    body_limit: int = BODY_LIMIT


@dataclass(frozen=True)
class Answer:
    """What came back. ``symptom`` is null when a complete answer arrived, whatever its status.

    :ivar seconds: (float) from the start of name resolution to the end of the body.
    :ivar truncated: (bool) the body was longer than the request's ``body_limit``.
    :ivar headers: the last answer's headers, names in lower case.
    :ivar sent: (bool) false when the request surely did not reach the server: there was no connection to send it on.
    """

    seconds: float
    status: int | None = None
    body: str = ""
    truncated: bool = False
    symptom: str | None = None
    error: str | None = None
    headers: t.Mapping[str, str] = field(default_factory=dict)
    sent: bool = False


class _Failed(Exception):
    """One request went wrong in a way that has a name."""

    def __init__(self, symptom: str, message: str) -> None:
        super().__init__(message)
        self.symptom = symptom


class _Deadline:
    """A point on the monotonic clock after which nothing of a request may go on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _CutReads:
    """Mixed into a socket class: every read waits no longer than what is left until the deadline."""

    deadline: _Deadline | None = None

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        if self.deadline is not None:
            self.settimeout(self.deadline.left())  # type: ignore[attr-defined]
        return super().recv_into(*args, **kwargs)  # type: ignore[misc]


class _PlainSocket(_CutReads, socket.socket):
    pass


def fetch(request: Request, timeout: float) -> Answer:
    """Send the request, follow its redirects, and say what came back within ``timeout`` seconds."""
    deadline = _Deadline(timeout)
    started = time.monotonic()
    partial = _Partial()
    try:
        _follow(request, deadline, partial)
        symptom, error = None, None
    except _Failed as failed:
        symptom, error = failed.symptom, str(failed)
    except TimeoutError:
        symptom, error = "timeout", f"no complete answer within {timeout:.3g} s"
    except http.client.IncompleteRead:
        symptom, error = "reset", "connection closed before the answer was complete"
    except (ConnectionError, http.client.HTTPException, OSError) as problem:
        symptom, error = classify(problem)
    return Answer(
        seconds=time.monotonic() - started,
        status=partial.status,
        body=bytes(partial.body[: request.body_limit]).decode("utf-8", errors="replace"),
        truncated=len(partial.body) > request.body_limit,
        symptom=symptom,
        error=error,
        headers=partial.headers,
        sent=partial.sent,
    )


class _Partial:
    """What has been read so far; kept when the request fails half way."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.sent = False


def classify(problem: BaseException) -> tuple[str, str]:
    """(symptom, message) of an exception that a connection raised. Pure."""
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    if isinstance(problem, ConnectionRefusedError):
        return "refused", "connection refused"
    # RemoteDisconnected is a ConnectionResetError; SSLEOFError and SSLZeroReturnError say "EOF" or "closed".
    if isinstance(problem, (ConnectionError, EOFError)):
        return "reset", "connection closed without an answer" if not text else text.lower()
    if hasattr(problem, "verify_message"):
        return "tls", f"certificate verify failed: {problem.verify_message}"
    if hasattr(problem, "library") and hasattr(problem, "reason"):
        return "tls", f"TLS failed: {problem.reason or text}"
    if isinstance(problem, http.client.HTTPException):
        return "bad_status", "the answer is not HTTP"
    if isinstance(problem, OSError) and problem.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "refused", text.lower()
    return "refused", f"cannot connect: {text}"


def _follow(request: Request, deadline: _Deadline, partial: _Partial) -> None:
    url, method, headers = request.url, request.method, dict(request.headers)
    for _hop in range(MAX_REDIRECTS + 1):
        location = _exchange(request, url, method, headers, deadline, partial)
        follow = partial.status in REDIRECTS and partial.status not in request.accept
        if not (follow and location and request.follow_redirects):
            return
        target = urljoin(url, location)
        if urlsplit(target).scheme not in ("http", "https"):
            return
        if urlsplit(target).netloc != urlsplit(url).netloc:
            headers = {name: value for name, value in headers.items() if name.lower() not in PRIVATE_HEADERS}
        if partial.status == 303 and method != "HEAD":
            method = "GET"
        url = target
    raise _Failed("bad_status", f"more than {MAX_REDIRECTS} redirects")


def _exchange(
    request: Request, url: str, method: str, headers: dict[str, str], deadline: _Deadline, partial: _Partial
) -> str | None:
    """One request and its answer, into ``partial``. Returns the Location header."""
    partial.status, partial.headers, partial.body = None, {}, bytearray()
    parts = urlsplit(url)
    connection, target = _connect(request, parts, deadline)
    try:
        partial.sent = True
        connection.request(method, target, body=request.content, headers=_headers(parts, headers))
        response = connection.getresponse()
        partial.status = response.status
        partial.headers = {name.lower(): value for name, value in response.headers.items()}
        while len(partial.body) <= request.body_limit:
            block = response.read1(request.body_limit + 1 - len(partial.body))
            if not block:
                break
            partial.body += block
        if len(partial.body) <= request.body_limit and method != "HEAD" and response.length:
            raise _Failed("reset", "connection closed before the body was complete")
        return response.headers.get("Location")
    finally:
        connection.close()


def _headers(parts: SplitResult, headers: dict[str, str]) -> dict[str, str]:
    sent = {"User-Agent": "sre.remediation http_probe", "Accept": "*/*", "Connection": "close", **headers}
    if parts.username is not None and not any(name.lower() == "authorization" for name in headers):
        userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent["Authorization"] = "Basic " + b64encode(userinfo.encode()).decode()
    return sent


def _connect(request: Request, parts: SplitResult, deadline: _Deadline) -> tuple[http.client.HTTPConnection, str]:
    """An open connection for the URL (through the proxy of the environment if wanted) and the request target."""
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    path = quote(parts.path or "/", safe=_URL_SAFE) + (f"?{quote(parts.query, safe=_URL_SAFE)}" if parts.query else "")
    proxy = _proxy(parts) if request.use_proxy else None
    near_host, near_port = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
    plain = _open(_resolve(near_host, near_port, deadline), deadline)
    connection = http.client.HTTPConnection(host, port)
    connection.sock = plain
    try:
        if proxy and secure:
            connection.set_tunnel(host, port)
            connection._tunnel()  # pylint: disable=protected-access
        elif proxy:
            path = f"http://{host}:{port}{path}"
        if secure:
            connection.sock = _wrap(request.tls, plain, host, deadline)
            connection.default_port = 443
    except BaseException:
        connection.close()
        raise
    return connection, path


def _wrap(context: t.Any, plain: socket.socket, host: str, deadline: _Deadline) -> t.Any:
    import ssl  # only https pays for it

    class _TlsSocket(_CutReads, ssl.SSLSocket):
        pass

    context.sslsocket_class = _TlsSocket
    plain.settimeout(deadline.left())  # the handshake as a whole is bounded by the socket's timeout
    try:
        wrapped = context.wrap_socket(plain, server_hostname=host)
    except (TimeoutError, ssl.SSLError):
        raise
    except OSError as problem:
        raise _Failed("tls", f"connection closed during the TLS handshake: {problem.strerror or problem}") from problem
    wrapped.deadline = deadline
    return wrapped


def _proxy(parts: SplitResult) -> SplitResult | None:
    from urllib.request import getproxies, proxy_bypass

    found = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    return urlsplit(found if "//" in found else f"http://{found}") if found else None


def _resolve(host: str, port: int, deadline: _Deadline) -> list[t.Any]:
    """Addresses of a host. The resolver cannot be interrupted, so a name is looked up in a thread of its own."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except ValueError:
        found: queue.SimpleQueue[t.Any] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as problem:
            found.put(problem)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        result = found.get(timeout=deadline.left())
    except queue.Empty:
        raise _Failed("dns", f"no answer from name resolution for {host} within {deadline.seconds:.3g} s") from None
    if isinstance(result, Exception):
        reason = getattr(result, "strerror", None) or result
        raise _Failed("dns", f"cannot resolve {host}: {reason}") from result
    return result


def _open(addresses: list[t.Any], deadline: _Deadline) -> socket.socket:
    """A connection to the first address that accepts one; an address that is silent gets only its share of the time."""
    problem: OSError = OSError("no address")
    for index, (family, kind, protocol, _name, address) in enumerate(addresses):
        opened = _PlainSocket(family, kind, protocol)
        try:
            opened.settimeout(deadline.left() / (len(addresses) - index))
            opened.connect(address)
        except OSError as failed:
            problem = failed
            opened.close()
            continue
        opened.deadline = deadline
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened
    raise problem
