"""Several processes at once, and processes killed half-way; the same on SQLite and PostgreSQL.

Children are forked before this process opens the ledger, and each opens its own connection.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import Holder, open_ledger

from .conftest import START, holder

FORK = multiprocessing.get_context("fork")
RACERS, ROUNDS = 4, 15
PATIENCE = 60


def clock():
    return START


def race(target, arguments):
    """Run target(queue, barrier, n, *arguments) in RACERS processes; returns what they put."""
    queue, barrier = FORK.Queue(), FORK.Barrier(RACERS)
    racers = [FORK.Process(target=guarded, args=(target, queue, barrier, n, *arguments)) for n in range(RACERS)]
    for racer in racers:
        racer.start()
    results = [queue.get(timeout=PATIENCE) for _racer in racers]
    for racer in racers:
        racer.join(PATIENCE)
    assert not [result for result in results if isinstance(result, str)], results
    return results


def guarded(target, queue, barrier, number, *arguments):
    try:
        queue.put(target(barrier, number, *arguments))
    except BaseException as error:
        barrier.abort()
        queue.put(f"{type(error).__name__}: {error}")


def admit_every_round(barrier, number, location, request):
    codes = []
    with open_ledger(location, clock) as ledger:
        for turn in range(ROUNDS):
            mine = replace(request, service=f"s{turn}", targets=[f"s{turn}"], holder=holder(str(number)))
            barrier.wait(PATIENCE)
            admission = ledger.admit(mine)
            codes.append(admission.refusal.code if admission.refusal else "admitted")
    return codes


def test_of_all_who_ask_at_once_exactly_one_is_admitted(location, ask):
    open_ledger(location, clock).close()
    results = race(admit_every_round, (location, ask(inventory_size=0)))
    for turn in range(ROUNDS):
        assert sorted(codes[turn] for codes in results) == ["admitted", "busy", "busy", "busy"]
    with open_ledger(location, clock) as ledger:
        assert len(ledger.incidents(limit=1000)) == ROUNDS


def first_use(barrier, number, location):
    barrier.wait(PATIENCE)
    with open_ledger(location, clock) as ledger:
        return [ledger.add_look(f"s{number}", "api_down", "no_action_needed")]


def test_first_use_by_several_at_once(location):
    names = [name for result in race(first_use, (location,)) for name in result]
    with open_ledger(location, clock) as ledger:
        assert sorted(row["incident_id"] for row in ledger.incidents()) == sorted(names)
        with ledger._store.transaction() as tx:
            assert tx.rows("SELECT version FROM schema_version") == [{"version": 1}]


def use_one_approval(barrier, number, location, request):
    mine = replace(request, service="api", holder=holder(str(number)), scenario=f"scenario-{number}")
    with open_ledger(location, clock) as ledger:
        barrier.wait(PATIENCE)
        first = ledger.admit(mine)
        if first.admitted:
            ledger.finish_attempt(first.attempt_id, "failed")
            ledger.close_incident(first.incident_id, "not_recovered")
        return [first.refusal.code if first.refusal else "admitted"]


def test_one_approval_admits_one(location, ask):
    with open_ledger(location, clock) as ledger:
        ledger.add_look("api", "api_down", "planned", found=True, plan_hash="H")
    request = ask(impact="destructive", plan_hash="H", approve=["H"], policy=replace(ask().policy, cooldown=0))
    codes = [code for result in race(use_one_approval, (location, request)) for code in result]
    assert codes.count("admitted") == 1
    assert set(codes) <= {"admitted", "busy", "approval_used"}


def hang_while_deciding(pipe, location, request):
    def decide(asked, facts):
        pipe.send("inside the write transaction")
        signal.pause()

    with open_ledger(location, clock) as ledger:
        ledger.admit(replace(request, holder=Holder.current(os.getpid())), decide)


def test_killed_inside_the_transaction_leaves_nothing_and_no_lock(location, ask):
    open_ledger(location, clock).close()
    mine, theirs = FORK.Pipe()
    process = FORK.Process(target=hang_while_deciding, args=(theirs, location, ask()))
    process.start()
    assert mine.poll(PATIENCE) and mine.recv() == "inside the write transaction"
    process.kill()
    process.join(PATIENCE)
    with open_ledger(location, clock) as ledger:
        assert ledger.admit(ask()).admitted
        assert len(ledger.incidents()) == 1


def admit_and_hang(pipe, location, request):
    with open_ledger(location, clock) as ledger:
        pipe.send(ledger.admit(replace(request, holder=Holder.current(os.getpid()))).incident_id)
        signal.pause()


def test_killed_after_admission_is_resumed_at_once(location, ask):
    mine, theirs = FORK.Pipe()
    process = FORK.Process(target=admit_and_hang, args=(theirs, location, ask()))
    process.start()
    assert mine.poll(PATIENCE)
    incident = mine.recv()
    with open_ledger(location, clock) as ledger:
        assert ledger.admit(ask()).refusal.code == "busy"
        process.kill()
        process.join(PATIENCE)
        assert ledger.resumable("api", "api_down")["incident_id"] == incident
        resumed = ledger.admit(ask(incident_id=incident))
        assert (resumed.admitted, resumed.resumed, resumed.attempts_before) == (True, True, 1)
