"""After the healing: the deployment that hung is gone, users get what they got before, the ledger tells the story."""

from __future__ import annotations

import story

testinfra_hosts = ["local://"]


def test_the_deployment_is_gone() -> None:
    assert story.settled_on_ecs("api") == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("api_ecs", "deploy_failed", "failed_deployment", ["rollback"])
