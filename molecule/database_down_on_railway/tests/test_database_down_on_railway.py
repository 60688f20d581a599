"""After the healing: users of the API on Railway are served again, and the ledger tells the story."""

from __future__ import annotations

import story

testinfra_hosts = ["local://"]


def test_users_are_served() -> None:
    assert story.served_on_railway() == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("database_railway", "database_down", "stopped", ["start"])
