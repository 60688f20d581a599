# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk space comes back from declared roots only: what is refused, what is chosen, what is left alone."""

from __future__ import annotations

import os
import socket
import time

import pytest

from ansible_collections.sre.remediation.plugins.module_utils import _disk
from ansible_collections.sre.remediation.plugins.module_utils._disk import (
    Found,
    Goal,
    Usage,
    check_path,
    mount_points,
    opened,
    parse_age,
    parse_goal,
    plan,
)
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.modules.disk_reclaim import reclaim

DAY = 86400


@pytest.fixture
def tree(tmp_path):
    """Makes files of an age in days under a root; returns the names left."""

    def make(name, days=10, size=5000):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        os.utime(path, (time.time() - days * DAY,) * 2)
        return path

    (tmp_path / "root").mkdir()
    make.root = tmp_path / "root"
    make.left = lambda: sorted(
        str(path.relative_to(make.root)) for path in make.root.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    return make


def run(tree, check_mode=False, roots=None, goal=None, max_files=10000, **root):
    given = {"path": str(tree.root), "patterns": ["*"], "older_than": "7d", "keep": 0, **root}
    return reclaim({"roots": roots or [given], "goal": goal, "max_files": max_files}, check_mode)[0]


def names(tree, result):
    return [os.path.relpath(file["path"], tree.root) for file in result["files"]]


def test_old_files_go_oldest_first_and_young_ones_stay(tree):
    for name, days in (("b.log", 9), ("a.log", 30), ("deep/er/c.log", 8), ("young.log", 6), ("other.txt", 99)):
        tree(name, days)
    dry = run(tree, check_mode=True, patterns=["*.log"])
    assert len(tree.left()) == 5
    result = run(tree, patterns=["*.log"])
    assert names(tree, result) == names(tree, dry) == ["a.log", "b.log", "deep/er/c.log"]
    assert tree.left() == ["other.txt", "young.log"]
    assert result["changed"] is dry["changed"] is True
    assert result["freed_bytes"] == dry["freed_bytes"] >= 15000
    assert [file["bytes"] for file in result["files"]] == [5000] * 3
    assert abs(result["files"][0]["age"] - 30 * DAY) < 60
    assert result["diff"]["before"].splitlines() == [file["path"] for file in result["files"]]
    again = run(tree, patterns=["*.log"])
    assert (again["changed"], again["files"], again["actions"]) == (False, [], [])


def test_the_newest_of_every_pattern_are_kept_whatever_their_age(tree):
    for name, days in (("db-1.dump", 90), ("db-2.dump", 60), ("db-3.dump", 40), ("www-1.tar", 99), ("www-2.tar", 98)):
        tree(name, days)
    result = run(tree, patterns=["*.dump", "*.tar"], keep=1)
    assert names(tree, result) == ["www-1.tar", "db-1.dump", "db-2.dump"]
    assert tree.left() == ["db-3.dump", "www-2.tar"]


def test_what_one_root_keeps_another_may_not_take(tree):
    tree("backups/old.dump", 90)
    tree("backups/new.dump", 60)
    first = {"path": str(tree.root / "backups"), "patterns": ["*.dump"], "older_than": "1d", "keep": 1}
    second = {"path": str(tree.root), "patterns": ["*"], "older_than": "1d", "keep": 0}
    result = run(tree, roots=[second, first])
    assert names(tree, result) == ["backups/old.dump"]
    assert tree.left() == ["backups/new.dump"]


def test_links_pipes_and_sockets_stay_and_links_are_not_followed(tree, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.log").write_text("x")
    os.utime(outside / "precious.log", (0, 0))
    (tree.root / "directory").symlink_to(outside)
    (tree.root / "file.log").symlink_to(outside / "precious.log")
    os.utime(tree.root / "file.log", (0, 0), follow_symlinks=False)
    os.mkfifo(tree.root / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tree.root / "socket"))
    for name in ("pipe", "socket"):
        os.utime(tree.root / name, (0, 0))
    tree("gone.log")
    assert names(tree, run(tree)) == ["gone.log"]
    assert (outside / "precious.log").exists()
    assert tree.left() == ["directory", "file.log", "pipe", "socket"]


def test_a_root_that_is_reached_through_a_link_is_refused(tree, tmp_path):
    (tmp_path / "link").symlink_to(tree.root)
    tree("sub/a.log")
    for path in (tmp_path / "link", tmp_path / "link" / "sub"):
        with pytest.raises(RemediationError, match="goes through the link 'link'; give the real path"):
            run(tree, path=str(path))
    assert tree.left() == ["sub/a.log"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        *[
            (path, "is refused, as it holds more than may be reclaimed")
            for path in ("/", "/etc", "/etc/nginx", "/var", "/home", "/home/me", "/usr", "/usr/share/doc", "/var/lib")
        ],
        *[
            (path, "is refused")
            for path in ("/proc/self", "/dev/shm", "/boot", "/var/lib/docker/overlay2", "/root", "/run/x")
        ],
        ("logs", "must be an absolute path"),
        ("", "must be an absolute path"),
        ("~/logs", "must be an absolute path"),
        ("/data/../etc", "must be written without"),
        ("/data/", "must be written without"),
        ("//etc", "must be written without"),
        ("/data/./x", "must be written without"),
    ],
)
def test_roots_that_nobody_can_mean(path, why):
    with pytest.raises(RemediationError, match=why) as caught:
        check_path(path)
    assert caught.value.code == "bad_argument"


