# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to a container's environment that never show a value: what changes, how it is shown, and how it is undone.
Pure.

A value is shown as the first 8 hexadecimal digits of PBKDF2-HMAC-SHA256 (50,000 rounds, salted with the names of
service and variable), so that one can see whether two values are equal. It gives nothing away of a good secret, but
somebody who can guess a weak one can check the guess.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

ROUNDS = 50_000
SHOWN_BYTES = 4


def fingerprint(service: str, name: str, value: str) -> str:
    """Return what is shown instead of the value of variable ``name`` of ``service``."""
    salt = f"sre.remediation/{service}/{name}".encode()
    return f"hash:{hashlib.pbkdf2_hmac('sha256', value.encode(), salt, ROUNDS)[:SHOWN_BYTES].hex()}"


def wanted_changes(env: t.Mapping[str, t.Any], unset: t.Collection[str]) -> dict[str, str | None]:
    """Read the options ``env`` and ``unset`` into one dictionary, in which None takes a variable out.

    :raises RemediationError: (``invalid_option``) for names that are none, values that are not text, and
        contradictions.
    """
    if not env and not unset:
        raise RemediationError("give env, unset or both: there is nothing to change", code="invalid_option")
    for option, names in (("env", list(env)), ("unset", list(unset))):
        for name in names:
            if not name or "=" in name or "\0" in name:
                raise RemediationError(
                    f"{option}: {name!r} is no name of an environment variable (not empty, no '=')",
                    code="invalid_option",
                )
    both = sorted(set(env) & set(unset))
    if both:
        raise RemediationError(
            f"env and unset both name {', '.join(both)}: say which of the two is meant", code="invalid_option"
        )
    changes: dict[str, str | None] = {}
    for name, value in env.items():
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise RemediationError(
                f"env: the value of {name} must be text or a whole number; quote it", code="invalid_option"
            )
        changes[name] = str(value)
    return {**changes, **dict.fromkeys(unset)}


@dataclass(frozen=True)
class EnvChange:
    """What changes in one container. ``changes`` holds values; the rest can be shown."""

    changes: dict[str, str | None]
    before: dict[str, str]
    after: dict[str, str]
    absent: list[str]

    @property
    def names(self) -> list[str]:
        """The names of the variables that change, sorted."""
        return sorted(self.changes)


def plan(
    service: str, wanted: t.Mapping[str, str | None], current: t.Mapping[str, str], image: t.Mapping[str, str]
) -> EnvChange:
    """Work out what ``wanted`` changes in a container.

    :param current: its environment.
    :param image: the environment its image brings along.
    :raises RemediationError: (``env_of_image``) for taking out a variable of the image: without a value of its own the
        image's would apply.
    """
    stuck = sorted(name for name, value in wanted.items() if value is None and name in image)
    if stuck:
        raise RemediationError(
            f"unset: {', '.join(stuck)} comes from the image and cannot be taken out; set another value with env",
            code="env_of_image",
        )
    changes = {name: value for name, value in wanted.items() if value != current.get(name)}
    return EnvChange(
        changes=changes,
        before={name: fingerprint(service, name, current[name]) for name in sorted(changes) if name in current},
        after={
            name: fingerprint(service, name, value) for name in sorted(changes) if (value := changes[name]) is not None
        },
        absent=sorted(name for name in changes if name not in current),
    )
