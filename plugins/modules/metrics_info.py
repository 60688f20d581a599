#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask Prometheus, CloudWatch or Railway for a number and compare it with a threshold."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metrics_info
short_description: Ask Prometheus, CloudWatch or Railway for a number and compare it
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Asks for the newest value of a metric, or for its points over a window of time, makes one number of them and compares
    that with a threshold.
  - Having no data is not the same as being below a threshold. It is told by RV(no_data), and fails the task only when
    O(require_data=true).
extends_documentation_fragment:
  - sre.remediation._railway.metrics
  - sre.remediation._aws
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
  - sre.remediation._attributes.actiongroup_aws
options:
  prometheus:
    description:
      - A query of Prometheus, or of anything that speaks its API. The options for AWS have no meaning then.
      - Give one of this, O(cloudwatch) and O(railway).
    type: dict
    suboptions:
      url:
        description: Address of the server, without C(/api).
        type: str
        required: true
      query:
        description: The query (PromQL).
        type: str
        required: true
      headers:
        description: Headers to send, for example for a login. They are never shown.
        type: dict
      validate_certs:
        description: Check the server's certificate and host name.
        type: bool
        default: true
      ca_path:
        description: File with the CA certificates the server's certificate is checked against.
        type: path
      timeout:
        description: Seconds the whole request may take.
        type: float
        default: 10.0
  cloudwatch:
    description:
      - One metric of CloudWatch.
    type: dict
    suboptions:
      namespace:
        description: For example V(AWS/ECS).
        type: str
        required: true
      metric:
        description: For example V(CPUUtilization).
        type: str
        required: true
      dimensions:
        description: All dimensions of the metric, by name. CloudWatch does not find a metric by some of them.
        type: dict
        default: {}
      statistic:
        description: For example V(Average), V(Maximum) or V(p95).
        type: str
        default: Average
      period:
        description: Seconds one point stands for, a multiple of 60 for the metrics of AWS itself.
        type: int
        default: 60
  window:
    description:
      - Seconds to look back. V(0) asks for the newest value, of CloudWatch and Railway that of the last three periods.
    type: float
    default: 0.0
  step:
    description:
      - Seconds between the points Prometheus returns for a window.
    type: float
    default: 15.0
  reduce:
    description:
      - How the points of a series become its number. The numbers of several series become one in the same way, V(last)
        by taking the greatest.
    type: str
    choices: [last, avg, max, min, sum]
    default: last
  threshold:
    description:
      - What the number is compared with.
    type: float
  comparison:
    description:
      - When the threshold counts as breached.
    type: str
    choices: [above, at_least, below, at_most]
    default: above
  require_data:
    description:
      - Whether having no data fails the task.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Is the CPU of the service above 80 %
  sre.remediation.metrics_info:
    region: us-east-1
    cloudwatch:
      namespace: AWS/ECS
      metric: CPUUtilization
      dimensions: {ClusterName: kaviar-prod, ServiceName: kaviar-backend-service}
    window: 300
    reduce: avg
    threshold: 80
  register: cpu

- name: The share of 5xx answers
  sre.remediation.metrics_info:
    prometheus:
      url: http://prometheus.example.com:9090
      query: sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))
    threshold: 0.01
  register: errors

- name: Is an instance of the service on Railway about to run out of its 512 MB
  sre.remediation.metrics_info:
    railway: {token_type: project, service: api, measurement: MEMORY_USAGE_GB, by_instance: true}
    window: 300
    reduce: max
    threshold: 0.48
  register: memory
"""

RETURN = r"""
value:
  description: The number. V(null) when there is no data.
  returned: success
  type: float
breached:
  description: Whether it is O(comparison) the O(threshold). V(null) without a threshold or data.
  returned: success
  type: bool
no_data:
  description: Whether there was nothing to measure.
  returned: success
  type: bool
series:
  description: The series with their labels, numbers and points.
  returned: success
  type: list
  elements: dict
  contains:
    labels:
      description: Labels, or dimensions.
      type: dict
    value:
      description: Its number.
      type: float
    points:
      description: Its points, oldest first, each with C(at) (ISO 8601) and C(value).
      type: list
      elements: dict
api_calls:
  description: The calls made to AWS, in order, as the IAM actions they need.
  returned: always
  type: list
  elements: str
requests:
  description: Number of requests that were made to Railway.
  returned: always
  type: int
