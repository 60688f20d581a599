#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The symptom a user would see, measured over HTTP; the action of the same name runs it on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_probe
short_description: Measure whether a URL answers as expected
version_added: 0.1.0
description:
  - Asks a URL and compares status, body and JSON values with what is expected.
  - It can take several samples, wait until a number of samples in a row is good, and check that it stays good for a time.
  - Every request has a hard limit on its time (name resolution, connecting, TLS, headers, body and redirects together),
    also against a server that sends a byte now and then. At most 64 KiB of a body are read.
  - There is an action plugin of the same name. With O(from=controller) the probe runs inside the Ansible process on the
    controller, which is where users are and costs no module process.
author:
  - The sre.remediation maintainers (@sre-remediation)
extends_documentation_fragment:
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
options:
  url:
    description:
      - The URL to ask, beginning with V(http://) or V(https://).
      - A user and password in it are sent as basic authentication and never shown.
    type: str
    required: true
  expect:
    description: What a good answer is.
    type: dict
    suboptions:
      status:
        description:
          - The statuses that are good.
          - A redirect whose status is listed here is not followed.
        type: list
        elements: int
        default: [200]
      body:
        description: A regular expression that must be found in the body (in its first 64 KiB).
        type: str
      json:
        description: Values that the body, read as JSON, must have.
        type: list
        elements: dict
        suboptions:
          path:
            description: Where the value is, keys and list positions joined by dots, for example V(checks.database.0.state).
            type: str
            required: true
          equals:
            description: The value it must have, of the same type.
            type: raw
            required: true
  read:
    description: A value to read from the last body and return, for example the version that a service says it is.
    type: dict
    suboptions:
      json:
        description: Where the value is in a JSON body, as in O(expect.json[].path).
        type: str
      pattern:
        description: A regular expression. Its first group is the value, or all that it matches when it has none.
        type: str
  method:
    description: The HTTP method.
    type: str
    choices: [GET, HEAD, POST]
    default: GET
  headers:
    description: Headers to send. Those named Authorization, Cookie and Proxy-Authorization do not follow a redirect to another host.
    type: dict
  samples:
    description: How many samples to take when O(deadline=0). All must be good.
    type: int
    default: 1
  interval:
    description: Seconds between two samples while the answers are good.
    type: float
    default: 0.2
  timeout:
    description: Seconds that one request may take as a whole.
    type: float
    default: 5
  successes:
    description: How many good samples in a row are needed.
    type: int
    default: 1
  deadline:
    description:
      - Seconds to wait for O(successes) good samples in a row, polling every 0.1 to 0.5 seconds.
      - V(0) means not to wait.
      - A request that is still on its way at the deadline is cut off.
    type: float
    default: 0
  hold:
    description:
      - Seconds that it must go on being good once it was good, sampled every second or three times, whichever is oftener.
      - One bad sample in the hold makes the result V(unstable).
    type: float
    default: 0
  require:
    description: Fail the task when the result is not good.
    type: bool
    default: false
  from:
    description:
      - Where the request is sent from.
      - V(controller) is the Ansible controller, V(host) is the host of the task.
    type: str
    choices: [controller, host]
    default: controller
  validate_certs:
    description: Check the certificate of an https URL.
    type: bool
    default: true
  ca_path:
    description: A PEM file, or a directory of them, with the certificate authorities to trust instead of the system's.
    type: path
  follow_redirects:
    description: Follow up to five redirects.
    type: bool
    default: true
  use_proxy:
    description: Use the HTTP proxy that the environment names.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: See whether the API is healthy
  sre.remediation.http_probe:
    url: http://127.0.0.1:5001/api/health
    expect:
      status: [200]
      json:
        - path: status
          equals: healthy
  register: health

- name: Wait until the API is healthy three times in a row, and stays so for ten seconds
  sre.remediation.http_probe:
    url: "{{ service_health_url }}"
    successes: 3
    deadline: 30
    hold: 10
    require: true

- name: Ask from the host on which the service runs
  sre.remediation.http_probe:
    url: http://127.0.0.1:5001/api/health
    from: host
"""

RETURN = r"""
ok:
  description: Whether the answers were as expected, through the hold too.
  type: bool
  returned: always
  sample: false
symptom:
  description:
    - What is wrong, or null. One of V(refused), V(timeout), V(dns), V(tls), V(reset), V(bad_status), V(bad_body), V(unstable).
    - V(unstable) means that some samples were good and some were not.
  type: str
  returned: always
  sample: refused
message:
  description: One line for people.
  type: str
  returned: always
  sample: "GET http://127.0.0.1:5001/api/health: connection refused"
status:
  description: The status of the last sample, or null when none came.
  type: int
  returned: always
  sample: 200
body_excerpt:
  description: The first 2000 characters of the last body, secrets taken out.
  type: str
  returned: always
  sample: '{"status": "healthy"}'
value:
  description: What O(read) asked for, as text, secrets taken out. Null when it is not there or nothing was asked for.
  type: str
  returned: always
  sample: 1.4.0
success_rate:
  description: Good samples divided by all samples.
  type: float
  returned: always
  sample: 1.0
samples:
  description: The newest 50 samples, oldest first.
  type: list
  elements: dict
  returned: always
  contains:
    at:
      description: When the sample began, in seconds since 1970.
      type: float
    ok:
      description: Whether it was good.
      type: bool
    status:
      description: The HTTP status, or null.
      type: int
    seconds:
      description: How long it took.
      type: float
    error:
      description: What was wrong, or null.
      type: str
latency:
  description: Percentiles of the samples that had an answer, in seconds, or null when none had. Keys V(p50), V(p95), V(p99).
  type: dict
  returned: always
  sample: {p50: 0.011, p95: 0.02, p99: 0.02}
seconds:
  description: How long it took, V(total), until it was good (V(to_ok), null if never), and how long it held (V(hold), null if not asked).
  type: dict
  returned: always
  sample: {total: 12.3, to_ok: 2.3, hold: 10.0}
started_at:
  description: When the probe began, in seconds since 1970.
  type: float
  returned: always
  sample: 1760000000.123
code:
  description: V(bad_argument) when an argument has a value that is not allowed.
  type: str
  returned: failure
  sample: bad_argument
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http import ARGUMENT_SPEC
from ansible_collections.sre.remediation.plugins.module_utils._http_observe import run_probe


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = run_probe(module.params)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    if module.params["require"] and not result["ok"]:
        module.fail_json(msg=result["message"], **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
