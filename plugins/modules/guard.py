# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of the action plugin of the same name, which runs in ansible-playbook on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: guard
short_description: Decide whether a remedy may be applied now
version_added: 0.1.0
description:
  - >-
    Asks the durable guard - lease, freeze, cooldown, budget of incidents, healthy floor, storm brake, impact and
    approval - in one write transaction of the ledger, and takes the leases when it admits.
  - Refuses whenever it cannot know - an unreadable ledger is an error, a stale look is a refusal.
  - Part of the pipeline in the role P(sre.remediation.remediate#role); playbooks do not call it.
options:
  plan:
    description: The plan, as the plan step of M(sre.remediation.incident) returns it.
    type: dict
    required: true
  remedy:
    description: The remedy of the plan that is to be applied.
    type: dict
    required: true
  look_at:
    description: Epoch seconds at which the service was looked at. A change since then refuses with V(stale_look).
    type: float
    required: true
  incident:
    description: The incident this run has open, when it has one.
    type: str
  approve:
    description: Hashes of plans that a person approved.
    type: list
    elements: str
    default: []
  max_impact:
    description: The strongest impact allowed.
    type: str
    choices: [safe, disruptive, destructive]
    default: disruptive
  mode:
    description: V(plan) decides without taking leases.
    type: str
    choices: [auto, plan]
    default: auto
  reason:
    description: Why the run was started.
    type: str
    default: ''
  hold:
    description: Seconds of hold that follow the remedy; the lease lasts longer than remedy and hold.
    type: float
    default: 0
  lease:
    description: Shortest duration of a lease in seconds.
    type: float
    default: 120
  cooldown:
    description: Seconds of rest after an incident with an interrupting remedy.
    type: float
    default: 300
  max_incidents:
    description: Incidents per service and scenario within O(window).
    type: int
    default: 3
  window:
    description: Seconds over which incidents are counted.
    type: float
    default: 3600
  storm_fraction:
    description: Share of the inventory that may fail at once.
    type: float
    default: 0.5
  storm_minimum:
    description: Smallest inventory the storm brake watches.
    type: int
    default: 4
  storm_window:
    description: Seconds for which a failing look counts.
    type: float
    default: 120
  approval_ttl:
    description: Seconds for which a printed plan can be approved.
    type: float
    default: 3600
  state:
    description: Normalized state of the service, for the healthy floor.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: In check mode and with O(mode=plan) it decides the same way and writes nothing.
  diff_mode:
    support: none
    description: Returns no diff.
author:
  - The sre.remediation maintainers (@sre-remediation)
"""

EXAMPLES = r"""
- name: Ask the guard
  sre.remediation.guard:
    plan: "{{ remediate_plan.plan }}"
    remedy: "{{ remediate_plan.next }}"
    look_at: "{{ remediate_plan.looked_at }}"
  register: remediate_guard
"""

RETURN = r"""
admitted:
  description: Whether the remedy may be applied.
  type: bool
  returned: always
act:
  description: Whether it is to be applied by this run (false in a dry run).
  type: bool
  returned: always
code:
  description: Why not, as one word, for example V(frozen), V(busy), V(cooldown), V(budget_exhausted), V(floor), V(storm), V(approval_required).
  type: str
  returned: always
reason:
  description: Why not, as one sentence that names the holder, the freeze or the time.
  type: str
  returned: always
until:
  description: Epoch seconds until which the refusal stands, where that is known.
  type: float
  returned: always
holder:
  description: Who holds the lease, when the code is V(busy).
  type: str
  returned: always
incident:
  description: The incident that was opened or resumed.
  type: str
  returned: always
attempt:
  description: The attempt that was written.
  type: str
  returned: always
resumed:
  description: Whether an interrupted incident of an earlier run was resumed.
  type: bool
  returned: always
"""
