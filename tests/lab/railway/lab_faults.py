"""What can be broken in the lab's Railway part."""

from __future__ import annotations

from lablib.faults.model import Fault

FAULTS: tuple[Fault, ...] = ()
