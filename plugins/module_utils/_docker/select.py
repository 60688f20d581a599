# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which containers are the service: by name, or by Compose project and service.

Compose leaves containers behind (an interrupted ``up``, ``run``), and so do people. The live set holds one container
for each container number; what else carries the service's labels is a leftover, and a leftover that holds the service's
port is stale.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine, NotFound

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
CONFIG_HASH = "com.docker.compose.config-hash"
IMAGE = "com.docker.compose.image"

#: Names while a container is being replaced: the replacement before it takes over, and the container that was taken
#: out.
NEW_SUFFIX = ".sre-new"
OLD_SUFFIX = ".sre-old"

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Selector:
    """A container by name or id, or a Compose service."""

    container: str | None = None
    project: str | None = None
    service: str | None = None

    @property
    def name(self) -> str:
        """The name people know the service by."""
        return self.container or self.service or ""


def labels_of(container: Json) -> dict[str, str]:
    """Return the labels of a container as listed or as inspected."""
    return container.get("Labels") or container.get("Config", {}).get("Labels") or {}


def name_of(container: Json) -> str:
    """Return the name of a container as listed or as inspected, without the engine's leading slash."""
    name = container.get("Name") or (container.get("Names") or [""])[0]
    return name.lstrip("/")


def live_set(listed: list[Json]) -> list[Json]:
    """Choose the live containers of a Compose service from all ``listed`` ones that carry its labels, sorted by name.

    One-off containers are left out. For each container number the one Compose made (it has a configuration hash), under
    its own name, that is not a replacement in the making, is the live one; of equals the newest. Containers without a
    number count only when none has one.
    """
    by_number: dict[str, list[Json]] = {}
    for container in listed:
        labels = labels_of(container)
        if labels.get(ONE_OFF, "False").lower() != "true":
            by_number.setdefault(labels.get(NUMBER, ""), []).append(container)
    if len(by_number) > 1:
        by_number.pop("", None)
    return sorted((max(group, key=_precedence) for group in by_number.values()), key=name_of)


def _precedence(container: Json) -> tuple[bool, bool, bool, t.Any]:
    labels, name = labels_of(container), name_of(container)
    parts = (labels.get(PROJECT, ""), labels.get(SERVICE, ""), labels.get(NUMBER, ""))
    canonical = name in ("-".join(parts), "_".join(parts))
    return (CONFIG_HASH in labels, not name.endswith(NEW_SUFFIX), canonical, container.get("Created") or 0)


def find(engine: Engine, selector: Selector) -> list[Json]:
    """Return the inspected containers of the service, sorted by name; an empty list when there is none.

    A named container that is just being replaced is found under the name it was moved to.
    """
    if selector.container:
        for name in (selector.container, selector.container + OLD_SUFFIX):
            found = _inspect(engine, name)
            if found:
                return [found]
        return []
    filters = {"label": [f"{PROJECT}={selector.project}", f"{SERVICE}={selector.service}"]}
    listed = live_set(engine.get("/containers/json", all=1, filters=filters))
    return [found for found in (_inspect(engine, container["Id"]) for container in listed) if found]


def _inspect(engine: Engine, name: str) -> Json | None:
    try:
        return engine.get(f"/containers/{name}/json")
    except NotFound:
        return None
