"""Measures the collection's speed promises in the running lab and prints medians against their budgets.

(a) healing a stopped API with guard, evidence, ledger and proof on, against five plain tasks with community modules;
(b) a healthy look, against a playbook with one `uri` task; (c) the guard's decision with 100,000 incidents in the ledger.
Hold time is left out. Runs take turns, so that a busy moment of the machine meets both sides. Usage: make bench
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROUNDS = 5
INCIDENTS = 100_000
PROJECT = os.environ.get("LAB_PROJECT", "sre-lab")
STATE = Path(os.environ.get("LAB_STATE") or ROOT / ".lab" / PROJECT)
HEALTH = f"http://127.0.0.1:{int(os.environ.get('LAB_PORT_BASE', '18000')) + 1}/api/health"


def run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")


def playbook(path: str, *arguments: str, **environment: str) -> None:
    run(str(ROOT / ".venv/bin/ansible-playbook"), "-i", "inventories/lab", path, *arguments, **environment)


def ours(directory: Path) -> None:
    """Run api_down with a ledger of its own (no cooldown of the round before), without hold time."""
    environment = {
        "SRE_REMEDIATION_LEDGER": str(directory / "ledger.db"),
        "SRE_REMEDIATION_EVIDENCE_DIR": str(directory / "evidence"),
    }
    playbook("playbooks/api_down.yml", "-e", "remediation_hold=0", **environment)


def healing(heal: Callable[[], None]) -> float:
    """Seconds to heal the API after it was stopped."""
    run("tests/lab/up", "--reset")
    run("tests/lab/break", "api-stopped")
    return seconds(heal)


def seconds(action: Callable[[], None]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def medians(contestants: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Median of each contestant; all of them once per round, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(ROUNDS + 1):
        for name, measure in contestants.items():
            value = measure()
            if number:
                taken[name].append(value)
    return {name: statistics.median(values) for name, values in taken.items()}


def guard_seconds(directory: Path) -> float:
    """Median of the guard's decision with a full ledger, as the action makes it (opening the ledger included)."""
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(ROOT / "collections")])
    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import AdmissionRequest, Holder, open_ledger

    location = str(directory / "full.db")
    fill(location)

    def decide() -> None:
        with open_ledger(location) as ledger:
            request = AdmissionRequest(
                service="api-7", scenario="api_down", targets=["api-7"], holder=Holder.current(), plan_hash="0" * 12,
                remedy="restart", impact="disruptive", look_at=time.time(), inventory_size=50,
            )  # fmt: skip
            admission = ledger.admit(request)
            if not admission.admitted:
                sys.exit(f"the guard refused: {admission.refusal}")
            ledger.close_incident(admission.incident_id, verdict="recovered")

    # Each decision is another run's; the ones before must not count as its cooldown, so the ledger is filled anew each time.
    taken = []
    for _ in range(ROUNDS):
        taken.append(seconds(decide))
        fill(location)
    return statistics.median(taken)


def fill(location: str) -> None:
    """A ledger with 100,000 finished incidents of 50 services over the last year, one attempt each."""
    import sqlite3

    from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import open_ledger

    for name in (location, f"{location}-wal", f"{location}-shm", f"{location}.created"):
        Path(name).unlink(missing_ok=True)
    open_ledger(location).close()
    now, year = time.time(), 365 * 86400.0
    with sqlite3.connect(location) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(incidents)")]
        required = {
            row[1]: "" if row[2].upper() == "TEXT" else 0
            for row in database.execute("PRAGMA table_info(incidents)")
            if row[3] and row[4] is None
        }
        rows = []
        for number in range(INCIDENTS):
            at = now - year + number * (year - 7200) / INCIDENTS
            row = {
                **required,
                "id": f"i{number:07d}",
                "service": f"api-{number % 50}",
                "scenario": "api_down",
                "opened_at": at,
                "closed_at": at + 9,
            }
            row |= {"verdict": "recovered", "found": 1, "targets": "[]"}
            rows.append(row)
        names = [name for name in columns if name in rows[0]]
        marks = ", ".join("?" * len(names))
        database.executemany(
            f"INSERT INTO incidents ({', '.join(names)}) VALUES ({marks})",
            ([row[name] for name in names] for row in rows),
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        heal = medians(
            {
                "ours": lambda: healing(lambda: ours(Path(tempfile.mkdtemp(dir=directory)))),
                "bare": lambda: healing(lambda: playbook("tests/benchmarks/bare_heal.yml")),
                "shell": lambda: healing(lambda: run(str(HERE / "runbook.sh"), str(STATE), HEALTH)),
            }
        )
        run("tests/lab/up", "--reset")
        look = medians(
            {
                "ours": lambda: seconds(lambda: ours(Path(tempfile.mkdtemp(dir=directory)))),
                "bare": lambda: seconds(lambda: playbook("tests/benchmarks/bare_look.yml")),
            }
        )
        guard = guard_seconds(directory)
    bare, shell = heal["bare"], heal["shell"]
    show("(a) heal a stopped API", heal["ours"], bare, f"five plain tasks {bare:.2f} s, shell commands {shell:.2f} s")
    show(
        "(b) look at a healthy API",
        look["ours"],
        1.5 * look["bare"],
        f"one uri task {look['bare']:.2f} s, budget 1.5 x",
    )
    show("(c) guard decision", guard, 0.1, f"{INCIDENTS:,} incidents in the ledger")


def show(what: str, value: float, budget: float, against: str) -> None:
    """One line of the result: the median, the budget, and what the budget is made of."""
    verdict = "within" if value <= budget else f"NOT REACHED: {value / budget:.2f} x the budget"
    print(f"{what:<26} {value:7.3f} s   budget {budget:7.3f} s ({against})   {verdict}")


if __name__ == "__main__":
    main()
