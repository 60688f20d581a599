"""What a remedy changed can be put back from its record, once, and under the same guard."""

from __future__ import annotations

import subprocess
from pathlib import Path

import world


def test_a_rollback_is_put_back(clean_lab, workplace) -> None:
    world.break_it("bad-image")
    broken = world.containers()[f"{world.PROJECT}-api-1"].image
    run = workplace.run(target="api")
    assert (run.result["verdict"], run.remedies) == ("recovered", ["rollback"])
    assert world.containers()[f"{world.PROJECT}-api-1"].image != broken
    attempt = run.result["remedies"][0]["attempt"]

    wrong = workplace.run("undo", target="database", undo_attempt=attempt)
    assert wrong.rc == 2 and "it belongs to api" in wrong.output
    workplace.run("freeze", freeze_scope="all", freeze_reason="nobody moves")
    frozen = workplace.run("undo", target="api", undo_attempt=attempt)
    assert frozen.rc == 2 and "refused (frozen)" in frozen.output
    workplace.run("unfreeze", freeze_scope="all")

    undone = workplace.run("undo", target="api", undo_attempt=attempt)
    assert undone.rc == 0, undone.output[-3000:]
    assert world.containers()[f"{world.PROJECT}-api-1"].image == broken
    again = workplace.run("undo", target="api", undo_attempt=attempt)
    assert again.rc == 2 and "it was put back already" in again.output
    with workplace.open_ledger() as ledger:
        assert ledger.attempt(attempt)["undone_by"]
        assert ledger.leases() == []


def test_evidence_is_there_and_can_be_checked(clean_lab, workplace) -> None:
    world.break_it("api-hung")
    run = workplace.run(target="api")
    folder = Path(run.result["evidence"]) / "attempt-1"
    assert {"logs.txt", "diagnosis.json", "seen.json", "probe.json", "plan.json"} <= {
        path.name for path in folder.iterdir()
    }
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert folder.stat().st_mode & 0o077 == 0
    report = (folder.parent / "report.md").read_text(encoding="utf-8")
    assert "**recovered**" in report and "restart" in report
