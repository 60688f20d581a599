"""After the healing: one task of the database runs, the API answers its users, the ledger tells the story."""

from __future__ import annotations

import story

testinfra_hosts = ["local://"]


def test_users_are_served() -> None:
    assert story.settled_on_ecs("db") == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("database_ecs", "database_down", "stopped", ["start"])
