# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of the Docker Engine API over a unix socket, TCP or TLS, on the standard library alone.

It exists because an inspection must cost one quick module process: importing a Docker SDK takes longer than all
requests of a look. It negotiates the API version with one ping, keeps one connection, and raises typed errors:
:class:`EngineUnreachable` when the engine does not answer or does not let us in, :class:`NotFound` and
:class:`EngineError` when it answers with an error.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
import typing as t
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

DEFAULT_HOST = "unix:///var/run/docker.sock"

#: The newest API version whose answers this client was written for (engine 27); a newer engine is asked in this
#: version.
NEWEST_API = (1, 47)


class EngineUnreachable(RemediationError):
    """The engine did not answer, or refused to let us in (code ``platform_unreachable``)."""

    def __init__(self, message: str, code: str = "platform_unreachable") -> None:
        super().__init__(message, code)


class EngineError(RemediationError):
    """The engine answered a request with an error (code ``engine_error``); ``status`` is the HTTP status."""

    def __init__(self, message: str, code: str = "engine_error", status: int = 0) -> None:
        super().__init__(message, code)
        self.status = status


class NotFound(EngineError):
    """The engine knows no such container, image or network."""


@dataclass(frozen=True)
class EngineOptions:
    """How to reach the engine. ``timeout`` is seconds per request."""

    docker_host: str = DEFAULT_HOST
    tls: bool = False
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 10.0

    @property
    def is_local(self) -> bool:
        """Whether the engine shares this machine's clock and /proc (a unix socket)."""
        return self.docker_host.startswith("unix://")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def open_connection(options: EngineOptions) -> http.client.HTTPConnection:
    """Return an unopened connection for ``options``; RemediationError (``invalid_option``) for an address it cannot
    use."""
    parts = urlsplit(options.docker_host)
    if parts.scheme == "unix" and parts.path:
        return _UnixConnection(parts.path, options.timeout)
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname:
        raise RemediationError(
            f"docker_host: {options.docker_host!r} is not supported; "
            "use unix:///path, tcp://host:port or https://host:port",
            code="invalid_option",
        )
    if options.tls or parts.scheme == "https" or options.client_cert or options.ca_path:
        context = _tls_context(options)
        return http.client.HTTPSConnection(parts.hostname, parts.port or 2376, timeout=options.timeout, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=options.timeout)


def _tls_context(options: EngineOptions) -> t.Any:
    import ssl

    try:
        context = ssl.create_default_context(cafile=options.ca_path)
        if not options.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if options.client_cert:
            context.load_cert_chain(options.client_cert, options.client_key)
    except OSError as error:
        raise RemediationError(
            f"ca_path, client_cert, client_key: cannot be used: {error}", code="invalid_option"
        ) from error
    return context


def negotiate(engine_version: str | None) -> str:
    """Return the API path prefix for an engine that says it speaks ``engine_version`` (``1.41``); none for one that
    says nothing."""
    try:
        major, minor = (int(part) for part in (engine_version or "").split("."))
    except ValueError:
        return ""
    major, minor = min((major, minor), NEWEST_API)
    return f"/v{major}.{minor}"


