"""A broken ledger refuses: deleted, damaged, read-only, full, locked. Real faults on real files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import LedgerError, default_location, open_ledger
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import sqlite as module


@pytest.fixture
def path(sqlite_location, clock):
    """A ledger with one row, closed."""
    with open_ledger(sqlite_location, clock) as ledger:
        ledger.add_look("api", "api_down", "no_action_needed")
    return Path(sqlite_location)


def fails(call, code, message):
    with pytest.raises(LedgerError, match=message) as caught:
        call()
    assert caught.value.code == code


@pytest.fixture
def mounted(tmp_path):
    """mount(options) gives an empty directory on a file system of its own."""
    mounts = []

    def mount(*arguments):
        directory = tmp_path / f"mount-{len(mounts)}"
        directory.mkdir()
        subprocess.run(["mount", *arguments, str(directory)], check=True)
        mounts.append(directory)
        return directory

    yield mount
    for directory in mounts:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_first_use_makes_private_files_and_a_sentinel(sqlite_location, clock):
    before = os.umask(0)
    try:
        with open_ledger(sqlite_location, clock):
            state = Path(sqlite_location).parent
            modes = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}
    finally:
        os.umask(before)
    assert state.stat().st_mode & 0o777 == 0o700
    assert {"ledger.db", "ledger.db.created"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert not [name for name in modes if name.startswith(".")], "no draft is left"


def test_deleted_ledger_is_missing_until_the_sentinel_goes_too(path, clock):
    path.unlink()
    fails(lambda: open_ledger(path, clock), "ledger_missing", "restore it, or delete the sentinel")
    assert not path.exists()
    path.with_name("ledger.db.created").unlink()
    with open_ledger(path, clock) as ledger:
        assert ledger.incidents() == []


def test_deleted_while_open_is_noticed_before_anything_is_written(path, clock, ask):
    with open_ledger(path, clock) as ledger:
        path.rename(path.with_name("moved"))
        fails(lambda: ledger.admit(ask()), "ledger_missing", "is gone")
        open(path, "w").close()
        fails(lambda: ledger.admit(ask()), "ledger_missing", "is gone")


def test_a_lost_sentinel_is_written_again(path, clock):
    sentinel = path.with_name("ledger.db.created")
    sentinel.unlink()
    open_ledger(path, clock).close()
    assert sentinel.exists()


@pytest.mark.parametrize("content", [b"", b"this is not a database, not at all\n" * 100], ids=["empty", "text"])
def test_a_file_that_is_no_ledger_is_corrupt(path, clock, content):
    path.write_bytes(content)
    fails(lambda: open_ledger(path, clock), "ledger_corrupt", "damaged or is not a ledger")
    assert path.read_bytes() == content, "and it is left as it was"


def test_another_programs_database_is_not_taken_over(tmp_path, clock):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id INTEGER)")
    fails(lambda: open_ledger(path, clock), "ledger_corrupt", "no such table: schema_version")


def test_damaged_pages_refuse(path, clock, ask):
    size = path.stat().st_size
    with open(path, "r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * (size - 4096))

    def use():
        with open_ledger(path, clock) as ledger:
            ledger.admit(ask())

    fails(use, "ledger_corrupt", "damaged")


def test_a_dropped_table_refuses(path, clock, ask):
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE leases")
    with open_ledger(path, clock) as ledger:
        fails(lambda: ledger.admit(ask()), "ledger_corrupt", "no such table: leases")


def test_a_directory_or_a_file_in_the_way_is_unwritable(tmp_path, clock):
    fails(lambda: open_ledger(tmp_path, clock), "ledger_unwritable", "cannot be written")
    (tmp_path / "file").write_text("")
    fails(lambda: open_ledger(tmp_path / "file" / "ledger.db", clock), "ledger_unwritable", "File exists")


def test_a_directory_where_nothing_can_be_made_is_unwritable(clock):
    """/proc refuses new files to everybody, root too."""
    fails(lambda: open_ledger("/proc/sre/ledger.db", clock), "ledger_unwritable", "cannot be written")


@pytest.mark.needs_root
def test_read_only_file_system(path, clock, ask, mounted):
    readonly = mounted("--bind", str(path.parent))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(readonly)], check=True)

    def use():
        with open_ledger(readonly / "ledger.db", clock) as ledger:
            ledger.admit(ask())

    fails(use, "ledger_unwritable", "cannot be written")
    fails(lambda: open_ledger(readonly / "new.db", clock), "ledger_unwritable", "Read-only file system")


@pytest.mark.needs_root
def test_full_disk_refuses_and_keeps_what_was_there(clock, ask, mounted):
    small = mounted("-t", "tmpfs", "-o", "size=600k", "tmpfs")
    with open_ledger(small / "ledger.db", clock) as ledger:
        first = ledger.admit(ask())
    (small / "filler").write_bytes(b"")
    with open(small / "filler", "ab", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        filler.writelines(b"x" * 1024 for _block in range(1000))

    def use():
        with open_ledger(small / "ledger.db", clock) as ledger:
            ledger.add_look("api", "api_down", "planned", plan={"text": "x" * 200_000})

    fails(use, "ledger_unwritable", "cannot be written")
    (small / "filler").unlink()
    with open_ledger(small / "ledger.db", clock) as ledger:
        assert [row["incident_id"] for row in ledger.incidents()] == [first.incident_id]
        assert ledger.renew(first.incident_id, ask().holder, 60)


@pytest.mark.needs_root
def test_full_disk_at_first_use_leaves_no_half_ledger(clock, mounted):
    small = mounted("-t", "tmpfs", "-o", "size=16k", "tmpfs")
    fails(lambda: open_ledger(small / "ledger.db", clock), "ledger_unwritable", "cannot be written")
    assert list(small.iterdir()) == []


def test_a_writer_that_never_ends_is_waited_for_and_then_reported(path, clock, ask, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.3)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with open_ledger(path, clock) as ledger:
        began = time.monotonic()
        fails(lambda: ledger.admit(ask()), "ledger_unreachable", "locked by another process")
        assert 0.2 < time.monotonic() - began < 3
        assert len(ledger.incidents()) == 1, "reading goes on"
        blocker.execute("ROLLBACK")
        assert ledger.admit(ask()).admitted
    blocker.close()


@pytest.mark.parametrize("location", ["", "  ", "mysql://u:canary@h/db"])
def test_unknown_locations_are_refused_without_secrets(location, clock):
    with pytest.raises(RemediationError, match="allowed are a file path and postgresql") as caught:
        open_ledger(location, clock)
    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    ("environ", "location"),
    [
        ({"SRE_REMEDIATION_LEDGER": "postgresql://h/db", "HOME": "/h"}, "postgresql://h/db"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/sre-remediation/ledger.db"),
        ({"HOME": "/h"}, "/h/.local/state/sre-remediation/ledger.db"),
    ],
)
def test_default_location(environ, location):
    assert default_location(environ) == location
