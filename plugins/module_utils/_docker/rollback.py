# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which image a rollback goes to: the one asked for, else the newest known good one, else the previous version by the
rule in ``images``.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._docker import images
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine, NotFound
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]


@dataclass(frozen=True)
class Target:
    """The image to go to; ``found_by`` is requested, known_good or previous_image."""

    version: str
    name: str | None
    found_by: str

    def as_dict(self) -> Json:
        """Return it as modules return it."""
        return {"version": self.version, "name": self.name, "found_by": self.found_by}


def full_id(image: str) -> str:
    """Return an image id with its algorithm."""
    return image if image.startswith("sha256:") or not _is_id(image) else f"sha256:{image}"


def _is_id(image: str) -> bool:
    return len(image) == 64 and all(character in "0123456789abcdef" for character in image)


def choose(
    requested: Json | None,
    known_good: list[Json],
    siblings: list[Json],
    current: Json,
    excluded: t.Collection[str],
    only_known_good: bool = False,
) -> tuple[Json, str] | None:
    """Choose the image to go to and say how it was found; None when there is none.

    :param requested: the image asked for, as inspected.
    :param known_good: local images known to be good, newest first.
    :param siblings: local images of the same repositories, as listed.
    :param current: the image in use, as inspected.
    :param excluded: image ids known to be bad.
    :param only_known_good: go to nothing else, and stay where one of them runs already: a plan named them.
    """
    if requested:
        return requested, "requested"
    fitting = [image for image in known_good if image["Id"] not in excluded]
    if only_known_good:
        there = next((image for image in fitting if image["Id"] == current["Id"]), None)
        chosen = there or next(iter(fitting), None)
        return (chosen, "known_good") if chosen else None
    for image in fitting:
        if image["Id"] != current["Id"]:
            return image, "known_good"
    found = images.previous(siblings, current["Id"], images.created(current), excluded)
    return (found, "previous_image") if found else None


def find_target(
    engine: Engine,
    container: Json,
    to: str | None,
    candidates: list[str],
    exclude: list[str],
    only_candidates: bool = False,
) -> Target:
    """Find the image to go to from ``container`` (as inspected).

    :raises RemediationError: ``image_missing`` when the image asked for, or the one in use, is not on the engine;
        ``excluded_target`` when the one asked for is known to be bad; ``no_previous_version`` when there is none.
    """
    excluded = {full_id(image) for image in exclude}
    requested = inspect_image(engine, to) if to else None
    if to and requested is None:
        raise RemediationError(
            f"to: the image {to} is not on this engine; run 'docker pull {to}' there, or deploy it",
            code="image_missing",
        )
    if requested and requested["Id"] in excluded:
        raise RemediationError(
            f"to: the image {to} is one of exclude, so known to be bad; take it out of one of the two",
            code="excluded_target",
        )
    current = image_of(engine, container)
    names = images.repositories(current, container["Config"]["Image"])
    known_good: list[Json] = []
    siblings: list[Json] = []
    if requested is None:
        local = [inspect_image(engine, full_id(image)) for image in candidates]
        known_good = [image for image in local if image is not None]
        siblings = images.siblings(engine, names, current)
    chosen = choose(requested, known_good, siblings, current, excluded, only_candidates)
    if chosen is None and only_candidates:
        raise RemediationError(
            f"candidates: none of the {len(candidates)} images named is on this engine (or all are in exclude), and"
            " only_candidates forbids any other; look again and plan anew, or name one with 'to'",
            code="no_previous_version",
        )
    if chosen is None:
        repositories = ", ".join(sorted(names)) or container["Config"]["Image"]
        raise RemediationError(
            f"there is no previous version to go back to: neither a known good image nor another one of {repositories}"
            " that is not newer is on this engine; name one with 'to', or deploy an older version",
            code="no_previous_version",
        )
    image, found_by = chosen
    return Target(image["Id"], images.display_name(image, names), found_by)


def image_of(engine: Engine, container: Json) -> Json:
    """Return the image a container was made from; RemediationError (``image_missing``) when it was removed."""
    image = inspect_image(engine, container["Image"])
    if image is None:
        raise RemediationError(
            f"the image {container['Image']} of the container is gone from the engine, so what came from it is not"
            " known and the container cannot be made again; deploy the service instead",
            code="image_missing",
        )
    return image


def inspect_image(engine: Engine, name: str) -> Json | None:
    """Return an image as inspected; None when it is not on the engine."""
    try:
        return engine.get(f"/images/{name}/json")
    except NotFound:
        return None


def reference(engine: Engine, image_id: str, *names: str | None) -> str:
    """Return the first of ``names`` that means ``image_id`` now, so that a container stays readable; else the id."""
    for name in names:
        if name:
            image = inspect_image(engine, name)
            if image and image["Id"] == image_id:
                return name
    return image_id
