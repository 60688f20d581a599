"""A remembered process is ended; whoever has its number later is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from lablib.processes import identify, is_running, terminate


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_the_process_itself_is_ended(child: subprocess.Popen[bytes]) -> None:
    identity = identify(child.pid)
    assert identity is not None
    assert is_running(identity)
    terminate(identity, seconds=5)
    assert not is_running(identity)
    assert child.wait(timeout=5) < 0


@pytest.mark.parametrize("other", [{"started": 1}, {"boot": "another-boot"}])
def test_another_process_with_its_number_is_left_alone(
    child: subprocess.Popen[bytes], other: dict[str, object]
) -> None:
    identity = identify(child.pid)
    assert identity is not None
    terminate({**identity, **other}, seconds=1)  # type: ignore[typeddict-item]
    assert child.poll() is None


def test_a_number_without_process_has_no_identity() -> None:
    assert identify(0) is None
