"""A throw-away PostgreSQL server for tests, made from the machine's binaries and removed without a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "canary-pg-pass"
"""Nothing asks for it (the server trusts everybody); it must never be seen in any output."""


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, whose it is, and where its programs and files are."""

    user: str
    port: int
    programs: Path
    base: Path

    @property
    def dsn(self) -> str:
        return f"postgresql://{self.user}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> Path:
        return self.base / "log"

    def program(self, name: str) -> str:
        return str(self.programs / name)


def programs() -> Path:
    """Where the newest PostgreSQL's programs are (Debian: /usr/lib/postgresql/*/bin, else on PATH)."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if not initdb:
        pytest.fail(
            "no PostgreSQL to test against: install one (Debian: apt-get install postgresql), or for the ledger's "
            "tests set SRE_TEST_POSTGRES_DSN=postgresql://user:password@host:port/db"
        )
    return Path(initdb).parent


@contextlib.contextmanager
def running(user: str, **settings: object) -> Iterator[Server]:
    """Run a server whose superuser is ``user``, with the given settings (``max_connections=20``) on top."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(user, port, programs(), Path(tempfile.mkdtemp(prefix="sre-pg-")))
    account = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
        account = {"user": "postgres"}
        shutil.chown(server.base, "postgres")
    data = str(server.base / "data")
    run = {"cwd": server.base, "stdout": subprocess.DEVNULL, **account}
    subprocess.run([server.program("initdb"), "-D", data, "-U", user, "-A", "trust", "-N"], check=True, **run)
    basic = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": server.base, "fsync": "off"}
    options = " ".join(f"-c {name}={value}" for name, value in {**basic, **settings}.items())
    control = [server.program("pg_ctl"), "-D", data, "-w", "-s"]
    try:
        subprocess.run([*control, "-l", str(server.log), "-o", options, "start"], check=True, **run)
        try:
            yield server
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **run)
    finally:
        shutil.rmtree(server.base)
