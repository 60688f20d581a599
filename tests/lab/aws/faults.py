"""What `break` can do to the AWS part."""

from __future__ import annotations

from lablib.faults.model import Fault

FAULTS: tuple[Fault, ...] = ()
