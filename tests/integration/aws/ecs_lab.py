"""The lab's double of AWS for tests of the ECS modules: break it, run a module in this process, read the journal."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from ansible.module_utils import basic
from iam_policies import Journals

CURRENT, FIRST = "1.1.0", "1.0.0"
ROOT = Path(__file__).resolve().parents[3]
PORT_BASE = int(os.environ.get("LAB_PORT_BASE") or "18000")
CHANGES = ("Create", "Update", "Delete", "Put", "Register", "Deregister", "Stop", "Run", "Start")


class AwsLab:
    """The double and its services; everything here goes through its own front door."""

    def __init__(self, environment: dict[str, str], journals: Journals) -> None:
        self.environment = environment
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        self._journals = journals

    def lab(self, *command: str) -> None:
        """Run a command of the lab."""
        done = subprocess.run(
            [ROOT / "tests/lab" / command[0], *command[1:]], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def reset(self) -> None:
        self.lab("up", "--with", "aws", "--reset")

    def break_it(self, *faults: str) -> None:
        for fault in faults:
            self.lab("break", fault)

    def control(self, method: str, path: str, **data: Any) -> dict[str, Any]:
        """Use the double's own interface."""
        body = json.dumps(data).encode()
        request = urllib.request.Request(f"{self.endpoint}/_lab/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def served(self) -> str | None:
        """The version the service answers users with; None when it does not answer."""
        with contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{PORT_BASE + 100}/api/version"
            with urllib.request.urlopen(address, timeout=3) as answer:
                return json.load(answer)["version"]
        return None

    def comes_to_serve(self) -> str | None:
        """The same, of a task that has just started: within ten seconds."""
        end = time.monotonic() + 10
        while (version := self.served()) is None and time.monotonic() < end:
            time.sleep(0.2)
        return version

    def module(self, name: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run a module of this collection and return its result; every call it made must be one its policy allows.

        In check mode none may be one that changes something.
        """
        self.control("DELETE", "journal")
        result = run_module(f"ansible_collections.sre.remediation.plugins.modules.{name}", check, arguments)
        counts = self.control("GET", "journal")["counts"]
        self._journals.note(name, counts)
        if check:
            assert not [action for action in counts if action.split(":")[1].startswith(CHANGES)], counts
        return result

    def never_used(self, module: str) -> set[str]:
        """What the policy of a module allows to everybody and none of the calls so far needed."""
        return self._journals.never_used(module)

    def info(self, service: str = "api", **arguments: Any) -> dict[str, Any]:
        return self.module("ecs_service_info", cluster="lab", service=service, **arguments)

    def rollback(self, **arguments: Any) -> dict[str, Any]:
        return self.module("ecs_rollback", cluster="lab", service="api", **{"poll": 1, "wait": 90, **arguments})

    def redeploy(self, **arguments: Any) -> dict[str, Any]:
        return self.module("ecs_redeploy", cluster="lab", service="api", **{"poll": 1, "wait": 90, **arguments})


def run_module(path: str, check: bool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a module's main() in this process, as a process of its own for each of many would cost most of the time."""
    module = importlib.import_module(path)
    given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        module.main()
    return json.loads(printed.getvalue().strip().splitlines()[-1])
