# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people ask of the ledger by hand: freeze, unfreeze, read an attempt's undo record. See plugins/modules/ledger.py."""

from __future__ import annotations

import getpass
import time
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._action import PipelineAction
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.versions import read_versions

SCOPES = "all, service:<inventory host> or group:<inventory group>"


class ActionModule(PipelineAction):
    ARGUMENTS = {
        "do": {
            "type": "str",
            "required": True,
            "choices": ["freeze", "unfreeze", "read_attempt", "read_last_attempt", "read_versions", "list"],
        },
        "scope": {"type": "str"},
        "reason": {"type": "str"},
        "minutes": {"type": "float", "default": 60.0},
        "attempt": {"type": "str"},
        "service": {"type": "str"},
    }

    def step(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        what = arguments["do"]
        with self.ledger() as ledger:
            if what == "list":
                return {"freezes": ledger.freezes()}
            if what == "read_attempt":
                return {"attempt": self.attempt(ledger, arguments["attempt"])}
            service = arguments["service"] or task_vars["inventory_hostname"]
            if what == "read_last_attempt":
                return {"started_at": last_attempt_at(ledger, service)}
            if what == "read_versions":
                return {"versions": read_versions(ledger, service)}
            scope = checked_scope(arguments["scope"], task_vars.get("groups") or {})
            if what == "freeze":
                return self.freeze(ledger, scope, arguments)
            frozen = [freeze for freeze in ledger.freezes() if freeze["scope"] == scope]
            if frozen and not self.check_mode:
                ledger.unfreeze(scope, getpass.getuser())
            return {"changed": bool(frozen), "scope": scope, "freezes": frozen}

    def freeze(self, ledger, scope: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if not (arguments["reason"] or "").strip():
            raise RemediationError(
                "freeze_reason is empty: say why, the next person reads it at night", code="bad_freeze"
            )
        if arguments["minutes"] <= 0:
            raise RemediationError(f"freeze_minutes is {arguments['minutes']}, allowed: more than 0", code="bad_freeze")
        until = time.time() + arguments["minutes"] * 60
        if not self.check_mode:
            ledger.freeze(scope, arguments["reason"], getpass.getuser(), until)
        return {"changed": True, "scope": scope, "until": until}

    @staticmethod
    def attempt(ledger, attempt_id: str | None) -> dict[str, Any]:
        if not attempt_id:
            raise RemediationError(
                "undo_attempt is empty: give the id of the attempt, as in the report", code="bad_attempt"
            )
        found = ledger.attempt(attempt_id)
        if not found:
            raise RemediationError(f"undo_attempt={attempt_id}: the ledger knows no such attempt", code="bad_attempt")
        return found


def last_attempt_at(ledger, service: str) -> float | None:
    """When the newest attempt began in an incident of the service, however it ended; None where nothing was tried lately."""
    for row in ledger.incidents(service):
        if row["attempt_count"]:
            return ledger.incident(row["incident_id"])["attempts"][-1]["started_at"]
    return None


def checked_scope(scope: str | None, groups: dict[str, list[str]]) -> str:
    """The scope when it names everything, a service or a group of the inventory; an empty or unknown one is refused."""
    kind, _colon, name = (scope or "").partition(":")
    known = {"service": set(groups.get("all", ())), "group": set(groups)}
    if scope == "all" or name in known.get(kind, ()):
        return scope
    raise RemediationError(f"scope is {scope!r}, allowed: {SCOPES}", code="bad_scope")
