# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine-readable result of a run: one JSON list in one file, written whole or not at all. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


def add_result(location: str, run: str, entry: dict[str, Any]) -> None:
    """Add ``entry`` to the list in the file; entries of an earlier run are replaced by those of this one.

    Services of one run finish in parallel processes, hence the lock beside the file. Raises RemediationError
    (``result_unwritable``) when it cannot be written.
    """
    path = Path(location)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{path}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = [
                known for known in _read(path) if known.get("run") == run and known["service"] != entry["service"]
            ]
            _replace(path, [*entries, {**entry, "run": run}])
    except OSError as error:
        raise RemediationError(
            f"SRE_REMEDIATION_RESULT_FILE={location}: cannot be written ({error.strerror})", code="result_unwritable"
        ) from error


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return [item for item in known if isinstance(item, dict)] if isinstance(known, list) else []


def _replace(path: Path, entries: list[dict[str, Any]]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(entries, stream, indent=2, sort_keys=True)
            stream.write("\n")
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
