#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the normalized state of a Docker service and its newest log lines in one module process."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_service_info
short_description: Read the state of a Docker service and its newest log lines
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Reads the state of a container or a Compose service in the form all platforms of this collection share, with its
    newest log lines, in one quick look that needs no Python package beyond Ansible's own.
  - An engine that does not answer, or does not let the user in, is not a failure of the task but a finding.
    RV(service.reachable) is then V(false).
  - Values of environment variables are never returned, only names. They are also taken out of log lines when their
    names or values look like secrets.
extends_documentation_fragment:
  - sre.remediation._docker
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
  - sre.remediation._attributes.actiongroup_docker
options:
  log_lines:
    description:
      - Number of newest log lines to return. V(0) reads no logs.
      - Only the current or, when it is down, the last run is read; in a crash loop the run before as well.
    type: int
    default: 200
  required_env:
    description:
      - Names of the environment variables the service needs. Those that the previous version brought along and the
        current one lacks are returned as RV(service.env_lost_since_previous).
    type: list
    elements: str
    default: []
  ports:
    description:
      - Host ports to look for conflicts on, besides those the containers publish. Use it for a service that may have no
        container left.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Look at a Compose service
  sre.remediation.docker_service_info:
    project: shop
    service: api
    required_env: [DATABASE_URL]
    ports: [8000]
  register: api

- name: Look at a container without reading its logs
  sre.remediation.docker_service_info:
    container: api
    log_lines: 0
"""

RETURN = r"""
service:
  description: The normalized state. All keys are always there.
  returned: success
  type: dict
  contains:
    platform:
      description: Always V(docker).
      type: str
    name:
      description: Name of the container or of the Compose service.
      type: str
    reachable:
      description:
        - Whether the engine answered. When V(false), RV(service.status) is V(unknown) and nothing else is known.
      type: bool
    error:
      description: Why the engine did not answer, in one line.
      type: str
    exists:
      description: Whether the service has a container.
      type: bool
    desired:
      description: Number of containers the service has, at least 1. Compose keeps no other number.
      type: int
    running:
      description: Number of containers whose main process runs.
      type: int
    healthy:
      description: Number of containers whose health check passes. V(null) when there is no health check.
      type: int
    status:
      description:
        - Status of the worst instance. V(running), V(starting), V(unhealthy), V(crash_loop), V(stopped), V(paused),
          V(missing) or V(unknown).
        - V(starting) and V(unhealthy) come from the health check. Without one a running container is V(running) at
          once.
        - V(crash_loop) means that the engine restarts it, that it failed after two or more restarts or within ten
          seconds of each of its last three starts, or that after two or more restarts it has not run for ten seconds
          yet.
      type: str
    version:
      description: Id of the image the newest container was made from.
      type: str
    version_name:
      description: Name of that image as the container was made with it.
      type: str
    previous_version:
      description:
        - Newest other local image of the same repository, by any tag or digest, that is not newer than the current one.
        - V(null) when there is none.
      type: dict
      contains:
        version:
          description: Id of the image.
          type: str
        name:
          description: One of its tags or digests.
          type: str
        created:
          description: When it was made (ISO 8601).
          type: str
        env_names:
          description: Names of the environment variables it brings along.
          type: list
          elements: str
    deployment:
      description: Always V(null). An engine keeps no record of deployments.
      type: dict
    started_at:
      description: Newest start of a container (ISO 8601).
      type: str
    restarts:
      description: Restarts by the engine since the last start by hand, of all containers.
      type: int
    last_exit:
      description: Newest exit. For a container that runs again it is known as long as the engine remembers the event.
      type: dict
      contains:
        code:
          description: Exit code.
          type: int
        reason:
          description: The code in words.
          type: str
        oom_killed:
          description: Whether it was killed because of its memory limit.
          type: bool
        at:
          description: When (ISO 8601).
          type: str
    instances:
      description:
        - The containers of the service, by name. Leftovers of an interrupted C(docker compose up) and one-off
          containers are not among them.
      type: list
      elements: dict
      contains:
        id:
          description: Id of the container.
          type: str
        name:
          description: Name of the container.
          type: str
        status:
          description: As RV(service.status).
          type: str
        health:
          description: V(healthy), V(unhealthy), V(starting), or V(null) when nothing measures it.
          type: str
        started_at:
          description: Last start (ISO 8601).
          type: str
        restarts:
          description: Restarts by the engine since the last start by hand.
          type: int
        exit_code:
          description: Exit code while it is down.
          type: int
        networks:
          description: Names of the networks it is attached to.
          type: list
          elements: str
    limits:
      description: Limits of one container; V(null) where there is none.
      type: dict
      contains:
        memory_bytes:
          description: Memory limit in bytes.
          type: int
        cpus:
          description: CPU limit in CPUs.
          type: float
    usage:
      description: Use of the container that uses most.
      type: dict
      contains:
        memory_bytes:
          description:
            - Memory in bytes without inactive page cache. V(null) when it does not run, or cannot be measured.
          type: int
    env_names:
      description: Names of the environment variables.
      type: list
      elements: str
    env_lost_since_previous:
      description: Those of O(required_env) that the previous version brings along and the current container lacks.
      type: list
      elements: str
    ports:
      description: Published ports.
      type: list
      elements: dict
      contains:
        address:
          description: Address on the host.
          type: str
        host_port:
          description: Port on the host.
          type: int
        port:
          description: Port in the container.
          type: int
        protocol:
          description: V(tcp) or V(udp).
          type: str
    port_conflicts:
      description:
        - Who holds the host ports of a service that does not run. Processes are only looked at when the engine is on
          this machine (a unix socket), and only in the network namespace the task runs in.
      type: list
      elements: dict
      contains:
        port:
          description: Port on the host.
          type: int
        address:
          description: Address on the host.
          type: str
        holder:
          description: Who holds it.
          type: dict
          contains:
            kind:
              description: V(container), V(process) or V(unknown).
              type: str
            name:
              description: Name of the container or of the process.
              type: str
            project:
              description: Compose project of the container.
              type: str
            service:
              description: Compose service of the container.
              type: str
            pid:
              description: Process id.
              type: int
            stale:
              description: Whether it is a leftover or one-off container of the same Compose project.
              type: bool
    networks:
      description: Names of the networks the containers are attached to.
      type: list
      elements: str
    start_error:
      description: Why the engine could not start a container.
      type: str
    events:
      description: At most 20 newest events of the last hour, oldest first.
      type: list
      elements: dict
      contains:
        at:
          description: When (ISO 8601).
          type: str
        what:
          description: What happened.
          type: str
