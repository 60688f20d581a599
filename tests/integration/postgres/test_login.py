"""How the modules get in: a password from an option or .pgpass, TLS checked against a CA, and never anything else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import postgres_server
import psycopg2
import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

from .conftest import World

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that signs itself; (certificate, key), the key readable by the server's account."""
    directory = tmp_path_factory.mktemp("tls")
    crt, key = directory / "server.crt", directory / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(crt)],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    if os.geteuid() == 0:
        for path in (directory, *directory.parents[:3]):  # a worker of a parallel run has a directory in between
            path.chmod(path.stat().st_mode | 0o055)
        shutil.chown(key, "postgres")
    return crt, key


@pytest.fixture(scope="module")
def strict(certificate):
    """A server that wants TLS and a password from everybody but its superuser."""
    crt, key = certificate
    settings = {"ssl": "on", "ssl_cert_file": crt, "ssl_key_file": key, "max_connections": 20}
    with postgres_server.running("admin", **settings) as server:
        world = World(server)
        world.sql(f"CREATE ROLE sre LOGIN PASSWORD '{PASSWORD}'")
        world.sql("GRANT pg_monitor, pg_signal_backend TO sre")
        rules = "host all admin 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (server.base / "data" / "pg_hba.conf").write_text(rules)
        world.sql("SELECT pg_reload_conf()")
        world.until(lambda: refused(world))
        yield world
        world.admin.close()


def refused(world):
    try:
        world._connect(user="sre", sslmode="disable").close()
    except psycopg2.OperationalError:
        return True
    return False


def test_a_checked_certificate_and_a_password(strict, certificate):
    login = {"login_user": "sre", "login_password": PASSWORD, "ca_cert": str(certificate[0]), "ssl_mode": "verify-full"}
    assert strict.look(**login)["connections"]["used"] == 2


def test_a_certificate_nobody_vouches_for_is_refused(strict, tmp_path):
    other = tmp_path / "other.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other"]
        + ["-keyout", str(tmp_path / "other.key"), "-out", str(other)],
        check=True,
        capture_output=True,
    )
    with pytest.raises(RemediationError, match="certificate verify failed") as caught:
        strict.look(login_user="sre", login_password=PASSWORD, ca_cert=str(other), ssl_mode="verify-ca")
    assert caught.value.code == "unreachable"


def test_the_password_file_and_the_environment_of_libpq(strict, tmp_path, monkeypatch):
    password_file = Path(tmp_path / "pgpass")
    password_file.write_text(f"127.0.0.1:{strict.server.port}:*:sre:{PASSWORD}\n")
    password_file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(password_file))
    monkeypatch.setenv("PGUSER", "sre")
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=pg_catalog")
    found = strict.look(login_user=None)
    [own] = [one for one in found["sessions"] if one["application"] == "sre.remediation"]
    assert (own["user"], own["database"]) == ("sre", "postgres")


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ({"login_password": "wrong-horse-battery"}, "password authentication failed"),
        ({}, "no password supplied"),
        ({"login_password": PASSWORD, "ssl_mode": "disable"}, "pg_hba.conf"),
    ],
)
def test_who_is_not_let_in_reads_why(strict, login, words, monkeypatch):
    monkeypatch.delenv("PGPASSFILE", raising=False)
    with pytest.raises(RemediationError, match=words) as caught:
        strict.look(login_user="sre", **login)
    assert caught.value.code == "authentication_failed"
    assert "horse" not in caught.value.message
