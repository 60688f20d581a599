"""The guard must stay cheap whatever the length of the history: 100,000 incidents, median of admit() at most 20 ms."""

from __future__ import annotations

import random
import statistics
import time

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import GuardPolicy, open_ledger

INCIDENTS = 100_000
LIMIT = 0.020
SCENARIOS = ("api_down", "api_slow", "disk_full")


@pytest.fixture
def old_ledger(location, clock):
    """A year of history: 40 % of it about one service, a third with attempts, one row a second in the last hour."""
    chance = random.Random(7)
    incidents, attempts, targets = [], [], []
    for number in range(INCIDENTS):
        service = "api" if chance.random() < 0.4 else f"service-{number % 60}"
        at = clock.now - (number if number < 3600 else chance.uniform(3600, 365 * 86400)) - 400
        name, acted = f"incident-{number}", number % 3 == 0 and number > 3600
        verdict = "recovered" if acted else "no_action_needed"
        incidents.append(
            (name, service, SCENARIOS[number % 3], "run", at, at + 30, int(acted), "done", verdict, "[]", int(acted),
             at if acted else None)
        )  # fmt: skip
        if acted:
            attempt = f"{name}.1"
            attempts.append((attempt, name, 1, "other", "restart", "disruptive", "H", at, at + 20, "recovered"))
            targets.append((service, attempt, name, 1, at, at + 20))
    with open_ledger(location, clock) as ledger:
        with ledger._store.transaction(write=True) as tx:
            insert_many(
                tx,
                "incidents",
                "id service scenario run opened_at closed_at found summary verdict targets attempt_count disruptive_at",
                incidents,
            )
            insert_many(
                tx,
                "attempts",
                "id incident_id number holder_key remedy impact plan_hash started_at finished_at result",
                attempts,
            )
            insert_many(
                tx, "attempt_targets", "service attempt_id incident_id disruptive started_at finished_at", targets
            )
        yield ledger


def insert_many(tx, table, columns, rows, chunk=500):
    """Many rows per statement: psycopg2's executemany would make one round trip for each."""
    names = columns.split()
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        marks = ", ".join(f"({', '.join('?' * len(names))})" for _row in part)
        tx.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES {marks}", [value for row in part for value in row])


def test_with_100_000_incidents(location, old_ledger, ask, clock):
    taken = {"admit": [], "healthy look": []}
    for number in range(40):
        service = "api" if number % 2 else f"service-{number}"
        request = ask(
            service, SCENARIOS[number % 3], policy=GuardPolicy(cooldown=0, max_incidents=1000), inventory_size=60
        )
        began = time.perf_counter()
        admission = old_ledger.admit(request)
        taken["admit"].append(time.perf_counter() - began)
        assert admission.admitted, admission.refusal
        old_ledger.close_incident(admission.incident_id, "recovered")
        clock.advance(1)
    for _look in range(20):
        began = time.perf_counter()
        with open_ledger(location, clock) as ledger:
            assert ledger.resumable("api", "api_down") is None
            ledger.add_look("api", "api_down", "no_action_needed")
        taken["healthy look"].append(time.perf_counter() - began)
    median = {name: statistics.median(values) for name, values in taken.items()}
    print({name: f"{value * 1000:.1f} ms" for name, value in median.items()})
    assert median["admit"] <= LIMIT
    assert median["healthy look"] <= 2 * LIMIT, "opening, asking for an interrupted incident, writing the row, closing"
