"""How the double behaves where Railway's behaviour is unknown, varies, or can lag: one value each, set by the control
endpoint and back to these after a reset."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

DELAYS = {
    "initializing": 0.2,
    "queued": 0.2,
    "building": 0.8,
    "starting": 0.3,
    "removing": 0.2,
    "restart_pause": 0.2,
    "workflow": 0.5,
}
"""Seconds, before the clock's factor."""


@dataclass
class Switches:
    # Eventual consistency.
    hide_new_for: int = 0
    """A new deployment is left out of this many lists."""
    stale_latest_for: int = 0
    """`latestDeployment` and `activeDeployments` ignore a new deployment this many times."""
    restart_stale_for: int = 0
    """After a restart the deployment is shown as it was before this many times."""
    shuffle: bool = False
    """Lists of deployments have no order one could rely on."""
    foreign_deployments: int = 0
    """How many of the next deployments are followed at once by one of somebody else, of another image."""
    foreign_image: str = ""
    """Image of those; empty: the service's own source."""
    expire_images_at_mutation: bool = False
    """`canRollback` turns false between the list and the rollback."""
    # Paging.
    page_size: int = 0
    """Largest page, whatever is asked for; 0: no limit but 5000."""
    changing_cursors: bool = False
    """The same place has another cursor each time."""
    empty_pages: int = 0
    """How many of the next pages are empty although there is more."""
    # Unknown without an account.
    restart_changes_instances: bool = False
    partial_crash_status: str = "CRASHED"
    """Status of a deployment of which only some replicas crashed."""
    stopped_status: str = "SUCCESS"
    """Status after `deploymentStop`."""
    redeploy_variables: str = "given"
    """Variables of a redeploy: of the deployment ``given``, or the ``current`` ones."""
    trace_id_in: str = "top"
    """Where an error's traceId sits: ``top`` or ``extensions``."""
    reset_format: str = "epoch"
    """X-RateLimit-Reset: ``epoch``, ``epoch_ms`` or ``iso``."""
    rollback_refused: str = "Deployment cannot be rolled back to"
    # Plan: limits per hour and second, and how long images of removed deployments stay.
    requests_per_hour: int = 10000
    requests_per_second: int = 50
    image_hours: float = 120
    delays: dict[str, float] = field(default_factory=lambda: dict(DELAYS))

    def set(self, values: dict[str, Any]) -> None:
        """Set some; ValueError names what does not exist."""
        known = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no switch {name!r}; there are {', '.join(sorted(known))}")
            if name == "delays":
                unknown = value.keys() - DELAYS.keys()
                if unknown:
                    raise ValueError(f"no delay {sorted(unknown)}; there are {', '.join(DELAYS)}")
                self.delays.update(value)
            else:
                setattr(self, name, known[name](value))

    def restore(self) -> None:
        """All as it was at the beginning, in place, for many hold on to this."""
        self.__dict__.update(Switches().__dict__)

    def use(self, name: str) -> bool:
        """Count one down; whether there was one left."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return bool(left > 0)
