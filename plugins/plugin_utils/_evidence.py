# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence store: what was seen before the first change, on disk, redacted and provably unaltered. PRIVATE.

One directory per attempt, ``<directory>/<incident_id>/attempt-<n>/``, mode 0700, files 0600, with a ``SHA256SUMS`` that
``sha256sum -c`` understands. It is written under another name, flushed to disk and renamed: either all of it is there
or nothing. Evidence that exists is never overwritten; a second save of the same attempt gets ``attempt-<n>.2``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger.ledger import state_directory

SUMS = "SHA256SUMS"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_VERSIONS = 100


class EvidenceError(RemediationError):
    """Evidence could not be saved; nothing may be changed. Codes: evidence_unwritable, evidence_invalid."""


def default_directory(environ: Mapping[str, str]) -> str:
    """SRE_REMEDIATION_EVIDENCE_DIR, else sre-remediation/evidence under $XDG_STATE_HOME (or ~/.local/state)."""
    return environ.get("SRE_REMEDIATION_EVIDENCE_DIR") or str(state_directory(environ) / "evidence")


def save(
    directory: str | Path,
    incident_id: str,
    attempt_no: int,
    parts: Mapping[str, str | dict | list],
    secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Save the parts of one attempt.

    :param parts: name -> text (saved as ``name.txt``) or data (``name.json``); a name with an extension keeps it.
    :param secrets: exact values to hide, besides what redact() finds.
    :returns: ``{path, files: [{name, sha256, bytes}]}``.
    :raises EvidenceError: evidence_invalid (a name is unsafe, no parts), evidence_unwritable (disk, permissions).
    """
    if not _SAFE_NAME.fullmatch(incident_id):
        raise EvidenceError(f"incident id {incident_id!r} cannot be a directory name", "evidence_invalid")
    contents = _contents(parts, tuple(secrets))
    parent = Path(directory).expanduser() / incident_id
    draft: Path | None = None
    try:
        _make_private(parent)
        draft = Path(tempfile.mkdtemp(prefix=f".attempt-{attempt_no}.", dir=parent))
        files = [_write(draft / name, data) for name, data in contents.items()]
        _write(draft / SUMS, "".join(f"{file['sha256']}  {file['name']}\n" for file in files).encode())
        _sync(draft)
        final = _rename_to_free_name(draft, parent, attempt_no)
        _sync(parent)
    except OSError as error:
        raise EvidenceError(
            f"Evidence of incident {incident_id} cannot be saved in {parent} ({error.strerror or error}); free the "
            "disk, make it writable, or set SRE_REMEDIATION_EVIDENCE_DIR",
            "evidence_unwritable",
        ) from error
    finally:
        if draft is not None:
            with suppress(OSError):  # Renamed away, or on the broken disk that the error above tells of.
                shutil.rmtree(draft)
    return {"path": str(final), "files": files}


def _contents(parts: Mapping[str, str | dict | list], secrets: tuple[str, ...]) -> dict[str, bytes]:
    if not parts:
        raise EvidenceError("There is no evidence to save; give at least one part", "evidence_invalid")
    contents: dict[str, bytes] = {}
    for name, value in parts.items():
        file_name = name if "." in name else name + (".txt" if isinstance(value, str) else ".json")
        if not _SAFE_NAME.fullmatch(file_name) or file_name in contents:
            raise EvidenceError(f"evidence part {name!r} is not a usable file name", "evidence_invalid")
        clean = redact(value, secrets)
        text = clean if isinstance(clean, str) else json.dumps(clean, indent=2, sort_keys=True, default=str)
        if text and not text.endswith("\n"):
            text += "\n"
        contents[file_name] = text.encode("utf-8", "backslashreplace")
    return contents


def _make_private(path: Path) -> None:
    """Like mkdir -p, but every directory that is made here is 0700 whatever the umask; existing ones are left alone."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)


def _write(path: Path, data: bytes) -> dict[str, Any]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return {"name": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rename_to_free_name(draft: Path, parent: Path, attempt_no: int) -> Path:
    """rename(2) refuses a directory that is not empty, so evidence that exists cannot be lost."""
    for version in range(1, _VERSIONS + 1):
        final = parent / (f"attempt-{attempt_no}" if version == 1 else f"attempt-{attempt_no}.{version}")
        if final.exists():
            continue
        try:
            return draft.rename(final)
        except OSError:
            if not final.exists():
                raise
    raise FileExistsError(0, f"attempt {attempt_no} has been saved {_VERSIONS} times")
