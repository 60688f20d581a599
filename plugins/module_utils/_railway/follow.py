# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting on Railway: for our own new deployment to show, to come up, and for a restart to have happened.

A wait tolerates an API that does not answer for a while. When it fails it says why, in the words of the deployment's
events and log, and whether Railway itself has an incident.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments as decide
from ansible_collections.sre.remediation.plugins.module_utils._railway import read, waiting
from ansible_collections.sre.remediation.plugins.module_utils._railway.answers import RailwayError
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client, Deadline
from ansible_collections.sre.remediation.plugins.module_utils._railway.logs import lines_of
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import Scope
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

Json = dict[str, t.Any]

LIST_LAG = 60.0  #: seconds a new deployment may take to show in the list
RESTART_SETTLE = 10.0  #: seconds after which a restart that changed nothing visible counts as done
EXPLAIN = 20.0  #: seconds that are left for explaining a failure
FAILURE_LINES = 50  #: log lines shown with a failure
LISTED = 20  #: deployments looked through for our own

#: Failures that may be Railway's own, not the deployment's.
PERHAPS_RAILWAY = ("queue_timeout", "timeout", "platform_unreachable", "outcome_unknown", "deployment_not_seen")


class DeploymentFailed(RemediationError):
    """Our deployment did not come up, or did not stay up.

    :ivar deployment: as modules return it, or null.
    :ivar logs: its last words, redacted.
    """

    def __init__(self, message: str, code: str, deployment: Json | None = None, logs: t.Sequence[str] = ()) -> None:
        super().__init__(message, code)
        self.deployment = deployment
        self.logs = list(logs)


def listed(client: Client, scope: Scope, deadline: Deadline | None = None) -> list[Json]:
    """Return the newest deployments of the service, newest first."""
    data = client.execute("Deployments", {**scope.ids, "first": LISTED}, deadline)
    return decide.newest_first(edge["node"] for edge in data["deployments"]["edges"])


def deployment(client: Client, ident: str, deadline: Deadline | None = None) -> Json:
    """Return one deployment."""
    found: Json = client.execute("DeploymentStatus", {"id": ident}, deadline)["deployment"]
    return found


def tolerant(ask: t.Callable[[], t.Any], deadline: Deadline) -> t.Any:
    """Ask, and return None when Railway does not answer for now; its error when the time is over."""
    try:
        return ask()
    except RailwayError as error:
        if not error.transient or deadline.left <= 0:
            raise
        return None


def find_new(client: Client, scope: Scope, known: t.Collection[str], expected: Json | None, lag: float) -> Json | None:
    """Return the deployment our write made, None when it does not show within ``lag`` seconds."""
    deadline = client.deadline(lag)
    pause = waiting.FIRST_POLL / 4
    while True:
        found = tolerant(lambda: listed(client, scope, deadline), deadline)
        own = decide.adopt(found or [], known, expected)
        if own or deadline.left <= 0:
            return own
        client.pause(pause, deadline)
        pause = min(pause * 2, waiting.LONGEST_POLL / 2)


def follow(
    client: Client,
    scope: Scope,
    ident: str,
    limits: waiting.Limits,
    secrets: t.Sequence[str] = (),
    is_job: bool = False,
) -> Json:
    """Wait until the deployment is up and stayed so for the window; DeploymentFailed when it does not.

    Its status is what is looked at, whatever other deployments do.
    """
    deadline = client.deadline(limits.timeout)
    progress, seen = waiting.Progress(), None
    while True:
        try:
            seen = (
                tolerant(lambda: deployment(client, ident, client.deadline(deadline.left + EXPLAIN)), deadline) or seen
            )
        except RailwayError as error:
            raise explained(client, scope, ident, seen, error.code, error.message, secrets) from error
        if seen is None:
            client.pause(waiting.FIRST_POLL, deadline)
            continue
        step, progress = waiting.step(waiting.Look(seen, deadline.elapsed), progress, limits, is_job)
        if step.kind == waiting.DONE:
            return seen
        if step.kind == waiting.FAIL:
            raise explained(client, scope, ident, seen, step.code or "error", step.reason, secrets)
        client.pause(step.next_look, client.deadline(limits.timeout))


