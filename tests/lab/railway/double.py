"""One double, put together from its parts."""

from __future__ import annotations

from dataclasses import dataclass

from .access import Tokens
from .clock import Clock
from .deploys import Deploys
from .faults import FaultRules
from .journal import Journal
from .lifecycle import Lifecycle
from .runner import Runner
from .state import World
from .switches import Switches
from .volume_store import VolumeStore


@dataclass
class Double:
    world: World
    runner: Runner
    clock: Clock
    switches: Switches
    tokens: Tokens
    life: Lifecycle
    deploys: Deploys
    volumes: VolumeStore
    faults: FaultRules
    journal: Journal
