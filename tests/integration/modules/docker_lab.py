"""Small images and containers of their own for the integration tests of the modules for Docker, on the engine that
DOCKER_HOST names.

The images are made from the shell and a few tools of this machine (no registry is asked), so they weigh a few megabytes
and each is made within a second. Everything carries the prefix of its test session and is removed with it.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOOLS = ("sh", "sleep", "cat", "env", "touch", "rm", "head", "tail")


def docker(*args: str, check: bool = True, stdin: bytes | None = None) -> str:
    """Run the docker client and return what it printed."""
    done = subprocess.run(["docker", *args], input=stdin, capture_output=True, timeout=60, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout.decode().strip()


def root_file_system() -> bytes:
    """Return a tar of a root directory with a shell, a few tools, and the libraries they load."""
    files: set[str] = set()
    links: dict[str, str] = {}
    for tool in TOOLS:
        path = shutil.which(tool, path="/bin:/usr/bin")
        if path is None:
            raise AssertionError(f"this machine has no {tool}, which the test image needs")
        real = os.path.realpath(path)
        files.add(real)
        links[f"bin/{tool}"] = real
        listed = subprocess.run(["ldd", real], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            files.add(os.path.realpath(library))
            links[library.lstrip("/")] = os.path.realpath(library)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in ("proc", "sys", "dev", "tmp", "etc"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path in sorted(files):
            archive.add(path, f"opt/root{path}")
        for name, target in sorted(links.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"/opt/root{target}"
            archive.addfile(entry)
    return buffer.getvalue()


class DockerLab:
    """Makes images and containers whose names begin with ``prefix``, and removes them."""

    def __init__(self) -> None:
        self.prefix = f"dockdev-{secrets.token_hex(3)}"
        self._root = root_file_system()
        self._made = 0
        self._next_second = 0.0

    def name(self, what: str = "c") -> str:
        """Return a fresh name."""
        self._made += 1
        return f"{self.prefix}-{what}-{self._made}"

    def image(self, tag: str, *changes: str) -> str:
        """Make the image ``tag`` from Dockerfile instructions (``ENV A=1``); return its id. Images made later are newer
        by a second."""
        left = self._next_second - time.time()
        if left > 0:
            time.sleep(left)
        self._next_second = time.time() + 1
        options = [
            part for change in (*changes, f"LABEL sre.test={self.name('image')}") for part in ("--change", change)
        ]
        return docker("import", *options, "-", tag, stdin=self._root)

    def run(self, image: str, *command: str, options: tuple[str, ...] = (), name: str | None = None) -> str:
        """Start a container and return its name."""
        name = name or self.name()
        docker(
            "run",
            "--detach",
            "--stop-timeout",
            "1",
            "--name",
            name,
            "--label",
            f"sre.test={self.prefix}",
            *options,
            image,
            *command,
        )
        return name

    def until(self, name: str, wanted: Callable[[dict[str, Any]], bool], seconds: float = 15) -> dict[str, Any]:
        """Wait until what the engine says of a container is as wanted, and return it."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.inspect(name)
            if wanted(found):
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} did not become as wanted: {found['State']}")
            time.sleep(0.05)

    def until_logged(self, name: str, text: str, seconds: float = 15) -> None:
        """Wait until a container has written ``text``."""
        deadline = time.monotonic() + seconds
        while text not in docker("logs", name):
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} did not write {text!r}")
            time.sleep(0.05)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the engine says of a container."""
        return json.loads(docker("inspect", "--type", "container", name))[0]

    def names(self) -> list[str]:
        """Return the names of all containers of this lab."""
        return sorted(docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={self.prefix}").split())

    def clear(self) -> None:
        """Remove all containers, networks and volumes of this lab."""
        volumes: set[str] = set()
        for name in self.names():
            volumes.update(mount["Name"] for mount in self.inspect(name)["Mounts"] if mount["Type"] == "volume")
            docker("rm", "--force", "--volumes", name, check=False)
        for volume in volumes:
            docker("volume", "rm", volume, check=False)
        for kind in ("network", "volume"):
            for name in docker(kind, "ls", "--quiet", "--filter", f"name={self.prefix}").split():
                docker(kind, "rm", name, check=False)

    def close(self) -> None:
        """Remove everything of this lab, the images too."""
        self.clear()
        for image in set(docker("images", "--quiet", "--no-trunc", "--filter", f"reference={self.prefix}*").split()):
            docker("rmi", "--force", image, check=False)


def compose_labels(project: str, service: str, number: int = 1) -> tuple[str, ...]:
    """Return the options that make a container look like one of Compose."""
    labels = {
        "project": project,
        "service": service,
        "container-number": str(number),
        "oneoff": "False",
        "config-hash": "0" * 64,
    }
    return tuple(part for key, value in labels.items() for part in ("--label", f"com.docker.compose.{key}={value}"))


REPOSITORY = Path(__file__).resolve().parents[3]


def run_module(
    module: str, arguments: dict[str, Any], *flags: str, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run a module of this collection as ``ansible`` does and return its result, with all that was printed as
    ``output_of_ansible``."""
    ansible = str(Path(sys.executable).with_name("ansible"))
    command = [
        ansible,
        "localhost",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
    ]
    done = subprocess.run(
        [*command, "-m", f"sre.remediation.{module}", *(("-a", json.dumps(arguments)) if arguments else ()), *flags],
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    header = re.search(r"^localhost \| .*=> \{", done.stdout, re.MULTILINE)
    if header is None:
        raise AssertionError(f"no result: {done.stdout}{done.stderr}")
    result, _end = json.JSONDecoder().raw_decode(done.stdout[header.end() - 1 :])
    return {**result, "failed": "FAILED!" in header.group(), "output_of_ansible": done.stdout + done.stderr}
