"""The database scenarios among people: well, frozen, two at once, killed; and exactly whom they end, and whom never."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

import psycopg2
import pytest
import world

STATE = Path(os.environ.get("LAB_STATE") or world.ROOT / ".lab" / world.PROJECT)
# playbook: (its target, a fault it heals, the seconds after which a run is killed)
CASES = {
    "database_down": ("database", "database-crashed", 4.0),
    "connection_pool_exhausted": ("api", "connections-left-in-transaction", 5.0),
    "slow_queries": ("database", "queries-stuck", 3.0),
}


def sessions(condition: str = "true") -> dict[tuple[int, str], tuple[str, str]]:
    """Application and state of the client and replication sessions, by their identity; read over a reserved slot."""
    password = (STATE / "operator.secret").read_text(encoding="utf-8")
    with contextlib.closing(
        psycopg2.connect(
            host="127.0.0.1", port=world.PORT_BASE + 32, user="sre", password=password, dbname="orders"
        )
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute(
            "SELECT pid, backend_start::text, application_name, state FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            f" AND backend_type IN ('client backend', 'walsender') AND application_name <> '' AND {condition}"
        )
        return {(pid, start): (application, state) for pid, start, application, state in cursor.fetchall()}


@pytest.mark.parametrize("playbook", CASES)
def test_well_then_frozen_then_two_at_once(clean_lab, workplace, playbook: str) -> None:
    target, fault, _seconds = CASES[playbook]
    before = world.containers()
    well = workplace.run(playbook, target=target, verbosity=3)
    assert (well.rc, well.result["verdict"], well.result["remedies"]) == (0, "no_action_needed", []), well.output[
        -3000:
    ]
    assert world.containers() == before
    assert (STATE / "operator.secret").read_text(encoding="utf-8") not in well.output

    world.break_it(fault)
    before = world.containers()
    with workplace.open_ledger() as ledger:
        ledger.freeze(f"service:{target}", "the DBA is at it", "tests")
    frozen = workplace.run(playbook, target=target)
    assert (frozen.rc, frozen.result["verdict"], frozen.result["code"]) == (2, "refused", "frozen"), frozen.output[
        -3000:
    ]
    assert world.containers() == before
    with workplace.open_ledger() as ledger:
        ledger.unfreeze(f"service:{target}", "tests")

    outputs = [workplace.directory / f"run-{number}.txt" for number in (1, 2)]
    arguments = ("-e", f"target={target}", "-e", "remediation_hold=1")
    runs = [workplace.start(*arguments, playbook=playbook, output=output) for output in outputs]
    codes = sorted(run.wait(timeout=200) for run in runs)
    results = {json.loads(Path(f"{output}.json").read_text())[0]["verdict"]: output for output in outputs}
    assert (codes, set(results)) == ([0, 2], {"recovered", "refused"}), [path.read_text()[-3000:] for path in outputs]
    [loser] = json.loads(Path(f"{results['refused']}.json").read_text())
    assert loser["code"] in ("busy", "stale_look"), loser
    assert loser["remedies"] == []
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []
    assert world.answers()


@pytest.mark.parametrize("playbook", CASES)
def test_the_next_run_goes_on_where_a_killed_one_stopped(clean_lab, workplace, playbook: str) -> None:
    target, fault, seconds = CASES[playbook]
    world.break_it(fault)
    killed = workplace.start("-e", f"target={target}", playbook=playbook, output=workplace.directory / "killed.txt")
    with contextlib.suppress(subprocess.TimeoutExpired):
        killed.wait(timeout=seconds)
    killed.kill()
    killed.wait(timeout=10)
    run = workplace.run(playbook, target=target)
    assert run.result["verdict"] in ("recovered", "no_action_needed"), run.output[-4000:]
    assert world.answers()
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []
        assert [row for row in ledger.incidents() if row["closed_at"] is None] == []


def test_as_few_sessions_end_as_bring_the_server_below_the_goal(clean_lab, workplace) -> None:
    world.break_it("connections-exhausted")
    before = sessions()
    assert not world.answers(port=1)
    run = workplace.run("connection_pool_exhausted", target="api")
    assert (run.result["verdict"], run.remedies) == ("recovered", ["end_idle"]), run.output[-4000:]
    after = sessions()
    ended = before.keys() - after.keys()
    # 97 slots are not reserved, all are taken, the run itself has one more: 98 are to become 77, which is 80 % of 97.
    assert len(ended) == 98 - 77
    assert {before[one] for one in ended} == {("lab-web", "idle")}
    protected = {one for one, (application, _state) in before.items() if application in ("pg_dump", "pg_receivewal")}
    assert len(protected) == 2 and protected <= after.keys()
    assert world.answers(port=1)


def test_only_the_root_of_the_queue_ends_and_the_others_do_their_work(clean_lab, workplace) -> None:
    world.break_it("queries-blocked")
    before = sessions("application_name = 'lab-web'")
    [root] = [one for one, (_application, state) in before.items() if state == "idle in transaction"]
    run = workplace.run("slow_queries", target="database")
    assert (run.result["verdict"], run.remedies) == ("recovered", ["end_blockers"]), run.output[-4000:]
    assert before.keys() - sessions("application_name = 'lab-web'").keys() == {root}
    plans = json.loads(Path(run.result["evidence"], "attempt-1", "plans.json").read_text())
    assert plans and "Update on lab_locks" in " ".join(plans[0]["plan"]), plans
