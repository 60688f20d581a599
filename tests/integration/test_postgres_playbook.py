# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pg_activity_info`` and ``pg_terminate_backend`` as Ansible runs them: check mode, refusals, libpq's own settings, no
secret in any output."""

from __future__ import annotations

import json

import postgres_server
import psycopg2
import pytest
from run_tasks import play

SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def server():
    with postgres_server.running("admin", max_connections=20) as running:
        with psycopg2.connect(running.dsn) as admin, admin.cursor() as cursor:
            cursor.execute("CREATE ROLE app LOGIN")
        admin.close()
        yield running


@pytest.fixture
def idle(server):
    made = psycopg2.connect(f"host=127.0.0.1 port={server.port} user=app dbname=postgres application_name=web")
    made.autocommit = True
    with made.cursor() as cursor:
        cursor.execute(f"SELECT '{SECRET}'")
    yield made
    made.close()


def task(title, module, **arguments):
    return {"name": title, f"sre.remediation.{module}": arguments, "ignore_errors": True}


def test_the_modules_in_a_play(tmp_path, server, idle, monkeypatch):
    service_file = tmp_path / "services.conf"
    service_file.write_text(f"[lab]\nhost=127.0.0.1\nport={server.port}\nuser=admin\ndbname=postgres\n")
    password_file = tmp_path / "pgpass"
    password_file.write_text(f"*:*:*:*:{SECRET}\n")
    password_file.chmod(0o600)
    monkeypatch.setenv("PGSERVICEFILE", str(service_file))
    monkeypatch.setenv("PGPASSFILE", str(password_file))
    login = {"login_host": "127.0.0.1", "login_port": server.port, "login_user": "admin", "login_password": SECRET}
    chosen = {"users": ["app"], "states": ["idle"]}
    tasks = [
        task("look", "pg_activity_info", dsn=f"postgresql://admin:{SECRET}@127.0.0.1:{server.port}/postgres"),
        task("names nothing", "pg_terminate_backend", **login, users=[]),
        task("no such state", "pg_terminate_backend", **login, states=["sleeping"]),
        task("broken dsn", "pg_activity_info", dsn=f"postgresql://admin:{SECRET}@[/"),
        {**task("plan", "pg_terminate_backend", **login, **chosen), "check_mode": True, "register": "plan"},
        task("end", "pg_terminate_backend", service="lab", pids="{{ plan.victims }}"),
        task("again", "pg_terminate_backend", service="lab", pids="{{ plan.victims }}"),
    ]
    results, printed = play(tmp_path, tasks, "-vvv", "--diff")
    assert [one["query"] for one in results["look"]["sessions"] if one["user"] == "app"] == ["SELECT ?"]
    assert (results["names nothing"]["failed"], results["names nothing"]["code"]) == (True, "invalid_option")
    assert "value of states must be one or more of" in results["no such state"]["msg"]
    assert results["broken dsn"]["failed"] is True
    assert (results["plan"]["changed"], results["plan"]["signalled"]) == (True, [])
    assert results["end"]["gone"] == results["plan"]["victims"]
    assert results["end"]["actions"] == ["Ended 1 sessions"]
    assert (results["again"]["changed"], results["again"]["matched"]) == (False, [])
    assert SECRET not in printed and SECRET not in json.dumps(results)
    with pytest.raises(psycopg2.OperationalError), idle.cursor() as cursor:
        cursor.execute("SELECT 1")
