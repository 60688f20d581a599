"""After the healing: the deployment that hung is gone, users get what they got before, the ledger tells the story."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], "molecule")))

import story  # noqa: E402

testinfra_hosts = ["local://"]


def test_the_deployment_is_gone() -> None:
    assert story.deployments_on_ecs("api") == ["COMPLETED"]
    assert story.served_on_ecs() == "1.1.0"


def test_the_ledger_tells_the_story() -> None:
    story.check("api_ecs", "deploy_failed", "failed_deployment", ["rollback"])
