"""Restores: every row comes back, the old database is kept, and a dump that is not right is refused before anything changes."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time

import psycopg2
import pytest
from postgres_server import PASSWORD


def test_backup_damage_restore_brings_every_row_back(shop) -> None:
    before = shop.contents()
    shop.rows(
        f'ALTER DATABASE "{shop.name}" SET search_path TO public, "Odd schema"; ALTER DATABASE "{shop.name}" SET work_mem TO \'7MB\';'
        f'REVOKE CONNECT ON DATABASE "{shop.name}" FROM PUBLIC; GRANT CREATE ON DATABASE "{shop.name}" TO pg_monitor'
    )
    settings = (
        "SELECT ARRAY(SELECT acl::text FROM unnest(datacl) AS acl ORDER BY 1), setconfig FROM pg_database"
        " LEFT JOIN pg_db_role_setting ON setdatabase = oid WHERE datname = '{}'"
    )
    kept_settings = shop.rows(settings.format(shop.name))
    dump = shop.backed_up()
    shop.rows("UPDATE orders SET item = 'damaged' WHERE id % 2 = 0; DELETE FROM events; DROP TABLE empty")
    shop.rows("INSERT INTO orders (item) VALUES ('after the dump')")
    user = psycopg2.connect(host="127.0.0.1", port=shop.server.port, user=shop.server.user, dbname=shop.name)

    dry = shop.restore(dump.name, "--check")
    assert dry.rc == 0 and "would become the database" in dry.said
    assert shop.databases() == {shop.name}
    user.cursor().execute("SELECT 1")

    run = shop.restore(dump.name, "-vvv")
    assert run.rc == 0, run.output[-4000:]
    assert PASSWORD not in run.output
    assert shop.contents() == before
    assert shop.rows(settings.format(shop.name)) == kept_settings
    (kept,) = shop.databases() - {shop.name}
    assert kept.startswith(f"{shop.name}_before_")
    assert shop.rows("SELECT count(*) FROM orders WHERE item IN ('damaged', 'after the dump')", kept) == [(2501,)]
    with pytest.raises(psycopg2.OperationalError):
        user.cursor().execute("SELECT 1")
    shop.rows("INSERT INTO orders (item) VALUES ('next')")


def test_a_database_that_is_gone_altogether_comes_back(shop) -> None:
    before, dump = shop.contents(), shop.backed_up()
    shop.rows(f'DROP DATABASE "{shop.name}"', "postgres")
    run = shop.restore(dump.name)
    assert run.rc == 0, run.output[-3000:]
    assert shop.contents() == before and shop.databases() == {shop.name}


def test_a_database_that_is_gone_altogether_comes_back_to_its_owner(shop) -> None:
    """Who owned it may make and rename tables in it again, which from PostgreSQL 15 the owner of the database may alone."""
    owner = f"{shop.name} app"
    shop.rows(f'CREATE ROLE "{owner}"; ALTER DATABASE "{shop.name}" OWNER TO "{owner}"')
    shop.rows(f'ALTER TABLE empty OWNER TO "{owner}"')
    dump = shop.backed_up()
    shop.rows(f'DROP DATABASE "{shop.name}"', "postgres")
    run = shop.restore(dump.name)
    assert run.rc == 0, run.output[-3000:]
    assert shop.rows("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()") == [(owner,)]
    shop.rows(f'SET ROLE "{owner}"; CREATE TABLE made (id int); ALTER TABLE empty RENAME TO renamed')


def damage(shop, dump, kind: str) -> None:
    """Make the dump what nobody should restore."""
    checksum = dump.with_name(f"{dump.name}.sha256")
    size = dump.stat().st_size
    if kind in ("truncated", "truncated, and its checksum made to fit"):
        subprocess.run(["truncate", "--size", str(size - size // 3), str(dump)], check=True)
    elif kind == "one byte changed":
        data = bytearray(dump.read_bytes())
        data[size // 2] ^= 1
        dump.write_bytes(data)
    elif kind == "of another database":
        subprocess.run(
            [shop.server.program("pg_dump"), "-h", "127.0.0.1", "-p", str(shop.server.port), "-U", shop.server.user]
            + ["-Fc", "-f", str(dump), "postgres"],
            check=True,
        )
    elif kind == "no dump at all":
        dump.write_text("DROP DATABASE postgres;")
    elif kind == "without its checksum":
        checksum.unlink()
        return
    if kind not in ("truncated", "one byte changed"):
        done = subprocess.run(["sha256sum", dump.name], cwd=dump.parent, check=True, capture_output=True, text=True)
        checksum.write_text(done.stdout)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("truncated", "its checksum differs"),
        ("one byte changed", "its checksum differs"),
        ("truncated, and its checksum made to fit", "cannot be read to its end"),
        ("of another database", "is a dump of the database postgres, not of shop-"),
        ("no dump at all", "is no dump that pg_restore can read"),
        ("without its checksum", "has no checksum file"),
    ],
)
def test_a_dump_that_is_not_right_is_refused_before_anything_changes(shop, kind, words) -> None:
    dump = shop.backed_up()
    damage(shop, dump, kind)
    user = psycopg2.connect(host="127.0.0.1", port=shop.server.port, user=shop.server.user, dbname=shop.name)
    before = shop.contents()
    for options in (["--check"], []):
        run = shop.restore(dump.name, *options)
        assert run.rc == 2 and words in run.said, run.output[-3000:]
    assert shop.databases() == {shop.name} and shop.contents() == before
    user.cursor().execute("SELECT 1")
    user.close()


def test_a_dump_without_its_checksum_may_be_trusted_by_name(shop) -> None:
    dump, before = shop.backed_up(), shop.contents()
    damage(shop, dump, "without its checksum")
    assert shop.restore(dump.name, database_allow_unchecked=True).rc == 0
    assert shop.contents() == before


def test_a_restore_has_to_be_meant(shop) -> None:
    dump = shop.backed_up()
    for said in ("", "postgres"):
        run = shop.restore(dump.name, database_confirm=said)
        assert run.rc == 2 and f"say -e database_confirm={shop.name}" in run.said
    for name in ("", f"../dumps/{dump.name}", str(dump)):
        run = shop.restore(name)
        assert run.rc == 2 and "allowed: the name of a .dump file" in run.said
    missing = shop.restore("other.dump")
    assert missing.rc == 2 and f"there are: {dump.name}" in missing.said
    assert shop.databases() == {shop.name}


def test_a_freeze_holds_a_restore_off(shop) -> None:
    dump = shop.backed_up()
    assert shop.workplace.run("freeze", freeze_scope="service:rides", freeze_reason="nobody moves").rc == 0
    run = shop.restore(dump.name)
    assert run.rc == 2 and "refused (frozen): nobody moves" in run.said
    assert shop.databases() == {shop.name}


def test_a_restore_that_fails_halfway_leaves_the_old_database_as_it_was(shop, tmp_path) -> None:
    """A client program that fails when it is to write."""
    dump, before = shop.backed_up(), shop.contents()
    programs = tmp_path / "bin"
    shutil.copytree(shop.server.programs, programs, symlinks=True, ignore=shutil.ignore_patterns("pg_restore"))
    program = programs / "pg_restore"
    program.write_text(
        f'#!/bin/bash\n[[ $* != *--dbname=* ]] || {{ echo "out of luck" >&2; exit 1; }}\nexec {shop.server.program("pg_restore")} "$@"\n'
    )
    program.chmod(0o755)
    shop.workplace.variables["service_backup"]["bin"] = str(programs)
    run = shop.restore(dump.name)
    assert run.rc == 2 and "was not replaced: Restore the dump into it: out of luck" in run.said, run.output[-3000:]
    assert shop.databases() == {shop.name} and shop.contents() == before


def test_rows_that_got_lost_on_the_way_are_noticed(shop, tmp_path) -> None:
    """A client program that loses a row, and says nothing."""
    dump, before = shop.backed_up(), shop.contents()
    programs = tmp_path / "bin"
    shutil.copytree(shop.server.programs, programs, symlinks=True, ignore=shutil.ignore_patterns("pg_restore"))
    program = programs / "pg_restore"
    login = f"--host=127.0.0.1 --port={shop.server.port} --username={shop.server.user}"
    program.write_text(
        f"""#!/bin/bash
{shop.server.program("pg_restore")} "$@" || exit
[[ $* != *--dbname=* ]] || {shop.server.program("psql")} {login} --quiet --command='DELETE FROM orders WHERE id = 7' "${{@: -1}}"
"""
    )
    program.chmod(0o755)
    shop.workplace.variables["service_backup"]["bin"] = str(programs)
    run = shop.restore(dump.name)
    assert run.rc == 2 and "public.orders|5000 in the dump, public.orders|4999 restored" in run.said.replace(
        "public.empty|0 ", ""
    ), run.output[-3000:]
    assert shop.databases() == {shop.name} and shop.contents() == before


def test_two_restores_at_once_do_not_harm_each_other(shop) -> None:
    """Each has a database of its own beside the old one; nothing of either is lost."""
    dump, before = shop.backed_up(), shop.contents()
    shop.rows("DELETE FROM orders")
    results = []
    threads = [threading.Thread(target=lambda: results.append(shop.restore(dump.name))) for _number in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(1.2)
    for thread in threads:
        thread.join()
    assert shop.contents() == before
    assert [run.rc for run in results].count(0) >= 1, results[0].output[-2000:] + results[1].output[-2000:]
    others = shop.databases() - {shop.name}
    assert all("_before_" in name for name in others), others
    assert any(shop.rows("SELECT count(*) FROM orders", name) == [(0,)] for name in others)
