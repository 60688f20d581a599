"""Runs that are killed, and runs that meet: the next run goes on, and only one of two acts."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
from pathlib import Path

import pytest
import world

KILLS = 10
HEALING_SECONDS = 7.0
"""About how long a healing run of the lab takes; the kills are spread over it."""


@pytest.mark.parametrize("number", range(KILLS))
def test_the_next_run_goes_on_where_a_killed_one_stopped(clean_lab, workplace, number: int) -> None:
    fault = ("api-stopped", "api-hung")[number % 2]
    point = random.Random(number).uniform(0.08, 1.0) * HEALING_SECONDS
    world.break_it(fault)
    with world.Watch() as watch:
        killed = workplace.start("-e", "target=api", output=workplace.directory / "killed.txt")
        with contextlib.suppress(subprocess.TimeoutExpired):
            killed.wait(timeout=point)
        killed.kill()
        killed.wait(timeout=10)
        run = workplace.run(target="api")
        starts = [change for change in watch.changes() if change.startswith("container start ")]
    story = (
        f"killed after {point:.2f} s\n{(workplace.directory / 'killed.txt').read_text()[-1500:]}\n{run.output[-4000:]}"
    )
    assert run.result["verdict"] in ("recovered", "no_action_needed"), story
    assert run.rc == 0
    assert world.answers()
    assert len(starts) == 1, f"{starts}\n{story}"
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == [], story
        open_incidents = [row for row in ledger.incidents() if row["closed_at"] is None]
        assert open_incidents == [], story


def test_of_two_runs_at_once_exactly_one_acts(clean_lab, workplace) -> None:
    world.break_it("api-hung")
    outputs = [workplace.directory / f"run-{number}.txt" for number in (1, 2)]
    with world.Watch() as watch:
        runs = [workplace.start("-e", "target=api", output=output) for output in outputs]
        codes = sorted(run.wait(timeout=120) for run in runs)
        starts = [change for change in watch.changes() if change.startswith("container start ")]
    results = [json.loads(Path(f"{output}.json").read_text())[0] for output in outputs]
    by_verdict = {result["verdict"]: result for result in results}
    assert codes == [0, 2], [output.read_text()[-2000:] for output in outputs]
    assert set(by_verdict) == {"recovered", "refused"}
    loser = by_verdict["refused"]
    assert loser["code"] == "busy"
    assert f"pid {runs[results.index(by_verdict['recovered'])].pid}" in loser["summary"]
    assert len(starts) == 1
