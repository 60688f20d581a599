# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diagnosis of a service from what was observed; in-process, because it only computes.

The module file of the same name holds the documentation. The work is in ``plugins/plugin_utils/_triage``.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact
from ansible_collections.sre.remediation.plugins.plugin_utils._triage.rules import decide, gather, make_rules

_NAMES = {"type": "list", "elements": "str", "default": []}
ARGUMENT_SPEC: dict[str, t.Any] = {
    "causes": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "cause": {"type": "str", "required": True},
            "summary": {"type": "str", "required": True},
            "all": _NAMES,
            "any": _NAMES,
            "none": _NAMES,
        },
    },
    "service": {"type": "dict", "default": {}},
    "logs": {"type": "list", "elements": "str", "default": []},
    "probes": {"type": "dict", "default": {}},
    "related": {"type": "dict", "default": {}},
    "required_env": {"type": "list", "elements": "str", "default": []},
    "symptom": {"type": "list", "elements": "str"},
    "symptom_signals": {"type": "list", "elements": "str"},
}


class ActionModule(ActionBase):
    """Choose the cause of a symptom from signals, by ordered rules."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        _result, params = self.validate_argument_spec(ARGUMENT_SPEC)
        try:
            for option in ("probes", "related"):
                for name, value in params[option].items():
                    if not isinstance(value, dict):
                        raise RemediationError(f"{option}.{name} must be a dictionary", code="bad_argument")
            rules = make_rules(params.pop("causes"))
            return redact(decide(rules, gather(**params)))
        except RemediationError as error:
            return {"failed": True, "msg": error.message, "code": error.code}
