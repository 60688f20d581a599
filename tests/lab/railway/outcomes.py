"""What may become of a deployment instead of success: set for the next ones of a service, one each, in order."""

from __future__ import annotations

from typing import Any

OUTCOMES: dict[str, str] = {
    "success": "nothing special",
    "build_failed": "FAILED while building",
    "healthcheck_failed": "FAILED, for the health check never passes (whatever the container answers)",
    "crash_late": "SUCCESS, then CRASHED after `seconds`: the container is killed and cannot be restarted",
    "replica_crashed": "SUCCESS, then one replica CRASHED after `seconds`",
    "stuck_queued": "stays QUEUED until released",
    "needs_approval": "waits in NEEDS_APPROVAL for deploymentApprove",
    "skipped": "ends SKIPPED",
    "superseded": "REMOVED while deploying, for somebody else deployed meanwhile",
    "unknown_status": "shows the status `status` (CANCELLED), which no schema has, and stays so",
}


def check(outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome, or ValueError saying what there is."""
    if outcome.get("outcome") not in OUTCOMES:
        raise ValueError(f"no outcome {outcome.get('outcome')!r}; there are {', '.join(OUTCOMES)}")
    unknown = outcome.keys() - {"outcome", "seconds", "status"}
    if unknown:
        raise ValueError(f"an outcome has no {', '.join(sorted(unknown))}")
    return outcome
