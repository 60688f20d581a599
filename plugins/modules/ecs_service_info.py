#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the normalized state of an ECS service and its newest log lines in one module process."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_service_info
short_description: Read the state of an ECS service and its newest log lines
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Reads a service of Amazon ECS in the form all platforms of this collection share, with its deployments, its stopped
    tasks and why they stopped, the version a rollback would go to, and its newest log lines from CloudWatch Logs.
  - AWS not answering, or not knowing who asks, is not a failure of the task but a finding. RV(service.reachable) is then
    V(false).
  - Values of environment variables are never returned, only names. Values of those whose names look like secrets are also
    taken out of log lines.
extends_documentation_fragment:
  - sre.remediation._aws
  - sre.remediation._aws.service
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
  - sre.remediation._attributes.actiongroup_aws
options:
  log_lines:
    description:
      - Number of newest log lines to return. V(0) reads no logs.
      - Lines are read from the tasks that run, and from the last ones that failed. The container must log with the driver
        C(awslogs) and a stream prefix.
    type: int
    default: 200
  required_env:
    description:
      - Names of the environment variables the service needs. Those that the previous version has and the current one
        lacks are returned as RV(service.env_lost_since_previous).
    type: list
    elements: str
    default: []
  history:
    description:
      - Read the history of deployments, for RV(service.previous_version) and RV(service.ecs.service_deployments).
    type: bool
    default: true
seealso:
  - module: sre.remediation.ecs_rollback
"""

EXAMPLES = r"""
- name: Look at a service
  sre.remediation.ecs_service_info:
    region: us-east-1
    cluster: kaviar-prod
    service: kaviar-backend-service
    required_env: [DATABASE_URL, JWT_SECRET]
  register: api

- name: Show why its last tasks stopped
  ansible.builtin.debug:
    var: api.service.ecs.stopped_tasks
"""

RETURN = r"""
service:
  description:
    - The normalized state. It has all keys that RV(sre.remediation.docker_service_info#module:service) has, of which
      those that mean something else here are described.
  returned: success
  type: dict
  contains:
    platform:
      description: Always V(ecs).
      type: str
    reachable:
      description: Whether AWS answered. When V(false), RV(service.status) is V(unknown) and nothing else is known.
      type: bool
    error:
      description: Why AWS did not answer, in one line.
      type: str
    exists:
      description: Whether the cluster has an active service of this name.
      type: bool
    desired:
      description: The desired count.
      type: int
    running:
      description: Number of tasks that have started, of all deployments.
      type: int
    healthy:
      description: Number of tasks whose container health check passes. V(null) when there is no health check.
      type: int
    status:
      description:
        - Status of the worst task, V(running) when as many tasks serve as are wanted. V(running), V(starting),
          V(unhealthy), V(crash_loop), V(stopped), V(missing) or V(unknown).
        - V(crash_loop) means that nothing runs after two failed tasks of the newest deployment, or that its task has not
          run for ten seconds yet after those.
      type: str
    version:
      description: ARN of the task definition.
      type: str
    version_name:
      description: Family and revision of the task definition.
      type: str
    previous_version:
      description: What M(sre.remediation.ecs_rollback) would go to. V(null) when there is nothing or it is not known.
      type: dict
      contains:
        version:
          description: ARN of the task definition.
          type: str
        name:
          description: Family and revision.
          type: str
        found_by:
          description: As RV(sre.remediation.ecs_rollback#module:to.found_by).
          type: str
        image_digests:
          description: Image digest by container when it ran.
          type: dict
    restarts:
      description: Failed tasks of the newest deployment that ECS still knows.
      type: int
    last_exit:
      description: Last end of a task of the newest deployment, as ECS tells it.
      type: dict
    instances:
      description: The tasks that have not stopped. Besides the keys of other platforms, C(version) and C(image_digest).
      type: list
      elements: dict
    env_names:
      description:
        - Names of the environment variables, secret ones included, without those whose secret could not be read.
      type: list
      elements: str
    env_lost_since_previous:
      description:
        - Those of O(required_env) that the previous version has and the current one lacks, or that the current one takes
          from another secret, which could not be read.
      type: list
      elements: str
    deployment:
      description: The newest deployment.
      type: dict
      contains:
        version:
          description: ARN of its task definition.
          type: str
        status:
          description:
            - V(in_progress), V(succeeded), V(failed), or V(withdrawn) when it was stopped and taken back on request.
            - One whose tasks failed twice while none of them runs has failed, although ECS goes on trying. So has one that
              ECS took back by itself.
          type: str
        error:
          description: What ECS said of it, and how its last task ended.
          type: str
    start_error:
      description: Why the last task did not start, in the words of ECS, while none runs.
      type: str
    ecs:
      description: What only ECS has. V(null) when the service does not exist.
      type: dict
      contains:
        deployments:
          description: The deployments that are there now, with rollout state, reason and number of failed tasks.
          type: list
          elements: dict
        service_deployments:
          description: The newest ten of the history of deployments, oldest first, with status, reason and image digests.
          type: list
          elements: dict
        stopped_tasks:
          description:
            - The newest twenty stopped tasks, oldest first, with stop code, reason, exit codes and whether they failed.
              ECS forgets them after about an hour.
          type: list
          elements: dict
        secret_names:
          description: Names of the variables that come from Secrets Manager or the parameter store.
          type: list
          elements: str
        controller:
          description: The deployment controller, V(ECS), V(CODE_DEPLOY) or V(EXTERNAL).
          type: str
signals:
  description: What is worth knowing about the state, in the words diagnosis rules use.
  returned: success
  type: list
  elements: str
logs:
  description: Newest log lines, oldest first, with secrets taken out. With several tasks each line names its own.
  returned: success
  type: list
  elements: str
api_calls:
  description: The calls made, in order, as the IAM actions they need.
  returned: always
  type: list
  elements: str
code:
  description:
    - Why it failed, as a word for programs. V(cluster_missing), V(container_missing), V(access_denied), V(throttled),
      V(library_missing), V(aws_error) or V(invalid_option).
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsUnreachable
from ansible_collections.sre.remediation.plugins.module_utils._ecs import deploy
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import Ecs
from ansible_collections.sre.remediation.plugins.module_utils._ecs.look import Look, Questions, look
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._service import signals, unreachable_state


def run(ecs: Ecs, params: dict) -> Look:
    """Look at the service ``params`` name; RemediationError for options that cannot be used."""
    if params["log_lines"] < 0:
        raise RemediationError("log_lines: must be 0 or greater", code="invalid_option")
    questions = Questions(params["log_lines"], tuple(params["required_env"]), params["history"], params["container"])
    try:
        return look(ecs, questions)
    except AwsUnreachable as error:
        return Look(unreachable_state("ecs", params["service"], error.message))


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            deploy.service_spec(),
            log_lines=dict(type="int", default=200),
            required_env=dict(type="list", elements="str", default=[]),
            history=dict(type="bool", default=True),
        ),
        supports_check_mode=True,
    )
    calls: list[str] = []
    try:
        ecs = deploy.connect(module.params)
        calls = ecs.aws.calls
        found = run(ecs, module.params)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code, api_calls=calls)
    for warning in found.warnings:
        module.warn(warning)
    module.exit_json(
        changed=False, service=found.service, signals=signals(found.service), logs=found.logs, api_calls=calls
    )


if __name__ == "__main__":
    main()
