"""Optional parts of the lab: known by name, in step with the ports; their processes are ended by identity only."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from lablib.background import BackgroundProcess
from lablib.faults.registry import FAULTS
from lablib.parts import PARTS, faults
from lablib.settings import PART_PORT_OFFSETS, PORT_OFFSETS, read_settings
from lablib.shell import LabError

FOREVER = [sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"]


def test_parts_and_their_faults_have_names_of_their_own() -> None:
    assert PARTS and all(re.fullmatch(r"[a-z]+", name) for name in PARTS)
    assert not FAULTS.keys() & faults().keys()
    assert len(faults()) == sum(len(part.faults) for part in PARTS.values())


def test_no_port_is_used_twice() -> None:
    offsets = [*PORT_OFFSETS.values(), *PART_PORT_OFFSETS.values()]
    assert len(set(offsets)) == len(offsets)
    settings = read_settings({})
    assert settings.port("aws") == 18066
    for part in PARTS.values():
        assert all(re.search(r"127\.0\.0\.1:18\d{3}", address) for address in part.addresses(settings).values())


def test_a_process_is_started_once_and_exactly_it_is_ended(tmp_path: Path) -> None:
    process = BackgroundProcess("sleeper", tmp_path)
    process.stop()
    process.start(FOREVER, env={}, ready=lambda: "started" in process.tail())
    first = process.identity()
    process.start(FOREVER, env={}, ready=lambda: True)
    assert process.runs() and process.identity() == first
    process.stop()
    assert not process.runs() and process.identity() is None


def test_a_process_that_ends_at_once_says_why(tmp_path: Path) -> None:
    process = BackgroundProcess("failing", tmp_path)
    with pytest.raises(LabError, match="no such table"):
        process.start(
            [sys.executable, "-c", "import time; time.sleep(0.2); raise SystemExit('no such table')"],
            env={},
            ready=lambda: False,
            seconds=10,
        )
