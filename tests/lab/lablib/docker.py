"""The Docker command line, as the lab uses it: one object that knows the engine's address."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from .shell import run


@dataclass(frozen=True)
class Docker:
    """Runs ``docker`` against one engine (``host`` as in DOCKER_HOST)."""

    host: str

    def run(
        self, *args: str, check: bool = True, stdin: str | None = None, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        # The classic builder works with every engine and needs no buildx.
        return run(
            ["docker", *args],
            check=check,
            stdin=stdin,
            timeout=timeout,
            env={"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"},
        )

    def output(self, *args: str) -> str:
        return self.run(*args).stdout.strip()

    def lines(self, *args: str) -> list[str]:
        return self.output(*args).splitlines()

    def inspect(self, *containers: str) -> list[dict[str, Any]]:
        """State of those of ``containers`` that exist."""
        if not containers:
            return []
        found: list[dict[str, Any]] = json.loads(
            self.run("container", "inspect", *containers, check=False).stdout or "[]"
        )
        return found

    def execute(
        self, container: str, *argv: str, user: str = "", stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside ``container``."""
        options = (["--interactive"] if stdin is not None else []) + (["--user", user] if user else [])
        return self.run("exec", *options, container, *argv, stdin=stdin, check=check)
