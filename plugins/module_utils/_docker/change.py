# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One change to every container of a service: one after the other, stopping at the first that fails, and saying exactly
what was done.

Shared by the modules that make containers again with one thing changed.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._docker import replace
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine
from ansible_collections.sre.remediation.plugins.module_utils._docker.recreate import Replacement
from ansible_collections.sre.remediation.plugins.module_utils._docker.select import Selector, find
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Step:
    """What happens to one container: ``container`` as inspected, its replacement, and the action in words."""

    container: Json
    wanted: Replacement
    image_id: str
    action: str
    before: Json
    after: Json


def options_spec() -> Json:
    """Return the part of the argument specification that is about the replacement."""
    return {"stop_timeout": {"type": "int"}, "wait": {"type": "float", "default": 60.0}}


def check_options(params: Json) -> None:
    """RemediationError (``invalid_option``) for times that are none."""
    for name in ("stop_timeout", "wait"):
        if params[name] is not None and params[name] < 0:
            raise RemediationError(f"{name}: must be 0 or greater (seconds)", code="invalid_option")


def containers_of(engine: Engine, selector: Selector, progress: Progress, check_mode: bool) -> list[Json]:
    """Return the containers of the service, after what an interrupted run left was cleared up.

    :raises RemediationError: (``container_missing``) when there is none.
    """
    found = []
    for container in find(engine, selector):
        tidied, actions = replace.tidy(engine, container, check_mode)
        progress.actions += actions
        progress.changed = progress.changed or bool(actions)
        found.append(tidied)
    if not found:
        raise RemediationError(
            f"{selector.name} has no container on this engine, so there is nothing to make again; deploy the service",
            code="container_missing",
        )
    return found


def apply(engine: Engine, steps: list[Step], progress: Progress, params: Json, check_mode: bool) -> None:
    """Take ``steps`` one after the other. ``progress`` is right at every moment, also when one fails
    (ReplaceFailed)."""
    for step in steps:
        if not check_mode:
            progress.warnings += replace.replace(
                engine, step.container, step.wanted, step.image_id, params["stop_timeout"], params["wait"]
            )
        name = replace.base_name(step.container)
        progress.before[name], progress.after[name] = step.before, step.after
        progress.actions.append(step.action)
        progress.changed = True
