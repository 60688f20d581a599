"""A process of the lab that stays: started once, written down by its identity, and stopped by that identity only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .processes import Identity, identify, is_running, terminate
from .settings import REPOSITORY
from .shell import LabError, wait_until
from .state_files import write_file


def python_with(module: str) -> str:
    """The Python of the checkout's environment, else the one that runs this; `LabError` where it lacks ``module``."""
    own = REPOSITORY / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode != 0:
        raise LabError(f"{python} has no module {module}: run `make setup`")
    return python


@dataclass(frozen=True)
class BackgroundProcess:
    """One process, known by a name of its own in a directory of the lab's state."""

    name: str
    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.directory / f"{self.name}.process.json"

    def identity(self) -> Identity | None:
        """The process that was started, running or not; None when none was."""
        return json.loads(self._record.read_text(encoding="utf-8")) if self._record.exists() else None

    def runs(self) -> bool:
        known = self.identity()
        return known is not None and is_running(known)

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        ready: Callable[[], bool],
        seconds: float = 20,
        cwd: Path | None = None,
    ) -> None:
        """Start it unless it runs, and wait until ``ready()``; secrets go into ``env``, never into ``argv``."""
        if not self.runs():
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.log.touch(mode=0o600)
            with open(self.log, "wb") as output:
                process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **env},
                    cwd=cwd,
                    start_new_session=True,
                )
            identity = identify(process.pid)
            if identity is None:
                raise LabError(f"{self.name} ended at once:\n{self.tail()}")
            write_file(self._record, json.dumps(identity))
        try:
            wait_until(f"{self.name} to answer", lambda: ready() or not self.runs(), seconds=seconds)
        except LabError as error:
            raise LabError(f"{error}\n{self.tail()}") from error
        if not self.runs():
            raise LabError(f"{self.name} has ended:\n{self.tail()}")

    def stop(self, *, seconds: float = 15) -> None:
        known = self.identity()
        if known is not None:
            terminate(known, seconds=seconds)
            self._record.unlink()

    def tail(self) -> str:
        """The last lines it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-15:])
