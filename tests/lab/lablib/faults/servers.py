"""Faults of the database's server and of the way to it: it does not start, its files are damaged, no slot or no
connection of the API's pool is left.

What they do to the files of the database's volume is put back by the script they leave in the state directory, while no
server uses them.
"""

from __future__ import annotations

from pathlib import Path

from ..images import CURRENT_RELEASE
from ..settings import IMAGE_PREFIX
from ..shell import wait_until
from ..stack import REPAIR_FILES, on_the_volume
from ..state_files import environment_text, read_secrets, write_file
from .databases import PROGRAM, ask, hold, run_beside, sessions
from .model import Fault, Lab

POOL_RELEASE = "1.2.4"
LOAD = Path(__file__).with_name("load_reports.py")
RESTARTS = 3
LIBRARY = "lab_audit"
"""A library a server is told to load and that is not there, as after a change of its image."""


def _repair_files_with(lab: Lab, script: str) -> None:
    """Leave the script that puts the volume's files back for the next `up`."""
    write_file(lab.settings.state / REPAIR_FILES, script)


def _loop(lab: Lab) -> None:
    _repair_files_with(lab, f'sed -i "/{LIBRARY}/d" "$PGDATA/postgresql.auto.conf"')
    setting = f'echo "shared_preload_libraries = \'{LIBRARY}\'" >>"$PGDATA/postgresql.auto.conf"'
    lab.docker.execute(lab.settings.container("db"), "sh", "-c", setting)
    lab.docker.run("update", f"--restart=on-failure:{RESTARTS}", lab.settings.container("db"))
    lab.docker.run("restart", "--time", "10", lab.settings.container("db"))


def _has_given_up(lab: Lab) -> bool:
    """Whether the engine has stopped restarting a database that dies again and again."""
    restarts = lab.docker.inspect(lab.settings.container("db"))[0]["RestartCount"]
    return _does_not_start(lab) and restarts >= RESTARTS


def _damage(lab: Lab) -> None:
    """The machine dies, and the write-ahead log is gone: the server cannot know what it had written."""
    _repair_files_with(lab, 'rm -rf "$PGDATA/pg_wal" && mv "$PGDATA/pg_wal.lost" "$PGDATA/pg_wal"')
    lab.docker.run("kill", lab.settings.container("db"))
    lose = 'mv "$PGDATA/pg_wal" "$PGDATA/pg_wal.lost" && mkdir -m 0700 -p "$PGDATA/pg_wal/archive_status"'
    on_the_volume(lab.docker, lab.settings, lose)
    lab.docker.run("start", lab.settings.container("db"))


def _take_all_slots(lab: Lab) -> None:
    """The API leaks connections, and what is left, the reserved slots too, people have open in their consoles."""
    program = PROGRAM.read_text(encoding="utf-8")
    lab.docker.run("exec", "--detach", lab.api, "python3", "-c", program, "cram=1")
    wait_until("the ordinary slots to be taken", lambda: sessions("usename = 'orders'", 95)(lab), seconds=30)
    operator = read_secrets(lab.settings)["operator_password"]
    consoles = {"DATABASE_URL": f"postgresql://sre:{operator}@db:5432/orders"}
    write_file(lab.settings.state / "env" / "consoles.env", environment_text(consoles))
    hold(lab, "cram=1", env_file="env/consoles.env")


def _none_gets_in(lab: Lab) -> bool:
    return not lab.is_up() and lab.is_reported_unhealthy() and "too many clients" in ask(lab, "SELECT 1").stderr


def _load_the_pool(lab: Lab) -> None:
    """A release with a pool of two connections, and five who read reports that keep one for a minute."""
    lab.deploy(POOL_RELEASE, extra={"DB_POOL_MAX": "2"})
    image = f"{IMAGE_PREFIX}/api:{CURRENT_RELEASE}"
    run_beside(lab, "load", image, "env/api.env", "python3", "-c", LOAD.read_text(encoding="utf-8"))


def _refuses_from_its_pool(lab: Lab) -> bool:
    log = lab.docker.run("logs", "--tail", "20", lab.api, check=False).stderr
    return not lab.is_up() and lab.is_reported_unhealthy() and "QueuePool limit" in log


def _does_not_start(lab: Lab) -> bool:
    return not lab.is_up() and lab.is_reported_unhealthy() and lab.has_ended("db")


BOTH = ("api", "database")

FAULTS = (
    Fault(
        name="database-crash-loop",
        services=BOTH,
        summary="tells the database to load a library that is not there; the engine restarts it three times and gives up",
        cause="crash_loop",
        inject=_loop,
        symptom=_has_given_up,
    ),
    Fault(
        name="database-damaged",
        services=BOTH,
        summary="kills the database and takes its write-ahead log away, so that it cannot start",
        cause="data_corrupt",
        inject=_damage,
        symptom=_does_not_start,
    ),
    Fault(
        name="connections-all-gone",
        services=BOTH,
        summary="lets the API leak connections until none is left, and takes the reserved ones too",
        cause="no_slot_left",
        inject=_take_all_slots,
        symptom=_none_gets_in,
    ),
    Fault(
        name="pool-too-small",
        services=("api",),
        summary="deploys release 1.2.4 of the API with a pool of two connections, and reads five slow reports at a time",
        cause="pool_too_small",
        inject=_load_the_pool,
        symptom=_refuses_from_its_pool,
    ),
)
