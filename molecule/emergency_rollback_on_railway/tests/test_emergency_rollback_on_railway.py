"""After the order: users get the release before from Railway, it was gone back to once, and the ledger says who asked."""

from __future__ import annotations

import story

testinfra_hosts = ["local://"]


def test_users_get_the_version_before() -> None:
    assert story.served_on_railway() == "1.0.0"


def test_the_ledger_tells_the_story() -> None:
    done = story.check("api_railway", "emergency_rollback", "ordered", ["rollback"])
    assert "molecule orders it" in done["summary"]
