# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the end of every incident as a short block after the recap. It only shows: nothing depends on it being enabled."""

from __future__ import annotations

DOCUMENTATION = r"""
name: incident
type: aggregate
short_description: Closing block of every remediated service
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - After the recap, prints for every service what was found and done - verdict, cause, remedies with their seconds,
    evidence, report and the next step; in a dry run the plan with its hash.
  - Only shows what the pipeline returned. The ledger, the result file and the exit code do not depend on it.
requirements:
  - Enable it in C(callbacks_enabled) of C(ansible.cfg).
"""

from ansible import constants as C
from ansible.plugins.callback import CallbackBase

CLOSING_ACTIONS = ("sre.remediation.incident", "incident")
COLOURS = {
    "recovered": "COLOR_OK",
    "no_action_needed": "COLOR_OK",
    "planned": "COLOR_CHANGED",
    "refused": "COLOR_WARN",
}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "sre.remediation.incident"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._closed: list[dict] = []

    def v2_runner_on_ok(self, result, **kwargs):
        self._keep(result)

    def v2_runner_on_failed(self, result, ignore_errors=False, **kwargs):
        self._keep(result)

    def _keep(self, result) -> None:
        # ansible-core 2.19 made the fields of a task result public; 2.18 has them with an underscore.
        returned = result.result if hasattr(result, "result") else result._result
        incident = returned.get("incident")
        if isinstance(incident, dict) and "verdict" in incident and "ledger_id" in incident:
            self._closed.append({**incident, "shown": returned.get("shown") or []})

    def v2_playbook_on_stats(self, stats):
        for incident in self._closed:
            colour = getattr(C, COLOURS.get(incident["verdict"], "COLOR_ERROR"))
            self._display.banner(f"INCIDENT {incident['service']}")
            for line in block(incident):
                self._display.display(line, color=colour)


def block(incident: dict) -> list[str]:
    """The lines of one closing block. Pure."""
    code = f" ({incident['code']})" if incident.get("code") else ""
    lines = [
        f"verdict   {incident['verdict']}{code}",
        f"cause     {incident['cause'] or '-'}: {incident['summary']}",
    ]
    if incident["remedies"]:
        done = [
            f"{item['name']} [{item['impact']}] {item['result']} in {item['seconds']} s"
            for item in incident["remedies"]
        ]
        lines.append("remedies  " + "; ".join(done))
    lines.extend(f"          {line}" for line in incident["shown"])
    seconds = incident["seconds"]
    first = f", {seconds['to_first_action']} s to the first action" if seconds["to_first_action"] is not None else ""
    hold = f", {seconds['hold']} s of hold" if seconds["hold"] else ""
    lines.append(f"seconds   {seconds['total']} in all{first}{hold}")
    for name in ("evidence", "report", "ledger_id", "next_step"):
        if incident.get(name):
            lines.append(f"{name.replace('ledger_id', 'ledger').replace('_step', ''):<9} {incident[name]}")
    return lines
