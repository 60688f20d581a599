# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options every module for Railway shares: how to reach it, which service is meant, and how long a
deployment is waited for."""

from __future__ import annotations

# Suboptions of modules that can ask others than Railway too. What is made with it is annotated: of plain assignments in the
# class ansible-test expects constants.
_SOURCE = """      token:
        description:
          - The token. By default the environment variable of its kind, as in M(sre.remediation.railway_service_info).
        type: str
      token_type:
        description: What kind of token it is.
        type: str
        required: true
        choices: [project, account, workspace, oauth]
      endpoint:
        description: URL of Railway's GraphQL API.
        type: str
        default: https://backboard.railway.com/graphql/v2
      timeout:
        description: Seconds one request may take.
        type: float
        default: 30.0
      max_requests:
        description: Requests the task may make.
        type: int
        default: 60
      validate_certs:
        description: Check the certificate of the endpoint.
        type: bool
        default: true
      ca_path:
        description: File with the CA certificates it is checked against.
        type: path
      project:
        description: Id or name of the project.
        type: str
      environment:
        description: Id or name of the environment.
        type: str
      service:
        description: Id or name of the service.
        type: str
        required: true"""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  token:
    description:
      - The token to ask with. It is never shown.
      - Without it the environment variable E(RAILWAY_TOKEN) is read when O(token_type=project), and
        E(RAILWAY_API_TOKEN) otherwise. That keeps it out of playbooks.
    type: str
  token_type:
    description:
      - What kind of token it is. Railway takes each kind in another way, and answers V(Not Authorized) to the wrong one,
        so it is never guessed.
      - V(project) reaches one environment of one project, which is all that healing needs.
    type: str
    required: true
    choices: [project, account, workspace, oauth]
  endpoint:
    description:
      - URL of Railway's GraphQL API. It must be https, unless it is on this machine.
    type: str
    default: https://backboard.railway.com/graphql/v2
  timeout:
    description:
      - Seconds one request may take. Some of Railway's writes take more than 20.
    type: float
    default: 30.0
  max_requests:
    description:
      - Requests the task may make, repetitions included. Railway allows 1000 an hour on its Hobby plan, for all that
        use the account.
      - The default lets a wait of ten minutes come to its end.
    type: int
    default: 60
  validate_certs:
    description:
      - Check the certificate and host name of the endpoint.
    type: bool
    default: true
  ca_path:
    description:
      - File with the CA certificates the endpoint's certificate is checked against. The system's are used by default.
    type: path
  project:
    description:
      - Id or name of the project. Not needed when O(token_type=project).
      - Names cost requests, ids do not.
    type: str
  environment:
    description:
      - Id or name of the environment. Not needed when O(token_type=project).
    type: str
notes:
  - A request is repeated only where that is harmless. A write that does something each time it is sent is sent again
    only when it surely did nothing. When nobody can say, its effect is looked for, and without it the task fails with
    the code V(outcome_unknown).
  - Proxies named by the environment variables E(HTTPS_PROXY) and E(NO_PROXY) are used.
"""

    # For modules about one service.
    SERVICE = r"""
options:
  service:
    description:
      - Id or name of the service. It must have an instance in the environment.
    type: str
    required: true
"""

    # For modules that wait for a deployment.
    WAIT = r"""
options:
  wait:
    description:
      - Wait until the deployment is up and stays up. When V(false), the task ends as soon as the deployment exists.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds the deployment has to come up and to prove itself.
    type: float
    default: 600.0
  queue_timeout:
    description:
      - Seconds Railway has to begin to work on it. It has kept deployments queued for an hour during its own incidents.
    type: float
    default: 300.0
  stabilise:
    description:
      - Seconds it must stay up, with all instances running, before it counts. Without a health check Railway says
        V(SUCCESS) as soon as the container has started.
    type: float
    default: 30.0
"""

    # For the source of logs_info.
    LOGS: str = rf"""
options:
  railway:
    description: Read the deployment a service on Railway stands on.
    type: dict
    suboptions:
{_SOURCE}
      filter:
        description: Railway's own filter, for example V(@level:error). It is applied by Railway before O(pattern).
        type: str
"""

    # For the source of metrics_info.
    METRICS: str = rf"""
options:
  railway:
    description:
      - One measurement of a service on Railway. The options for AWS have no meaning then.
    type: dict
    suboptions:
{_SOURCE}
      measurement:
        description:
          - What is measured. CPU is in vCPUs, averaged over a period; the rest is in decimal gigabytes.
        type: str
        required: true
        choices:
          - CPU_USAGE
          - CPU_LIMIT
          - MEMORY_USAGE_GB
          - MEMORY_LIMIT_GB
          - DISK_USAGE_GB
          - EPHEMERAL_DISK_USAGE_GB
          - NETWORK_RX_GB
          - NETWORK_TX_GB
      by_instance:
        description:
          - One series for each instance. By default Railway adds those of a service up.
        type: bool
        default: false
      period:
        description: Seconds one point stands for.
        type: int
        default: 60
"""
