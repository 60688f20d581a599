# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of the action plugin of the same name, which runs in ansible-playbook on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ledger
short_description: Freeze services and read the ledger
version_added: 0.1.0
description:
  - What people ask of the ledger by hand. The playbooks C(freeze), C(unfreeze) and C(undo) use it.
  - The ledger is the file or PostgreSQL database that E(SRE_REMEDIATION_LEDGER) names.
options:
  do:
    description: What to do.
    type: str
    required: true
    choices: [freeze, unfreeze, read_attempt, read_last_attempt, read_versions, list]
  scope:
    description: V(all), V(service:<inventory host>) or V(group:<inventory group>). An empty or unknown scope is refused.
    type: str
  reason:
    description: Why it is frozen; required with O(do=freeze).
    type: str
  minutes:
    description: How long the freeze lasts.
    type: float
    default: 60
  attempt:
    description: With O(do=read_attempt), the id of the attempt.
    type: str
  service:
    description: With O(do=read_last_attempt) and O(do=read_versions), the inventory host. By default the current one.
    type: str
attributes:
  check_mode:
    support: full
    description: In check mode nothing is written.
  diff_mode:
    support: none
    description: Returns no diff.
author:
  - The sre.remediation maintainers (@sre-remediation)
"""

EXAMPLES = r"""
- name: Keep hands off the API during the migration
  sre.remediation.ledger:
    do: freeze
    scope: service:api
    reason: migration of the orders table
    minutes: 90
"""

RETURN = r"""
scope:
  description: The scope.
  type: str
  returned: when O(do=freeze) or O(do=unfreeze)
until:
  description: Epoch seconds at which the freeze ends.
  type: float
  returned: when O(do=freeze)
freezes:
  description: The freezes, or with O(do=unfreeze) those that were ended.
  type: list
  elements: dict
  returned: when O(do=list) or O(do=unfreeze)
versions:
  description: What is known of the versions of a service.
  type: dict
  returned: when O(do=read_versions)
  contains:
    known_good:
      description: Versions that held, newest proof first.
      type: list
      elements: str
    ordered_away:
      description: Rollbacks that a person ordered and that held, newest first, each with the version V(left) and the one V(reached).
      type: list
      elements: dict
    being_left:
      description: Versions that runs were leaving when they were killed.
      type: list
      elements: str
    taken_back:
      description: The same of deployments that failed.
      type: list
      elements: dict
started_at:
  description:
    - When the newest attempt began in an incident of the service, in epoch seconds, whatever became of it. Null when none of the
      50 newest incidents has one.
  type: float
  returned: when O(do=read_last_attempt)
attempt:
  description: The attempt with its undo record.
  type: dict
  returned: when O(do=read_attempt)
"""
