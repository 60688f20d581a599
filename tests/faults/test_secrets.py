"""No secret value shows anywhere: not at -vvv, not in evidence, ledger, report, result, nor in the process list."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.request
from pathlib import Path

import world

STATE = Path(os.environ.get("LAB_STATE") or world.ROOT / ".lab" / world.PROJECT)
SPOKEN = "canary-5c1f0b7d9e"
"""A secret that only the service's log knows."""


class ProcessList:
    """Reads the arguments of all processes again and again while a run goes on."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue


def test_no_secret_shows_anywhere(clean_lab, tmp_path) -> None:
    from pipeline import Workplace

    secrets = [
        value
        for value in json.loads((STATE / "secrets.json").read_text()).values()
        if isinstance(value, str) and len(value) >= 8
    ]
    assert len(secrets) >= 2
    # The ledger itself lies behind a secret: the lab's PostgreSQL, with its password in the DSN.
    dsn = f"postgresql://orders:{quote(database_password())}@127.0.0.1:{world.PORT_BASE + 32}/orders"
    workplace = Workplace(tmp_path, dsn)
    urllib.request.urlopen(f"http://127.0.0.1:{world.PORT_BASE + 1}/api/version?password={SPOKEN}", timeout=3).close()
    world.break_it("api-hung")
    with ProcessList() as processes:
        run = workplace.run(target="api", verbosity=3)
    assert run.result["verdict"] == "recovered", run.output[-3000:]
    places = {"output": run.output, "process list": "\n".join(processes.seen), "result": json.dumps(run.results)}
    for path in [*tmp_path.rglob("evidence/**/*"), *tmp_path.glob("result.json*")]:
        if path.is_file():
            places[str(path.relative_to(tmp_path))] = path.read_text(encoding="utf-8")
    places["ledger"] = dump_of_ledger()
    assert any(name.endswith("logs.txt") for name in places)
    shown = [
        f"{name}: {secret[:3]}..." for name, text in places.items() for secret in [*secrets, SPOKEN] if secret in text
    ]
    assert not shown


def database_password() -> str:
    return json.loads((STATE / "secrets.json").read_text())["database_password"]


def quote(text: str) -> str:
    from urllib.parse import quote as escape

    return escape(text, safe="")


def dump_of_ledger() -> str:
    """Everything the ledger's tables hold, as the database itself writes it out."""
    dump = subprocess.run(
        ["docker", "exec", f"{world.PROJECT}-db-1", "pg_dump", "-U", "orders", "-d", "orders", "--data-only"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert "incidents" in dump.stdout, dump.stderr
    return dump.stdout
