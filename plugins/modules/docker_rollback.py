#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a Docker service back to its previous known good image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_rollback
short_description: Take a Docker service back to its previous known good image
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Makes every container of a service again from another local image and with nothing else changed. The image is pinned
    by its id.
  - What came from the old image (environment, command, entry point, working directory, user, labels, volumes, health
    check) is left out, so that the defaults of the image gone back to apply. What was asked for is kept, with names,
    networks, aliases, fixed addresses, host settings and volumes, anonymous ones included.
  - The old container stays until the new one is up. When that fails it gets its name back and is started if it ran, so
    nothing is lost.
  - The logs of the old container go with it. Save them before.
  - Several containers are replaced one after the other, stopping at the first that fails.
  - A run that was killed leaves containers with the ends C(.sre-new) or C(.sre-old) in their names. The next run clears
    them up.
  - Nothing is pulled. Data the newer version wrote in another form is not taken back.
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
    support: partial
    details:
      - Idempotent with O(to). Without it every run goes back one more version.
options:
  to:
    description:
      - Id, tag or digest of the local image to go to.
      - By default the first of O(candidates) that fits, else the newest other local image of the same repository that
        is not newer than the current one.
    type: str
  candidates:
    description:
      - Ids of images known to be good, newest first. Those that are not on the engine, in use or in O(exclude) are
        passed over.
    type: list
    elements: str
    default: []
  only_candidates:
    description:
      - Go to no other image than one of O(candidates), and stay where one of them runs already. It fails with
        V(no_previous_version) when none of them is on the engine.
      - For what a plan or an undo record names, so that nothing else is done than what it says.
    type: bool
    default: false
  exclude:
    description:
      - Ids of images known to be bad, which are never gone back to.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Go back to the previous version of a Compose service
  sre.remediation.docker_rollback:
    project: shop
    service: api
    candidates: "{{ known_good_ids }}"
  register: rollback

- name: Undo that
  sre.remediation.docker_rollback:
    project: shop
    service: api
    to: "{{ rollback.undo.version }}"
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
diff:
  description: Image id and name of each container, before and after.
  returned: always
  type: dict
from:
  description: The image in use before, of the newest container.
  returned: success
  type: dict
  contains:
    version:
      description: Image id.
      type: str
    name:
      description: Name the container was made with.
      type: str
to:
  description: The image gone back to.
  returned: success
  type: dict
  contains:
    version:
      description: Image id.
      type: str
    name:
      description: One of its tags or digests.
      type: str
    found_by:
      description: V(requested), V(known_good) (from O(candidates)) or V(previous_image) (by the rule under O(to)).
      type: str
undo:
  description: Arguments that take it back. V(null) when nothing changed.
  returned: success
  type: dict
  contains:
    version:
      description: Image id for O(to).
      type: str
code:
  description:
    - Why it failed, as a word for programs. V(no_previous_version), V(image_missing), V(excluded_target),
      V(container_missing), V(auto_remove), V(replace_failed), V(platform_unreachable), V(engine_error) or
      V(invalid_option).
  returned: failure
  type: str
logs:
  description: Last log lines of a replacement that did not come up, with secrets taken out.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.sre.remediation.plugins.module_utils._docker import change, options, rollback
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine
from ansible_collections.sre.remediation.plugins.module_utils._docker.recreate import replacement
from ansible_collections.sre.remediation.plugins.module_utils._docker.replace import base_name
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


def plan_step(engine: Engine, container: dict, target: rollback.Target) -> change.Step:
    """Plan the replacement of one container."""
    name = base_name(container)
    old_image = rollback.image_of(engine, container)
    wanted = replacement(container, old_image, rollback.reference(engine, target.version, target.name), target.version)
    before = {"version": container["Image"], "name": container["Config"]["Image"]}
    after = {"version": target.version, "name": target.name}
    new_name = target.name or "an untagged image"
    action = f"replaced {name}: image {before['name']} ({before['version']}) by {new_name} ({target.version})"
    return change.Step(container, wanted, target.version, action, before, after)


def run(params: dict, check_mode: bool, progress: change.Progress) -> dict:
    """Roll the service back; what was done is in ``progress`` even when it raises."""
    change.check_options(params)
    selector = options.selector(params)
    engine = Engine(options.engine_options(params))
    containers = change.containers_of(engine, selector, progress, check_mode)
    newest = max(containers, key=lambda container: container["Created"])
    target = rollback.find_target(
        engine, newest, params["to"], params["candidates"], params["exclude"], params["only_candidates"]
    )
    steps = [plan_step(engine, container, target) for container in containers if container["Image"] != target.version]
    change.apply(engine, steps, progress, params, check_mode)
    return {
        "from": {"version": newest["Image"], "name": newest["Config"]["Image"]},
        "to": target.as_dict(),
        "undo": {"version": newest["Image"]} if steps else None,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            options.argument_spec(),
            **change.options_spec(),
            to=dict(type="str"),
            candidates=dict(type="list", elements="str", default=[]),
            only_candidates=dict(type="bool", default=False),
            exclude=dict(type="list", elements="str", default=[]),
        ),
        required_together=options.REQUIRED_TOGETHER,
        supports_check_mode=True,
    )
    progress = change.Progress()
    try:
        facts = run(module.params, module.check_mode, progress)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code, logs=getattr(error, "logs", []), **progress.as_dict())
    for warning in progress.warnings:
        module.warn(warning)
    module.exit_json(**progress.as_dict(), **facts)


if __name__ == "__main__":
    main()
