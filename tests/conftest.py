"""What the tests share: the collection importable from this checkout, this environment's tools, one lab, one order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
# Quick and telling first: a wrong decision shows before a lab is started. Of what needs a lab the longest comes first, so that in
# a parallel run one worker is at it while another does the rest.
ORDER = ("unit", "quality", "faults", "release", "lab", "integration")
PORTS_OF_A_WORKER = 2000


def own_lab_of_this_worker() -> None:
    """Give every worker of a parallel run but the first a lab of its own, beside that of the first."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    if number:
        os.environ["LAB_PROJECT"] = f"{os.environ.get('LAB_PROJECT') or 'sre-lab'}-{number}"
        os.environ["LAB_PORT_BASE"] = str(int(os.environ.get("LAB_PORT_BASE") or "18000") + number * PORTS_OF_A_WORKER)
        if os.environ.get("LAB_STATE"):
            os.environ["LAB_STATE"] += f"-{number}"


own_lab_of_this_worker()
init_plugin_loader([str(ROOT / "collections")])
# ansible-playbook and its like are those beside the Python that runs the tests.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the directories in the order above, others after them; within one, as collected."""

    def rank(item: pytest.Item) -> int:
        directory = item.path.relative_to(ROOT / "tests").parts[0] if item.path.is_relative_to(ROOT / "tests") else ""
        return ORDER.index(directory) if directory in ORDER else len(ORDER)

    items.sort(key=rank)


class OneWorkerForWhatBelongsTogether(LoadScopeScheduling):
    """In a parallel run a file stays with one worker, and so does all that needs the same optional part of the lab, which is
    then started once."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        part = re.match(r"tests/(?:integration|faults)/.*(aws|ecs|railway)", path)
        return part.group(1).replace("ecs", "aws") if part else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneWorkerForWhatBelongsTogether:
    return OneWorkerForWhatBelongsTogether(config, log)


@pytest.fixture(scope="session")
def engine() -> Iterator[None]:
    """A Docker Engine: where none runs, the lab installs and starts one, and stops it when the last test is through."""
    subprocess.run([ROOT / "tests/lab/up"], check=True)
    yield
    subprocess.run([ROOT / "tests/lab/down"], check=True)


@pytest.fixture(scope="session")
def lab(engine: None) -> None:
    """The lab, for all the tests that ask for it; nothing of it stays behind."""


def start_part(name: str) -> dict[str, str]:
    """Start an optional part of the lab; return what its clients need in their environment."""
    subprocess.run([ROOT / "tests/lab/up", "--with", name], check=True)
    state = Path(os.environ.get("LAB_STATE") or ROOT / ".lab" / (os.environ.get("LAB_PROJECT") or "sre-lab"))
    environment: dict[str, str] = json.loads((state / name / "environment.json").read_text(encoding="utf-8"))
    return environment


@pytest.fixture(scope="session")
def aws_lab(engine: None) -> dict[str, str]:
    """The lab's double of AWS with its services, for all the tests that ask for it; the environment of its clients."""
    return start_part("aws")


@pytest.fixture(scope="session")
def railway_lab(engine: None) -> dict[str, str]:
    """The lab's double of Railway with its project, for all the tests that ask for it; the environment of its clients."""
    return start_part("railway")