code:
  description:
    - Why it failed, as a word for programs. V(no_data), V(query_failed), V(source_unreachable), V(too_many_points),
      V(bad_answer), V(platform_unreachable), V(access_denied), V(throttled), V(aws_error), V(library_missing),
      V(unauthorized), V(not_found), V(rate_limited) or V(invalid_option), among others of Railway's.
  returned: failure
  type: str
"""

from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils import _metrics
from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, argument_spec, aws_options
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import metrics as railway_metrics
from ansible_collections.sre.remediation.plugins.module_utils._railway import options as railway_options
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client

PROMETHEUS = dict(
    url=dict(type="str", required=True),
    query=dict(type="str", required=True),
    headers=dict(type="dict", no_log=True),
    validate_certs=dict(type="bool", default=True),
    ca_path=dict(type="path"),
    timeout=dict(type="float", default=10.0),
)
CLOUDWATCH = dict(
    namespace=dict(type="str", required=True),
    metric=dict(type="str", required=True),
    dimensions=dict(type="dict", default={}),
    statistic=dict(type="str", default="Average"),
    period=dict(type="int", default=60),
)
RAILWAY = dict(
    railway_options.connection_spec(),
    **railway_options.service_spec(),
    measurement=dict(type="str", required=True, choices=list(railway_metrics.MEASUREMENTS)),
    by_instance=dict(type="bool", default=False),
    period=dict(type="int", default=60),
)
SOURCES = ("prometheus", "cloudwatch", "railway")


def check(params: dict) -> None:
    """RemediationError (``invalid_option``) for numbers that are none."""
    numbers = {"step": params["step"]}
    for source, name in (("cloudwatch", "period"), ("railway", "period"), ("prometheus", "timeout")):
        numbers[f"{source}.{name}"] = (params[source] or {}).get(name, 1)
    for name, value in numbers.items():
        if value <= 0:
            raise RemediationError(f"{name}: must be greater than 0 (seconds)", code="invalid_option")
    if params["window"] < 0:
        raise RemediationError("window: must be 0 or greater (seconds)", code="invalid_option")


def run(aws: Aws, params: dict, now: datetime, client: Client | None = None) -> dict:
    """Ask, and return the facts. ``client`` is where Railway is asked."""
    check(params)
    if client:
        series = railway_metrics.ask(client, params["railway"], params["window"], now)
    elif params["prometheus"]:
        series = _metrics.ask_prometheus(params["prometheus"], params["window"], params["step"], now)
    else:
        series = _metrics.ask_cloudwatch(aws, params["cloudwatch"], params["window"], now)
    how, threshold = params["reduce"], params["threshold"]
    value = _metrics.reduced(series, how)
    if value is None and params["require_data"]:
        raise RemediationError("there is no data: check the query, the dimensions and the window", code="no_data")
    breached = None
    if value is not None and threshold is not None:
        breached = _metrics.COMPARISONS[params["comparison"]](value, threshold)
    return {
        "value": value,
        "breached": breached,
        "no_data": value is None,
        "series": _metrics.shown(series, how),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            argument_spec(),
            prometheus=dict(type="dict", options=PROMETHEUS),
            cloudwatch=dict(type="dict", options=CLOUDWATCH),
            railway=dict(type="dict", options=RAILWAY),
            window=dict(type="float", default=0.0),
            step=dict(type="float", default=15.0),
            reduce=dict(type="str", choices=["last", "avg", "max", "min", "sum"], default="last"),
            threshold=dict(type="float"),
            comparison=dict(type="str", choices=["above", "at_least", "below", "at_most"], default="above"),
            require_data=dict(type="bool", default=False),
        ),
        mutually_exclusive=[SOURCES],
        required_one_of=[SOURCES],
        supports_check_mode=True,
    )
    calls: list[str] = []
    client = None
    try:
        aws = Aws(aws_options(module.params))
        calls = aws.calls
        if module.params["railway"]:
            client = Client(railway_options.connection(module.params["railway"]))
        facts = run(aws, module.params, datetime.now(UTC), client)
    except RemediationError as error:
        requests = client.requests if client else 0
        module.fail_json(msg=error.message, code=error.code, api_calls=calls, requests=requests)
    module.exit_json(changed=False, api_calls=calls, requests=client.requests if client else 0, **facts)


if __name__ == "__main__":
    main()
