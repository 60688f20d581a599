"""The registry of faults: complete, documented, and in step with the lab, the inventory and the role."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from lablib.faults.model import Fault
from lablib.faults.registry import FAULTS, as_data, as_table, as_text, find_fault
from lablib.images import BAD_RELEASES, CURRENT_RELEASE, GOOD_RELEASES, IMAGES, IMAGES_DIRECTORY
from lablib.parts import faults
from lablib.settings import LAB_DIRECTORY, REPOSITORY
from lablib.shell import LabError
from lablib.stack import SCHEMA, SERVICES

LADDERS = sorted((REPOSITORY / "roles").glob("*/vars/main.yml"))


def test_names_are_commands_and_unique() -> None:
    names = [entry["name"] for entry in as_data()]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", str(name)) for name in names)
    assert len(set(names)) == len(names) >= 30


def test_an_unknown_fault_is_refused_with_a_hint() -> None:
    with pytest.raises(LabError, match=r"--list"):
        find_fault("api-on-fire")


def test_every_fault_names_hosts_of_the_inventory() -> None:
    inventory = yaml.safe_load((REPOSITORY / "inventories/lab/hosts.yml").read_text(encoding="utf-8"))
    platforms = inventory["all"]["children"]
    hosts = {*platforms["docker"]["hosts"], *platforms["host"]["hosts"]}
    assert {service for fault in FAULTS.values() for service in fault.services} <= hosts


def vocabulary() -> dict[str, set[str]]:
    """The causes every scenario declares."""
    known = {}
    for path in LADDERS:
        role, data = path.parts[-3], yaml.safe_load(path.read_text(encoding="utf-8"))
        known[role] = {rule["cause"] for rule in data.get(f"{role}_causes", [])}
    return known


@pytest.mark.parametrize("fault", [*FAULTS.values(), *faults().values()], ids=lambda fault: fault.name)
def test_every_cause_is_one_a_scenario_can_find(fault: Fault) -> None:
    if "adds to another fault" in fault.summary:
        assert fault.cause == "none"
    else:
        assert fault.cause in set().union(*vocabulary().values())


@pytest.mark.parametrize(
    "matrix", sorted((REPOSITORY / "tests/faults").glob("*matrix*.yml")), ids=lambda path: path.stem
)
def test_the_fault_matrix_speaks_the_words_of_its_scenarios(matrix: Path) -> None:
    rows = yaml.safe_load(matrix.read_text(encoding="utf-8"))
    known = vocabulary()
    unknown = [row for row in rows if row["cause"] not in known[row.get("playbook", "api_down")]]
    assert (bool(rows), unknown) == (True, [])
    assert {row["fault"] for row in rows if row.get("fault")} <= {*FAULTS, *faults()}


def test_the_readme_carries_the_table_and_the_list_all_faults() -> None:
    assert as_table() in (LAB_DIRECTORY / "README.md").read_text(encoding="utf-8")
    assert [line.split()[0] for line in as_text().splitlines()] == list(FAULTS)


def test_every_bad_release_is_deployed_by_a_fault() -> None:
    summaries = " ".join(fault.summary for fault in FAULTS.values())
    assert [release.tag for release in BAD_RELEASES if release.tag not in summaries] == []


def test_every_release_folder_is_built_and_says_its_version() -> None:
    folders = {path.name for path in (IMAGES_DIRECTORY / "api" / "releases").iterdir()}
    assert folders == {image.tag for image in IMAGES if image.folder == "api"}
    for folder in folders:
        text = (IMAGES_DIRECTORY / "api" / "releases" / folder / "release.py").read_text(encoding="utf-8")
        assert f'VERSION = "{folder}"' in text
    current = (IMAGES_DIRECTORY / "api" / "releases" / CURRENT_RELEASE / "release.py").read_text(encoding="utf-8")
    assert f"SCHEMA = {SCHEMA}\n" in current


def test_every_compose_service_uses_an_image_the_lab_builds() -> None:
    services = yaml.safe_load((LAB_DIRECTORY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == set(SERVICES)
    built = {image.reference for image in IMAGES}
    images = {service["image"] for name, service in services.items() if name != "api"}
    assert images <= built
    assert services["api"]["image"] == "${LAB_API_RELEASES}:${LAB_API_VERSION}"
    assert CURRENT_RELEASE in {release.tag for release in GOOD_RELEASES}


def test_every_port_is_published_on_loopback_only() -> None:
    services = yaml.safe_load((LAB_DIRECTORY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 6
    assert [port for port in ports if not port.startswith("127.0.0.1:${LAB_PORT_")] == []
