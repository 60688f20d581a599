"""The example inventories load, hold together, and give each service only variables the roles know, well typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = (ROOT / "inventories/docker", ROOT / "inventories/railway")
SPECIFICATION = ROOT / "roles/api_down/meta/argument_specs.yml"
# What the runbooks say of each system: the group the playbooks heal, its host, where it is healthy, what it is called.
RUNBOOKS = {
    "mestres-do-cafe": ("mestres-api", ":5001/api/health", {"project": "mestres-do-cafe", "service": "api"}),
    "conectcrm": ("conectcrm-backend", ":3001/health", {"project": "conectcrm", "service": "backend"}),
    "etp-express": ("etp-backend", "/api/health", {"service": "backend"}),
    "rag-backend": ("rag-backend", ":8000/health", {"port": 8000, "chdir": "/opt/rag-backend"}),
}

example = pytest.mark.parametrize("name", sorted(RUNBOOKS))


@cache
def files() -> dict[str, Path]:
    """Return the file of each example."""
    return {path.stem: path for directory in EXAMPLES for path in directory.glob("*.yml")}


@cache
def inventory(name: str) -> dict[str, Any]:
    """Return what ansible-inventory makes of one example."""
    command = ["ansible-inventory", "-i", str(files()[name]), "--list"]
    environment = {**os.environ, "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true"}
    result = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr, result.stderr
    return json.loads(result.stdout)


def services(name: str) -> dict[str, dict[str, Any]]:
    """Return the service_* variables of every host."""
    hosts = inventory(name)["_meta"]["hostvars"]
    return {
        host: {key: value for key, value in values.items() if key.startswith("service_")}
        for host, values in hosts.items()
    }


def specification() -> dict[str, Any]:
    """Return the options of the role api_down that come from the inventory."""
    options = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    found = {name: option for name, option in options.items() if name.startswith("service_")}
    assert found, f"{SPECIFICATION} has no service_* option"
    return found


def test_every_example_is_known_to_these_tests() -> None:
    assert files().keys() == RUNBOOKS.keys()


@example
def test_the_runbook_s_names_and_ports(name: str) -> None:
    host, health, names = RUNBOOKS[name]
    assert inventory(name)["api"]["hosts"] == [host]
    service = services(name)[host]
    assert service["service_health_url"].endswith(health)
    places = {"docker": "service_docker", "host": "service_process", "railway": "service_railway"}
    place = service[places[service["service_platform"]]]
    assert names.items() <= place.items()


@example
def test_every_host_is_in_the_group_of_its_platform_and_refers_to_hosts_that_exist(name: str) -> None:
    hosts = services(name)
    for host, service in hosts.items():
        assert host in inventory(name)[service["service_platform"]]["hosts"]
        for related in ("service_database", "service_proxy"):
            assert service.get(related, host) in hosts, f"{host}: {related}"


@example
def test_every_host_satisfies_the_argument_specification(name: str) -> None:
    healed = specification()
    # A database or a proxy is looked at and acted upon, but only what api_down heals needs all that it requires.
    related = {key: {**option, "required": False} for key, option in healed.items()}
    problems = {}
    for host, variables in services(name).items():
        options = healed if host in inventory(name)["api"]["hosts"] else related
        result = ArgumentSpecValidator(options).validate(variables)
        if result.error_messages:
            problems[host] = result.error_messages
    assert not problems


def test_the_specification_would_refuse_an_unknown_or_ill_typed_variable() -> None:
    validator = ArgumentSpecValidator(specification())
    good = services("mestres-do-cafe")["mestres-api"]
    assert not validator.validate(good).error_messages
    assert validator.validate({**good, "service_healht_url": "http://x.example.com"}).error_messages
    assert validator.validate({**good, "service_required_env": {"not": "a list"}}).error_messages
    assert validator.validate({**good, "service_docker": {"projct": "x"}}).error_messages


@example
def test_only_example_addresses(name: str) -> None:
    text = files()[name].read_text(encoding="utf-8")
    addresses = re.findall(r"https?://([^/:\s]+)|ansible_host: (\S+)", text)
    assert addresses and all("".join(found).endswith(".example.com") for found in addresses)
    assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", text)
