#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set or take out many variables of a Railway service with one deployment, without ever showing a value."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_variables
short_description: Set or take out variables of a Railway service
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Sets any number of variables of a service in one environment of a Railway project, takes others out, and deploys the
    service once, when something changes.
  - Values are never returned. In their place stand the first 8 hexadecimal digits of PBKDF2-HMAC-SHA256 (50,000 rounds,
    salted with the ids of the service and the names of the variables), which are equal when two values are. Who can
    guess a weak value can check the guess with it.
  - Values are compared as they are written, references to other variables included.
extends_documentation_fragment:
  - sre.remediation._railway
  - sre.remediation._railway.service
  - sre.remediation._railway.wait
  - sre.remediation._attributes
  - sre.remediation._attributes.actiongroup_railway
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - The value of a sealed variable cannot be read, so setting one is a change each time, unless O(sealed_unchanged)
        names it.
options:
  env:
    description:
      - Variables to set, by name. Values are text or whole numbers. Others must be quoted.
    type: dict
    default: {}
  unset:
    description:
      - Names of variables to take out.
      - Railway deploys at once when one is taken out. Of several, each makes a deployment that supersedes the one
        before, and the last is waited for.
    type: list
    elements: str
    default: []
  sealed_unchanged:
    description:
      - Names in O(env) that are left alone when they are there but sealed.
    type: list
    elements: str
    default: []
  deploy:
    description:
      - Deploy the service when something changed. When V(false), new values wait for its next deployment, and O(unset)
        cannot be used.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Give the service a larger connection pool
  sre.remediation.railway_variables:
    token_type: project
    service: api
    env:
      DB_POOL_SIZE: "20"
      DB_POOL_TIMEOUT: "5"
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: The variables that change, with a hash in place of each value.
  returned: always
  type: dict
deployment:
  description: The deployment that was made. V(null) when there was none.
  returned: always
  type: dict
undo:
  description: What takes it back. V(null) when nothing changed.
  returned: success
  type: dict
  contains:
    unset:
      description: Names that were absent. Give them to O(unset).
      type: list
      elements: str
    restore:
      description:
        - Hashes of the old values by name. Take the values from where secrets are kept, and give them to O(env).
      type: dict
requests:
  description: Number of requests that were made to Railway.
  returned: always
  type: int
code:
  description: Why it failed, as a word for programs. See M(sre.remediation.railway_deployment).
  returned: failure
  type: str
logs:
  description: Last log lines of a deployment that failed, with secrets taken out.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments, options, variables
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import Done
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

#: Values shorter than this are not looked for in the result: replacing every "1" or "true" would spoil ids and names,
#: and no value is put there.
SHORTEST_CENSORED = 8


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            options.connection_spec(),
            **options.service_spec(),
            **options.wait_spec(),
            env=dict(type="dict", default={}, no_log=True),
            unset=dict(type="list", elements="str", default=[]),
            sealed_unchanged=dict(type="list", elements="str", default=[]),
            deploy=dict(type="bool", default=True),
        ),
        supports_check_mode=True,
    )
    params = dict(module.params)
    module.params["env"] = dict.fromkeys(params["env"], "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    module.no_log_values = {value for value in module.no_log_values if len(value) >= SHORTEST_CENSORED}
    done = Done(module.check_mode)
    client = None
    try:
        client = Client(options.connection(params))
        made, undo = variables.apply(client, params, done)
    except RemediationError as error:
        module.fail_json(
            msg=error.message,
            code=error.code,
            logs=getattr(error, "logs", []),
            deployment=getattr(error, "deployment", None),
            requests=client.requests if client else 0,
            **done.as_dict(),
        )
    for warning in done.warnings:
        module.warn(redact(warning))
    module.exit_json(deployment=deployments.shown(made), undo=undo, requests=client.requests, **done.as_dict())


if __name__ == "__main__":
    main()