@pytest.mark.parametrize("path", ["/var/log", "/backups", "/data/logs", "/var/lib/shop", "/home/me/logs", "/tmp/x"])
def test_roots_that_are_fine(path):
    check_path(path)


def test_a_root_that_is_not_there_or_no_directory_is_named(tree):
    tree("file")
    with pytest.raises(RemediationError, match="none cannot be opened: No such file or directory"):
        run(tree, path=str(tree.root / "none"))
    with pytest.raises(RemediationError, match="file is no directory"):
        run(tree, path=str(tree.root / "file"))


def test_another_name_of_a_refused_directory_is_refused(tree, monkeypatch):
    monkeypatch.setattr(_disk, "NOT_ITSELF", (str(tree.root),))
    monkeypatch.setattr(_disk, "check_path", lambda path: None)
    with pytest.raises(RemediationError, match="is another name of"), opened(str(tree.root)):
        pytest.fail("it was opened")


def test_mount_points_below_a_root_are_not_entered(tree, monkeypatch):
    tree("here.log")
    tree("mounted/there.log")
    monkeypatch.setattr(_disk, "mount_points", lambda: {str(tree.root / "mounted")})
    assert names(tree, run(tree)) == ["here.log"]


def test_another_file_system_is_not_entered(tree):
    tree("a.log")
    tree("b/c.log")
    with opened(str(tree.root)) as descriptor:
        real = os.fstat
        root = _disk.Root(str(tree.root), ("*",), 60)
        _disk.os.fstat = lambda fd: type("Status", (), {"st_dev": real(fd).st_dev + 1})()
        try:
            found = _disk.scan_root(root, descriptor, (), time.time())
        finally:
            _disk.os.fstat = real
    assert [file.parts for file in found.old] == [("a.log",)]


def test_mount_points_are_read_with_their_escapes(tmp_path):
    (tmp_path / "mountinfo").write_text("1 0 8:1 / / rw - ext4 d rw\n2 1 8:1 /x /mnt/a\\040b rw - ext4 d rw\n")
    assert mount_points(str(tmp_path / "mountinfo")) == {"/", "/mnt/a b"}
    assert mount_points(str(tmp_path / "none")) == frozenset()


def swap_for_link(path, outside):
    path.rename(path.with_name("moved"))
    path.symlink_to(outside)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda path, outside: path.write_text("new content"),
        lambda path, outside: (path.unlink(), path.symlink_to(outside / "d" / "f.log")),
        lambda path, outside: swap_for_link(path.parent, outside / "d"),
        lambda path, outside: swap_for_link(path.parent.parent, outside),
        lambda path, outside: path.unlink(),
    ],
)
def test_what_changes_between_plan_and_deletion_is_left_alone(tree, tmp_path, monkeypatch, meddle):
    outside = tmp_path / "outside"
    (outside / "d").mkdir(parents=True)
    (outside / "d" / "f.log").write_bytes(b"x" * 5000)
    os.utime(outside / "d" / "f.log", (time.time() - 10 * DAY,) * 2)
    path = tree("d/f.log")
    real = _disk.delete

    def late(files):
        meddle(path, outside)
        return real(files)

    monkeypatch.setattr(_disk, "delete", late)
    result = run(tree)
    assert (result["files"], result["changed"], result["freed_bytes"]) == ([], False, 0)
    assert [entry["path"] for entry in result["skipped"]] == [str(path)]
    assert (outside / "d" / "f.log").exists()


