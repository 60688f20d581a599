# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which image a service ran before, and how image names are read. The choices are pure; only ``siblings`` asks the
engine.

The rule for the previous version: the newest local image of the same repository, by any tag or digest, that is older
than the one in use; images as old as that one count when there is no older one; a newer image is never a previous
version.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.sre.remediation.plugins.module_utils._docker import times
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine

Json = dict[str, t.Any]


def repository(name: str) -> str | None:
    """Return the repository of an image name (``host:5000/app:1`` → ``host:5000/app``); None for an image id."""
    if name.startswith(("sha256:", "<none>")):
        return None
    base = name.partition("@")[0]
    head, colon, tail = base.rpartition(":")
    return head if colon and "/" not in tail else base or None


def repositories(image: Json, used_name: str = "") -> set[str]:
    """Return the repository of the name an image was started by; where that is only an id, all the image belongs to.

    An image may be tagged in several repositories. A service goes back to what was published where it came from.
    """
    used = repository(used_name)
    if used and not _is_hex(used):
        return {used}
    names = [*(image.get("RepoTags") or []), *(image.get("RepoDigests") or [])]
    return {found for found in map(repository, names) if found and not _is_hex(found)}


def _is_hex(name: str) -> bool:
    return len(name) >= 12 and all(character in "0123456789abcdef" for character in name)


def display_name(image: Json, wanted: t.Collection[str] = ()) -> str | None:
    """Return the name to show for an image: a tag (of a ``wanted`` repository first), else a digest, else None."""
    names = [name for name in [*(image.get("RepoTags") or []), *(image.get("RepoDigests") or [])] if repository(name)]
    return min(names, key=lambda name: repository(name) not in wanted, default=None)


def previous(
    listed: list[Json], current_id: str, current_created: float, excluded: t.Collection[str] = ()
) -> Json | None:
    """Choose the previous version from the ``listed`` images of the repositories of the current one; None when there is
    none.

    :param current_created: epoch seconds.
    :param excluded: image ids that must not be chosen.
    """
    others = [
        image
        for image in listed
        if image["Id"] != current_id and image["Id"] not in excluded and image["Created"] <= current_created
    ]
    return max(
        others, key=lambda image: (image["Created"] < current_created, image["Created"], image["Id"]), default=None
    )


def env_lost(required: t.Iterable[str], previous_env: t.Iterable[str], current_env: t.Iterable[str]) -> list[str]:
    """Return the required variables that the previous version brought along and the current one lacks, sorted."""
    return sorted(set(required) & set(previous_env) - set(current_env))


def siblings(engine: Engine, names: t.Iterable[str], current: Json) -> list[Json]:
    """Return the local images of the repositories ``names``, each once.

    The engine lists when they were made in whole seconds, which a build that makes several at once does not keep apart:
    those that share a second with another, or with the ``current`` one (as inspected), are asked for the exact moment.
    """
    found: dict[str, Json] = {}
    for name in sorted(names):
        for image in engine.get("/images/json", filters={"reference": [name]}):
            if name in repositories(image):
                found[image["Id"]] = image
    moments = Counter(image["Created"] for image in found.values() if image["Id"] != current["Id"])
    moments[int(created(current))] += 1
    return [
        {**image, "Created": created(engine.get(f"/images/{image['Id']}/json"))}
        if moments[image["Created"]] > 1
        else image
        for image in found.values()
    ]


def created(image: Json) -> float:
    """Return when an inspected image was made, in epoch seconds (0 when it does not say)."""
    return times.epoch(image.get("Created")) or 0.0
