# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double of Railway for these tests: what is asked of it as a client does, and what is done to it behind its back."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._railway import change, follow, options, states
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/lab"))

from railway.client import ControlClient  # noqa: E402
from railway.switches import Switches  # noqa: E402

DEFAULTS = {field.name: getattr(Switches(), field.name) for field in dataclasses.fields(Switches)}
#: Options of a change that a test does not name: short times, for the double is quick.
QUICK = {
    "project": None,
    "environment": None,
    "service": "api",
    "to": None,
    "candidates": [],
    "only_candidates": False,
    "exclude": [],
    "commit": None,
    "replicas": None,
    "region": None,
    "memory_gb": None,
    "cpus": None,
    "wait": True,
    "wait_timeout": 60.0,
    "queue_timeout": 30.0,
    "stabilise": 0.0,
}


class Railway:
    """One lab's double: ``control`` acts behind its back, the rest asks as the modules do."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.control = ControlClient(environment["LAB_RAILWAY_CONTROL"])
        self.endpoint = environment["LAB_RAILWAY_ENDPOINT"]

    def client(self, token_type: str = "project", **more: Any) -> Client:
        names = {"project": "RAILWAY_TOKEN", "workspace": "LAB_RAILWAY_WORKSPACE_TOKEN"}
        params = {
            "token": self.environment[names.get(token_type, "RAILWAY_API_TOKEN")],
            "token_type": token_type,
            "endpoint": self.endpoint,
            "timeout": 10.0,
            "max_requests": 60,
            "validate_certs": True,
            "ca_path": None,
        }
        return Client(options.connection({**params, **more}))

    def scope(self, service: str = "api"):
        return scope(self.client(), None, None, service)

    def change(self, state: str, client: Client | None = None, **more: Any) -> tuple[dict[str, Any], change.Done]:
        """Bring the service to a state as the module does, in this process."""
        done = change.Done(more.pop("check_mode", False))
        return states.apply(client or self.client(), {**QUICK, "state": state, **more}, done), done

    def ids(self, service: str = "api") -> set[str]:
        return {item["id"] for item in self.control.deployments(service)}

    def other(self) -> str:
        """A deployment that can be gone back to and runs something else than what serves."""
        digest = self.serving()["digest"]
        found = [item for item in self.control.deployments("api") if item["status"] == "REMOVED"]
        return next(item["id"] for item in found if item["digest"] not in (None, digest))

    def can_go_back(self) -> bool:
        """Whether Railway still keeps the image of an earlier deployment."""
        nodes = self.client().execute("Deployments", {**self.scope().ids, "first": 50})["deployments"]["edges"]
        return any(edge["node"]["canRollback"] for edge in nodes if edge["node"]["status"] == "REMOVED")

    def serving(self, service: str = "api") -> dict[str, Any]:
        found = self.control.serving(service)
        assert found, self.control.deployments(service)
        return found

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [entry for entry in self.control.journal() if entry["operation"] == operation]

    def version(self) -> str:
        """The version that users are served."""
        url = self.environment["LAB_RAILWAY_API_URL"] + "/api/version"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return str(json.load(answer)["version"])

    def settle(self) -> None:
        """Wait until nothing is on its way, so that the next test finds what it expects."""
        busy = ("INITIALIZING", "QUEUED", "WAITING", "BUILDING", "DEPLOYING", "REMOVING")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not any(item["status"] in busy for item in self.control.deployments("api")):
                return
            time.sleep(0.1)


@pytest.fixture(scope="session")
def whole_railway(railway_lab):
    return Railway(railway_lab)


@pytest.fixture
def railway(whole_railway, monkeypatch):
    """The double without a fault, its API serving; the lags of the modules are short, for the double's are."""
    monkeypatch.setattr(follow, "LIST_LAG", 5.0)
    monkeypatch.setattr(follow, "RESTART_SETTLE", 3.0)
    control = whole_railway.control
    if any(item["status"] not in ("SUCCESS", "REMOVED") for item in control.deployments("api")):
        control.call("reset")
    whole_railway.settle()
    serving = control.serving("api")
    if serving is None or serving["status"] != "SUCCESS" or serving["stopped"] or not whole_railway.can_go_back():
        control.call("reset")
    # More than a busy machine needs to start a container; a test of the health check sets less.
    control.call("settings", service="api", settings={"healthcheckTimeout": 60})
    control.call("clear")
    yield whole_railway
    control.call("clear")
    control.switch(**DEFAULTS)
    control.call("clock", factor=1)
    control.call("incident")
    control.call("release")


@pytest.fixture
def environment(railway, monkeypatch):
    """The variables of the double's clients in this process's environment, for what is started by a test."""
    for name, value in railway.environment.items():
        monkeypatch.setitem(os.environ, name, value)
    return railway.environment
