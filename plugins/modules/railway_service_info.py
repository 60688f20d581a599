#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the normalized state of a Railway service and its newest log lines in two requests."""

from __future__ import annotations

DOCUMENTATION = r"""
module: railway_service_info
short_description: Read the state of a Railway service and its newest log lines
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Reads the state of a service in one environment of a Railway project in the form all platforms of this collection
    share, with its newest log lines. When project, environment and service are given by their ids it takes one request,
    and a second one for the log.
  - What serves is told from what was deployed last. A service whose newest deployment failed while an older one serves
    is running.
  - A Railway that does not answer is not a failure of the task but a finding. RV(service.reachable) is then V(false).
    A token that is not accepted, or a service that is not there, is a failure.
  - Values of variables are never returned, only names. They are also taken out of log lines when their names or values
    look like secrets.
extends_documentation_fragment:
  - sre.remediation._railway
  - sre.remediation._railway.service
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
  - sre.remediation._attributes.actiongroup_railway
options:
  log_lines:
    description:
      - Number of newest log lines to return. V(0) reads no logs.
      - They are those of the deployment that serves, or of the one that failed when nothing serves. The build log is
        among them when the build failed.
    type: int
    default: 200
  required_env:
    description:
      - Names of the variables the service needs. Those that the previous deployment ran with and the service now lacks
        are returned as RV(service.env_lost_since_previous).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the service an environment's own token can see
  sre.remediation.railway_service_info:
    token_type: project
    service: api
    required_env: [DATABASE_URL]
  register: api
"""

RETURN = r"""
service:
  description:
    - The normalized state. All keys are always there, as RV(sre.remediation.docker_service_info#module:service) has
      them.
    - RV(service.healthy) is always V(null), because Railway measures health only while it deploys.
    - The code of RV(service.last_exit) is V(null) after a crash, because Railway does not say it.
    - RV(service.version) and RV(service.previous_version) are ids of deployments.
  returned: success
  type: dict
  contains:
    platform:
      description: Always V(railway).
      type: str
    name:
      description: Name of the service.
      type: str
    reachable:
      description: Whether Railway answered.
      type: bool
    error:
      description: Why it did not, in one line.
      type: str
    status:
      description:
        - V(running), V(starting), V(crash_loop), V(stopped), V(missing) or V(unknown).
        - V(crash_loop) means that the process ended with an error and Railway restarts it, or has given up.
          V(stopped) means that it ended by itself, was stopped, or that the newest deployment failed and none serves.
          V(missing) means that it has no deployment.
        - A service that sleeps until it is asked is V(running).
      type: str
    exists:
      description: Whether the service has a deployment that runs, ran last or is on its way.
      type: bool
    desired:
      description: Number of instances the service is to have.
      type: int
    running:
      description: Number of instances that run.
      type: int
    healthy:
      description: Always V(null).
      type: int
    started_at:
      description: When the deployment that serves came up (ISO 8601).
      type: str
    last_exit:
      description: What is known of the last exit. V(null) while the service runs.
      type: dict
      contains:
        code:
          description: V(0) when it ended by itself, V(null) after a crash.
          type: int
        reason:
          description: The same in words.
          type: str
        oom_killed:
          description: Always V(false). Railway does not say it.
          type: bool
        at:
          description: When (ISO 8601).
          type: str
    instances:
      description: The instances of the deployment the service stands on.
      type: list
      elements: dict
    limits:
      description: Memory and CPU limits of one instance.
      type: dict
    version:
      description: Id of the deployment the service stands on.
      type: str
    version_name:
      description: Its image, or its commit with the first line of the message.
      type: str
    previous_version:
      description: The deployment a rollback would go to. V(null) when there is none.
      type: dict
    deployment:
      description: What became of the newest deployment that was neither skipped nor removed.
      type: dict
      contains:
        version:
          description: Its id.
          type: str
        status:
          description: V(in_progress), V(succeeded) or V(failed). One that crashes within ten minutes failed.
          type: str
        error:
          description: Why it failed.
          type: str
    start_error:
      description: Why the newest deployment did not come to run, when none serves.
      type: str
    env_names:
      description: Names of the variables.
      type: list
      elements: str
    env_lost_since_previous:
      description: Those of O(required_env) that the previous deployment ran with and the service now lacks.
      type: list
      elements: str
    events:
      description: What became of the newest deployments, oldest first.
      type: list
      elements: dict
signals:
  description: What is worth knowing about the state, in the words diagnosis rules use.
  returned: success
  type: list
  elements: str
logs:
  description: Newest log lines, oldest first, with secrets taken out. With several instances each line names its own.
  returned: success
  type: list
  elements: str
railway:
  description: What only Railway has. V(null) when it did not answer.
  returned: success
  type: dict
  contains:
    project_id:
      description: Id of the project.
      type: str
    environment_id:
      description: Id of the environment.
      type: str
    service_id:
      description: Id of the service.
      type: str
    active:
      description: The deployments that run, newest first. There may be two while one takes over from the other.
      type: list
      elements: dict
    latest:
      description: The newest deployment, whatever became of it.
      type: dict
    rollback_candidates:
      description: Deployments a rollback may go to, best first.
      type: list
      elements: dict
    source:
      description: Image or repository.
      type: dict
    region:
      description: Where it runs.
      type: str
    healthcheck:
      description: Path and timeout (seconds) of the health check that a deployment must pass.
      type: dict
    restart_policy:
      description: Type and number of retries.
      type: dict
    sleeps:
      description: Whether it sleeps when nobody asks it.
      type: bool
    cron_schedule:
      description: When it runs, for a job.
      type: str
requests:
  description: Number of requests that were made to Railway.
  returned: success
  type: int
code:
  description:
    - Why it failed, as a word for programs. V(unauthorized), V(not_found), V(ambiguous), V(wrong_scope),
      V(client_blocked), V(invalid_request), V(token_missing) or V(invalid_option), among others.
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import options
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.read import Look, look
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope
from ansible_collections.sre.remediation.plugins.module_utils._service import signals, unreachable_state

#: Failures that are a finding about Railway rather than a mistake of whoever asks.
UNREACHABLE = ("platform_unreachable", "rate_limited", "railway_problem", "client_blocked")


def run(params: dict, client: Client) -> Look:
    """Look at the service ``params`` name; RemediationError for what cannot be used or is not there."""
    if params["log_lines"] < 0:
        raise RemediationError("log_lines: must be 0 or greater", code="invalid_option")
    try:
        found = scope(client, params["project"], params["environment"], params["service"])
        return look(client, found, params["log_lines"], params["required_env"])
    except RemediationError as error:
        if error.code not in UNREACHABLE:
            raise
        return Look(unreachable_state("railway", params["service"], error.message), None)


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            options.connection_spec(),
            **options.service_spec(),
            log_lines=dict(type="int", default=200),
            required_env=dict(type="list", elements="str", default=[]),
        ),
        supports_check_mode=True,
    )
    try:
        client = Client(options.connection(module.params))
        found = run(module.params, client)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    for warning in found.warnings:
        module.warn(warning)
    module.exit_json(
        changed=False,
        service=found.service,
        signals=signals(found.service),
        logs=found.logs,
        railway=found.railway,
        requests=client.requests,
    )


if __name__ == "__main__":
    main()