class Engine:
    """One engine, asked through one kept connection. Not safe for threads."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self._connection = open_connection(options)
        self._prefix: str | None = None
        self._clock_lag = 0.0

    @property
    def api_version(self) -> tuple[int, int]:
        """The API version in use; (0, 0) before the first request or when the engine names none."""
        if not self._prefix:
            return (0, 0)
        major, minor = self._prefix.removeprefix("/v").split(".")
        return (int(major), int(minor))

    def now(self) -> float:
        """The engine's own clock (epoch seconds), so that ages are right on a remote engine too, to a second there."""
        return time.time() - self._clock_lag

    def ping(self) -> None:
        """Make sure that the engine answers, and learn its API version and clock."""
        if self._prefix is not None:
            return
        response = self._send("GET", "/_ping", None, None)
        response.read()
        if response.status != 200:
            raise EngineUnreachable(f"{self.options.docker_host}: /_ping answered {response.status} {response.reason}")
        self._prefix = negotiate(response.getheader("Api-Version"))
        date = response.getheader("Date")
        if date and not self.options.is_local:
            self._clock_lag = time.time() - parsedate_to_datetime(date).timestamp()

    def get(self, path: str, **query: t.Any) -> t.Any:
        """GET ``path`` and return its JSON."""
        return self._json("GET", path, None, query, None)

    def post(self, path: str, body: t.Any = None, timeout: float | None = None, **query: t.Any) -> t.Any:
        """POST ``body`` as JSON; ``timeout`` (s) overrides the one of the options for a request that is slow by
        nature."""
        return self._json("POST", path, body, query, timeout)

    def delete(self, path: str, **query: t.Any) -> t.Any:
        """DELETE ``path``."""
        return self._json("DELETE", path, None, query, None)

    def documents(self, path: str, **query: t.Any) -> list[t.Any]:
        """GET a stream of JSON documents, one a line, that ends by itself."""
        content = b"".join(self.chunks(path, **query))
        return [json.loads(line) for line in content.splitlines() if line.strip()]

    def chunks(self, path: str, size: int = 65536, **query: t.Any) -> t.Iterator[bytes]:
        """GET a byte stream that ends by itself, in pieces of at most ``size`` bytes."""
        response = self._checked("GET", path, None, query, None)
        while True:
            try:
                piece = response.read(size)
            except (OSError, http.client.HTTPException) as error:
                raise EngineUnreachable(f"{self.options.docker_host}: {_reason(error)}") from error
            if not piece:
                return
            yield piece

    def _json(self, method: str, path: str, body: t.Any, query: dict[str, t.Any], timeout: float | None) -> t.Any:
        response = self._checked(method, path, body, query, timeout)
        try:
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineUnreachable(f"{self.options.docker_host}: {_reason(error)}") from error
        return json.loads(content) if content.strip().startswith((b"{", b"[")) else None

    def _checked(
        self, method: str, path: str, body: t.Any, query: dict[str, t.Any], timeout: float | None
    ) -> http.client.HTTPResponse:
        self.ping()
        encoded = urlencode(
            {key: json.dumps(value) if isinstance(value, dict) else value for key, value in query.items()}
        )
        response = self._send(method, f"{self._prefix}{path}{'?' if encoded else ''}{encoded}", body, timeout)
        if response.status < 400:
            return response
        message = _error_message(response)
        if response.status in (401, 403):
            raise EngineUnreachable(f"{self.options.docker_host}: permission denied: {message}")
        raise (NotFound if response.status == 404 else EngineError)(
            f"{method} {path}: {message}", status=response.status
        )

    def _send(self, method: str, path: str, body: t.Any, timeout: float | None) -> http.client.HTTPResponse:
        payload = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} if payload is not None else {}
        if method != "GET":
            self._connection.close()  # a change is sent once, on a connection nobody closed meanwhile
        reused = self._connection.sock is not None
        try:
            self._set_timeout(timeout)
            self._connection.request(method, path, body=payload, headers=headers)
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if reused and isinstance(error, (ConnectionError, http.client.ImproperConnectionState)):
                return self._send(method, path, body, timeout)
            asked = f" {method} {path.partition('?')[0]}:" if isinstance(error, TimeoutError) else ""
            raise EngineUnreachable(f"{self.options.docker_host}:{asked} {_reason(error)}") from error

    def _set_timeout(self, timeout: float | None) -> None:
        self._connection.timeout = self.options.timeout if timeout is None else timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._connection.timeout)


def _error_message(response: http.client.HTTPResponse) -> str:
    content = response.read().decode(errors="replace").strip()
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content or f"{response.status} {response.reason}"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time (option timeout); the engine, or the part of it that keeps this container, hangs"
    if isinstance(error, PermissionError):
        return "permission denied: the user of this task may not use the engine's socket"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
