# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signature catalogue: each entry finds its own example and nothing else, harmless lines find nothing."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._triage.signatures import (
    DETAIL_LIMIT,
    LINE_LIMIT,
    Signature,
    catalogue,
    log_signals,
    scan,
)

ENTRIES = [pytest.param(entry, id=f"{number}-{entry.signal}") for number, entry in enumerate(catalogue())]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_example_gives_its_own_signal_and_no_other(entry):
    assert entry.match(entry.example) is not None
    assert any(word in entry.example.lower() for word in entry.words)
    assert set(scan([entry.example])) == {entry.signal, *entry.also}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_is_complete(entry):
    assert re.fullmatch(r"log_[a-z_]+", entry.signal)
    assert all(entry.words) and all(word == word.lower() for word in entry.words)
    assert entry.cause_hint and entry.source


def test_the_signals_that_rules_are_written_with():
    assert log_signals() == {
        "log_address_in_use",
        "log_bad_image",
        "log_code_error",
        "log_database_auth",
        "log_database_corrupt",
        "log_database_unreachable",
        "log_dependency_unreachable",
        "log_disk_full",
        "log_jwt",
        "log_missing_env",
        "log_nginx_config",
        "log_out_of_memory",
        "log_pending_migration",
        "log_rate_limited",
        "log_tls",
        "log_too_many_connections",
        "log_upstream_unreachable",
        "log_worker_timeout",
    }


@pytest.mark.parametrize(
    ("line", "signal", "detail"),
    [
        ("    at Server.setupListenHandle: Error: listen EADDRINUSE: address already in use 0.0.0.0:3001", "log_address_in_use", {"port": "3001"}),
        ("OSError: [Errno 98] Address already in use", "log_address_in_use", {}),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "log_address_in_use", {}),
        ("listen tcp4 0.0.0.0:18001: bind: address already in use", "log_address_in_use", {}),
        ("Bind for 0.0.0.0:18001 failed: port is already allocated", "log_address_in_use", {"port": "18001"}),
        ('connection to server at "db" (10.0.0.2), port 18032 failed: Connection refused', "log_database_unreachable", {}),
        ("Error: connect ETIMEDOUT 10.0.0.4:5432", "log_database_unreachable", {}),
        ("Error: P1001: Can't reach database server at `db:5432`", "log_database_unreachable", {"host": "db"}),
        ("[Nest] 1 - ERROR [TypeOrmModule] Unable to connect to the database. Retrying (1)...", "log_database_unreachable", {}),
        ("Error: connect ECONNREFUSED 172.18.0.9:6379", "log_dependency_unreachable", {"port": "6379"}),
        ('FATAL: password authentication failed for user "app"', "log_database_auth", {"user": "app"}),
        ("FATAL: remaining connection slots are reserved for non-replication superuser connections", "log_too_many_connections", {}),
        ("Out of memory: Killed process 4711 (node) total-vm:1024kB", "log_out_of_memory", {}),
        ("[12:00] [ERROR] Worker (pid:12) was sent SIGKILL! Perhaps out of memory?", "log_out_of_memory", {}),
        ("KeyError: 'JWT_SECRET'", "log_missing_env", {"name": "JWT_SECRET"}),
        ("error: Environment variable not found: DATABASE_URL.", "log_missing_env", {"name": "DATABASE_URL"}),
        ("django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY environment variable", "log_missing_env", {"name": "SECRET_KEY"}),
        ("Environment variable REDIS_URL is not set", "log_missing_env", {"name": "REDIS_URL"}),
        ("RuntimeError: DATABASE_URL environment variable is required", "log_missing_env", {"name": "DATABASE_URL"}),
        ('Error: Config validation error: "JWT_SECRET" is required', "log_missing_env", {"name": "JWT_SECRET"}),
        ("required variable POSTGRES_PASSWORD is missing a value: set it", "log_missing_env", {"name": "POSTGRES_PASSWORD"}),
        ("You have 3 unapplied migration(s).", "log_pending_migration", {}),
        ('QueryFailedError: column "users.plan" does not exist', "log_pending_migration", {"column": "users.plan"}),
        ("The table `public.users` does not exist in the current database.", "log_pending_migration", {}),
        ("SyntaxError: invalid syntax (app.py, line 12)", "log_code_error", {"what": "invalid syntax (app.py, line 12)"}),
        ("exec /entrypoint.sh: no such file or directory", "log_code_error", {"what": "/entrypoint.sh"}),
        ("exec /usr/bin/node: exec format error", "log_code_error", {}),
        ('exec: "/start.sh": stat /start.sh: no such file or directory: unknown', "log_code_error", {"what": "/start.sh"}),
        ('exec: "/start.sh": permission denied', "log_code_error", {"what": "/start.sh"}),
        ("OSError: [Errno 28] No space left on device: '/var/lib/app'", "log_disk_full", {}),
        ("PANIC:  could not write to file \"pg_wal/xlogtemp.29\": No space left on device", "log_disk_full", {}),
        ("Error: secretOrPrivateKey must have a value", "log_jwt", {}),
        ("HTTP/1.1 429 Too Many Requests", "log_rate_limited", {}),
        ("Error: self-signed certificate in certificate chain", "log_tls", {}),
        ('nginx: [emerg] cannot load certificate "/etc/nginx/tls.pem"', "log_tls", {}),
        ('nginx: [emerg] host not found in upstream "api:5000" in /etc/nginx/nginx.conf:9', "log_upstream_unreachable", {"host": "api"}),
        ("[error] 7#7: *3 upstream timed out (110: Connection timed out) while reading response header", "log_upstream_unreachable", {}),
        ("\x1b[31mError\x1b[0m: Cannot find module '\x1b[1mpg\x1b[0m'", "log_code_error", {"what": "pg"}),
        ('{"level":"error","msg":"connect ECONNREFUSED 10.0.0.2:5432"}', "log_database_unreachable", {}),
    ],
)  # fmt: skip
def test_lines_as_they_are_met(line, signal, detail):
    hits = scan(["starting", line, "retrying"])
    assert set(hits) == {signal}
    assert hits[signal].details == ([detail] if detail else [])
    assert hits[signal].at == 1


