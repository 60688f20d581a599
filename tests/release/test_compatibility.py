"""The oldest and the newest supported ansible-core, on the oldest and the newest Python found here, do the same.

Each gets an environment under .cache/compatibility, made once. The newest ansible-core needs a newer Python than the
oldest; where this machine has none, only the oldest is tried, and the list of tests shows it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ((3, 11), (3, 12), (3, 13))


@dataclass(frozen=True)
class Release:
    """One release of ansible-core, the PyPI package `ansible` that brings it, and the Pythons it runs on."""

    core: str
    ansible: str
    pythons: tuple[tuple[int, int], ...]


OLDEST = Release("2.18.19", "11.13.0", PYTHONS)
NEWEST = Release("2.21.5", "14.5.0", PYTHONS[1:])
TEST_TOOLS = ("boto3", "hypothesis", "psycopg2-binary", "pytest", "pytest-xdist", "requests")


def interpreters() -> dict[tuple[int, int], str]:
    """Return the Pythons of this machine by version: those on PATH that start, and pyenv's."""
    found = {}
    for version in PYTHONS:
        name = f"python{version[0]}.{version[1]}"
        candidates = [name, *sorted(str(path) for path in Path.home().glob(f".pyenv/versions/*/bin/{name}"))]
        for candidate in candidates:
            try:
                subprocess.run([candidate, "-c", "import ensurepip, venv"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                continue
            found[version] = candidate
            break
    return found


def combinations() -> list[Any]:
    """Return what can be tried here: the oldest on the oldest Python, the newest on the newest."""
    found = interpreters()
    chosen = []
    for release, choose in ((OLDEST, min), (NEWEST, max)):
        versions = [version for version in found if version in release.pythons]
        if versions:
            version = choose(versions)
            name = f"core {release.core}, python {version[0]}.{version[1]}"
            chosen.append(pytest.param((release, found[version]), id=name))
    return chosen


@pytest.fixture(scope="module")
def environment(request: pytest.FixtureRequest) -> Path:
    """Make the environment of one combination, unless it is there."""
    release, python = request.param
    version = subprocess.run([python, "-VV"], check=True, capture_output=True, text=True).stdout
    path = ROOT / ".cache/compatibility" / release.core
    stamp = path / ".installed"
    wanted = f"{release} {version} {TEST_TOOLS}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        subprocess.run([python, "-m", "venv", "--clear", path], check=True)
        packages = [f"ansible=={release.ansible}", f"ansible-core=={release.core}", *TEST_TOOLS]
        subprocess.run([path / "bin/pip", "install", "-qq", "--no-compile", *packages], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return path


each_release = pytest.mark.parametrize("environment", combinations(), indirect=True)


@each_release
def test_the_decisions_are_the_same(environment: Path) -> None:
    done = subprocess.run(
        [environment / "bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/plugins"],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@each_release
def test_a_stopped_api_is_healed(environment: Path, heal: Any, stopped_api: None) -> None:
    healed = heal(program=str(environment / "bin/ansible-playbook"))
    assert (healed.code, healed.result["verdict"]) == (0, "recovered"), healed.output
    assert "DEPRECATION" not in healed.output
