# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services a playbook acts on: an empty, unknown or unmatched target is an error, never "all"."""

from __future__ import annotations

DOCUMENTATION = r"""
name: services
author: The sre.remediation maintainers (@sre-remediation)
version_added: 0.1.0
short_description: Services a playbook acts on
description:
  - Resolves a host pattern to inventory hosts, within C(--limit) where one is given.
  - An empty pattern, or one that matches no host, is an error. Ansible itself would skip the play and exit with 0.
options:
  _terms:
    description: One host pattern.
    required: true
"""

EXAMPLES = r"""
- name: Heal an API that does not answer
  hosts: "{{ query('sre.remediation.services', target | default('api')) }}"
  gather_facts: false
  roles:
    - role: sre.remediation.api_down
"""

RETURN = r"""
_raw:
  description: Names of the inventory hosts.
  type: list
  elements: str
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        pattern = ",".join(str(term) for term in terms).strip()
        if not pattern:
            raise AnsibleLookupError("target is empty, allowed: the name of a service or a group of the inventory")
        matched = self._hosts([pattern], variables)
        limit = (variables or {}).get("ansible_limit")
        if limit:
            allowed = set(self._hosts([limit], variables))
            matched = [host for host in matched if host in allowed]
        if not matched:
            within = f" within --limit {limit}" if limit else ""
            raise AnsibleLookupError(f"target {pattern} matches no service of the inventory{within}; nothing was done")
        return matched

    def _hosts(self, patterns, variables):
        lookup = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=self._loader, templar=self._templar)
        return lookup.run(patterns, variables=variables)
