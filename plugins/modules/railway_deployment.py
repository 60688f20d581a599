#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restart, redeploy, deploy, roll back, scale or stop a Railway service, and wait for what came of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_deployment
short_description: Restart, redeploy, roll back, scale or stop a Railway service
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Makes one change to a service in one environment of a Railway project, and follows its own deployment until it is up
    and has stayed so. What other deployments do is not taken for it.
  - A deployment that failed, crashed after it was up, was skipped, waits for approval or was superseded is a failure. So
    is a wait that ends because Railway itself has an incident, with another code.
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
      - V(started), V(stopped), V(scaled) and V(rolled_back) with O(to) are idempotent. The others act every time.
options:
  state:
    description:
      - V(started) restarts a deployment that crashed or ended, deploys the current configuration when there is none, and
        leaves a service that runs or is coming alone.
      - V(restarted) restarts the deployment that runs, which need not be the newest one. It does not pick up changed
        variables.
      - V(redeployed) makes a new deployment from the image of the one the service stands on, without a build.
      - V(deployed) makes a new deployment from the current source, settings and variables, with a build where there is
        a source to build.
      - V(rolled_back) makes a new deployment from an earlier one, with its image, settings and variables.
      - V(scaled) changes the number of instances, or the limits of memory and CPU. New limits need a new deployment,
        which is made.
      - V(stopped) stops what runs.
    type: str
    required: true
    choices: [started, restarted, redeployed, deployed, rolled_back, scaled, stopped]
  to:
    description:
      - With O(state=rolled_back), id of the deployment to go back to.
      - By default the first of O(candidates) that fits, else the newest earlier deployment that once ran, has another
        image or commit, and whose image Railway still keeps.
    type: str
  candidates:
    description:
      - Ids of deployments known to be good, best first. Those Railway no longer keeps, and those that run the same image
        and variables as now, are passed over.
    type: list
    elements: str
    default: []
  only_candidates:
    description:
      - Go back to no other deployment than one of O(candidates), and stay where one of them, or a deployment of the same
        image and variables, runs already. It fails with V(no_previous_version) when none of them can be gone back to.
      - For what a plan or an undo record names, so that nothing else is done than what it says.
    type: bool
    default: false
  exclude:
    description:
      - Ids of deployments known to be bad, which are never gone back to.
    type: list
    elements: str
    default: []
  commit:
    description:
      - With O(state=deployed), hash of the commit to deploy. The one the service is set to by default.
    type: str
  replicas:
    description:
      - With O(state=scaled), number of instances from 1 to 50. A service with a volume can have only one.
    type: int
  region:
    description:
      - With O(replicas), the region whose instances are meant. Needed when the service runs in several.
    type: str
  memory_gb:
    description:
      - With O(state=scaled), memory limit of one instance in decimal gigabytes.
    type: float
  cpus:
    description:
      - With O(state=scaled), CPU limit of one instance.
    type: float
"""

EXAMPLES = r"""
- name: Go back to the previous deployment
  sre.remediation.railway_deployment:
    token_type: project
    service: api
    state: rolled_back
    candidates: "{{ known_good_ids }}"
  register: rollback

- name: Undo that
  sre.remediation.railway_deployment:
    token_type: project
    service: api
    state: rolled_back
    to: "{{ rollback.undo.version }}"
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: What changes, before and after.
  returned: always
  type: dict
deployment:
  description:
    - The deployment that came of it, or that failed. In check mode, or when nothing changed, the one the service stands
      on.
  returned: always
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    status:
      description: Railway's status of it.
      type: str
    name:
      description: Its image or commit.
      type: str
from:
  description: The deployment the service stood on before. V(null) when there was none.
  returned: success
  type: dict
to:
  description: With O(state=rolled_back), the deployment gone back to.
  returned: success
  type: dict
  contains:
    version:
      description: Its id.
      type: str
    name:
      description: Its image or commit.
      type: str
    found_by:
      description: V(requested), V(known_good) (from O(candidates)) or V(previous) (by the rule under O(to)).
      type: str
undo:
  description: What takes it back. V(null) when nothing changed, or nothing can.
  returned: success
  type: dict
requests:
  description: Number of requests that were made to Railway.
  returned: always
  type: int
code:
  description:
    - Why it failed, as a word for programs. V(deployment_failed), V(deployment_crashed), V(deployment_stopped),
      V(deployment_skipped), V(superseded), V(needs_approval), V(unknown_status), V(timeout), V(queue_timeout),
      V(platform_incident), V(platform_unreachable), V(outcome_unknown), V(deployment_not_seen), V(refused_by_platform),
      V(no_previous_version), V(not_rollbackable), V(rate_limited), V(request_budget), V(unauthorized), V(not_found) or
      V(invalid_option), among others.
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
from ansible_collections.sre.remediation.plugins.module_utils._railway import deployments, options, states
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import Done
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            options.connection_spec(),
            **options.service_spec(),
            **options.wait_spec(),
            state=dict(type="str", required=True, choices=sorted(states.STATES, key=list(states.STATES).index)),
            to=dict(type="str"),
            candidates=dict(type="list", elements="str", default=[]),
            only_candidates=dict(type="bool", default=False),
            exclude=dict(type="list", elements="str", default=[]),
            commit=dict(type="str"),
            replicas=dict(type="int"),
            region=dict(type="str"),
            memory_gb=dict(type="float"),
            cpus=dict(type="float"),
        ),
        required_if=[("state", "scaled", ("replicas", "memory_gb", "cpus"), True)],
        supports_check_mode=True,
    )
    done = Done(module.check_mode)
    client = None
    try:
        client = Client(options.connection(module.params))
        facts = states.apply(client, module.params, done)
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
    facts["deployment"] = deployments.shown(facts["deployment"])
    module.exit_json(requests=client.requests, **done.as_dict(), **facts)


if __name__ == "__main__":
    main()
