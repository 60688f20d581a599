"""Backups: complete or not there at all, checked, private, and never the newest one deleted."""

from __future__ import annotations

import os
import subprocess
import time

from postgres_server import PASSWORD

DAY = 86400


def test_a_backup_is_complete_private_and_checked(shop) -> None:
    run = shop.backup("-vvv")
    assert run.rc == 0, run.output[-3000:]
    assert PASSWORD not in run.output
    (dump,) = shop.dumps.glob("*.dump")
    assert shop.files() == {dump.name, f"{dump.name}.sha256"}
    subprocess.run(["sha256sum", "--check", "--quiet", f"{dump.name}.sha256"], cwd=shop.dumps, check=True)
    assert {path.stat().st_mode & 0o077 for path in [shop.dumps, *shop.dumps.iterdir()]} == {0}
    assert "public.orders|5000" in run.said and "public.events_2026|2" in run.said and "Select (it)|2" in run.said


def test_the_password_is_in_no_argument_and_no_environment_and_gone_afterwards(shop, tmp_path) -> None:
    """A client program of the test's own writes down what it was started with."""
    programs = tmp_path / "bin"
    programs.mkdir()
    seen = tmp_path / "seen"
    for name in ("pg_dump", "pg_restore"):
        spy = programs / name
        spy.write_text(
            f'#!/bin/bash\n{{ ps axww -o args; env; tr "\\0" "\\n" < /proc/$PPID/environ; echo "passfile=$(cat "$PGPASSFILE")"; '
            f'echo "path=$PGPASSFILE"; }} >> {seen}\nexec {shop.server.program(name)} "$@"\n'
        )
        spy.chmod(0o755)
    shop.workplace.variables["service_backup"]["bin"] = str(programs)
    shop.workplace.variables["service_postgres"]["login_password"] = rf"{PASSWORD}:\end"
    assert shop.backup().rc == 0
    told = seen.read_text()
    line = rf"passfile=*:*:*:*:{PASSWORD}\:\\end"
    assert line in told.splitlines()
    assert PASSWORD not in told.replace(line, "")
    (path,) = {line.removeprefix("path=") for line in told.splitlines() if line.startswith("path=")}
    assert not os.path.exists(path)


def test_check_mode_makes_nothing(shop) -> None:
    assert shop.backup("--check").rc == 0
    assert not shop.dumps.exists()


def test_old_ones_go_but_never_the_newest(shop) -> None:
    shop.dumps.mkdir(mode=0o700)
    for age in range(20, 26):
        for ending in ("dump", "dump.sha256"):
            old = shop.dumps / f"{shop.name}-2026010{age - 20}T000000Z.{ending}"
            old.write_text("old")
            os.utime(old, (time.time() - age * DAY,) * 2)
    (shop.dumps / "another-20260101T000000Z.dump").write_text("not ours")
    os.utime(shop.dumps / "another-20260101T000000Z.dump", (0, 0))
    run = shop.backup(database_keep=3, database_older_than="14d")
    assert run.rc == 0, run.output[-3000:]
    newest = max(shop.dumps.glob(f"{shop.name}-*.dump"), key=lambda path: path.stat().st_mtime)
    kept = {newest.name, f"{shop.name}-20260100T000000Z.dump", f"{shop.name}-20260101T000000Z.dump"}
    assert shop.files() == kept | {f"{name}.sha256" for name in kept} | {"another-20260101T000000Z.dump"}
    refused = shop.backup(database_keep=0)
    assert refused.rc == 2 and "the newest dump always stays" in refused.said


def test_a_full_disk_leaves_the_old_backups_and_no_half_file(shop, small_disk) -> None:
    dump = shop.backed_up()
    before = {path.name: path.read_bytes() for path in shop.dumps.iterdir()}
    shop.rows("INSERT INTO orders (item) SELECT md5(random()::text) FROM generate_series(1, 20000)")
    run = shop.backup(database_keep=1, database_older_than="0s")
    assert run.rc == 2 and "No space left on device" in run.output, run.output[-2000:]
    assert {path.name: path.read_bytes() for path in shop.dumps.iterdir()} == before
    shop.rows("DELETE FROM orders WHERE id > 5000")
    assert shop.restore(dump.name, "--check").rc == 0


def test_a_database_that_goes_away_leaves_no_half_file(shop) -> None:
    dump = shop.backed_up()
    shop.workplace.variables["service_postgres"]["login_port"] = 1
    run = shop.backup()
    assert run.rc == 2 and "Connection refused" in run.output
    assert shop.files() == {dump.name, f"{dump.name}.sha256"}


def test_what_a_killed_backup_left_is_removed_and_two_at_once_are_refused(shop) -> None:
    shop.backed_up()
    left = shop.dumps / ".shop-20260101T000000Z.dump.partial"
    left.write_text("half")
    holder = subprocess.Popen(["flock", "--no-fork", str(shop.dumps / ".lock"), "sleep", "60"])
    try:
        for _try in range(100):
            if subprocess.run(["flock", "--nonblock", str(shop.dumps / ".lock"), "true"], check=False).returncode:
                break
            time.sleep(0.05)
        refused = shop.backup()
        assert refused.rc == 2 and "another backup" in refused.said and left.exists()
    finally:
        holder.kill()
        holder.wait()
    assert shop.backup().rc == 0 and not left.exists()
