# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amazon ECS services as inventory hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ecs
short_description: Services of Amazon ECS as hosts
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Every service of the clusters is a host with the variables the roles of this collection need
    (C(service_platform), C(service_name), C(service_ecs)), and runs on the controller.
  - All hosts are in the group C(ecs), and in groups named after their cluster (C(ecs_cluster_lab)), their launch type
    (C(ecs_launch_type_fargate)) and their tags (C(ecs_tag_environment_production)).
  - A cluster costs one call for each 100 services and one for each 10. Clusters are named in O(clusters), or listed.
  - The name of the file must end in C(ecs.yml) or C(ecs.yaml).
extends_documentation_fragment:
  - sre.remediation._aws
  - constructed
  - inventory_cache
options:
  plugin:
    description: Must be V(sre.remediation.ecs).
    type: str
    required: true
    choices: [sre.remediation.ecs]
  clusters:
    description:
      - Names of the clusters. All of the region by default.
    type: list
    elements: str
    default: []
  services:
    description:
      - Patterns of which the name of a service must match one, as C(kaviar-*). All services by default.
    type: list
    elements: str
    default: []
  hostname:
    description:
      - What a host is called. V(auto) is the name of the service, and that of its cluster before it (C(lab_api)) when
        several clusters have a service of this name.
    type: str
    choices: [auto, service, cluster_service]
    default: auto
  tag_groups:
    description:
      - Keys of the tags that make groups. All by default, none with an empty list.
    type: list
    elements: str
  parallel:
    description:
      - Calls made at once. They share the account's budget of calls for the region.
    type: int
    default: 4
"""

EXAMPLES = r"""
# kaviar.ecs.yml
plugin: sre.remediation.ecs
region: us-east-1
clusters: [kaviar-prod]
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /tmp/ansible-ecs
cache_timeout: 300
groups:
  api: "'backend' in service_name"
compose:
  service_health_url: "'https://api.kaviar.example.com/api/health' if 'backend' in service_name else omit"
"""

import os
import re
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, aws_options, short
from ansible_collections.sre.remediation.plugins.module_utils._ecs.api import SERVICES_AT_ONCE
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")
_CONNECTION = ("region", "profile", "endpoint_url", "retries", "retry_mode", "timeout", "deadline")


def read_service(service: Json) -> Json:
    """Return what is kept of a service as described: plain values, as the cache may be a JSON file."""
    return {
        "name": service["serviceName"],
        "cluster": short(service["clusterArn"]),
        "region": service["serviceArn"].split(":")[3],
        "launch_type": (service.get("launchType") or "").lower()
        or ("capacity_provider" if service.get("capacityProviderStrategy") else ""),
        "status": service.get("status"),
        "desired": service.get("desiredCount"),
        "running": service.get("runningCount"),
        "task_definition": short(service.get("taskDefinition")),
        "tags": {tag["key"]: tag.get("value") or "" for tag in service.get("tags") or []},
    }


def host_names(services: t.Sequence[Json], how: str) -> list[str]:
    """Return a name for each service."""
    seen: dict[str, int] = {}
    for service in services:
        seen[service["name"]] = seen.get(service["name"], 0) + 1
    return [
        f"{service['cluster']}_{service['name']}"
        if how == "cluster_service" or (how == "auto" and seen[service["name"]] > 1)
        else service["name"]
        for service in services
    ]


def group_names(service: Json, tag_groups: t.Sequence[str] | None) -> list[str]:
    """Return the groups of a service."""
    names = ["ecs", f"ecs_cluster_{service['cluster']}"]
    if service["launch_type"]:
        names.append(f"ecs_launch_type_{service['launch_type']}")
    names += [
        f"ecs_tag_{key}_{value}" if value else f"ecs_tag_{key}"
        for key, value in sorted(service["tags"].items())
        if tag_groups is None or key in tag_groups
    ]
    return [_UNSAFE.sub("_", name) for name in names]


def host_variables(service: Json, connection: Json) -> Json:
    """Return the variables of a host."""
    place = {key: connection[key] for key in ("profile", "endpoint_url") if connection.get(key)}
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "service_platform": "ecs",
        "service_name": service["name"],
        "service_ecs": {
            "cluster": service["cluster"],
            "service": service["name"],
            "region": service["region"],
            **place,
        },
        "ecs_status": service["status"],
        "ecs_launch_type": service["launch_type"],
        "ecs_desired": service["desired"],
        "ecs_running": service["running"],
        "ecs_task_definition": service["task_definition"],
        "ecs_tags": service["tags"],
    }


def list_services(aws: Aws, clusters: t.Sequence[str], patterns: t.Sequence[str], parallel: int) -> list[Json]:
    """Return the services of the clusters, by cluster and name."""
    names = list(clusters) or aws.pages("ecs", "list_clusters", "clusterArns", maxResults=100)

    def arns_of(cluster: str) -> list[tuple[str, list[str]]]:
        found = aws.pages("ecs", "list_services", "serviceArns", cluster=cluster, maxResults=100)
        wanted = [arn for arn in found if not patterns or any(fnmatchcase(short(arn), each) for each in patterns)]
        size = SERVICES_AT_ONCE
        return [(cluster, wanted[first : first + size]) for first in range(0, len(wanted), size)]

    def described(batch: tuple[str, list[str]]) -> list[Json]:
        cluster, arns = batch
        answer = aws.call("ecs", "describe_services", cluster=cluster, services=arns, include=["TAGS"])
        return answer.get("services") or []

    # The client is made before the threads, which may share it but not make it.
    aws.client("ecs")
    with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
        batches = [batch for found in pool.map(arns_of, names) for batch in found]
        services = [read_service(service) for found in pool.map(described, batches) for service in found]
    active = [service for service in services if service["status"] != "INACTIVE"]
    return sorted(active, key=lambda service: (service["cluster"], service["name"]))


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin; what it decides is in the functions above."""

    NAME = "sre.remediation.ecs"

    def verify_file(self, path: str) -> bool:
        """Tell whether the file is meant for this plugin, by its name."""
        return super().verify_file(path) and path.endswith(("ecs.yml", "ecs.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Read the services, from the cache where there is one, and add them."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        connection = {name: self.get_option(name) for name in _CONNECTION}
        connection["region"] = connection["region"] or os.environ.get("AWS_REGION")
        for name in ("region", "profile", "endpoint_url"):
            if connection[name]:
                connection[name] = self.templar.template(connection[name])
        services = self._services(connection, path, cache)
        for name, service in zip(host_names(services, self.get_option("hostname")), services):
            self._add(name, service, connection)

    def _services(self, connection: Json, path: str, cache: bool) -> list[Json]:
        key = self.get_cache_key(path)
        use_cache = self.get_option("cache") and cache
        if use_cache:
            try:
                return self._cache[key]
            except KeyError:
                pass
        try:
            aws = Aws(aws_options(connection))
            clusters, patterns = self.get_option("clusters"), self.get_option("services")
            services = list_services(aws, clusters, patterns, self.get_option("parallel"))
        except RemediationError as error:
            raise AnsibleParserError(f"{path}: {error.message} ({error.code})") from error
        self.display.vv(f"{path}: {len(services)} services by {len(aws.calls)} calls to AWS")
        if self.get_option("cache"):
            self._cache[key] = services
        return services

    def _add(self, name: str, service: Json, connection: Json) -> None:
        self.inventory.add_host(name)
        for group in group_names(service, self.get_option("tag_groups")):
            self.inventory.add_group(group)
            self.inventory.add_child(group, name)
        variables = host_variables(service, connection)
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)
