"""The lab's services as a whole: bring them to the healthy state from wherever they are, and remove them."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from . import health, legacy_process, state_files
from .docker import Docker
from .images import BAD_RELEASES, GOOD_RELEASES
from .processes import terminate
from .settings import IMAGE_PREFIX, LABEL, Settings
from .shell import LabError, wait_until

SERVICES = ("api", "db", "cache", "proxy", "frontend", "worker", legacy_process.SERVICE)
FAULT_LABEL = f"{LABEL}.fault"
"""Label of containers that belong to a fault and not to the deployment."""

FAULT_PROCESSES = "fault-processes.json"
"""File in the state directory with the identities of the processes faults started on this machine."""

REPAIR = "repair.sql"
"""File in the state directory with the SQL that puts back what a fault did to the database."""

REPAIR_FILES = "repair.sh"
"""File in the state directory with the script that puts back what a fault did to the files of the database's volume."""

BACKUPS = "backups"
"""Directory of the database's dumps in the state directory."""

OPERATOR = """
DO $do$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sre') THEN
        EXECUTE $$CREATE ROLE sre LOGIN SUPERUSER PASSWORD '{password}'$$;
    END IF;
END $do$;
"""
"""Who may use the slots that are reserved for superusers, which before PostgreSQL 16 only a superuser may."""

LOGGED_ERROR = "[ERROR]"
"""What a line of the API's log has that tells of an error."""

SECONDS_TO_HEALTHY = 60
DATA_DIRECTORY = "/data"
SCHEMA = 2
"""Version of the database schema the current release of the API needs."""


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """One command at a time on one lab."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(settings.state / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compose(docker: Docker, settings: Settings, *arguments: str, check: bool = True) -> str:
    """Run docker compose on the lab's deployment; return what it wrote to stderr, which is where it reports."""
    directory = str(settings.state)
    command = [
        "compose",
        "--project-directory",
        directory,
        "--file",
        f"{directory}/compose.yaml",
        "--project-name",
        settings.project,
    ]
    return docker.run(*command, *arguments, check=check).stderr


def bring_up(docker: Docker, settings: Settings) -> None:
    """Make the lab healthy: undo whatever a fault or a remedy left, start what is missing, wait until all of it works.

    What works is left alone, so a warm call takes about as long as one `docker compose up`.
    """
    claim(docker, settings)
    state_files.write_deployment(settings)
    _publish(docker, settings)
    _remove_faults(docker, settings)
    _remove_broken(docker, settings)
    _prepare_database(docker, settings)
    compose(docker, settings, "up", "--detach", "--quiet-pull")
    _start_legacy_process(docker, settings)
    wait_until("the API to be healthy", lambda: _api_works(docker, settings), seconds=SECONDS_TO_HEALTHY)
    if not health.is_ok(settings.url("proxy", "/api/health")):
        # Invalid configuration, a lost network or a stale address: a new proxy has none of them.
        docker.run("rm", "--force", settings.container("proxy"))
        compose(docker, settings, "up", "--detach", "--quiet-pull")
    wait_until(
        "all services to be healthy",
        lambda: not unhealthy_services(docker, settings),
        seconds=SECONDS_TO_HEALTHY,
        pause=0.2,
    )
    if _would_move(docker, settings):
        docker.run("rm", "--force", settings.container("api"))
        bring_up(docker, settings)


def _would_move(docker: Docker, settings: Settings) -> bool:
    """Whether an address below the API's is free: the engine would give it that one at its next start, and the proxy,
    which asks for the name once, would lose it. A fault that moved the API leaves this behind."""
    listed = docker.lines("ps", "--quiet", "--filter", f"label={LABEL}={settings.project}")
    networks = [
        network
        for container in docker.inspect(*listed)
        for name, network in container["NetworkSettings"]["Networks"].items()
        if name == f"{settings.project}_default"
    ]
    used = {int(ip_address(network[key])) for network in networks for key in ("IPAddress", "Gateway") if network[key]}
    api = docker.inspect(settings.container("api"))[0]["NetworkSettings"]["Networks"][f"{settings.project}_default"]
    return len([address for address in used if address < int(ip_address(api["IPAddress"]))]) < (
        int(ip_address(api["IPAddress"])) - int(ip_address(api["Gateway"]))
    )


