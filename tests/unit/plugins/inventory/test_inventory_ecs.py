"""The inventory plugin: hosts, groups and variables; and a thousand services in few calls, then in none."""

from __future__ import annotations

import threading
import time

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.sre.remediation.plugins.inventory import ecs as plugin
from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsUnreachable

PREFIX = "arn:aws:ecs:us-east-1:111122223333"


def service(cluster, name, **changes):
    """A service as DescribeServices has it."""
    made = {
        "serviceName": name,
        "serviceArn": f"{PREFIX}:service/{cluster}/{name}",
        "clusterArn": f"{PREFIX}:cluster/{cluster}",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 1,
        "launchType": "FARGATE",
        "taskDefinition": f"{PREFIX}:task-definition/{name}:7",
        "tags": [{"key": "environment", "value": "production"}],
    }
    return {**made, **changes}


class FakeAws:
    """An account of clusters and their services, with the limits of the real calls."""

    services: dict[str, list[dict]] = {}
    made: list[FakeAws] = []

    def __init__(self, options):
        self.options, self.calls, self._lock = options, [], threading.Lock()
        FakeAws.made.append(self)

    def client(self, name):
        return None

    def call(self, _client, operation, /, **asked):
        with self._lock:
            self.calls.append(operation)
        if operation == "list_clusters":
            return {"clusterArns": [f"{PREFIX}:cluster/{name}" for name in self.services]}
        mine = self.services[asked["cluster"].rsplit("/", 1)[-1]]
        if operation == "list_services":
            first = int(asked.get("nextToken") or 0)
            page = [each["serviceArn"] for each in mine[first : first + asked["maxResults"]]]
            more = {"nextToken": str(first + 100)} if first + 100 < len(mine) else {}
            return {"serviceArns": page, **more}
        assert len(asked["services"]) <= 10
        assert asked["include"] == ["TAGS"]
        return {"services": [each for each in mine if each["serviceArn"] in asked["services"]]}

    pages = plugin.Aws.pages


@pytest.fixture
def account(monkeypatch):
    """Whatever is put into it is there; and no variable of whoever runs the tests counts."""
    monkeypatch.setattr(plugin, "Aws", FakeAws)
    monkeypatch.setattr(FakeAws, "services", {})
    monkeypatch.setattr(FakeAws, "made", [])
    monkeypatch.delenv("AWS_REGION", raising=False)
    return FakeAws


@pytest.fixture
def read(tmp_path, account):
    """Read an inventory file with these lines in it."""

    def do(*lines):
        source = tmp_path / "kaviar.ecs.yml"
        source.write_text("\n".join(["plugin: sre.remediation.ecs", "region: us-east-1", *lines]) + "\n")
        return InventoryManager(loader=DataLoader(), sources=[str(source)])

    return do


CACHE = ("cache: true", "cache_plugin: ansible.builtin.jsonfile")


def test_a_service_is_a_host(account, read):
    account.services["lab"] = [service("lab", "api")]
    inventory = read("profile: prod", "endpoint_url: http://127.0.0.1:1")
    variables = inventory.get_host("api").get_vars()
    assert variables["service_platform"] == "ecs"
    assert variables["service_name"] == "api"
    assert variables["service_ecs"] == {
        "cluster": "lab",
        "service": "api",
        "region": "us-east-1",
        "profile": "prod",
        "endpoint_url": "http://127.0.0.1:1",
    }
    assert variables["ansible_connection"] == "local"
    assert (variables["ecs_desired"], variables["ecs_running"], variables["ecs_task_definition"]) == (2, 1, "api:7")
    assert {group.name for group in inventory.get_host("api").get_groups()} == {
        "all",
        "ecs",
        "ecs_cluster_lab",
        "ecs_launch_type_fargate",
        "ecs_tag_environment_production",
    }


def test_names_filters_and_composed_groups(account, read):
    account.services["kaviar-prod"] = [service("kaviar-prod", name) for name in ("api", "worker", "other")]
    account.services["kaviar-test"] = [
        service("kaviar-test", "api", launchType=None, capacityProviderStrategy=[{}], tags=[]),
        service("kaviar-test", "api-gone", status="INACTIVE"),
    ]
    inventory = read(
        "services: [api*, worker]",
        "tag_groups: []",
        "groups: {api: service_name == 'api'}",
        "compose: {service_health_url: \"'https://' ~ service_ecs.cluster ~ '.example.com/health'\"}",
        "keyed_groups: [{key: ecs_status, prefix: is}]",
    )
    assert sorted(inventory.hosts) == ["kaviar-prod_api", "kaviar-test_api", "worker"]
    groups = inventory.get_groups_dict()
    assert sorted(groups["api"]) == ["kaviar-prod_api", "kaviar-test_api"]
    assert groups["ecs_launch_type_capacity_provider"] == ["kaviar-test_api"]
    assert len(groups["is_ACTIVE"]) == 3
    assert not [name for name in groups if name.startswith("ecs_tag")]
    url = inventory.get_host("kaviar-prod_api").get_vars()["service_health_url"]
    assert url == "https://kaviar-prod.example.com/health"


def test_a_thousand_services_in_few_calls_and_then_in_none(account, read, tmp_path):
    account.services["big"] = [service("big", f"service-{number:04}") for number in range(1000)]
    lines = [*CACHE, f"cache_connection: {tmp_path / 'cache'}", "clusters: [big]"]
    assert len(read(*lines).hosts) == 1000
    assert len(account.made[0].calls) == 110

    began, used = time.monotonic(), time.process_time()
    again = read(*lines)
    used, took = time.process_time() - used, time.monotonic() - began
    assert len(again.hosts) == 1000
    assert len(account.made) == 1
    # The time of this process alone: the machine of the tests does other things too.
    assert used < 1, f"{used:.2f} s of work, {took:.2f} s in all"


def test_an_account_that_does_not_answer_is_an_error(account, read, monkeypatch, capfd):
    def call(self, _client, operation, /, **asked):
        raise AwsUnreachable("ecs:ListClusters: no credentials")

    monkeypatch.setattr(account, "call", call)
    with pytest.raises(AnsibleError, match="No inventory was parsed"):
        read()
    assert "ecs:ListClusters: no credentials (platform_unreachable)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "meant"), [("ecs.yml", True), ("kaviar.ecs.yaml", True), ("kaviar.yml", False), ("ecs.ini", False)]
)
def test_a_file_is_meant_for_it_by_its_name(tmp_path, name, meant):
    (tmp_path / name).write_text("plugin: sre.remediation.ecs\n")
    assert plugin.InventoryModule().verify_file(str(tmp_path / name)) is meant
