#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take an ECS service back to the version that ran stably before, and tell honestly how that ended."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_rollback
short_description: Take an ECS service back to the version that ran stably before
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Goes back to what ran stably before, by the history of service deployments, which is not always the revision with the
    next lower number. That may be the very one that failed.
  - "The target is the first of these that there is: where ECS goes back to when the deployment in flight is stopped; O(to);
    the first of O(candidates) that can be deployed; the version before in the history of deployments; a finished
    deployment that is still there beside the newest; and with O(use_task_definition_list) the next older task definition
    of the family."
  - A deployment in flight is stopped with a rollback, which is quicker than a new one. If somebody else rolls back already,
    or ECS does by itself, this module only waits for that. If O(to) names something else than where that leads, a new
    deployment replaces it.
  - Follows its own deployment by its id until it has ended. When ECS takes the rollback back, the task fails
    (RV(code=reverted_by_ecs)).
  - The desired count is never sent, as autoscaling may own it. No task definition is deregistered.
  - Services whose deployment controller is CodeDeploy or external are refused.
extends_documentation_fragment:
  - sre.remediation._aws
  - sre.remediation._aws.service
  - sre.remediation._aws.wait
  - sre.remediation._attributes
  - sre.remediation._attributes.actiongroup_aws
attributes:
  check_mode:
    support: full
    details:
      - Names the exact target and how it was found.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A service that was rolled back already, by this module, ECS or anybody, stays where it is.
      - Not with O(only_if_current) or O(exclude) when they name what runs, which say that it must be left all the same.
options:
  to:
    description:
      - Task definition to go to, as ARN, C(family:7), or V(7) for that revision of the current family.
    type: str
  candidates:
    description:
      - Task definitions known to be good, newest first. The first that is active and of the same family is taken. Those
        that were rolled back from come last.
      - When what runs is one of them, nothing is done, unless O(only_if_current) or O(exclude) names it.
    type: list
    elements: str
    default: []
  only_candidates:
    description:
      - Go to no other task definition than one of O(candidates), neither by the history nor by stopping or following a
        deployment in flight that leads elsewhere. It fails with V(no_previous_version) when none of them can be deployed
        any more.
      - Where only what runs is one of them, it stays, whatever O(only_if_current) says. If it ran with other images before,
        under the same tags, it is gone back to as O(pin_digest) says.
      - For what a plan or an undo record names, so that nothing else is done than what it says.
    type: bool
    default: false
  exclude:
    description:
      - Task definitions known to be bad, which are never gone back to.
    type: list
    elements: str
    default: []
  only_if_current:
    description:
      - The task definition that must be left. When another one is the current one of the service, nothing is done.
      - Use it with what an earlier look saw, so that nobody's newer deployment is undone, and two runs at once act once.
    type: str
  require_history:
    description:
      - Whether to fail when the history of service deployments cannot be read. V(false) goes on without it and warns.
    type: bool
    default: true
  use_task_definition_list:
    description:
      - Whether the next older active task definition of the family may be taken when nothing else is known. It may never
        have run.
    type: bool
    default: false
  allow_other_family:
    description:
      - Whether the target may be of another family than the current task definition.
    type: bool
    default: false
  inactive:
    description:
      - What to do with a target that was deregistered. No service can be changed to it. V(copy) registers a copy of it as
        a new revision of its family.
    type: str
    choices: [refuse, copy]
    default: refuse
  pin_digest:
    description:
      - Whether to register a copy of the target that names by digest the images that ran with it, when it names them by
        tags. Otherwise a tag that was moved brings up another image, which RV(digest_drift) tells.
    type: bool
    default: false
  restore_configuration:
    description:
      - Whether to restore the rest of the target's service revision too (networks, load balancers, platform version,
        capacity providers, Service Connect, volumes). RV(differences) tells what that is.
    type: bool
    default: false
seealso:
  - module: sre.remediation.ecs_service_info
  - module: sre.remediation.ecs_redeploy
"""

EXAMPLES = r"""
- name: Go back to what ran before
  sre.remediation.ecs_rollback:
    region: us-east-1
    cluster: kaviar-prod
    service: kaviar-backend-service
  register: rollback

