"""Which lines of a log belong to the present run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._log_time import last_words, lines_since, stamp

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC).timestamp()
OLD = "[2026-11-21 11:59:50 +0000] [7] [ERROR] Pending migration: database is at version 1"
NEW = "[2026-11-21 12:00:01 +0000] [9] [INFO] Booting worker"


@pytest.mark.parametrize(
    ("line", "offset"),
    [
        ("[2026-11-21 12:00:05 +0000] [7] [INFO] x", 5),
        ("2026-11-21T12:00:05.123Z x", 5),
        ("2026-11-21 09:00:05,100 -03:00 x", 5),
        ("no time here", None),
        ("2026-13-45 12:00:05Z x", None),
    ],
)
def test_stamp(line: str, offset: float | None) -> None:
    assert stamp(line) == (None if offset is None else START + offset)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([OLD, NEW], [NEW]),
        ([OLD, "  of a traceback of the old run", NEW], [NEW]),
        ([OLD, "ERROR Refusing to start"], ["ERROR Refusing to start"]),
        (["one", "two"], ["one", "two"]),
        ([NEW, "two"], [NEW, "two"]),
        ([NEW, OLD], []),
        ([], []),
    ],
)
def test_lines_since(lines: list[str], kept: list[str]) -> None:
    assert lines_since(lines, START) == kept


def test_without_a_known_start_all_lines_are_kept() -> None:
    assert lines_since([OLD, NEW], None) == [OLD, NEW]


def test_of_a_run_that_began_at_an_unknown_time_the_last_words_count() -> None:
    long_ago = OLD.replace("11:59:50", "11:59:20")
    assert last_words([long_ago, OLD, NEW]) == [OLD, NEW]
    assert last_words(["no", "times"]) == ["no", "times"]
