# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of the action plugin of the same name, which runs in ansible-playbook on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: incident
short_description: Keep the record of an incident
version_added: 0.1.0
description:
  - >-
    One step of the pipeline in the role P(sre.remediation.remediate#role) - V(plan) chooses the next remedy or a
    verdict, V(evidence) saves what was seen before the first change, V(record) writes how an attempt ended,
    V(undone) that one was put back, V(close) gives the verdict.
  - >-
    V(close) tells whether the play may end well, which is so for the verdicts V(recovered) and V(no_action_needed), and
    for a dry run that could make a plan. It writes the file named by E(SRE_REMEDIATION_RESULT_FILE) and the statistics
    that AWX keeps as artifacts.
  - Playbooks do not call it.
options:
  step:
    description: Which step.
    type: str
    required: true
    choices: [plan, evidence, record, undone, close]
  service:
    description: Inventory host of the service.
    type: str
    required: true
  scenario:
    description: Name of the scenario.
    type: str
    required: true
  platform:
    description: Platform of the service.
    type: str
    default: ''
  mode:
    description: V(plan) makes it a dry run.
    type: str
    choices: [auto, plan]
    default: auto
  incident:
    description: Id of the incident this run has open.
    type: str
  attempt:
    description: Id of the attempt.
    type: str
  own_attempt:
    description: With O(step=undone), the attempt of a run whose only purpose was the undo.
    type: str
  diagnosis:
    description: With O(step=plan), the diagnosis.
    type: dict
    default: {}
  ladder:
    description: With O(step=plan), the scenario's ladder.
    type: list
    elements: dict
    default: []
  state:
    description: Normalized state of the service as it was looked at.
    type: dict
    default: {}
  first_state:
    description: The state at the first look of this run.
    type: dict
    default: {}
  last_state:
    description: The state before the last attempt.
    type: dict
    default: {}
  unsupported:
    description: Remedies the platform cannot do, with the reason.
    type: dict
    default: {}
  deadline:
    description: Seconds since the start of the run after which a person takes over.
    type: float
    default: 600
  observe_timeout:
    description: Seconds for a service that is coming back by itself.
    type: float
    default: 60
  looked_at:
    description: Epoch seconds of the look.
    type: float
    default: 0
  parts:
    description: With O(step=evidence), file names and their contents.
    type: dict
    default: {}
  remedy:
    description: With O(step=record), the remedy that was applied.
    type: dict
    default: {}
  verification:
    description: With O(step=record), the result of the verification.
    type: dict
    default: {}
  failure:
    description: With O(step=record), what failed.
    type: dict
    default: {}
  hold:
    description: Seconds of hold.
    type: float
    default: 0
  lease:
    description: Seconds for which the lease is renewed.
    type: float
    default: 120
  planning:
    description: With O(step=close), the result of the plan step.
    type: dict
    default: {}
  guarding:
    description: With O(step=close), the result of the guard.
    type: dict
    default: {}
  attempting:
    description: With O(step=close), the result of the last record step.
    type: dict
    default: {}
  fault:
    description: With O(step=close), what went wrong in the run itself.
    type: str
    default: ''
  reason:
    description: Why the run was started.
    type: str
    default: ''
attributes:
  check_mode:
    support: full
    description: A dry run plans and closes, with the row of the look as its only trace.
  diff_mode:
    support: none
    description: Returns no diff.
author:
  - The sre.remediation maintainers (@sre-remediation)
"""

EXAMPLES = r"""
- name: Close the incident with a verdict
  sre.remediation.incident:
    step: close
    service: "{{ inventory_hostname }}"
    scenario: api_down
    planning: "{{ remediate_plan }}"
    guarding: "{{ remediate_guard }}"
    attempting: "{{ remediate_attempt }}"
"""

RETURN = r"""
incident:
  description: With O(step=close), the entry of the result file, with code, summary and next step.
  type: dict
  returned: when O(step=close)
good:
  description: With O(step=close), whether the play may end well.
  type: bool
  returned: when O(step=close)
said:
  description: With O(step=close), the outcome in one or two sentences.
  type: str
  returned: when O(step=close)
plan:
  description: With O(step=plan), the plan with its hash.
  type: dict
  returned: when O(step=plan)
next:
  description: With O(step=plan), the remedy to try now, or nothing.
  type: dict
  returned: when O(step=plan)
result:
  description: With O(step=record), V(recovered) or V(failed).
  type: str
  returned: when O(step=record)
files:
  description: With O(step=evidence), the files that were saved, with size and SHA-256.
  type: list
  elements: dict
  returned: when O(step=evidence)
"""
