"""Faults of the database: it stops, hangs, refuses, loses data, or its sessions hold everything up.

Sessions are real: a container of the API's image holds them as the API's own user, another receives WAL as a standby
does. Both are removed by the next `up`; what SQL changed is put back by the script a fault leaves in the state directory.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

from ..images import CURRENT_RELEASE
from ..settings import IMAGE_PREFIX, LABEL
from ..shell import LabError, wait_until
from ..stack import BACKUPS, FAULT_LABEL, REPAIR
from ..state_files import environment_text, read_secrets, write_file
from .model import Fault, Lab

PROGRAM = Path(__file__).with_name("hold_sessions.py")
STUCK = "query = 'SELECT pg_sleep(900)' AND state = 'active' AND query_start < now() - interval '3.5 s'"
"""Statements without end, older than the lab's inventory lets them be."""

END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'lab-%';
\\connect orders
DROP TABLE IF EXISTS lab_locks, lab_items;
"""


def ask(lab: Lab, statements: str, *, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run statements as the database's superuser."""
    command = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "orders")
    return lab.docker.execute(lab.settings.container("db"), *command, stdin=statements, check=check)


def sql(lab: Lab, statements: str) -> str:
    """Run statements as the database's superuser; return bare rows."""
    return ask(lab, statements, check=True).stdout.strip()


def _repair_with(lab: Lab, statements: str) -> None:
    """Leave the SQL that puts the fault back for the next `up`."""
    write_file(lab.settings.state / REPAIR, statements)


def run_beside(lab: Lab, name: str, image: str, env_file: str, *command: str) -> str:
    """Start a container in the lab's network that belongs to a fault."""
    labels = ("--label", f"{LABEL}={lab.settings.project}", "--label", f"{FAULT_LABEL}={name}")
    full_name = f"{lab.settings.project}-{name}"
    network = ("--network", f"{lab.settings.project}_default", "--stop-timeout", "1")
    environment = ("--env-file", str(lab.settings.state / env_file))
    lab.docker.run("rm", "--force", full_name, check=False)
    lab.docker.run("run", "--detach", "--name", full_name, *labels, *network, *environment, image, *command)
    return full_name


def hold(lab: Lab, *kinds: str, env_file: str = "env/api.env") -> None:
    """Hold sessions of these kinds (``idle=5``) until the next `up`, as the user of the URL in the environment."""
    _repair_with(lab, END_SESSIONS)
    image = f"{IMAGE_PREFIX}/api:{CURRENT_RELEASE}"
    program = PROGRAM.read_text(encoding="utf-8")
    name = run_beside(lab, "sessions", image, env_file, "python3", "-c", program, *kinds)
    wait_until("the sessions to be there", lambda: _holds(lab, name), seconds=60)


def _holds(lab: Lab, name: str) -> bool:
    """Whether a container holds its sessions; one that has ended never will, so its last words are raised at once."""
    state = lab.docker.inspect(name)[0]["State"]
    log = lab.docker.run("logs", name)
    if "ready" not in log.stdout and state["Status"] == "exited":
        raise LabError(f"the sessions were not made:\n{(log.stdout + log.stderr).strip()}")
    return "ready" in log.stdout


def _receive_wal(lab: Lab) -> None:
    """A standby's WAL receiver, which must survive whatever is done about the sessions."""
    rule = "host replication all all scram-sha-256"
    allow = f'grep -qxF "{rule}" "$PGDATA/pg_hba.conf" || echo "{rule}" >>"$PGDATA/pg_hba.conf"'
    lab.docker.execute(lab.settings.container("db"), "sh", "-c", allow)
    sql(lab, "SELECT pg_reload_conf()")
    write_file(
        lab.settings.state / "env" / "standby.env",
        environment_text({"PGPASSWORD": read_secrets(lab.settings)["operator_password"]}),
    )
    receive = ("pg_receivewal", "--host=db", "--username=sre", "--directory=/tmp")
    run_beside(lab, "standby", f"{IMAGE_PREFIX}/db:15", "env/standby.env", *receive)
    wait_until("the standby to stream", lambda: sql(lab, "SELECT count(*) FROM pg_stat_replication") == "1", seconds=20)


def _exhaust(lab: Lab) -> None:
    _receive_wal(lab)
    hold(lab, "dump=1", "in_transaction=2", "fill=1")


def _exhaust_in_transactions(lab: Lab) -> None:
    _receive_wal(lab)
    sql(lab, "ALTER ROLE orders CONNECTION LIMIT 20")
    hold(lab, "dump=1", "in_transaction=17", "active=2")
    _repair_with(lab, f"ALTER ROLE orders CONNECTION LIMIT -1;{END_SESSIONS}")


def _exhaust_actively(lab: Lab) -> None:
    sql(lab, "ALTER ROLE orders CONNECTION LIMIT 10")
    hold(lab, "dump=1", "stubborn=9")
    _repair_with(lab, f"ALTER ROLE orders CONNECTION LIMIT -1;{END_SESSIONS}")


def sessions(condition: str, least: int):
    """Whether at least so many sessions of that kind are there."""

    def seen(lab: Lab) -> bool:
        return int(sql(lab, f"SELECT count(*) FROM pg_stat_activity WHERE {condition}")) >= least

    return seen


def _crash(lab: Lab) -> None:
    lab.docker.run("kill", lab.settings.container("db"))


