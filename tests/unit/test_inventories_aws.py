"""The example inventories for AWS load, name what the runbook names, and give each service only options the roles know."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT / "roles/api_down/meta/argument_specs.yml"


def hosts(source: str) -> dict[str, dict]:
    """The variables of every host of an inventory."""
    done = subprocess.run(
        ["ansible-inventory", "-i", str(ROOT / source), "--list"],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "WARNING" not in done.stderr, done.stderr
    found: dict[str, dict] = json.loads(done.stdout)["_meta"]["hostvars"]
    return found


def test_kaviar_is_what_its_runbook_says() -> None:
    service = hosts("inventories/aws/kaviar.yml")["kaviar-backend"]
    assert service["service_platform"] == "ecs"
    assert service["service_health_url"] == "https://api.kaviar.example.com/api/health"
    place = service["service_ecs"]
    assert (place["cluster"], place["service"]) == ("kaviar-prod", "kaviar-backend-service")
    assert place["region"] == "us-east-1"
    # A step that waits for a deployment must not outlive the lease of its incident.
    assert service["remediate_lease"] > place["wait"]


def test_what_they_declare_the_roles_know() -> None:
    options = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    known = {"service_ecs": options["service_ecs"]}
    checked = 0
    for source in ("inventories/aws/kaviar.yml", "inventories/lab_aws"):
        for name, variables in hosts(source).items():
            declared = {"service_ecs": {**variables["service_ecs"], "service": name}}
            for key in ("endpoint_url", "region"):
                declared["service_ecs"][key] = str(declared["service_ecs"].get(key, ""))
            found = ArgumentSpecValidator(known).validate(declared)
            assert not found.error_messages, f"{source}, {name}: {found.error_messages}"
            checked += 1
    assert checked == 3


def test_the_dynamic_one_is_for_the_same_cluster() -> None:
    read = yaml.safe_load((ROOT / "inventories/aws/kaviar.ecs.yml").read_text(encoding="utf-8"))
    assert read["plugin"] == "sre.remediation.ecs"
    assert read["clusters"] == ["kaviar-prod"]
    assert read["region"] == "us-east-1"
