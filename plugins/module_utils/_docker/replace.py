# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a replacement in a container's place so that nothing is lost: the old container stays until the new one is
up.

Steps: create the replacement under a name of its own and connect it → stop the old one → move the old one aside → give
its name to the replacement → start → wait. When a step fails the replacement is removed and the old one is put back,
and started if it ran. A process that is killed in between leaves names that the next one understands (:func:`tidy`).

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from contextlib import suppress

from ansible_collections.sre.remediation.plugins.module_utils._docker import logs, state, wait
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine, EngineError, NotFound
from ansible_collections.sre.remediation.plugins.module_utils._docker.recreate import Replacement
from ansible_collections.sre.remediation.plugins.module_utils._docker.select import NEW_SUFFIX, OLD_SUFFIX, name_of
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact, secret_values

#: Seconds the engine gives a container to stop when nothing else is said.
ENGINE_STOP_TIMEOUT = 10

#: Log lines of a replacement that failed, kept for the error as it is removed.
FAILURE_LOG_LINES = 50

Json = dict[str, t.Any]


class ReplaceFailed(RemediationError):
    """The replacement did not come up (code ``replace_failed``); ``logs`` are its last lines, redacted."""

    def __init__(self, message: str, code: str = "replace_failed", logs: t.Sequence[str] = ()) -> None:
        super().__init__(message, code)
        self.logs = list(logs)


def base_name(container: Json) -> str:
    """Return the name of a container without what a replacement in progress adds to it."""
    return name_of(container).removesuffix(OLD_SUFFIX).removesuffix(NEW_SUFFIX)


def tidy_steps(current: Json | None, new: Json | None, old: Json | None, now: float) -> list[str]:
    """Decide what an interrupted replacement needs, from the containers under the name, under the new and under the old
    name.

    ``remove new``: it never served. ``remove old``: its replacement is up. ``put back``: the old one gets its name back
    (after ``remove current`` when a replacement has it that is not up, so that nobody takes an unproven one for the
    service).

    :param now: epoch seconds on the engine's clock.
    """
    steps = ["remove new"] if new else []
    if old and current is None:
        steps.append("put back")
    elif old and current:
        up, _reason = wait.verdict(current, now)
        steps += ["remove old"] if up else ["remove current", "put back"]
    return steps


def tidy(engine: Engine, container: Json, check_mode: bool) -> tuple[Json, list[str]]:
    """Finish or take back a replacement that was interrupted; return the container to go on with, and what was done in
    words."""
    name = base_name(container)
    parts = {
        kind: _inspect(engine, name + suffix)
        for kind, suffix in (("current", ""), ("new", NEW_SUFFIX), ("old", OLD_SUFFIX))
    }
    steps = tidy_steps(parts["current"], parts["new"], parts["old"], engine.now())
    actions = []
    for step in steps:
        kind = "old" if step == "put back" else step.removeprefix("remove ")
        part = t.cast("Json", parts[kind])
        if step == "put back":
            actions.append(f"put {name} back, which an interrupted run had moved aside")
            if not check_mode:
                engine.post(f"/containers/{part['Id']}/rename", name=name)
        else:
            actions.append(f"removed {name_of(part)}, left by an interrupted run")
            if not check_mode:
                engine.delete(f"/containers/{part['Id']}", force=1)
    chosen = parts["old"] if "put back" in steps else parts["current"]
    if not steps or chosen is None:
        return container, actions
    return (chosen if check_mode else engine.get(f"/containers/{chosen['Id']}/json")), actions