def claim(docker: Docker, settings: Settings) -> None:
    """Refuse a project that another checkout runs; clear away one whose files, and so whose passwords, are lost."""
    directory = '{{.Label "com.docker.compose.project.working_dir"}}'
    listed = docker.lines("ps", "--all", "--filter", f"label={LABEL}={settings.project}", "--format", directory)
    others = sorted({path for path in listed if path and path != str(settings.state)})
    for path in others:
        if state_files.has_secrets(Path(path)):
            raise LabError(
                f"the lab {settings.project} belongs to {path}: take it down from there,"
                " or set LAB_PROJECT and LAB_PORT_BASE to start another beside it"
            )
    if others or not state_files.has_secrets(settings.state):
        take_down(docker, settings)


def _remove_faults(docker: Docker, settings: Settings) -> None:
    """Remove what faults put beside the deployment: processes, containers, bad releases, files that fill the disk."""
    _terminate_recorded(settings)
    extra = docker.lines(
        "ps", "--all", "--quiet", "--filter", f"label={LABEL}={settings.project}", "--filter", f"label={FAULT_LABEL}"
    )
    if extra:
        docker.run("rm", "--force", "--volumes", *extra)
    bad = _published(docker, settings) & {f"{settings.releases}:{release.tag}" for release in BAD_RELEASES}
    if bad:
        # Containers of such a release go first, for they would keep its name.
        labels = (f"com.docker.compose.project={settings.project}", "com.docker.compose.service=api")
        users = docker.lines("ps", "--all", "--quiet", *(f"--filter=label={label}" for label in labels))
        if users:
            docker.run("rm", "--force", *users)
        docker.run("rmi", *sorted(bad), check=False)
    worker = docker.inspect(settings.container("worker"))
    if worker and worker[0]["State"]["Running"]:
        docker.execute(settings.container("worker"), "find", DATA_DIRECTORY, "-mindepth", "1", "-delete", user="root")


