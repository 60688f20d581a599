#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make, list and restore backups of the volume of a Railway service."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_volume_backup
short_description: Make, list and restore backups of a Railway volume
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Makes a backup of the volume of a service in one environment of a Railway project, lists what backups there are, or
    puts one back.
  - A restore is destructive. What was written after the backup is lost to the service, Railway deletes newer backups,
    and the service is deployed anew.
  - Railway only stages a restore, and committing it commits whatever else is staged in the environment. So a restore is
    refused when anything else is.
extends_documentation_fragment:
  - sre.remediation._railway
  - sre.remediation._railway.service
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
      - A backup of a name that is there already is not made again. A restore is done each time.
options:
  state:
    description:
      - What to do.
    type: str
    choices: [listed, created, restored]
    default: listed
  name:
    description:
      - With O(state=created), the name of the new backup.
    type: str
  backup:
    description:
      - With O(state=restored), id or name of the backup.
    type: str
  wait_timeout:
    description:
      - Seconds Railway has to make or stage it, and for the deployment of a restore to come up.
    type: float
    default: 600.0
  queue_timeout:
    description:
      - Seconds Railway has to begin to work on the deployment of a restore.
    type: float
    default: 300.0
  stabilise:
    description:
      - Seconds the deployment of a restore must stay up before it counts.
    type: float
    default: 30.0
"""

EXAMPLES = r"""
- name: Save the database before a migration
  sre.remediation.railway_volume_backup:
    token_type: project
    service: postgres
    state: created
    name: before-migration-42
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: What changes.
  returned: always
  type: dict
volume:
  description: Name of the volume.
  returned: success
  type: str
backup:
  description: The backup that was made or restored. Its id is V(null) in check mode when it would be made.
  returned: success
  type: dict
backups:
  description: All backups, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id.
      type: str
    name:
      description: Its name.
      type: str
    created:
      description: When it was made (ISO 8601).
      type: str
    expires:
      description: When Railway deletes it (ISO 8601), V(null) when it does not.
      type: str
    used_mb:
      description: Its size in megabytes, which may be hours old.
      type: int
requests:
  description: Number of requests that were made to Railway.
  returned: always
  type: int
code:
  description:
    - Why it failed, as a word for programs. V(staged_changes), V(volume_missing), V(not_found), V(workflow_failed),
      V(timeout) or V(outcome_unknown), among others.
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import backups, options
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import Done
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact


def main() -> None:
    waits = {name: option for name, option in options.wait_spec().items() if name != "wait"}
    module = AnsibleModule(
        argument_spec=dict(
            options.connection_spec(),
            **options.service_spec(),
            **waits,
            state=dict(type="str", choices=["listed", "created", "restored"], default="listed"),
            name=dict(type="str"),
            backup=dict(type="str"),
        ),
        required_if=[("state", "created", ("name",)), ("state", "restored", ("backup",))],
        supports_check_mode=True,
    )
    done = Done(module.check_mode)
    client = None
    try:
        client = Client(options.connection(module.params))
        facts = backups.apply(client, module.params, done)
    except RemediationError as error:
        requests = client.requests if client else 0
        module.fail_json(msg=error.message, code=error.code, requests=requests, **done.as_dict())
    for warning in done.warnings:
        module.warn(redact(warning))
    module.exit_json(requests=client.requests, **done.as_dict(), **facts)


if __name__ == "__main__":
    main()
