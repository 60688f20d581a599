"""After the order: an earlier release serves, it was gone back to once, and the ledger says who asked for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], "molecule")))

import story  # noqa: E402

testinfra_hosts = ["local://"]


def test_users_get_the_version_before() -> None:
    assert story.served_on_ecs() == "1.0.0"
    assert story.deployments_on_ecs("api") == ["COMPLETED"]


def test_the_ledger_tells_the_story() -> None:
    done = story.check("api_ecs", "emergency_rollback", "ordered", ["rollback"])
    assert "molecule orders it" in done["summary"]
