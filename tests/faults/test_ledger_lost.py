"""Without a ledger that can be relied on nothing is done: deleted, corrupt, read-only, on a full disk, out of reach."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import world
from pipeline import Workplace


def deleted(workplace: Workplace) -> None:
    Path(workplace.ledger).unlink()


def corrupted(workplace: Workplace) -> None:
    Path(workplace.ledger).write_bytes(b"this was a database once\n" * 200)


@pytest.mark.parametrize(
    ("damage", "code"), [(deleted, "ledger_missing"), (corrupted, "ledger_corrupt")], ids=["deleted", "corrupted"]
)
def test_a_damaged_ledger_stops_everything(clean_lab, workplace, damage, code) -> None:
    assert workplace.run(target="api").result["verdict"] == "no_action_needed"
    world.break_it("api-stopped")
    before = world.containers()
    for extra in Path(workplace.directory).glob("ledger.db-*"):
        extra.unlink()
    damage(workplace)
    run = workplace.run(target="api")
    assert (run.rc, run.result["verdict"], run.result["code"]) == (2, "refused", code), run.output[-3000:]
    assert world.containers() == before


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own (needs root, as the lab's own engine does)."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.mark.parametrize("fault", ["read-only", "full"])
def test_a_ledger_that_cannot_be_written_stops_everything(clean_lab, tmp_path, fault) -> None:
    with small_disk(tmp_path / "disk") as disk:
        workplace = Workplace(tmp_path, str(disk / "ledger.db"))
        assert workplace.run(target="api").result["verdict"] == "no_action_needed"
        world.break_it("api-stopped")
        before = world.containers()
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        else:
            with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(b"0" * 4096)
        run = workplace.run(target="api")
    assert (run.rc, run.result["verdict"], run.result["code"]) == (2, "refused", "ledger_unwritable"), run.output[
        -3000:
    ]
    assert world.containers() == before


def test_a_ledger_out_of_reach_stops_everything(clean_lab, tmp_path) -> None:
    world.break_it("api-stopped")
    before = world.containers()
    run = Workplace(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing").run(target="api")
    assert (run.rc, run.result["verdict"], run.result["code"]) == (2, "refused", "ledger_unreachable"), run.output[
        -3000:
    ]
    assert world.containers() == before
