"""Compose v2 as a plugin of the Docker command line, which `community.docker.docker_compose_v2` needs too."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from . import debian_packages
from .shell import LabError, run, say

OLDEST = (2, 18)
"""First version community.docker supports."""

SUITE = "trixie"
"""Debian release whose package docker-compose is a compose v2 plugin (2.26.1) that runs on older releases as well."""

ADVICE = f"install Docker Compose {OLDEST[0]}.{OLDEST[1]} or newer as a CLI plugin (package docker-compose-plugin or docker-compose-v2)"


def installed_version() -> tuple[int, ...] | None:
    """Version of ``docker compose``, or None when there is no such plugin."""
    found = re.search(r"(\d+)\.(\d+)", run(["docker", "compose", "version", "--short"], check=False).stdout)
    return (int(found[1]), int(found[2])) if found else None


def plugin_directory() -> Path:
    """Where the docker command line looks for plugins: for all users when root, else for this user."""
    if os.geteuid() == 0:
        return Path("/usr/local/lib/docker/cli-plugins")
    return Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "cli-plugins"


def ensure_compose() -> None:
    """Make ``docker compose`` work, or say what to install."""
    version = installed_version()
    if version and version >= OLDEST:
        return
    if version:
        raise LabError(f"docker compose {'.'.join(map(str, version))} is too old: {ADVICE}")
    if not debian_packages.can_install():
        raise LabError(f"docker compose is missing: {ADVICE}, or run this as root on Debian or Ubuntu")
    if debian_packages.distribution() == "ubuntu":
        say("installing docker-compose-v2")
        debian_packages.install(["docker-compose-v2"])
    else:
        target = plugin_directory() / "docker-compose"
        say(f"fetching docker-compose of Debian {SUITE} into {target}")
        with tempfile.TemporaryDirectory(prefix="sre-lab-compose-") as unpacked:
            debian_packages.unpack("docker-compose", SUITE, Path(unpacked))
            target.parent.mkdir(parents=True, exist_ok=True)
            # Copied beside the target and renamed: a second lab starting at the same time sees all of it or nothing.
            partial = target.with_name(f".docker-compose-{os.getpid()}")
            shutil.copy2(Path(unpacked) / "usr/libexec/docker/cli-plugins/docker-compose", partial)
            partial.replace(target)
    version = installed_version()
    if not version or version < OLDEST:
        raise LabError(f"docker compose still does not work: {ADVICE}")
