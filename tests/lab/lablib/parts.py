"""Optional parts of the lab, such as a double of a cloud's API: started by `up --with`, removed by `down`.

A part is a package beside this one; its module `part` offers a `Part`. To add one, add it to `PARTS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws.part import PART as AWS
from railway.part import PART as RAILWAY

from .faults.model import Fault, Lab
from .part import Part
from .settings import Settings
from .shell import LabError
from .state_files import write_file

PARTS: Mapping[str, Part] = {part.name: part for part in (AWS, RAILWAY)}


def faults() -> dict[str, Fault]:
    """What the parts can break, by name."""
    return {fault.name: fault for part in PARTS.values() for fault in part.faults}


def require_part_of(fault: Fault, lab: Lab) -> None:
    """Refuse to break a part that was not started; faults of no part pass."""
    for part in PARTS.values():
        if fault in part.faults and not part.is_up(lab):
            raise LabError(f"the part {part.name} is not up; start it with tests/lab/up --with {part.name}")


def write_environment(part: Part, settings: Settings) -> None:
    """Leave in the state directory what a client of the part needs in its environment: tests read it from there."""
    write_file(settings.state / part.name / "environment.json", json.dumps(part.environment(settings), indent=2))


def addresses(part: Part, settings: Settings) -> str:
    """Where a part answers, one line each."""
    return "\n".join(f"{name:<12} {address}" for name, address in part.addresses(settings).items())


def take_down(lab: Lab) -> None:
    """Remove every part, whichever were started."""
    for part in PARTS.values():
        part.take_down(lab)