def _hang(lab: Lab) -> None:
    database = lab.settings.container("db")
    lab.docker.execute(database, "sh", "-c", "kill -STOP -1", user="root")
    lab.docker.run("kill", "--signal", "STOP", database)


def _refuse_logins(lab: Lab) -> None:
    password = read_secrets(lab.settings)["database_password"]
    _repair_with(lab, f"ALTER ROLE orders PASSWORD '{password}';")
    sql(lab, "ALTER ROLE orders PASSWORD 'rotated-by-mistake'")


def _migrate_badly(lab: Lab) -> None:
    _repair_with(lab, "\\connect orders\nALTER TABLE IF EXISTS schema_version_3 RENAME TO schema_version;")
    sql(lab, "ALTER TABLE schema_version RENAME TO schema_version_3")


def _lose(lab: Lab) -> None:
    """Back the database up as `db_backup.yml` does, then drop it."""
    directory = lab.settings.state / BACKUPS
    directory.mkdir(mode=0o700, exist_ok=True)
    name = f"orders-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.dump"
    database = lab.settings.container("db")
    inside = f"/tmp/{name}"
    lab.docker.execute(database, "pg_dump", "--format=custom", f"--file={inside}", "orders")
    lab.docker.run("cp", f"{database}:{inside}", str(directory / name))
    lab.docker.execute(database, "rm", inside)
    digest = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    write_file(directory / f"{name}.sha256", f"{digest}  {name}\n")
    _repair_with(lab, "CREATE DATABASE orders OWNER orders;")
    lab.docker.execute(database, "psql", "--quiet", "--command=DROP DATABASE orders WITH (FORCE)", "postgres")


def _api_fails(lab: Lab) -> bool:
    return not lab.is_up() and lab.is_reported_unhealthy()


def _unwell(lab: Lab) -> bool:
    return _api_fails(lab) and lab.state("db").get("Health", {}).get("Status") == "unhealthy"


DATABASE = ("database",)
BOTH = ("api", "database")

FAULTS = (
    Fault(
        name="database-crashed",
        services=BOTH,
        summary="kills the database's server (SIGKILL)",
        cause="stopped",
        inject=_crash,
        symptom=lambda lab: _api_fails(lab) and lab.has_ended("db"),
    ),
    Fault(
        name="database-hung",
        services=BOTH,
        summary="freezes all processes of the database (SIGSTOP)",
        cause="hung",
        inject=_hang,
        symptom=_unwell,
    ),
    Fault(
        name="database-refuses-logins",
        services=BOTH,
        summary="changes the password of the API's user in the database",
        cause="refuses_logins",
        inject=_refuse_logins,
        symptom=_api_fails,
    ),
    Fault(
        name="database-migrated-badly",
        services=BOTH,
        summary="applies a migration that renames a table the API needs",
        cause="bad_migration",
        inject=_migrate_badly,
        symptom=_api_fails,
    ),
    Fault(
        name="database-lost",
        services=BOTH,
        summary="backs the database up, then drops it",
        cause="data_lost",
        inject=_lose,
        symptom=_api_fails,
    ),
    Fault(
        name="connections-exhausted",
        services=BOTH,
        summary="fills all slots of the database with idle sessions, while a standby and a dump are connected",
        cause="idle",
        inject=_exhaust,
        symptom=_api_fails,
    ),
    Fault(
        name="connections-left-in-transaction",
        services=BOTH,
        summary="leaves the API's user no connection, most of its sessions idle in a transaction",
        cause="idle_in_transaction",
        inject=_exhaust_in_transactions,
        symptom=_api_fails,
    ),
    Fault(
        name="connections-all-busy",
        services=BOTH,
        summary="leaves the API's user no connection, its sessions busy and run again when cancelled",
        cause="active",
        inject=_exhaust_actively,
        symptom=_api_fails,
    ),
    Fault(
        name="queries-blocked",
        services=DATABASE,
        summary="makes sessions wait for a lock, three levels deep, behind one that is idle in its transaction",
        cause="blocked",
        inject=lambda lab: hold(lab, "block=1"),
        symptom=sessions("wait_event_type = 'Lock' AND query_start < now() - interval '1.5 s'", 3),
    ),
    Fault(
        name="queries-stuck",
        services=DATABASE,
        summary="runs two statements without end",
        cause="stuck",
        inject=lambda lab: hold(lab, "active=2"),
        symptom=sessions(STUCK, 2),
    ),
    Fault(
        name="queries-run-again",
        services=DATABASE,
        summary="runs a statement without end, once more whenever it is cancelled",
        cause="stuck",
        inject=lambda lab: hold(lab, "stubborn=1"),
        symptom=sessions(STUCK, 1),
    ),
    Fault(
        name="queries-slow-again",
        services=DATABASE,
        summary="runs a statement of 1.5 s again and again, with pauses of 2 s",
        cause="slow",
        inject=lambda lab: hold(lab, "short=1"),
        symptom=sessions("query = 'SELECT pg_sleep(1.5)'", 1),
    ),
    Fault(
        name="queries-without-index",
        services=DATABASE,
        summary="reads a table again and again that has no index for it",
        cause="missing_index",
        inject=lambda lab: hold(lab, "scan=1"),
        symptom=sessions(
            "query LIKE '%FROM lab_items%' AND state = 'active' AND query_start < now() - interval '1.5 s'", 1
        ),
    ),
)
