#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deploy an ECS service again, as it is or with another size, environment or number of tasks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_redeploy
short_description: Deploy an ECS service again, as it is or changed
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Forces a new deployment, sets the desired count, or registers the next revision of the task definition with other
    limits, variables or secrets and deploys that. Nothing else of it changes, and no revision is deregistered.
  - Follows its own deployment by its id until it has ended, as M(sre.remediation.ecs_rollback) does.
  - A new deployment resolves image tags anew. RV(digest_drift) tells when another image came up under the same tag.
  - Values of O(env) are never returned. In their place stand the hashes M(sre.remediation.docker_service_env) describes.
extends_documentation_fragment:
  - sre.remediation._aws
  - sre.remediation._aws.service
  - sre.remediation._aws.wait
  - sre.remediation._attributes
  - sre.remediation._attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Idempotent unless a new deployment is forced.
options:
  force:
    description:
      - Whether to begin a new deployment even when nothing changes.
      - By default that is done when no other change is asked for.
    type: bool
  desired_count:
    description:
      - Number of tasks the service should have. Where autoscaling owns the number, change that instead.
    type: int
  cpu:
    description:
      - CPU units of the task, or of the container where the task has none. 1024 are one CPU.
    type: int
  memory:
    description:
      - Memory in MiB, of the task and the container, wherever they have a limit.
    type: int
  env:
    description:
      - Variables to set in the container, by name. Values are text or whole numbers. Others must be quoted.
    type: dict
    default: {}
  unset:
    description:
      - Names of variables to take out, plain or secret.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - Variables that come from Secrets Manager or the parameter store of Systems Manager, with the ARN of the secret or
        parameter, as C(valueFrom) takes it. The execution role of the task must be allowed to read it.
    type: dict
    default: {}
seealso:
  - module: sre.remediation.ecs_rollback
"""

EXAMPLES = r"""
- name: Restart a service
  sre.remediation.ecs_redeploy:
    region: us-east-1
    cluster: kaviar-prod
    service: kaviar-backend-service

- name: Give it more memory and a larger pool
  sre.remediation.ecs_redeploy:
    region: us-east-1
    cluster: kaviar-prod
    service: kaviar-backend-service
    memory: 2048
    env:
      DB_POOL_SIZE: "20"
    secrets:
      JWT_SECRET: arn:aws:secretsmanager:us-east-1:111122223333:secret:kaviar/jwt-AbCdEf
  register: larger
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: What changes, with a hash in place of each value of a variable.
  returned: always
  type: dict
from:
  description: Task definition (C(version), C(name)) and C(desired_count) before.
  returned: when it is known
  type: dict
to:
  description: The same after.
  returned: when it is known
  type: dict
service_deployment_arn:
  description: The deployment that was followed. V(null) when there was none, or the history cannot be read.
  returned: when it is known
  type: str
deployment_id:
  description: Its id among the deployments of the service.
  returned: when it is known
  type: str
status:
  description: The state it ended in, as ECS names it.
  returned: when it is known
  type: str
verified:
  description: Whether as many tasks run as are wanted, after the deployment ended well. V(false) when none is wanted.
  returned: when it is known
  type: bool
image_digests:
  description: Digest of the image each container got.
  returned: when it is known
  type: dict
digest_drift:
  description: The containers that got another image under the same tag than before, with both digests.
  returned: when it is known
  type: dict
current:
  description: ARN of the task definition the service is on in the end.
  returned: when something was done
  type: str
undo:
  description: What takes it back. V(null) when nothing changed.
  returned: when it is known
  type: dict
  contains:
    version:
      description: ARN for O(sre.remediation.ecs_rollback#module:to). V(null) when the task definition did not change.
      type: str
    desired_count:
      description: Number for O(desired_count). V(null) when it did not change.
      type: int
api_calls:
  description: The calls made, in order, as the IAM actions they need.
  returned: always
  type: list
  elements: str
code:
  description: Why it failed, as a word for programs. Those of M(sre.remediation.ecs_rollback) and V(container_missing).
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._ecs import deploy, redeploy
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

#: Values shorter than this are not looked for in the result: replacing every "1" or "true" would spoil ids and names,
#: and no value is put there.
SHORTEST_CENSORED = 8


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            deploy.service_spec(),
            **deploy.wait_spec(),
            force=dict(type="bool"),
            desired_count=dict(type="int"),
            cpu=dict(type="int"),
            memory=dict(type="int"),
            env=dict(type="dict", default={}, no_log=True),
            unset=dict(type="list", elements="str", default=[]),
            secrets=dict(type="dict", default={}, no_log=False),
        ),
        supports_check_mode=True,
    )
    params = dict(module.params)
    module.params["env"] = dict.fromkeys(params["env"], "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    module.no_log_values = {value for value in module.no_log_values if len(value) >= SHORTEST_CENSORED}
    deploy.main(module, lambda ecs, progress: redeploy.run(ecs, params, module.check_mode, progress), Progress())


if __name__ == "__main__":
    main()
