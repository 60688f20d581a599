#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set or take out environment variables of a Docker service without ever showing a value."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_service_env
short_description: Set or take out environment variables of a Docker service
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Makes every container of a service again, from the image it runs, with some environment variables changed and
    nothing else.
  - The old container stays until the new one is up. When that fails it gets its name back and is started if it ran, so
    nothing is lost.
  - The logs of the old container go with it. Save them before.
  - Values are never returned. In their place stand the first 8 hexadecimal digits of PBKDF2-HMAC-SHA256 (50,000 rounds,
    salted with the names of service and variable), which are equal when two values are. Who can guess a weak value can
    check the guess with it.
  - Compose does not know of the change. A later C(docker compose up) that makes the container again brings back what
    its file says.
extends_documentation_fragment:
  - sre.remediation._docker
  - sre.remediation._docker.replace
  - sre.remediation._attributes
  - sre.remediation._attributes.actiongroup_docker
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  env:
    description:
      - Variables to set, by name. Values are text or whole numbers. Others must be quoted.
    type: dict
    default: {}
  unset:
    description:
      - Names of variables to take out.
      - A variable that the image brings along cannot be taken out, as the image's value would apply. Give it another
        value with O(env).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Raise the size of the connection pool
  sre.remediation.docker_service_env:
    project: shop
    service: api
    env:
      DB_POOL_SIZE: "20"
  register: pool
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: The variables that change in each container, with a hash in place of each value.
  returned: always
  type: dict
undo:
  description: What takes it back. V(null) when nothing changed.
  returned: success
  type: dict
  contains:
    unset:
      description: Names that were absent. Give them to O(unset).
      type: list
      elements: str
    restore:
      description:
        - Hashes of the old values by name. Take the values from where secrets are kept, and give them to O(env).
      type: dict
code:
  description:
    - Why it failed, as a word for programs. V(env_of_image), V(image_missing), V(container_missing), V(auto_remove),
      V(replace_failed), V(platform_unreachable), V(engine_error) or V(invalid_option).
  returned: failure
  type: str
logs:
  description: Last log lines of a replacement that did not come up, with secrets taken out.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._docker import change, options, rollback, state
from ansible_collections.sre.remediation.plugins.module_utils._docker import env as environment
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine
from ansible_collections.sre.remediation.plugins.module_utils._docker.recreate import replacement
from ansible_collections.sre.remediation.plugins.module_utils._docker.replace import base_name
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

#: Values shorter than this are not looked for in the result: replacing every "1" or "true" would spoil ids and names,
#: and no value is put there.
SHORTEST_CENSORED = 8


def plan_step(engine: Engine, container: dict, service: str, wanted: dict) -> tuple[change.Step, environment.EnvChange]:
    """Plan the replacement of one container."""
    image = rollback.image_of(engine, container)
    planned = environment.plan(service, wanted, state.env_of(container), state.env_of(image))
    reference = rollback.reference(engine, image["Id"], container["Config"]["Image"])
    request = replacement(container, image, reference, image["Id"], planned.changes)
    action = f"replaced {base_name(container)}: environment {', '.join(planned.names)}"
    return (
        change.Step(container, request, image["Id"], action, {"env": planned.before}, {"env": planned.after}),
        planned,
    )


def run(params: dict, check_mode: bool, progress: change.Progress) -> dict:
    """Change the environment; what was done is in ``progress`` even when it raises."""
    change.check_options(params)
    selector = options.selector(params)
    wanted = environment.wanted_changes(params["env"], params["unset"])
    engine = Engine(options.engine_options(params))
    containers = change.containers_of(engine, selector, progress, check_mode)
    planned = [plan_step(engine, container, selector.name, wanted) for container in containers]
    due = [(step, found) for step, found in planned if found.changes]
    change.apply(engine, [step for step, found in due], progress, params, check_mode)
    if not due:
        return {"undo": None}
    restore = {name: shown for step, found in due for name, shown in found.before.items()}
    return {
        "undo": {
            "unset": sorted({name for step, found in due for name in found.absent} - set(restore)),
            "restore": restore,
        }
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            options.argument_spec(),
            **change.options_spec(),
            env=dict(type="dict", default={}, no_log=True),
            unset=dict(type="list", elements="str", default=[]),
        ),
        required_together=options.REQUIRED_TOGETHER,
        supports_check_mode=True,
    )
    params = dict(module.params)
    module.params["env"] = dict.fromkeys(params["env"], "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    module.no_log_values = {value for value in module.no_log_values if len(value) >= SHORTEST_CENSORED}
    progress = change.Progress()
    try:
        facts = run(params, module.check_mode, progress)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code, logs=getattr(error, "logs", []), **progress.as_dict())
    for warning in progress.warnings:
        module.warn(warning)
    module.exit_json(**progress.as_dict(), **facts)


if __name__ == "__main__":
    main()
