# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module that changes something did so far, in the form all of them return it.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

Json = dict[str, t.Any]


@dataclass
class Progress:
    """What a module did so far. In check mode: what it would do. It is right at every moment, also when it fails."""

    changed: bool = False
    actions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: Json = field(default_factory=dict)
    after: Json = field(default_factory=dict)

    def as_dict(self) -> Json:
        """Return it as modules return it."""
        return {"changed": self.changed, "actions": self.actions, "diff": {"before": self.before, "after": self.after}}
