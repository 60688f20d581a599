"""Evidence is complete, private, redacted and verifiable, or it is not there at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.sre.remediation.plugins.plugin_utils import _evidence as module
from ansible_collections.sre.remediation.plugins.plugin_utils._evidence import EvidenceError, default_directory, save

PARTS = {
    "logs": "start\npassword=canary-pattern\nbye canary-exact",
    "state": {"status": "running", "env": {"API_KEY": "canary-key"}},
    "table.csv": "a,b\n",
}


def test_files_are_named_redacted_and_verifiable(tmp_path):
    result = save(tmp_path / "evidence", "20261121T220501Z-api-3f9c1b", 1, PARTS, secrets=["canary-exact"])
    path = tmp_path / "evidence" / "20261121T220501Z-api-3f9c1b" / "attempt-1"
    assert result["path"] == str(path)
    assert [file["name"] for file in result["files"]] == ["logs.txt", "state.json", "table.csv"]
    for file in result["files"]:
        data = (path / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert b"canary" not in data
    assert (path / "logs.txt").read_text() == "start\npassword=[redacted]\nbye [redacted]\n"
    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=path, capture_output=True, text=True, check=True)
    assert check.stdout.count(": OK") == 3


def test_an_altered_file_is_noticed(tmp_path):
    path = save(tmp_path, "i-1", 1, PARTS)["path"]
    with open(f"{path}/logs.txt", "a") as stream:
        stream.write("x")
    assert subprocess.run(["sha256sum", "-c", "--status", "SHA256SUMS"], cwd=path, check=False).returncode == 1


def test_everything_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        save(tmp_path / "a" / "b", "i-1", 1, PARTS)
    finally:
        os.umask(before)
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert len(modes) == 8
    assert all(mode == (0o600 if "." in name else 0o700) for name, mode in modes.items() if "SUMS" not in name), modes


def test_existing_evidence_is_never_overwritten(tmp_path):
    first = save(tmp_path, "i-1", 1, {"logs": "first"})["path"]
    second = save(tmp_path, "i-1", 1, {"logs": "second"})["path"]
    assert (first[-9:], second[-11:]) == ("attempt-1", "attempt-1.2")
    assert Path(first, "logs.txt").read_text() == "first\n"


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    real = module._write

    def full(path, data):
        if path.name == "SHA256SUMS":
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(EvidenceError, match="No space left on device.*SRE_REMEDIATION_EVIDENCE_DIR") as caught:
        save(tmp_path, "i-1", 1, PARTS)
    assert caught.value.code == "evidence_unwritable"
    assert list((tmp_path / "i-1").iterdir()) == []


def test_a_directory_that_cannot_be_made_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceError, match="Not a directory") as caught:
        save(tmp_path / "file", "i-1", 1, PARTS)
    assert caught.value.code == "evidence_unwritable"


@pytest.mark.parametrize("incident", ["", "../x", "a/b", ".hidden", "a b"])
def test_incident_id_cannot_leave_the_directory(tmp_path, incident):
    with pytest.raises(EvidenceError) as caught:
        save(tmp_path, incident, 1, PARTS)
    assert caught.value.code == "evidence_invalid"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("parts", [{}, {"../x": "t"}, {"a": "t", "a.txt": "t"}, {"": "t"}])
def test_part_names_are_plain_file_names(tmp_path, parts):
    with pytest.raises(EvidenceError) as caught:
        save(tmp_path, "i-1", 1, parts)
    assert caught.value.code == "evidence_invalid"


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"SRE_REMEDIATION_EVIDENCE_DIR": "/e", "XDG_STATE_HOME": "/s"}, "/e"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/sre-remediation/evidence"),
        ({"HOME": "/h"}, "/h/.local/state/sre-remediation/evidence"),
    ],
)
def test_default_directory(environ, directory):
    assert default_directory(environ) == directory