@pytest.mark.parametrize(
    "line",
    [
        '10.0.0.1 - - [15/Jan/2025:10:00:00 +0000] "GET /api/health HTTP/1.1" 200 15 "-" "curl/8.0"',
        "[INFO] Listening at: http://0.0.0.0:5001 (7)",
        "Connected to database db:5432",
        "INFO  [alembic.runtime.migration] Running upgrade -> 1975ea83b712, create orders",
        "LOG:  database system is ready to accept connections",
        "Environment variables loaded from .env",
        "Loaded certificate for api.example.org",
        "KeyError: 'user'",
        "Memory usage 512 MB of 1024 MB",
        "rate limiter initialised: 100 requests per minute",
        "2025/01/15 10:00:00 [notice] 1#1: signal process started",
        "nginx: configuration file /etc/nginx/nginx.conf test is successful",
        "upstream api is healthy",
        "Error: ENOSPC: System limit for number of file watchers reached",
        "column widths: 12 20",
        "",
    ],
)
def test_harmless_lines_give_nothing(line):
    assert scan([line]) == {}


def test_the_newest_line_of_a_signal_is_kept_with_all_details():
    lines = [
        "KeyError: 'DATABASE_URL'",
        "x",
        "Missing environment variable: JWT_SECRET",
        "y",
        "KeyError: 'DATABASE_URL'",
    ]
    hit = scan(lines)["log_missing_env"]
    assert (hit.line, hit.at) == ("KeyError: 'DATABASE_URL'", 4)
    assert sorted(detail["name"] for detail in hit.details) == ["DATABASE_URL", "JWT_SECRET"]


def test_details_are_bounded():
    hit = scan([f"KeyError: 'NAME_{number}'" for number in range(100)])["log_missing_env"]
    assert len(hit.details) == DETAIL_LIMIT


def test_only_the_newest_lines_are_searched():
    assert scan(["Error: listen EADDRINUSE :::1234", *["quiet"] * LINE_LIMIT]) == {}
    assert set(scan(["Error: listen EADDRINUSE :::1234", *["quiet"] * (LINE_LIMIT - 1)])) == {"log_address_in_use"}


def test_the_search_stays_cheap():
    """Worst case: every line has words of many signatures, and long lines. Measured at about 25 ms here."""
    words = " ".join(word for entry in catalogue() for word in entry.words[:1])
    lines = [f"{number} {words}"[:500] for number in range(LINE_LIMIT)]
    began = time.process_time()
    scan(lines)
    assert time.process_time() - began < 0.5


def test_numbered_groups_are_one_name():
    signature = Signature("log_x", "hint", ("a",), r"a(?P<name>1)|a(?P<name_2>2)", "a2", "test")
    assert (signature.match("a1"), signature.match("a2"), signature.match("a3")) == ({"name": "1"}, {"name": "2"}, None)
