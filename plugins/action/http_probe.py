# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``http_probe`` inside the Ansible process on the controller; with ``from: host`` it hands over to the module there.

Both validate the same argument specification and call the same ``run_probe``, so they give the same result.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http import ARGUMENT_SPEC
from ansible_collections.sre.remediation.plugins.module_utils._http_observe import run_probe


class ActionModule(ActionBase):
    """Measure whether a URL answers as expected."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        _result, params = self.validate_argument_spec(ARGUMENT_SPEC)
        if params["from"] == "host":
            return self._execute_module(module_name="sre.remediation.http_probe", task_vars=task_vars)
        try:
            result = run_probe(params)
        except RemediationError as error:
            return {"failed": True, "msg": error.message, "code": error.code}
        if params["require"] and not result["ok"]:
            return {"failed": True, "msg": result["message"], **result}
        return result
