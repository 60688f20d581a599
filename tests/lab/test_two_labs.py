"""Two labs side by side: both answer, breaking and removing one does not touch the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

LAB = Path(__file__).resolve().parent
ONE = {"LAB_PROJECT": "sre-lab-pair-a", "LAB_PORT_BASE": "19000"}
TWO = {"LAB_PROJECT": "sre-lab-pair-b", "LAB_PORT_BASE": "19200"}

pytestmark = pytest.mark.lab


def lab(variables: dict[str, str], command: str, *arguments: str) -> str:
    done = run(variables, command, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def run(variables: dict[str, str], command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "LAB_STATE"} | variables
    return subprocess.run([LAB / command, *arguments], env=environment, capture_output=True, text=True, check=False)


def answers(variables: dict[str, str]) -> bool:
    """Whether the API of a lab is healthy for its users."""
    try:
        with urlopen(f"http://127.0.0.1:{int(variables['LAB_PORT_BASE']) + 80}/api/health", timeout=5) as answer:
            return json.load(answer)["status"] == "ok"
    except (URLError, ConnectionError, TimeoutError):
        return False


def leftovers(project: str) -> list[str]:
    """Containers, networks and volumes that carry a lab's label."""
    found = []
    for listing in ("container ls --all", "network ls", "volume ls"):
        command = ["docker", *listing.split(), "--quiet", "--filter", f"label=com.sre-remediation.lab={project}"]
        found += subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return found


def releases(project: str) -> set[str]:
    """The releases of the API a lab's services could be rolled back to."""
    command = ["docker", "image", "ls", "--format", "{{.Tag}}", f"sre-remediation-lab/{project}/api"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.fixture(scope="module")
def pair() -> Iterator[None]:
    try:
        lab(ONE, "up")
        lab(TWO, "up")
        yield
    finally:
        lab(TWO, "down")
        lab(ONE, "down")


def test_no_secret_is_printed_or_readable_by_others(pair: None) -> None:
    state = LAB.parent.parent / ".lab" / ONE["LAB_PROJECT"]
    secrets = json.loads((state / "secrets.json").read_text(encoding="utf-8")).values()
    output = lab(ONE, "break", "missing-env") + lab(ONE, "up")
    assert answers(ONE)
    assert [secret for secret in secrets if secret in output] == []
    assert state.stat().st_mode & 0o077 == 0
    assert [
        path.name for path in state.rglob("*") if path.is_file() and path.name != "lock" and path.stat().st_mode & 0o077
    ] == []


def test_another_checkout_cannot_take_a_lab_over(pair: None, tmp_path: Path) -> None:
    elsewhere = {**ONE, "LAB_STATE": str(tmp_path / "state")}
    for command in ("up", "down"):
        done = run(elsewhere, command)
        assert done.returncode == 1
        assert f"belongs to {LAB.parent.parent / '.lab' / ONE['LAB_PROJECT']}" in done.stderr
    assert answers(ONE)


def test_a_lab_whose_files_are_lost_is_made_anew(pair: None) -> None:
    (LAB.parent.parent / ".lab" / ONE["LAB_PROJECT"] / "secrets.json").unlink()
    lab(ONE, "up")
    assert answers(ONE)


def test_one_lab_does_not_notice_the_other(pair: None) -> None:
    assert answers(ONE)
    assert answers(TWO)

    lab(ONE, "break", "bad-image")
    assert not answers(ONE)
    assert answers(TWO)
    assert releases(ONE["LAB_PROJECT"]) > releases(TWO["LAB_PROJECT"]) == {"1.0.0", "1.1.0"}

    lab(ONE, "down")
    assert leftovers(ONE["LAB_PROJECT"]) == []
    assert releases(ONE["LAB_PROJECT"]) == set()
    assert not Path("/tmp", f"{ONE['LAB_PROJECT']}-{os.getuid()}").exists()
    assert answers(TWO)
