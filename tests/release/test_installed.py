"""The tarball, installed into an empty collections path and used from elsewhere, does what the checkout does."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tarball() -> Path:
    """Build the collection."""
    done = subprocess.run(["make", "--silent", "build"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return ROOT / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it where no other collection is; those it needs come with the PyPI package `ansible`."""
    path = tmp_path_factory.mktemp("collections")
    command = ["ansible-galaxy", "collection", "install", "--no-deps", "--offline", "-p", str(path), str(tarball)]
    subprocess.run(command, cwd=path, check=True, capture_output=True)
    return path


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """Return what two runs of one plan have in common."""
    names = ("service", "scenario", "verdict", "cause", "plan_hash", "summary")
    return {name: result[name] for name in names} | {"remedies": [remedy["name"] for remedy in result["remedies"]]}


def test_the_tarball_holds_what_users_run_and_nothing_of_the_checkout(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = set(archive.getnames())
    assert {"LICENSE", "meta/runtime.yml", "playbooks/api_down.yml", "roles/api_down/tasks/main.yml"} <= names
    strange = {
        name for name in names if name.split("/")[0] in {".venv", ".cache", ".lab", ".git", "build", "collections"}
    }
    assert not strange


def test_it_plans_and_heals_like_the_checkout(heal: Any, stopped_api: None, installed: Path, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    elsewhere = {
        "playbook": "sre.remediation.api_down",
        "cwd": tmp_path,
        "environment": {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(installed)},
    }
    planned_here = heal("--check")
    planned_there = heal("--check", **elsewhere)
    assert planned_here.result["verdict"] == "planned", planned_here.output
    assert comparable(planned_there.result) == comparable(planned_here.result), planned_there.output

    healed = heal(**elsewhere)
    assert (healed.code, healed.result["verdict"]) == (0, "recovered"), healed.output
    assert healed.result["plan_hash"] == planned_here.result["plan_hash"]