def _published(docker: Docker, settings: Settings) -> set[str]:
    """The names of this lab's releases on the engine."""
    return set(docker.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", settings.releases))


def _publish(docker: Docker, settings: Settings) -> None:
    """Give the good releases, as they are built now, their names in this lab's own repository."""
    for release in GOOD_RELEASES:
        docker.run("tag", release.reference, f"{settings.releases}:{release.tag}")


def _terminate_recorded(settings: Settings) -> None:
    """End the processes faults started on this machine."""
    record = settings.state / FAULT_PROCESSES
    if record.exists():
        for identity in json.loads(record.read_text(encoding="utf-8")):
            terminate(identity, seconds=5)
        record.unlink()


def _remove_broken(docker: Docker, settings: Settings) -> None:
    """Remove the containers that do not work, or whose log tells of a fault that is over: compose then makes them anew,
    without a trace of what was done to them."""
    broken = {*unhealthy_services(docker, settings, through_proxy=False), *_with_errors_in_the_log(docker, settings)}
    present = {str(c["Name"]).lstrip("/") for c in docker.inspect(*(settings.container(s) for s in broken))}
    if present:
        docker.run("rm", "--force", *sorted(present))


def _with_errors_in_the_log(docker: Docker, settings: Settings) -> list[str]:
    """Which of the two ways the API runs wrote errors: the next diagnosis would read them."""
    log = docker.run("logs", settings.container("api"), check=False)
    found = ["api"] if LOGGED_ERROR in log.stdout + log.stderr else []
    search = ("grep", "--quiet", "--fixed-strings", LOGGED_ERROR, legacy_process.LOG_FILE)
    legacy = docker.execute(settings.container(legacy_process.SERVICE), *search, check=False)
    return [*found, *([legacy_process.SERVICE] if legacy.returncode == 0 else [])]


def _prepare_database(docker: Docker, settings: Settings) -> None:
    """Have the database ready, with the current schema, before the API starts: a healthy lab has no errors in its log."""
    database = settings.container("db")
    _repair_files(docker, settings)
    if not _runs(next(iter(docker.inspect(database)), None)):
        compose(docker, settings, "up", "--detach", "--quiet-pull", "db")
        ready = ("pg_isready", "--quiet", "--host=127.0.0.1", "--dbname=orders")
        wait_until(
            "the database to be ready",
            lambda: docker.execute(database, *ready, check=False).returncode == 0,
            seconds=SECONDS_TO_HEALTHY,
        )
    repair = settings.state / REPAIR
    statements = OPERATOR.format(password=state_files.read_secrets(settings)["operator_password"])
    statements += repair.read_text(encoding="utf-8") if repair.exists() else ""
    statements += "\n\\connect orders\nSELECT 'schema', max(version) FROM schema_version;\n"
    said = docker.execute(database, "psql", "--no-align", "--tuples-only", "postgres", stdin=statements, check=False)
    repair.unlink(missing_ok=True)
    if f"schema|{SCHEMA}" not in said.stdout.splitlines():
        compose(docker, settings, "run", "--rm", "--no-deps", "api", "python3", "-m", "app.migrate")


def _repair_files(docker: Docker, settings: Settings) -> None:
    """Put back what a fault did to the database's files, while no server uses them."""
    repair = settings.state / REPAIR_FILES
    if repair.exists():
        docker.run("rm", "--force", settings.container("db"), check=False)
        on_the_volume(docker, settings, repair.read_text(encoding="utf-8"))
        repair.unlink()


def on_the_volume(docker: Docker, settings: Settings, script: str) -> None:
    """Run a script of the shell on the database's files, as the server's user. The server must not run."""
    label = f"--label={LABEL}={settings.project}"
    volume = f"--volume={settings.project}_database:/var/lib/postgresql/data"
    docker.run("run", "--rm", "--network=none", label, volume, f"{IMAGE_PREFIX}/db:15", "sh", "-ec", script)


def _start_legacy_process(docker: Docker, settings: Settings) -> None:
    """Start the API on the legacy host if it was never started there (its container is new)."""
    container = settings.container(legacy_process.SERVICE)
    if docker.execute(container, "test", "-e", legacy_process.ENV_FILE, check=False).returncode != 0:
        legacy_process.write_environment(docker, settings, legacy_process.environment(settings))
        legacy_process.start(docker, settings)


def _api_works(docker: Docker, settings: Settings) -> bool:
    """Whether the API is healthy; one that has ended will never be, so its last words are raised at once."""
    url = settings.url("api", "/api/health")
    if health.is_ok(url):
        return True
    container = docker.inspect(settings.container("api"))
    if container and container[0]["State"]["Status"] == "exited":
        log = docker.run("logs", "--tail", "5", settings.container("api"), check=False)
        raise LabError(f"the API does not start:\n{(log.stdout + log.stderr).strip()}")
    return False


def unhealthy_services(docker: Docker, settings: Settings, *, through_proxy: bool = True) -> list[str]:
    """Services that do not run, are not reported healthy, or do not answer their users.

    Without ``through_proxy`` the proxy is not blamed for what lies behind it.
    """
    containers = {str(c["Name"]).lstrip("/"): c for c in docker.inspect(*(settings.container(s) for s in SERVICES))}
    urls = {
        "api": settings.url("api", "/api/health"),
        "proxy": settings.url("proxy", "/api/health" if through_proxy else "/proxy-health"),
        "frontend": settings.url("frontend", "/"),
        legacy_process.SERVICE: settings.url("api_process", "/api/health"),
    }
    return [
        s
        for s in SERVICES
        if not _runs(containers.get(settings.container(s))) or (s in urls and not health.is_ok(urls[s]))
    ]


def _runs(container: dict[str, Any] | None) -> bool:
    """Whether a container runs and its own health check, where it has one, passes."""
    if container is None or container["State"]["Status"] != "running":
        return False
    return bool(container["State"].get("Health", {}).get("Status", "healthy") == "healthy")


def take_down(docker: Docker, settings: Settings) -> None:
    """Remove every container, network and volume of this lab; they are found by label, so nothing else is touched."""
    _terminate_recorded(settings)
    selection = ("--quiet", "--filter", f"label={LABEL}={settings.project}")
    for kind, listing in (("container", "ps --all"), ("network", "network ls"), ("volume", "volume ls")):
        found = docker.lines(*listing.split(), *selection)
        if found:
            docker.run(kind, "rm", *(["--force", "--volumes"] if kind == "container" else []), *found)
    releases = _published(docker, settings)
    if releases:
        docker.run("rmi", *sorted(releases))
