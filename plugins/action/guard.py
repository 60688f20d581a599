# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the durable guard whether the next remedy of a plan may be applied now; take the leases when it may.

The decision itself is the pure function ``decide`` in plugin_utils/_ledger/policy.py, made inside one write transaction
of the ledger. This file only brings the arguments there and the answer back.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.sre.remediation.plugins.plugin_utils._action import PipelineAction, inventory_size
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import AdmissionRequest, GuardPolicy, decide

LEASE_MARGIN = 30.0
"""Seconds a lease lasts beyond the longest single step (wait of the remedy plus hold)."""


class ActionModule(PipelineAction):
    ARGUMENTS = {
        "plan": {"type": "dict", "required": True},
        "remedy": {"type": "dict", "required": True},
        "look_at": {"type": "float", "required": True},
        "incident": {"type": "str"},
        "approve": {"type": "list", "elements": "str", "default": []},
        "max_impact": {"type": "str", "choices": ["safe", "disruptive", "destructive"], "default": "disruptive"},
        "mode": {"type": "str", "choices": ["auto", "plan"], "default": "auto"},
        "reason": {"type": "str", "default": ""},
        "hold": {"type": "float", "default": 0.0},
        "lease": {"type": "float", "default": 120.0},
        "cooldown": {"type": "float", "default": 300.0},
        "max_incidents": {"type": "int", "default": 3},
        "window": {"type": "float", "default": 3600.0},
        "storm_fraction": {"type": "float", "default": 0.5},
        "storm_minimum": {"type": "int", "default": 4},
        "storm_window": {"type": "float", "default": 120.0},
        "approval_ttl": {"type": "float", "default": 3600.0},
        "state": {"type": "dict", "default": {}},
    }

    def step(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        plan, remedy, state = arguments["plan"], arguments["remedy"], arguments["state"]
        dry_run = self.check_mode or arguments["mode"] == "plan"
        lease_seconds = max(arguments["lease"], float(remedy["timeout"]) + arguments["hold"] + LEASE_MARGIN)
        request = AdmissionRequest(
            service=plan["service"],
            scenario=plan["scenario"],
            targets=sorted({plan["service"], remedy["target"]}),
            holder=self.holder(),
            incident_id=arguments["incident"] or None,
            plan_hash=plan["hash"],
            plan=plan,
            cause=plan["cause"],
            summary=plan["summary"],
            remedy=remedy["remedy"],
            impact=remedy["impact"],
            look_at=arguments["look_at"],
            lease_seconds=lease_seconds,
            approve=arguments["approve"],
            policy=GuardPolicy(
                cooldown=arguments["cooldown"],
                max_incidents=arguments["max_incidents"],
                window=arguments["window"],
                storm_fraction=arguments["storm_fraction"],
                storm_minimum=arguments["storm_minimum"],
                storm_window=arguments["storm_window"],
                max_impact=arguments["max_impact"],
                approval_ttl=arguments["approval_ttl"],
            ),
            floor={
                "desired": state.get("desired") or 0,
                "healthy": state.get("healthy"),
                "touches": (state.get("desired") or 0) if remedy["touches_healthy"] else 0,
            },
            inventory_size=inventory_size(task_vars),
            groups=list(task_vars.get("group_names") or []),
            dry_run=dry_run,
        )
        with self.ledger() as ledger:
            admission = ledger.admit(request, decide)
            if admission.admitted and not dry_run:
                ledger.set_undo(admission.attempt_id, remedy["undo"])
        refusal = admission.refusal
        return {
            "admitted": admission.admitted,
            "act": admission.admitted and not dry_run,
            "code": refusal.code if refusal else None,
            "reason": refusal.reason if refusal else None,
            "until": refusal.until if refusal else None,
            "holder": refusal.holder if refusal else None,
            "incident": admission.incident_id,
            "attempt": admission.attempt_id,
            "resumed": admission.resumed,
            "lease": lease_seconds,
            "decided_at": time.time(),
        }
