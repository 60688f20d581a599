# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services of Railway environments as inventory hosts, in one request for each hundred services."""

from __future__ import annotations

DOCUMENTATION = r"""
name: railway
short_description: Services of Railway projects
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Makes a host of every service that has an instance in an environment, with the variables the roles of this collection
    need to heal it. A host is named V(project/environment/service), for names of services are not unique.
  - Its configuration file must be named V(railway.yml), V(railway.yaml), or end in V(.railway.yml) or V(.railway.yaml).
  - An environment of 200 services takes three requests with a project token.
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
notes:
  - Hosts are healed by the API, so they have a local connection.
options:
  plugin:
    description: Must be V(sre.remediation.railway).
    type: str
    required: true
    choices: [sre.remediation.railway]
  token:
    description:
      - The token to ask with. It can be a template. It is not stored in the cache, and no host gets it as a variable.
      - Without it the environment variable E(RAILWAY_TOKEN) is read when O(token_type=project), and
        E(RAILWAY_API_TOKEN) otherwise.
    type: str
  token_type:
    description: What kind of token it is. It is never guessed.
    type: str
    required: true
    choices: [project, account, workspace, oauth]
  endpoint:
    description: URL of Railway's GraphQL API. It must be https, unless it is on this machine.
    type: str
    default: https://backboard.railway.com/graphql/v2
  timeout:
    description: Seconds one request may take.
    type: float
    default: 30.0
  max_requests:
    description: Requests one reading of the inventory may make, repetitions included.
    type: int
    default: 60
  validate_certs:
    description: Check the certificate and host name of the endpoint.
    type: bool
    default: true
  ca_path:
    description: File with the CA certificates the endpoint's certificate is checked against. The system's by default.
    type: path
  projects:
    description:
      - Ids or names of the projects to read. All that the token may see by default.
    type: list
    elements: str
    default: []
  environments:
    description:
      - Ids or names of the environments to read. All by default, except those made for pull requests.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
# RAILWAY_TOKEN holds a project token: one environment of one project.
plugin: sre.remediation.railway
token_type: project
cache: true
compose:
  service_health_url: "'https://' ~ railway_domains[0] ~ '/api/health'"
groups:
  api: railway_service_name == 'backend'
keyed_groups:
  - {prefix: environment, key: railway_environment_name}
"""

import typing as t

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import hosts, options
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client

SUFFIXES = ("railway.yml", "railway.yaml")
CONNECTION = ("token", "token_type", "endpoint", "timeout", "max_requests", "validate_certs", "ca_path")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "sre.remediation.railway"

    def verify_file(self, path: str) -> bool:
        """Whether this file is meant for this plugin: by its name."""
        return bool(super().verify_file(path)) and path.endswith(SUFFIXES)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Read the services, from the cache where it holds them, and add them as hosts."""
        super().parse(inventory, loader, path)
        self._read_config_data(path)
        params = {name: self.get_option(name) for name in CONNECTION}
        if params["token"] and self.templar.is_template(params["token"]):
            params["token"] = self.templar.template(params["token"])
        cached = self.get_option("cache")
        key = self.get_cache_key(path)
        found = self._cache.get(key) if cached and cache else None
        if found is None:
            found = self._ask(params)
            if cached:
                self._cache[key] = found
        for host in found:
            self._add(host, params)

    def _ask(self, params: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        try:
            client = Client(options.connection(params))
            return hosts.find(client, self.get_option("projects"), self.get_option("environments"))
        except RemediationError as error:
            raise AnsibleParserError(f"Railway inventory: {error.message}") from error

    def _add(self, host: dict[str, t.Any], params: dict[str, t.Any]) -> None:
        name = self.inventory.add_host(host["name"])
        for key, value in hosts.variables(host, params).items():
            self.inventory.set_variable(name, key, value)
        self.inventory.add_group("railway")
        self.inventory.add_child("railway", name)
        strict, known = self.get_option("strict"), self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option("compose"), known, name, strict=strict)
        known = self.inventory.get_host(name).get_vars()
        self._add_host_to_composed_groups(self.get_option("groups"), known, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), known, name, strict=strict)