- name: Undo that
  sre.remediation.ecs_rollback:
    region: us-east-1
    cluster: kaviar-prod
    service: kaviar-backend-service
    to: "{{ rollback.undo.version }}"
  when: rollback.undo is truthy

- name: Leave revision 42 if it is still the one that runs
  sre.remediation.ecs_rollback:
    cluster: kaviar-prod
    service: kaviar-backend-service
    only_if_current: kaviar-backend:42
    pin_digest: true
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: ARN of the task definition, before and after.
  returned: always
  type: dict
from:
  description: The task definition in use before.
  returned: when it is known
  type: dict
  contains:
    version:
      description: ARN.
      type: str
    name:
      description: Family and revision.
      type: str
to:
  description: The task definition gone back to.
  returned: when it is known
  type: dict
  contains:
    version:
      description: ARN.
      type: str
    name:
      description: Family and revision.
      type: str
    found_by:
      description:
        - "How it was found: V(in_flight) (the deployment in flight was stopped), V(rollback_in_flight) or
          V(deployment_in_flight) (somebody else does it), V(requested), V(known_good), V(service_deployments),
          V(deployments) or V(task_definitions)."
        - "Or why there was nothing to be done: V(already_rolled_back), V(already_known_good), V(not_current)."
      type: str
differences:
  description: What else was different when the target ran, by the name ECS has for it, now (C(before)) and then (C(after)).
  returned: when it is known
  type: dict
service_deployment_arn:
  description: The deployment that was followed. V(null) when there was none, or the history cannot be read.
  returned: when it is known
  type: str
deployment_id:
  description: Its id among the deployments of the service, when this module began it.
  returned: when it is known
  type: str
status:
  description: The state it ended in, as ECS names it.
  returned: when it is known
  type: str
verified:
  description:
    - Whether as many tasks run as are wanted, after the deployment ended well. V(false) when none is wanted, as nothing
      was proved then, and when O(wait=0).
  returned: when it is known
  type: bool
image_digests:
  description: Digest of the image each container got.
  returned: when it is known
  type: dict
digest_drift:
  description: The containers that got another image than when the target ran before, with both digests.
  returned: when it is known
  type: dict
current:
  description: ARN of the task definition the service is on in the end.
  returned: when something was done or waited for
  type: str
undo:
  description: Arguments that take it back. V(null) when nothing changed.
  returned: when it is known
  type: dict
  contains:
    version:
      description: ARN for O(to).
      type: str
api_calls:
  description: The calls made, in order, as the IAM actions they need.
  returned: always
  type: list
  elements: str
code:
  description:
    - Why it failed, as a word for programs.
    - "About the target: V(no_previous_version), V(history_unreadable), V(excluded_target), V(target_inactive),
      V(other_family), V(same_definition), V(task_definition_missing), V(unsupported_controller), V(service_missing),
      V(service_inactive), V(cluster_missing)."
    - "About its end: V(reverted_by_ecs), V(rollback_failed), V(deployment_stopped), V(finished_meanwhile),
      V(does_not_start), V(timeout)."
    - "About AWS: V(platform_unreachable), V(access_denied), V(throttled), V(aws_error), V(library_missing); and
      V(invalid_option)."
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._ecs import deploy
from ansible_collections.sre.remediation.plugins.module_utils._ecs.rollback import Rollback
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            deploy.service_spec(),
            **deploy.wait_spec(),
            to=dict(type="str"),
            candidates=dict(type="list", elements="str", default=[]),
            only_candidates=dict(type="bool", default=False),
            exclude=dict(type="list", elements="str", default=[]),
            only_if_current=dict(type="str"),
            require_history=dict(type="bool", default=True),
            use_task_definition_list=dict(type="bool", default=False),
            allow_other_family=dict(type="bool", default=False),
            inactive=dict(type="str", choices=["refuse", "copy"], default="refuse"),
            pin_digest=dict(type="bool", default=False),
            restore_configuration=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    deploy.main(
        module, lambda ecs, progress: Rollback(ecs, module.params, module.check_mode, progress).run(), Progress()
    )


if __name__ == "__main__":
    main()
