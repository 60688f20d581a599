#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read log lines by window and pattern from a file, the Docker Engine, Railway or Loki."""

from __future__ import annotations

DOCUMENTATION = r"""
module: logs_info
short_description: Read log lines by window and pattern
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Reads the newest log lines of a service from where they are kept, returns those that match a pattern, and counts them
    by a part of it.
  - Secrets are taken out of lines by their looks. A line can still hold something nobody would take for a secret.
extends_documentation_fragment:
  - sre.remediation._railway.logs
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
options:
  since:
    description:
      - Seconds before now from which lines are read.
      - In a file, lines that do not begin with a date and time belong to the line before them.
    type: float
    default: 3600.0
  pattern:
    description:
      - Regular expression of Python that a line must contain. All lines by default.
    type: str
  count_by:
    description:
      - Name of a group C((?P<name>...\)) of O(pattern). Matching lines are counted for each text of it.
    type: str
  limit:
    description:
      - Number of newest matching lines to return. V(0) only counts.
    type: int
    default: 200
  read_limit:
    description:
      - Number of newest lines to look through.
    type: int
    default: 5000
  file:
    description: Read a file on the target.
    type: dict
    suboptions:
      path:
        description: The file. Its newest 16 MiB are read.
        type: path
        required: true
  docker:
    description: Read the containers of a service from the Docker Engine.
    type: dict
    suboptions:
      docker_host:
        description: Address of the engine, as in M(sre.remediation.docker_service_info).
        type: str
        default: unix:///var/run/docker.sock
      container:
        description: Name or id of the container.
        type: str
      project:
        description: Compose project.
        type: str
      service:
        description: Compose service.
        type: str
      timeout:
        description: Seconds one request may take.
        type: float
        default: 10.0
  loki:
    description: Ask Loki.
    type: dict
    suboptions:
      url:
        description: Address of Loki, without a path.
        type: str
        required: true
      query:
        description: Log query, for example V({app="shop"} |= "error").
        type: str
        required: true
      tenant:
        description: Tenant, where Loki has several.
        type: str
      token:
        description: Bearer token.
        type: str
      validate_certs:
        description: Check Loki's certificate.
        type: bool
        default: true
      timeout:
        description: Seconds the query may take.
        type: float
        default: 30.0
"""

EXAMPLES = r"""
- name: Count the errors of the last ten minutes by their class
  sre.remediation.logs_info:
    railway: {token_type: project, service: api}
    since: 600
    pattern: '(?P<class>\w+Error)\b'
    count_by: class
    limit: 0
  register: errors
"""

RETURN = r"""
lines:
  description: The newest matching lines, oldest first, with secrets taken out.
  returned: success
  type: list
  elements: str
read:
  description: Number of lines looked through.
  returned: success
  type: int
matched:
  description: Number of lines that match.
  returned: success
  type: int
counts:
  description: Number of matching lines for each text of O(count_by), most first.
  returned: success
  type: dict
code:
  description:
    - Why it failed, as a word for programs. V(invalid_option), V(unreadable), V(platform_unreachable), V(unauthorized) or
      V(not_found), among others.
  returned: failure
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._docker.api import DEFAULT_HOST
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._logs import READERS, Window, choose
from ansible_collections.sre.remediation.plugins.module_utils._railway import options as railway_options

#: What the engine is asked with besides the options there are here.
PLAIN_ENGINE = {"tls": False, "validate_certs": True, "ca_path": None, "client_cert": None, "client_key": None}


def run(params: dict) -> dict:
    """Read and choose lines; RemediationError for what cannot be used or read."""
    for name in ("since", "read_limit"):
        if params[name] <= 0:
            raise RemediationError(f"{name}: must be greater than 0", code="invalid_option")
    if params["limit"] < 0:
        raise RemediationError("limit: must be 0 or greater", code="invalid_option")
    # A pattern that is none is told before anything is read.
    choose([], params["pattern"], params["count_by"], 0)
    source = next(name for name in READERS if params[name] is not None)
    given = {**PLAIN_ENGINE, **params[source]} if source == "docker" else params[source]
    lines = READERS[source](given, Window(params["since"], params["read_limit"]))
    return choose(lines, params["pattern"], params["count_by"], params["limit"])


def main() -> None:
    sources = {
        "file": {"path": dict(type="path", required=True)},
        "docker": {
            "docker_host": dict(type="str", default=DEFAULT_HOST),
            "container": dict(type="str"),
            "project": dict(type="str"),
            "service": dict(type="str"),
            "timeout": dict(type="float", default=10.0),
        },
        "railway": {
            **railway_options.connection_spec(),
            **railway_options.service_spec(),
            "filter": dict(type="str"),
        },
        "loki": {
            "url": dict(type="str", required=True),
            "query": dict(type="str", required=True),
            "tenant": dict(type="str"),
            "token": dict(type="str", no_log=True),
            "validate_certs": dict(type="bool", default=True),
            "timeout": dict(type="float", default=30.0),
        },
    }
    module = AnsibleModule(
        argument_spec=dict(
            since=dict(type="float", default=3600.0),
            pattern=dict(type="str"),
            count_by=dict(type="str"),
            limit=dict(type="int", default=200),
            read_limit=dict(type="int", default=5000),
            **{name: dict(type="dict", options=spec) for name, spec in sources.items()},
        ),
        required_one_of=[list(sources)],
        mutually_exclusive=[list(sources)],
        supports_check_mode=True,
    )
    try:
        found = run(module.params)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
