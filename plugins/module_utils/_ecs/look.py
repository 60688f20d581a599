# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a service: what is asked, in which order, and what is left out when an answer makes it needless.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsError, iso, short
from ansible_collections.sre.remediation.plugins.module_utils._ecs import logs as log_streams
from ansible_collections.sre.remediation.plugins.module_utils._ecs import target
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.definition import env_names, main_container
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import History
from ansible_collections.sre.remediation.plugins.module_utils._ecs.state import Seen, service_state
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._service import State

Json = dict[str, t.Any]

#: Service deployments shown in the result.
SHOWN_ROLLOUTS = 10


@dataclass
class Look:
    """What was found: the state, the log lines, and what could not be read."""

    service: State
    logs: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Questions:
    """How much is asked beyond the service and its tasks."""

    log_lines: int = 200
    required_env: tuple[str, ...] = ()
    history: bool = True
    container: str | None = None


def look(ecs: Ecs, questions: Questions, now: datetime | None = None) -> Look:
    """Look at the service. A missing one is a finding; AWS not answering is an AwsUnreachable."""
    warnings: list[str] = []
    seen = Seen(ecs.find(), container=questions.container, required_env=questions.required_env)
    now = now or datetime.now(UTC)
    if not seen.service or seen.service.get("status") == "INACTIVE" or not seen.service.get("taskDefinition"):
        return Look(service_state(ecs.service, seen, now), [], warnings)
    seen.definition = ecs.definition(seen.service["taskDefinition"])
    main = main_container(seen.definition, questions.container)
    seen.tasks = ecs.tasks()
    if questions.history:
        _previous(ecs, seen, warnings)
    state = service_state(ecs.service, seen, now)
    if seen.previous_definition is None and _env_is_in_question(questions, state):
        seen.previous_definition = _definition_or_none(ecs, seen.previous["version"]) if seen.previous else None
        if seen.previous and seen.previous_definition:
            seen.previous["env_names"] = env_names(main_container(seen.previous_definition))
            state = service_state(ecs.service, seen, now)
    wanted = log_streams.sources(seen.tasks, seen.service, main)
    lines = log_streams.read(ecs.aws, wanted, questions.log_lines, warnings)
    return Look(state, log_streams.without_secrets(lines, main), warnings)


def _env_is_in_question(questions: Questions, state: State) -> bool:
    return any(name not in state["env_names"] for name in questions.required_env)


def _definition_or_none(ecs: Ecs, name: str) -> Json | None:
    try:
        return ecs.definition(name)
    except RemediationError:
        return None


def _previous(ecs: Ecs, seen: Seen, warnings: list[str]) -> None:
    """Find what a rollback would go to, by the very rules of the rollback."""
    try:
        history = ecs.history(seen.definition)
    except AwsError as error:
        if error.code == "platform_unreachable":
            raise
        warnings.append(f"the previous version is not known: {error.message}")
        return
    seen.rollouts = [_shown(history, number) for number in range(len(history.rollouts))][-SHOWN_ROLLOUTS:]
    service = t.cast(Json, seen.service)
    try:
        wish = target.Wish(only_if_current=service["taskDefinition"])
        choice = target.choose(target.Seen(service, history), wish)
    except RemediationError:
        return
    if choice.how == target.NOTHING:
        return
    revision = history.revisions.get(choice.revision or "")
    seen.previous = {
        "version": choice.task_definition,
        "name": short(choice.task_definition),
        "created": iso(revision.configuration.get("createdAt")) if revision else None,
        "env_names": [],
        "found_by": choice.found_by,
        "image_digests": dict(revision.digests) if revision else {},
    }


def _shown(history: History, number: int) -> Json:
    rollout = history.rollouts[number]
    went, back = history.version(rollout.target), history.version(rollout.back_to)
    return {
        "arn": rollout.arn,
        "status": rollout.status,
        "reason": rollout.reason,
        "created_at": iso(rollout.created),
        "version": went.task_definition if went else None,
        "task_definition": short(went.task_definition) if went else None,
        "back_to": short(back.task_definition) if back else None,
        "image_digests": dict(went.digests) if went else {},
    }