def replace(
    engine: Engine, old: Json, wanted: Replacement, image_id: str, stop_timeout: int | None, wait_seconds: float
) -> list[str]:
    """Put ``wanted`` in the place of ``old`` (as inspected); return warnings.

    :param image_id: what the replacement must be made from; a tag that was moved meanwhile is noticed.
    :param stop_timeout: seconds the old one has to stop; None for its own.
    :param wait_seconds: seconds the replacement has to come up.
    :raises ReplaceFailed: everything is as before.
    """
    name = base_name(old)
    was_up = old["State"]["Status"] in ("running", "restarting", "paused")
    created = engine.post("/containers/create", wanted.body, name=name + NEW_SUFFIX)
    new_id = created["Id"]
    try:
        _take_over(engine, old, new_id, wanted, image_id, stop_timeout, was_up)
        problem = wait.until_up(engine, new_id, wait_seconds)
        if problem:
            raise ReplaceFailed(f"the replacement of {name} did not come up: {problem}", logs=_logs(engine, new_id))
    except BaseException as error:
        failure = _put_back(engine, old, new_id, name, was_up)
        if isinstance(error, RemediationError):
            said = redact(error.message, secret_values(state.env_of(old)))
            raise ReplaceFailed(f"{said}; {failure}", logs=getattr(error, "logs", [])) from error
        raise
    try:
        engine.delete(f"/containers/{old['Id']}", force=1)
    except RemediationError as error:
        return [f"the old container {name}{OLD_SUFFIX} is stopped but could not be removed: {error.message}"]
    return []


def _take_over(
    engine: Engine, old: Json, new_id: str, wanted: Replacement, image_id: str, stop_timeout: int | None, was_up: bool
) -> None:
    name = base_name(old)
    for network, endpoint in wanted.connect.items():
        engine.post(f"/networks/{network}/connect", {"Container": new_id, "EndpointConfig": endpoint})
    made_from = engine.get(f"/containers/{new_id}/json")["Image"]
    if made_from != image_id:
        raise ReplaceFailed(
            f"the image name {wanted.body['Image']} now means {made_from}, not {image_id}: it was changed meanwhile"
        )
    if was_up:
        if old["State"]["Status"] == "paused":
            engine.post(f"/containers/{old['Id']}/unpause")
        query = {} if stop_timeout is None else {"t": stop_timeout}
        patience = stop_timeout if stop_timeout is not None else old["Config"].get("StopTimeout") or ENGINE_STOP_TIMEOUT
        engine.post(f"/containers/{old['Id']}/stop", timeout=patience + engine.options.timeout, **query)
    engine.post(f"/containers/{old['Id']}/rename", name=name + OLD_SUFFIX)
    engine.post(f"/containers/{new_id}/rename", name=name)
    engine.post(f"/containers/{new_id}/start")


def _put_back(engine: Engine, old: Json, new_id: str, name: str, was_up: bool) -> str:
    """Restore the old container and say in words how that went."""
    try:
        with suppress(NotFound):
            engine.delete(f"/containers/{new_id}", force=1, v=1)
        if name_of(engine.get(f"/containers/{old['Id']}/json")) != name:
            engine.post(f"/containers/{old['Id']}/rename", name=name)
        if not was_up:
            return f"{name} is as it was before (not running)"
        engine.post(f"/containers/{old['Id']}/start")
        return f"{name} was put back and runs as before"
    except RemediationError as error:
        said = redact(error.message, secret_values(state.env_of(old)))
        where = f"its container is {old['Id'][:12]}; rename it to {name} and start it"
        return f"putting {name} back failed as well ({said}): {where}"


def _logs(engine: Engine, container_id: str) -> list[str]:
    """Return the last log lines of a replacement that failed; none when the engine cannot read them."""
    try:
        container = engine.get(f"/containers/{container_id}/json")
        path = f"/containers/{container_id}/logs"
        chunks = engine.chunks(path, stdout=1, stderr=1, timestamps=1, tail=FAILURE_LOG_LINES)
        lines = logs.last_lines(chunks, not container["Config"].get("Tty"), FAILURE_LOG_LINES)
    except EngineError:
        return []
    return redact([text for stamp, text in lines], secret_values(state.env_of(container)))


def _inspect(engine: Engine, name: str) -> Json | None:
    try:
        found = engine.get(f"/containers/{name}/json")
    except NotFound:
        return None
    return found if name_of(found) == name else None
