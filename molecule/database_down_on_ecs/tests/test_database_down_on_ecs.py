"""After the healing: one task of the database runs, the API answers its users, the ledger tells the story."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], "molecule")))

import story  # noqa: E402

testinfra_hosts = ["local://"]


def test_users_are_served() -> None:
    assert story.deployments_on_ecs("db") == ["COMPLETED"]
    assert story.served_on_ecs() == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("database_ecs", "database_down", "stopped", ["start"])
