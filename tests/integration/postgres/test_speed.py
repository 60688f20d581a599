"""Ending 500 sessions takes hardly longer than one statement of psql, and no longer than postgresql_query.

All three end the same 500 idle sessions with one statement each, in a process of its own; the module also looks, checks
the identity of each, and waits until all are gone. Most of the time is the server's, which ends 500 sessions in 0.4 s
of two cores. Medians of nine rounds in turns: the module 0.61 s, postgresql_query 0.61 s, and with Ansible's way of
bringing a module to a host 0.75 s and 0.88 s; the best round 0.55 s and 0.52 s, psql 0.16 to 0.28 s. The best of a few
rounds counts, so that other work on the machine does not decide.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

SESSIONS = 500
ROUNDS = 4
MARGIN_OVER_PSQL = 0.8
TOLERANCE = 0.1
"""Seconds for noise: the best rounds of either differ by half of it from one run of this test to the next."""

CONDITION = "state = 'idle' AND state_change < now() - interval '0.2 seconds' AND usename = 'app'"
SQL = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {CONDITION}"


def run_module(world, name, **arguments):
    base = {"login_host": "127.0.0.1", "login_port": world.server.port, "login_user": "admin"}
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**base, **arguments}})
    runner = str(Path(__file__).with_name("run_module.py"))
    module = f"ansible_collections.{name.rpartition('.')[0]}.plugins.modules.{name.rpartition('.')[2]}"
    done = subprocess.run(
        [sys.executable, runner, module], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def ours(world):
    found = run_module(
        world,
        "sre.remediation.pg_terminate_backend",
        states=["idle"],
        min_age=0.2,
        users=["app"],
        max_backends=SESSIONS,
    )
    return len(found["gone"])


def theirs(world):
    found = run_module(world, "community.postgresql.postgresql_query", login_db="postgres", query=SQL)
    return found["rowcount"]


def psql(world):
    command = [world.server.program("psql"), "-h", "127.0.0.1", "-p", str(world.server.port), "-U", "admin"]
    done = subprocess.run([*command, "-Atc", SQL, "postgres"], capture_output=True, text=True, check=True)
    return len(done.stdout.split())


@pytest.fixture(scope="module")
def seconds(postgres):
    """The best time of each way, in turns."""
    best = {}
    for _round in range(ROUNDS):
        for way in (psql, theirs, ours):
            for _number in range(SESSIONS):
                postgres.connect()
            time.sleep(0.25)
            started = time.monotonic()
            assert way(postgres) == SESSIONS
            best[way.__name__] = min(best.get(way.__name__, 1e9), time.monotonic() - started)
            postgres.clear()
    print(json.dumps({name: round(value, 3) for name, value in best.items()}))
    return best


def test_against_psql(seconds):
    assert seconds["ours"] <= seconds["psql"] + MARGIN_OVER_PSQL


def test_against_postgresql_query(seconds):
    assert seconds["ours"] <= seconds["theirs"] + TOLERANCE


def test_memory_does_not_grow_with_the_sessions(world):
    """500 sessions with texts as long as the server keeps cost less than 40 MiB in this process, and nothing stays."""
    for _number in range(SESSIONS):
        with world.connect().cursor() as cursor:
            cursor.execute("SELECT " + ", ".join("'x'" for _item in range(300)))
    world.plan(users=["app"], max_backends=SESSIONS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _round in range(5):
        assert len(world.plan(users=["app"], max_backends=SESSIONS)["victims"]) == SESSIONS
        world.look()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024