signals:
  description: What is worth knowing about the state, in the words diagnosis rules use.
  returned: success
  type: list
  elements: str
logs:
  description: Newest log lines, oldest first, with secrets taken out. With several containers each line names its own.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._docker import options
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine, EngineError, EngineUnreachable
from ansible_collections.sre.remediation.plugins.module_utils._docker.read import Look, Questions, look
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._service import signals, unreachable_state


def run(params: dict) -> Look:
    """Look at the service ``params`` name; RemediationError for options that cannot be used."""
    selector = options.selector(params)
    if params["log_lines"] < 0:
        raise RemediationError("log_lines: must be 0 or greater", code="invalid_option")
    questions = Questions(params["log_lines"], tuple(params["required_env"]), tuple(params["ports"]))
    engine = Engine(options.engine_options(params))
    try:
        return look(engine, selector, questions)
    except (EngineUnreachable, EngineError) as error:
        return Look(unreachable_state("docker", selector.name, error.message))


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            options.argument_spec(),
            log_lines=dict(type="int", default=200),
            required_env=dict(type="list", elements="str", default=[]),
            ports=dict(type="list", elements="int", default=[]),
        ),
        required_together=options.REQUIRED_TOGETHER,
        supports_check_mode=True,
    )
    try:
        found = run(module.params)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    for warning in found.warnings:
        module.warn(warning)
    module.exit_json(changed=False, service=found.service, signals=signals(found.service), logs=found.logs)


if __name__ == "__main__":
    main()