def explained(
    client: Client,
    scope: Scope,
    ident: str,
    seen: Json | None,
    code: str,
    reason: str,
    secrets: t.Sequence[str],
) -> DeploymentFailed:
    """Return the failure of a deployment with all that can be found out about it."""
    message, lines = f"deployment {ident}: {reason}", []
    try:
        if code in PERHAPS_RAILWAY:
            incident = incident_of(client)
            if incident:
                code, message = "platform_incident", f"{message}. Railway has an incident of its own: {incident}"
        elif code == "superseded":
            newer = [node for node in listed(client, scope) if node["id"] != ident]
            if newer:
                message += f"; the newest other one is {newer[0]['id']} ({newer[0]['status']})"
        elif seen is not None:
            failed = seen if seen["status"] == "FAILED" else None
            said = read.words(client, seen, FAILURE_LINES, None, [], failed)
            errors = "; ".join(read.errors_of(said))
            message += f": {errors}" if errors else ""
            lines = lines_of([*(said.get("buildLogs") or []), *(said.get("deploymentLogs") or [])], FAILURE_LINES)
    except RailwayError as error:
        message += f" (and why cannot be read: {error.message})"
    return DeploymentFailed(redact(message, secrets), code, decide.shown(seen), redact(lines, secrets))


def incident_of(client: Client) -> str | None:
    """Return what Railway says of an incident of its own, None when there is none or it does not say."""
    try:
        status = client.execute("PlatformStatus", None, client.deadline(EXPLAIN / 2))["platformStatus"]
    except RailwayError:
        return None
    if status["isStable"] and not status.get("incident"):
        return None
    incident = status.get("incident") or {}
    return f"{incident.get('message') or 'the platform is not stable'} {incident.get('url') or ''}".strip()


def follow_restart(
    client: Client,
    scope: Scope,
    before: Json,
    limits: waiting.Limits,
    sure: bool,
    secrets: t.Sequence[str] = (),
) -> Json:
    """Wait until the restart of a deployment shows and all its instances run; then for the window.

    :param sure: whether Railway said that it restarts. Otherwise only a change that can be seen proves it.
    """
    deadline = client.deadline(limits.timeout)
    settle = RESTART_SETTLE if sure else limits.timeout
    pause, now = waiting.FIRST_POLL / 4, before
    while True:
        now = tolerant(lambda: deployment(client, before["id"], deadline), deadline) or now
        meaning = decide.class_of(now["status"])
        if waiting.restarted(before, now, deadline.elapsed, settle):
            break
        if (
            meaning == decide.FAILED
            and waiting.changed(before, now)
            and now["statusUpdatedAt"] != before["statusUpdatedAt"]
        ):
            reason = f"it {now['status'].lower()} after the restart"
            raise explained(client, scope, now["id"], now, f"deployment_{now['status'].lower()}", reason, secrets)
        if meaning == decide.GONE:
            raise explained(client, scope, now["id"], now, "superseded", f"it is {now['status']}", secrets)
        if not sure and deadline.elapsed >= RESTART_SETTLE and not waiting.changed(before, now):
            reason = "nobody can say whether Railway restarted it, and no change is seen"
            raise explained(client, scope, now["id"], now, "outcome_unknown", reason, secrets)
        if deadline.left <= 0:
            reason = f"it does not run again {limits.timeout:.0f} s after the restart ({now['status']})"
            raise explained(client, scope, now["id"], now, "timeout", reason, secrets)
        client.pause(pause, deadline)
        pause = min(pause * 2, waiting.LONGEST_POLL)
    rest = waiting.Limits(max(deadline.left, limits.window + 1), limits.queue_timeout, limits.window)
    return follow(client, scope, now["id"], rest, secrets) if limits.window > 0 else now
