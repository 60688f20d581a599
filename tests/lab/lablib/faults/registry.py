"""All faults by name, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Mapping

from ..shell import LabError
from . import containers, databases, processes, proxies, servers
from .model import Fault

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (*containers.FAULTS, *proxies.FAULTS, *processes.FAULTS, *databases.FAULTS, *servers.FAULTS)
}


def find_fault(name: str, faults: Mapping[str, Fault] = FAULTS) -> Fault:
    if name not in faults:
        raise LabError(f"there is no fault {name!r}; tests/lab/break --list shows those there are")
    return faults[name]


def as_table(faults: Mapping[str, Fault] = FAULTS) -> str:
    """The faults as a Markdown table, which the README carries too."""
    rows = ["| fault | it ... | fails | cause to find |", "|---|---|---|---|"]
    rows += [f"| `{f.name}` | {f.summary} | {', '.join(f.services)} | `{f.cause}` |" for f in faults.values()]
    return "\n".join(rows)


def as_text(faults: Mapping[str, Fault] = FAULTS) -> str:
    """The faults for a terminal, one per line."""
    return "\n".join(
        f"{f.name:<24} {f.summary} (fails: {', '.join(f.services)}; cause: {f.cause})" for f in faults.values()
    )


def as_data(faults: Mapping[str, Fault] = FAULTS) -> list[dict[str, object]]:
    """The faults for programs, such as the fault matrix of the tests."""
    return [
        {"name": f.name, "services": list(f.services), "summary": f.summary, "cause": f.cause} for f in faults.values()
    ]
