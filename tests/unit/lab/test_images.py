"""Which images are built, in which order, and when anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lablib import images
from lablib.images import BASE, IMAGES, content_hashes


def test_an_image_comes_after_its_parent() -> None:
    known = {BASE}
    for image in IMAGES:
        assert image.parent in known, image.reference
        known.add(image.reference)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "images"
    shutil.copytree(images.IMAGES_DIRECTORY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(images, "IMAGES_DIRECTORY", copy)
    return copy


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {reference.split("/")[1].split(":")[0] for reference in before if before[reference] != after[reference]}


def test_a_change_rebuilds_the_image_and_those_made_from_it(copied: Path) -> None:
    before = content_hashes()
    assert content_hashes() == before
    with open(copied / "proxy" / "Dockerfile", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert changed(before, content_hashes()) == {"proxy", "frontend"}


def test_a_mode_counts_and_compiled_files_do_not(copied: Path) -> None:
    before = content_hashes()
    (copied / "worker" / "__pycache__").mkdir()
    (copied / "worker" / "__pycache__" / "worker.pyc").write_bytes(b"compiled")
    assert changed(before, content_hashes()) == set()
    (copied / "db" / "start").chmod(0o644)
    assert changed(before, content_hashes()) == {"db"}
