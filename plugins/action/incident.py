# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bookkeeping steps of an incident: plan, evidence, record, undone, close. In-process, on the controller.

Each step is one function of plugin_utils/_incident; this file only picks it. See plugins/modules/incident.py for what
every argument means.
"""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.sre.remediation.plugins.plugin_utils._action import PipelineAction, run_started
from ansible_collections.sre.remediation.plugins.plugin_utils._incident import attempt
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.closing import close_step
from ansible_collections.sre.remediation.plugins.plugin_utils._incident.planning import plan_step


class ActionModule(PipelineAction):
    ARGUMENTS = {
        "step": {"type": "str", "required": True, "choices": ["plan", "evidence", "record", "undone", "close"]},
        "service": {"type": "str", "required": True},
        "scenario": {"type": "str", "required": True},
        "platform": {"type": "str", "default": ""},
        "mode": {"type": "str", "choices": ["auto", "plan"], "default": "auto"},
        "incident": {"type": "str"},
        "attempt": {"type": "str"},
        # undone
        "own_attempt": {"type": "str"},
        # plan
        "diagnosis": {"type": "dict", "default": {}},
        "ladder": {"type": "list", "elements": "dict", "default": []},
        "state": {"type": "dict", "default": {}},
        "first_state": {"type": "dict", "default": {}},
        "last_state": {"type": "dict", "default": {}},
        "unsupported": {"type": "dict", "default": {}},
        "deadline": {"type": "float", "default": 600.0},
        "observe_timeout": {"type": "float", "default": 60.0},
        "looked_at": {"type": "float", "default": 0.0},
        # evidence
        "parts": {"type": "dict", "default": {}},
        # record
        "remedy": {"type": "dict", "default": {}},
        "verification": {"type": "dict", "default": {}},
        "failure": {"type": "dict", "default": {}},
        "hold": {"type": "float", "default": 0.0},
        "lease": {"type": "float", "default": 120.0},
        # close
        "planning": {"type": "dict", "default": {}},
        "guarding": {"type": "dict", "default": {}},
        "attempting": {"type": "dict", "default": {}},
        "fault": {"type": "str", "default": ""},
        "reason": {"type": "str", "default": ""},
    }

    def step(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        dry_run = self.check_mode or arguments["mode"] == "plan"
        holder = self.holder()
        step = arguments["step"]
        if step == "close":
            return close_step(self.ledger, holder, arguments, dry_run, run_started(), os.environ)
        with self.ledger() as ledger:
            if step == "plan":
                return plan_step(ledger, holder, arguments, run_started())
            if step == "evidence":
                return attempt.evidence_step(ledger, holder, arguments, os.environ)
            if step == "record":
                return attempt.record_step(ledger, holder, arguments)
            return attempt.undone_step(ledger, arguments, run_started())
