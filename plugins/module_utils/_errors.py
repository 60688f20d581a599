# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that library code of this collection raises. PRIVATE to the collection.

Library code never calls ``fail_json`` and never prints: it raises ``RemediationError`` (or a subclass), and only
``main()`` of a module or ``run()`` of an action plugin turns it into a failed task with ``msg=error.message`` and
``code=error.code``.
"""

from __future__ import annotations


class RemediationError(Exception):
    """Something this collection cannot do, said in one sentence a tired operator understands.

    :ivar message: (str) names the option or variable at fault and what is allowed, or what to do next.
    :ivar code: (str) stable snake_case word for programs, e.g. ``ledger_missing``.
    """

    def __init__(self, message: str, code: str = "error") -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __reduce__(self):
        # Keeps the code when the error crosses a process boundary (Ansible workers, multiprocessing).
        return (type(self), (self.message, self.code))
