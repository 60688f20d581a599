"""What an optional part of the lab is: `up --with`, `down` and `break` know no more of it than this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .faults.model import Fault, Lab
from .settings import Settings


@dataclass(frozen=True)
class Part:
    """One optional part of the lab."""

    name: str
    """As in `up --with`; also its directory in the lab's state directory."""
    bring_up: Callable[[Lab], None]
    """Start what is missing and undo every fault, from whatever state; quick when all is well."""
    take_down: Callable[[Lab], None]
    """Stop and remove all of it; does nothing where nothing is."""
    is_up: Callable[[Lab], bool]
    """Whether it was started, broken or not."""
    faults: tuple[Fault, ...]
    environment: Callable[[Settings], Mapping[str, str]]
    """Environment variables of its clients. No secret that is one outside the lab."""
    addresses: Callable[[Settings], Mapping[str, str]]
    """Addresses to print after the start, by name."""
