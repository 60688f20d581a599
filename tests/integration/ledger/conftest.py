"""Fixtures for the ledger's tests: every test that asks for `location` runs against SQLite and a real PostgreSQL.

The PostgreSQL is SRE_TEST_POSTGRES_DSN (any server; the role needs CREATE on the database), or else a throw-away
server made from the machine's binaries (Debian: /usr/lib/postgresql/*/bin, else those on PATH). Every test gets a
schema of its own. Tests marked `needs_root` mount a small file system or a read-only one; leave them out with
`-m 'not needs_root'`.
"""

from __future__ import annotations

import os
import uuid

import psycopg2
import pytest
from postgres_server import running as postgres_server_running

from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import AdmissionRequest, Holder, open_ledger

START = 1_795_300_000.0


def pytest_configure(config):
    config.addinivalue_line("markers", "needs_root: mounts file systems; run as root or deselect")


@pytest.fixture(autouse=True)
def _root_is_there(request):
    if request.node.get_closest_marker("needs_root") and os.geteuid() != 0:
        pytest.fail("this test mounts a file system and needs root; leave it out with -m 'not needs_root'")


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def postgres_server():
    dsn = os.environ.get("SRE_TEST_POSTGRES_DSN")
    if dsn:
        yield dsn
        return
    with postgres_server_running("ledger") as server:
        yield server.dsn


@pytest.fixture
def postgres_location(postgres_server):
    schema = f"ledger_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"CREATE SCHEMA {schema}")
    joiner = "&" if "?" in postgres_server else "?"
    yield f"{postgres_server}{joiner}options=-csearch_path%3D{schema}"
    cursor.execute(f"DROP SCHEMA {schema} CASCADE")
    connection.close()


@pytest.fixture
def sqlite_location(tmp_path):
    return str(tmp_path / "state" / "ledger.db")


@pytest.fixture(params=["sqlite", "postgres"])
def location(request):
    return request.getfixturevalue(f"{request.param}_location")


@pytest.fixture
def ledger(location, clock):
    with open_ledger(location, clock) as opened:
        yield opened


def holder(name: str = "a") -> Holder:
    """A process on another machine: never provably dead, so only the clock can end its lease."""
    return Holder(machine=f"elsewhere-{name}", host=f"host-{name}", pid=4242, started=17, run=f"deploy-{name}")


@pytest.fixture
def ask(clock):
    """Makes a request; the look is as new as the clock unless said otherwise."""

    def make(service="api", scenario="api_down", **changes) -> AdmissionRequest:
        fields = {
            "targets": [service],
            "holder": holder(),
            "plan_hash": "sha256:plan",
            "plan": {"ladder": ["restart"]},
            "remedy": "restart",
            "impact": "disruptive",
            "look_at": clock.now,
            "cause": "crash_loop",
            "summary": "the process dies at start",
            "inventory_size": 6,
        }
        return AdmissionRequest(service=service, scenario=scenario, **{**fields, **changes})

    return make