def test_a_hard_link_elsewhere_frees_nothing(tree, tmp_path):
    os.link(tree("a.log"), tmp_path / "kept")
    result = run(tree)
    assert (names(tree, result), result["freed_bytes"]) == (["a.log"], 0)


def test_a_size_goal_stops_when_enough_is_freed(tree):
    for number in range(5):
        tree(f"{number}.log", 20 - number, size=8192)
    result = run(tree, goal="10K")
    assert (names(tree, result), result["goal_reached"]) == (["0.log", "1.log"], True)
    assert run(tree, goal="1G")["goal_reached"] is False


def test_a_percent_goal_that_is_met_deletes_nothing(tree):
    tree("a.log")
    result = run(tree, goal="99.99%")
    assert (result["files"], result["goal_reached"]) == ([], True)


def test_a_limit_on_the_number_of_files(tree):
    for number in range(5):
        tree(f"{number}.log")
    assert len(run(tree, max_files=2)["files"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patterns": []}, "must be file names"),
        ({"patterns": ["../*"]}, "must be file names"),
        ({"keep": -1}, "keep of .* must be 0 or more, got -1"),
        ({"older_than": "7"}, "older_than of .* must be a number and one of s, m, h, d, w, like 7d, got '7'"),
        ({"goal": "120%"}, "goal must be"),
        ({"goal": "much"}, "goal must be"),
        ({"max_files": 0}, "max_files must be 1 or more, got 0"),
    ],
)
def test_refused_arguments_are_named_and_nothing_is_deleted(tree, options, message):
    tree("a.log")
    with pytest.raises(RemediationError, match=message):
        run(tree, **options)
    assert tree.left() == ["a.log"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 7 * DAY), ("36h", 129600), ("1.5m", 90), ("90s", 90), ("2w", 14 * DAY)]
)
def test_parse_age(text, seconds):
    assert parse_age(text, "older_than") == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "7 days", "1e3s", "7D"])
def test_parse_age_refuses(text):
    with pytest.raises(RemediationError, match="^older_than must be a number"):
        parse_age(text, "older_than")


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        (None, Goal()),
        ("80%", Goal(percent=80)),
        ("79.5 %", Goal(percent=79.5)),
        ("5G", Goal(size=5 * 2**30)),
        ("1.5MiB", Goal(size=3 * 2**19)),
        ("4096", Goal(size=4096)),
    ],
)
def test_parse_goal(text, goal):
    assert parse_goal(text) == goal


def made(name, modified, device=1, freed=100):
    return Found("/data", (name,), freed, freed, modified, device, hash(name))


FULL = Usage(used=950, total=1000, inodes_used=10, inodes=100)
MANY = Usage(used=100, total=1000, inodes_used=95, inodes=100)
WELL = Usage(used=100, total=1000, inodes_used=10, inodes=100)


@pytest.mark.parametrize(
    ("goal", "before", "chosen"),
    [
        (Goal(), {1: FULL, 2: WELL}, ["a", "b", "c", "d"]),
        (Goal(percent=80), {1: FULL, 2: WELL}, ["a", "c"]),
        (Goal(percent=75), {1: FULL, 2: WELL}, ["a", "c", "d"]),
        (Goal(percent=95), {1: FULL, 2: WELL}, ["a"]),
        (Goal(percent=94), {1: MANY, 2: WELL}, ["a", "c"]),
        (Goal(percent=96), {1: FULL, 2: FULL}, []),
        (Goal(percent=86), {1: FULL, 2: FULL}, ["a", "b"]),
        (Goal(size=150), {1: FULL, 2: FULL}, ["a", "b"]),
    ],
)
def test_plan(goal, before, chosen):
    files = [made("d", 4), made("b", 2, device=2), made("a", 1), made("c", 3)]
    assert [file.parts[0] for file in plan(files, goal, before, most=10)] == chosen


def test_inodes_that_the_file_system_does_not_count():
    assert Usage(10, 100, 0, 0).percent() == 10
    assert Usage(10, 100, 0, 0).shown()["inodes_used_percent"] is None
