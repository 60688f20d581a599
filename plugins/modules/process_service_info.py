#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the normalized state of a plain process and its newest log lines in one module process."""

from __future__ import annotations

DOCUMENTATION = r"""
module: process_service_info
short_description: Read the state of a service that is a plain process
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Reads the state of a process on its Linux host in the form all platforms of this collection share, with its newest log lines,
    in one look that needs no Python package beyond Ansible's own.
  - The main process is the one that systemd names for O(unit), else the one in O(pid_file), else the oldest one that O(match) recognises.
  - A pid file whose process is dead, or whose pid now belongs to another process, means that the service is stopped.
  - Values of environment variables are never returned, only names. They are also taken out of log lines when their names or values look
    like secrets.
extends_documentation_fragment:
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
options:
  name:
    description: The name to use for the service.
    type: str
    required: true
  unit:
    description: The systemd unit of the service. Ignored on a host without systemd when O(pid_file) or O(match) is given.
    type: str
  pid_file:
    description: The file with the process id of the service.
    type: path
  match:
    description:
      - The beginning of the command line of the service, word by word. An interpreter and one option of it may come before.
      - A first word without a slash matches any directory.
      - Used to tell a reused pid, and to find other processes of the same service.
    type: list
    elements: str
    default: []
  command:
    description: The command that starts the service. When its program is not there, the service is V(missing).
    type: list
    elements: str
    default: []
  chdir:
    description: The directory in which the service runs.
    type: path
  port:
    description: The TCP port on which the service listens.
    type: int
  log_file:
    description: The log of the service. When it is not given and there is a O(unit), its journal is read.
    type: path
  log_lines:
    description: Number of newest log lines to return. At most 1 MiB of the file is read, from its end.
    type: int
    default: 200
  env_file:
    description: A file of C(NAME=value) lines, read for the names of variables when the service does not run.
    type: path
  required_env:
    description:
      - Names of the environment variables the service needs.
      - Accepted so that all C(service_info) modules take the same options. A plain process has no previous version to compare with.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the API that runs as a plain process
  sre.remediation.process_service_info:
    name: api
    pid_file: /run/api/api.pid
    match: [gunicorn, "app:app"]
    command: [/opt/api/venv/bin/gunicorn, "app:app"]
    chdir: /opt/api
    port: 5001
    log_file: /var/log/api/api.log
    env_file: /etc/api/env
  register: state

- name: Look at a systemd unit
  sre.remediation.process_service_info:
    name: worker
    unit: worker.service
"""

RETURN = r"""
service:
  description:
    - The normalized state of the service, with the keys that M(sre.remediation.docker_service_info) describes.
    - The instances are named V(main) and V(duplicate). A duplicate is another process that O(match) recognises.
    - A port conflict is stale when its holder is a leftover of the same service. It has the command line that O(match) describes,
      or was started by the process in the pid file, or has executable and directory of the service.
  type: dict
  returned: success
  sample:
    platform: host
    name: api
    status: running
    running: 1
    desired: 1
    instances: [{id: "4711", name: main, status: running}]
signals:
  description: What is worth knowing about the state, as names that diagnosis rules are written in.
  type: list
  elements: str
  returned: success
  sample: [running]
logs:
  description: The newest log lines, oldest first, secrets taken out.
  type: list
  elements: str
  returned: success
  sample: ["[INFO] Listening at: http://0.0.0.0:5001"]
log_age:
  description: Seconds since O(log_file) was last written, or null.
  type: float
  returned: success
  sample: 1.5
code:
  description: A stable word for the error, such as V(bad_argument), V(unreadable) or V(no_proc).
  type: str
  returned: failure
  sample: unreadable
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._process import Wanted, look
from ansible_collections.sre.remediation.plugins.module_utils._service import signals


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "unit": {"type": "str"},
            "pid_file": {"type": "path"},
            "match": {"type": "list", "elements": "str", "default": []},
            "command": {"type": "list", "elements": "str", "default": []},
            "chdir": {"type": "path"},
            "port": {"type": "int"},
            "log_file": {"type": "path"},
            "log_lines": {"type": "int", "default": 200},
            "env_file": {"type": "path"},
            "required_env": {"type": "list", "elements": "str", "default": []},
        },
        required_one_of=[("unit", "pid_file", "match")],
        supports_check_mode=True,
    )
    wanted = {name: value for name, value in module.params.items() if name != "required_env"}
    wanted.update(match=tuple(wanted["match"]), command=tuple(wanted["command"]))
    try:
        if not (wanted["unit"] or wanted["pid_file"] or wanted["match"]):
            raise RemediationError("one of unit, pid_file and match must say how to find the service", "bad_argument")
        found = look(Wanted(**wanted))
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    for warning in found.warnings:
        module.warn(warning)
    module.exit_json(
        changed=False,
        service=found.service,
        signals=signals(found.service),
        logs=found.logs,
        log_age=found.log_age,
    )


if __name__ == "__main__":
    main()
