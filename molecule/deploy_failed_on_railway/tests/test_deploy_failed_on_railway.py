"""After the healing: users get the version before from the service on Railway, and the ledger tells the story."""

from __future__ import annotations

import story

testinfra_hosts = ["local://"]


def test_users_get_the_version_before() -> None:
    assert story.served_on_railway() == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("api_railway", "deploy_failed", "failed_deployment", ["rollback"])
