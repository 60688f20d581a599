"""The Docker Engine the lab runs on: the one that is there, or one the lab installs, starts and later stops again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from . import debian_packages
from .docker import Docker
from .processes import Identity, identify, is_running, terminate
from .settings import Settings
from .shell import LabError, run, say, wait_until

DEFAULT_HOST = "unix:///var/run/docker.sock"
PID_FILE = Path("/var/run/docker.pid")
SECONDS_TO_START = 60


def engine_address() -> str:
    """Address of the engine the docker command line would use (DOCKER_HOST, else its current context)."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    if shutil.which("docker"):
        context = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], check=False)
        return context.stdout.strip() or DEFAULT_HOST
    return DEFAULT_HOST


def socket_path(host: str) -> Path:
    """Path of the engine's socket; `LabError` for an engine reached in any other way."""
    if not host.startswith("unix://"):
        raise LabError(
            f"the engine at {host} is not reached by a local socket; unset DOCKER_HOST to use one on this machine"
        )
    return Path(host.removeprefix("unix://"))


def complaint(docker: Docker) -> str | None:
    """What stands in the way of using the engine; None when it answers."""
    if not shutil.which("docker"):
        return "docker is not installed"
    answer = docker.run("version", "--format", "{{.Server.Version}}", check=False, timeout=20)
    return None if answer.returncode == 0 else (answer.stderr.strip().splitlines() or ["no answer"])[-1]


def ensure_engine(settings: Settings) -> Docker:
    """Return a working engine: the running one, else one installed and started here (root on Debian or Ubuntu)."""
    docker = Docker(engine_address())
    socket_path(docker.host)
    problem = complaint(docker)
    if problem is None:
        return docker
    if os.environ.get("DOCKER_HOST"):
        raise LabError(f"the engine named by DOCKER_HOST does not answer: {problem}")
    if os.geteuid() != 0:
        raise LabError(
            f"no usable Docker Engine ({problem}); start it, join the group docker, or run this as root on Debian or Ubuntu"
        )
    if not shutil.which("dockerd") or not shutil.which("docker"):
        if not debian_packages.can_install():
            raise LabError(
                f"no Docker Engine ({problem}), and the lab installs one only on Debian and Ubuntu: install Docker Engine 20.10 or newer"
            )
        say("installing the Docker Engine (docker.io)")
        debian_packages.install(["docker.io", "iptables", *([] if _systemd_runs() else ["cgroupfs-mount"])])
    docker = Docker(engine_address())
    _start(docker, settings)
    return docker


def _systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir()


def _record(settings: Settings) -> Path:
    return settings.state / "engine.json"


def _start(docker: Docker, settings: Settings) -> None:
    """Start the engine and write down that the lab did, so that `stop_engine` stops exactly this one."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = settings.state / "dockerd.log"
    if _systemd_runs():
        say("starting the Docker Engine with systemd")
        run(["systemctl", "start", "docker"])
    elif identify(_pid_in_file()) is None:  # the package's own init script may have started it just now
        say("starting dockerd")
        if not os.path.ismount("/sys/fs/cgroup") and shutil.which("cgroupfs-mount"):
            run(["cgroupfs-mount"])
        log.touch(mode=0o600)
        with open(log, "ab") as output:
            subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
    try:
        wait_until("the Docker Engine to answer", lambda: complaint(docker) is None, seconds=SECONDS_TO_START)
    except LabError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
        raise LabError(f"{error}\n{tail}".rstrip()) from error
    identity = identify(_pid_in_file())
    if identity:
        _record(settings).touch(mode=0o600)
        _record(settings).write_text(json.dumps({"systemd": _systemd_runs(), "process": identity}), encoding="utf-8")


def _pid_in_file() -> int:
    """The pid dockerd wrote down, 0 when there is none (no process ever has this number)."""
    try:
        return int(PID_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def stop_engine(docker: Docker, settings: Settings) -> bool:
    """Stop the engine if this lab started it and nothing runs on it any more; False when it has to stay."""
    try:
        record = json.loads(_record(settings).read_text(encoding="utf-8"))
    except OSError:
        return True
    process: Identity = record["process"]
    if is_running(process):
        others = docker.lines("ps", "--format", "{{.Names}}")
        if others:
            say(f"the Docker Engine stays: still used by {', '.join(others)}")
            return False
        say("stopping the Docker Engine this lab started")
        if record["systemd"]:
            run(["systemctl", "stop", "docker.socket", "docker.service"])
        else:
            terminate(process, seconds=30)
    _record(settings).unlink()
    return True


def link_socket(docker: Docker, settings: Settings) -> None:
    """Make the symbolic link through which the inventory reaches the engine."""
    directory = settings.socket_directory
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise LabError(f"{directory} belongs to somebody else; choose another LAB_PROJECT")
    target = socket_path(docker.host)
    if settings.socket.is_symlink() and settings.socket.readlink() == target:
        return
    settings.socket.unlink(missing_ok=True)
    settings.socket.symlink_to(target)


def unlink_socket(settings: Settings) -> None:
    settings.socket.unlink(missing_ok=True)
    if settings.socket_directory.is_dir() and not any(settings.socket_directory.iterdir()):
        settings.socket_directory.rmdir()
