# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options every module for AWS shares: how to reach it, which service is meant, how to wait."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  region:
    description:
      - Region, for example V(us-east-1).
      - When not given, the environment variables E(AWS_REGION) and E(AWS_DEFAULT_REGION) of the task, then the profile
        are used.
    type: str
  profile:
    description:
      - Profile of the shared configuration files. The environment variable E(AWS_PROFILE) by default.
    type: str
  endpoint_url:
    description:
      - Address to use in place of AWS's own, for a VPC endpoint or a double of AWS.
      - The environment variable E(AWS_ENDPOINT_URL) by default.
    type: str
  retries:
    description:
      - How often a call that was throttled or got no answer is tried again, with growing pauses.
      - The default is that of the AWS SDK for O(retry_mode=standard) and one more.
    type: int
    default: 4
  retry_mode:
    description:
      - How the AWS SDK tries again. V(adaptive) also slows down all calls of the module once one was throttled.
    type: str
    default: standard
    choices: [standard, adaptive]
  timeout:
    description:
      - Seconds one try of a call may take to connect, and to answer.
    type: float
    default: 10.0
  deadline:
    description:
      - Seconds after which no further call begins, besides the time a module waits for what it began.
    type: float
    default: 60.0
requirements:
  - boto3 >= 1.35.46
notes:
  - Credentials are taken from the environment, the profile, or the role of the machine or task, as by every AWS tool.
    There is no option for them.
"""

    # For modules about one service of ECS.
    SERVICE = r"""
options:
  cluster:
    description:
      - Name or ARN of the cluster.
    type: str
    required: true
  service:
    description:
      - Name of the service.
    type: str
    required: true
  container:
    description:
      - Name of the container that is the service. The first essential one of the task definition by default.
    type: str
"""

    # For modules that deploy and wait.
    WAIT = r"""
options:
  wait:
    description:
      - Seconds the deployment has to end. V(0) does not wait. The default is that of C(aws ecs wait services-stable).
      - The bake times of a blue/green, linear or canary strategy are added.
    type: float
    default: 600.0
  poll:
    description:
      - Longest pause between two looks, in seconds. The first is one second, and it grows by half each time.
      - All callers of an account share one budget of calls for each region, so less than V(5) is for small accounts only.
    type: float
    default: 5.0
"""
