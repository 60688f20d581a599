"""Getting Debian packages: installing some on this machine, or unpacking one without touching the machine's apt."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .shell import LabError, run

MIRROR = os.environ.get("LAB_DEBIAN_MIRROR", "http://deb.debian.org/debian")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def distribution() -> str:
    """``debian``, ``ubuntu`` or whatever /etc/os-release calls this machine ("" when it does not say)."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("ID", "").strip('"')


def can_install() -> bool:
    """Whether the lab may install packages: root on Debian or Ubuntu."""
    return os.geteuid() == 0 and distribution() in ("debian", "ubuntu")


def install(packages: Sequence[str]) -> None:
    """Install ``packages`` with the machine's own sources, without what they merely recommend."""
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-qq", "update"], env=environment)
    run(["apt-get", "-qq", "-y", "--no-install-recommends", "install", *packages], env=environment)


def unpack(package: str, suite: str, target: Path) -> None:
    """Download ``package`` of the Debian release ``suite`` and unpack it into ``target``.

    apt gets a configuration, package lists and cache of its own in a temporary directory: the machine's sources,
    lists and installed packages stay as they are, and the download is still verified against Debian's signing keys.
    """
    if not KEYRING.exists():
        raise LabError(f"{KEYRING} is missing; install the package debian-archive-keyring")
    with tempfile.TemporaryDirectory(prefix="sre-lab-apt-") as name:
        root = Path(name)
        for directory in ("lists/partial", "cache/archives/partial", "parts", "download"):
            (root / directory).mkdir(parents=True)
        (root / "status").touch()
        (root / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n", encoding="utf-8")
        options = {
            "Dir::Etc::SourceList": root / "sources.list",
            "Dir::Etc::SourceParts": root / "parts",
            "Dir::State::Lists": root / "lists",
            "Dir::State::status": root / "status",
            "Dir::Cache": root / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
        }
        configuration = root / "apt.conf"
        configuration.write_text("".join(f'{key} "{value}";\n' for key, value in options.items()), encoding="utf-8")
        environment = {"APT_CONFIG": str(configuration)}
        run(["apt-get", "-qq", "update"], env=environment)
        run(
            ["sh", "-c", 'cd "$1" && apt-get -qq download "$2"', "sh", str(root / "download"), package], env=environment
        )
        (archive,) = (root / "download").glob("*.deb")
        run(["dpkg-deb", "-x", str(archive), str(target)])
