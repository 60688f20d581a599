"""What the lab looks like from outside Ansible: its containers, what the engine did to them, what users get."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tests/lab"
PROJECT = os.environ.get("LAB_PROJECT", "sre-lab")
PORT_BASE = int(os.environ.get("LAB_PORT_BASE", "18000"))
OWN = f"label=com.sre-remediation.lab={PROJECT}"
CHANGING = {
    "create",
    "destroy",
    "die",
    "kill",
    "pause",
    "restart",
    "start",
    "stop",
    "unpause",
    "update",
    "rename",
    "connect",
    "disconnect",
}
"""Events of the engine that mean a change; health checks make exec and health_status events all the time."""


@dataclass(frozen=True)
class Container:
    """The identity and the run of one container: two equal ones are the same container, not restarted."""

    id: str
    image: str
    started_at: str
    status: str


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def containers() -> dict[str, Container]:
    """All containers of the lab by name."""
    names = docker("ps", "-aq", "--filter", OWN).split()
    found = json.loads(docker("inspect", *names)) if names else []
    return {
        item["Name"].lstrip("/"): Container(
            item["Id"], item["Image"], item["State"]["StartedAt"], item["State"]["Status"]
        )
        for item in found
    }


def environment(service: str) -> dict[str, str]:
    """The environment of a service's container."""
    [found] = json.loads(docker("inspect", f"{PROJECT}-{service}-1"))
    return dict(item.split("=", 1) for item in found["Config"]["Env"])


def changed(before: dict[str, Container], after: dict[str, Container]) -> set[str]:
    """Compose service names (or container names) of what was made, removed, restarted or stopped in between."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name.removeprefix(f"{PROJECT}-").removesuffix("-1") for name in names}


class Watch:
    """Listens to the engine's events of the lab's containers (asked afterwards, it remembers only the newest 256 of all)."""

    def __enter__(self) -> Watch:
        self._file = tempfile.TemporaryFile()
        filters = [item for action in sorted(CHANGING) for item in ("--filter", f"event={action}")]
        now = f"{time.time():.6f}"
        command = ["docker", "events", "--since", now, "--filter", OWN, *filters, "--format", "{{json .}}"]
        self._process = subprocess.Popen(command, stdout=self._file)
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._file.close()

    def changes(self) -> list[str]:
        """What changed so far."""
        time.sleep(0.5)  # The engine tells an event a moment after the change.
        assert self._process.poll() is None, "docker events ended"
        self._file.seek(0)
        seen = [json.loads(line) for line in self._file.read().decode().splitlines()]
        return [f"{item['Type']} {item['Action']} {item['Actor']['Attributes'].get('name')}" for item in seen]


def lab(*command: str, **environment: str) -> str:
    """Run one of the lab's commands (up, down, break)."""
    done = subprocess.run(
        [str(LAB / command[0]), *command[1:]],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def reset() -> None:
    lab("up", "--reset")


def break_it(fault: str) -> None:
    lab("break", fault)


def answers(path: str = "/api/health", port: int = 80) -> bool:
    """Whether users are served (through the proxy unless another port is given)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT_BASE + port}{path}", timeout=3) as reply:
            return reply.status == 200
    except OSError:
        return False


def served_version(port: int = 1) -> str:
    """The version of the API that answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT_BASE + port}/api/version", timeout=3) as reply:
        return json.load(reply)["version"]
