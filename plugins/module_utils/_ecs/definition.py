# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Task definitions: what one says, and a changed copy of one that can be registered. Pure.

Values of environment variables never leave this file except into the copy; what is shown instead is made by
``_docker.env``.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker import env as environment
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import COPY_LABEL, original_of
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

#: What DescribeTaskDefinition returns and RegisterTaskDefinition does not take.
NOT_REGISTERED = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)

MEBIBYTE = 1024 * 1024
CPU_UNITS = 1024


def main_container(definition: Json, name: str | None = None) -> Json:
    """Return the container that is the service: the one named, else the first essential one.

    :raises RemediationError: (``container_missing``) when the task definition has none of this name.
    """
    containers = definition.get("containerDefinitions") or []
    for container in containers:
        if container["name"] == name or (name is None and container.get("essential", True)):
            return container
    known = ", ".join(container["name"] for container in containers) or "none"
    raise RemediationError(
        f"container: the task definition {definition.get('family')}:{definition.get('revision')} has no container"
        f" {name or '(essential)'}; it has {known}",
        code="container_missing",
    )


def plain_env(container: Json) -> dict[str, str]:
    """Return the variables a container definition holds in plain text. Values never leave the module."""
    return {entry["name"]: entry.get("value") or "" for entry in container.get("environment") or []}


def secret_sources(container: Json) -> dict[str, str]:
    """Return where the secret variables come from: name -> ARN of the secret or parameter."""
    return {entry["name"]: entry.get("valueFrom") or "" for entry in container.get("secrets") or []}


def env_names(container: Json) -> list[str]:
    """Return the names of all variables, secret ones included."""
    return sorted({*plain_env(container), *secret_sources(container)})


def limits(definition: Json, container: Json) -> Json:
    """Return the limits of the container, else those of the task; None where there is none."""
    memory = container.get("memory") or definition.get("memory")
    cpu = definition.get("cpu") or container.get("cpu")
    return {
        "memory_bytes": int(memory) * MEBIBYTE if memory else None,
        "cpus": int(cpu) / CPU_UNITS if cpu else None,
    }


def registrable(definition: Json) -> Json:
    """Return a copy that can be registered as the next revision of its family."""
    return {key: copy.deepcopy(value) for key, value in definition.items() if key not in NOT_REGISTERED and value}


def is_by_digest(image: str) -> bool:
    """Tell whether an image is named by its digest, so that it can never be another one."""
    return "@sha256:" in image


def repository(image: str) -> str:
    """Return an image name without tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def labelled_copy(definition: Json, digests: t.Mapping[str, str] | None = None) -> Json:
    """Return a copy of an earlier task definition that says where it comes from.

    :param digests: image digest by container; what is not there keeps its image. None pins nothing.
    """
    made = registrable(definition)
    origin = original_of(definition) or definition["taskDefinitionArn"]
    for container in made["containerDefinitions"]:
        container["dockerLabels"] = {**(container.get("dockerLabels") or {}), COPY_LABEL: origin}
        digest = (digests or {}).get(container["name"])
        if digest and not is_by_digest(container["image"]):
            container["image"] = f"{repository(container['image'])}@{digest}"
    return made


def movable_images(definition: Json) -> dict[str, str]:
    """Return the images by container that are named by a tag, which may mean another image by now."""
    return {
        container["name"]: container["image"]
        for container in definition.get("containerDefinitions") or []
        if not is_by_digest(container["image"])
    }


class Change(t.NamedTuple):
    """A changed copy, and what is different in words that can be shown. ``definition`` is None when nothing is."""

    definition: Json | None
    before: Json
    after: Json
    actions: list[str]


def changed_copy(definition: Json, service: str, container_name: str | None, wanted: Json) -> Change:
    """Work out the next revision.

    :param wanted: ``env`` and ``unset`` (as :func:`_docker.env.wanted_changes` reads them), ``secrets`` (name -> ARN),
        ``cpu`` (CPU units) and ``memory`` (MiB); what is absent or None stays.
    :raises RemediationError: (``memory_not_declared``) for limits the definition has nowhere.
    """
    made = registrable(definition)
    container = main_container(made, container_name)
    # A revision with other variables is no copy of an earlier one any more.
    for each in made["containerDefinitions"]:
        if COPY_LABEL in (each.get("dockerLabels") or {}):
            each["dockerLabels"].pop(COPY_LABEL)
    before: Json = {}
    after: Json = {}
    actions: list[str] = []
    _change_env(container, service, wanted, before, after, actions)
    for name, shown in (("cpu", "CPU units"), ("memory", "MiB")):
        if wanted.get(name) is not None:
            _change_limit(made, container, name, shown, wanted[name], before, after, actions)
    return Change(made if actions else None, before, after, actions)


def _change_env(container: Json, service: str, wanted: Json, before: Json, after: Json, actions: list[str]) -> None:
    plain, sources = plain_env(container), secret_sources(container)
    changes: dict[str, str | None] = dict(wanted.get("env") or {})
    secrets: dict[str, str] = dict(wanted.get("secrets") or {})
    shown_before: dict[str, str] = {}
    shown_after: dict[str, str] = {}
    for name in sorted({*changes, *secrets}):
        old = sources.get(name) or (environment.fingerprint(service, name, plain[name]) if name in plain else None)
        plain_old = plain.get(name) if name not in sources else None
        if name in secrets:
            if sources.get(name) == secrets[name] and name not in plain:
                continue
            plain.pop(name, None)
            sources[name] = new = secrets[name]
        elif changes[name] is None:
            if name not in plain and name not in sources:
                continue
            plain.pop(name, None)
            sources.pop(name, None)
            new = None
        else:
            if plain_old == changes[name]:
                continue
            sources.pop(name, None)
            plain[name] = t.cast(str, changes[name])
            new = environment.fingerprint(service, name, plain[name])
        if old is not None:
            shown_before[name] = old
        if new is not None:
            shown_after[name] = new
    if shown_before or shown_after:
        container["environment"] = [{"name": name, "value": value} for name, value in sorted(plain.items())]
        container["secrets"] = [{"name": name, "valueFrom": arn} for name, arn in sorted(sources.items())]
        before["env"], after["env"] = shown_before, shown_after
        actions.append(f"environment {', '.join(sorted({*shown_before, *shown_after}))}")


def _change_limit(
    made: Json, container: Json, name: str, shown: str, value: int, before: Json, after: Json, actions: list[str]
) -> None:
    """Set a limit where the definition has it: at the task (as text), at the container (as a number), or at both."""
    places = [place for place in (made, container) if place.get(name)]
    if not places:
        # A container without a limit of its own, in a task without one: the container gets it.
        places = [container]
    old = int(places[-1].get(name) or 0)
    if old == value and all(int(place.get(name) or 0) == value for place in places):
        return
    for place in places:
        place[name] = str(value) if place is made else value
    before[name], after[name] = old or None, value
    actions.append(f"{name} {old or 'none'} -> {value} {shown}")
