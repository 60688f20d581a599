#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin ``triage``, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: triage
short_description: Choose the cause of a symptom from what was observed
version_added: 0.1.0
description:
  - Turns the state of a service, its log lines and probe results into named signals, and takes the first rule whose
    conditions hold as the cause.
  - Log lines become signals by one catalogue of signatures (port in use, database unreachable, missing variable and so on).
  - When no probe that states the symptom failed, nothing is found, whatever the logs say.
  - This is an action plugin, it runs on the controller and needs no connection. It only reads.
author:
  - The sre.remediation maintainers (@sre-remediation)
extends_documentation_fragment:
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
options:
  causes:
    description: The rules, in order. The first that holds wins.
    type: list
    elements: dict
    required: true
    suboptions:
      cause:
        description: The name of the cause.
        type: str
        required: true
      summary:
        description:
          - One sentence for people. C({name}) is replaced by the named group of a signature that decided, or by
            C({service}), C({holder}), C({port}), C({env}), C({log_line}), C({hint}) or the name of a related service.
        type: str
        required: true
      all:
        description: Signals that must all be there.
        type: list
        elements: str
        default: []
      any:
        description: Signals of which one must be there, unless the list is empty.
        type: list
        elements: str
        default: []
      none:
        description: Signals that must not be there.
        type: list
        elements: str
        default: []
  service:
    description: The normalized state, as the C(service_info) modules return it in RV(ignore:service).
    type: dict
    default: {}
  logs:
    description: Log lines of the service, oldest first. The newest 500 are read.
    type: list
    elements: str
    default: []
  probes:
    description:
      - Results of M(sre.remediation.http_probe) by name. A result without RV(ignore:ok), such as that of a skipped task, does not count.
      - Each gives the signal C(<name>_ok), or C(<name>_failed) and C(<name>_<symptom>).
    type: dict
    default: {}
  related:
    description:
      - Other services by name, for example V(database) and V(proxy), each with C(service), C(logs) and C(probe).
      - Their signals get the name and an underscore in front, those of the probe also C(probe_).
    type: dict
    default: {}
  required_env:
    description: Variables that the service must have. A missing one gives C(env_missing) and C(env_missing:<NAME>).
    type: list
    elements: str
    default: []
  symptom:
    description: Names of the probes that state the symptom. All of O(probes) when not given.
    type: list
    elements: str
  symptom_signals:
    description:
      - Signals that the scenario measured itself and that state the symptom. Their names must not begin with C(log_).
      - An empty list says that it measured and found none.
    type: list
    elements: str
notes:
  - One of O(probes) and O(symptom_signals) must state the symptom.
"""

EXAMPLES = r"""
- name: Say why the API does not answer
  sre.remediation.triage:
    causes:
      - cause: port_taken
        summary: "port {port} is held by {holder}"
        any: [port_conflict_stale, log_address_in_use]
      - cause: stopped
        summary: "{service} is stopped"
        any: [stopped, missing]
        none: [platform_unreachable]
    service: "{{ state.service }}"
    logs: "{{ state.logs }}"
    probes:
      health: "{{ health }}"
  register: api_down_diagnosis
"""

RETURN = r"""
found:
  description: Whether the symptom is there.
  type: bool
  returned: success
  sample: true
cause:
  description: The cause that was chosen, V(unknown) when no rule holds, or null when nothing was found.
  type: str
  returned: success
  sample: port_taken
summary:
  description: One sentence for people.
  type: str
  returned: success
  sample: port 5001 is held by container shop-api-old
signals:
  description: Everything that was seen, sorted.
  type: list
  elements: str
  returned: success
  sample: [health_failed, health_refused, log_address_in_use, port_conflict_stale, stopped]
ruled_out:
  description: Causes for which something spoke, each with C(cause) and the reason C(why) it was not chosen.
  type: list
  elements: dict
  returned: success
  sample:
    - cause: stopped
      why: explained by port_taken
evidence:
  description: The log lines, probe messages and states that decided, secrets taken out.
  type: list
  elements: str
  returned: success
  sample: ["health: GET http://127.0.0.1:5001/api/health: connection refused"]
details:
  description: Names of missing variables V(env), who holds a port V(holder), and the log line that decided V(log_line).
  type: dict
  returned: success
  sample: {env: [], holder: {kind: container, name: shop-api-old, port: 5001}, log_line: "Error: listen EADDRINUSE: address already in use :::5001"}
code:
  description: V(bad_argument) when an argument has a value that is not allowed.
  type: str
  returned: failure
  sample: bad_argument
"""
