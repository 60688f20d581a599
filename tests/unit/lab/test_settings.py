"""Names and ports of a lab, and the inventory that has to compute the same ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from lablib import legacy_process
from lablib.settings import PORT_OFFSETS, REPOSITORY, Settings, read_settings
from lablib.shell import LabError
from lablib.stack import DATA_DIRECTORY

INVENTORY = REPOSITORY / "inventories" / "lab"
COMPOSE_SERVICES = {
    "api": "api",
    "database": "db",
    "cache": "cache",
    "proxy": "proxy",
    "frontend": "frontend",
    "worker": "worker",
}


def test_defaults_are_the_documented_ones() -> None:
    settings = read_settings({}, uid=1000)
    assert settings.project == "sre-lab"
    assert {name: settings.port(name) for name in PORT_OFFSETS} == {
        "api": 18001,
        "api_process": 18002,
        "database": 18032,
        "cache": 18079,
        "proxy": 18080,
        "frontend": 18081,
    }
    assert settings.state == REPOSITORY / ".lab" / "sre-lab"
    assert str(settings.socket) == "/tmp/sre-lab-1000/docker.sock"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"LAB_PROJECT": "Upper"}, "LAB_PROJECT"),
        ({"LAB_PROJECT": "../elsewhere"}, "LAB_PROJECT"),
        ({"LAB_PROJECT": "x" * 41}, "LAB_PROJECT"),
        ({"LAB_PORT_BASE": "80"}, "LAB_PORT_BASE"),
        ({"LAB_PORT_BASE": "65500"}, "LAB_PORT_BASE"),
        ({"LAB_PORT_BASE": "many"}, "LAB_PORT_BASE"),
    ],
)
def test_unusable_values_are_refused_by_name(environ: dict[str, str], named: str) -> None:
    with pytest.raises(LabError, match=named):
        read_settings(environ)


def test_a_socket_path_is_short_enough_for_the_kernel() -> None:
    settings = read_settings({"LAB_PROJECT": "x" * 40}, uid=4294967294)
    assert len(str(settings.socket)) <= 107


class LoadedInventory:
    """``inventories/lab`` with its variables filled in, without a process and without a lab."""

    def __init__(self) -> None:
        self._loader = DataLoader()
        self.manager = InventoryManager(self._loader, sources=[str(INVENTORY / "hosts.yml")])
        self._variables = VariableManager(self._loader, self.manager)

    def variables(self, host: str) -> dict[str, Any]:
        raw = self._variables.get_vars(host=self.manager.get_host(host))
        raw["ansible_playbook_python"] = "/usr/bin/python3"
        wanted = {name: value for name, value in raw.items() if name.startswith(("service_", "lab_", "ansible_"))}
        templar = Templar(self._loader, variables=raw)
        return {name: templar.template(value) for name, value in wanted.items()}


@pytest.fixture(
    params=[{}, {"LAB_PROJECT": "other", "LAB_PORT_BASE": "20000", "LAB_STATE": "/tmp/elsewhere"}],
    ids=["defaults", "environment"],
)
def both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Settings, LoadedInventory]]:
    for name in ("LAB_PROJECT", "LAB_PORT_BASE", "LAB_STATE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    yield read_settings(os.environ), LoadedInventory()


def test_compose_hosts_agree_with_the_lab(both: tuple[Settings, LoadedInventory]) -> None:
    settings, inventory = both
    for host, service in COMPOSE_SERVICES.items():
        docker = inventory.variables(host)["service_docker"]
        assert docker["project"] == settings.project
        assert docker["service"] == service
        assert Path(docker["project_src"]) == settings.state
        assert docker["docker_host"] == f"unix://{settings.socket}"
        ports = [int(port) for port in docker["ports"]]  # ansible-core 2.18 makes text of templated numbers
        assert ports == ([settings.port(host)] if host in PORT_OFFSETS else [])


def test_addresses_agree_with_the_lab(both: tuple[Settings, LoadedInventory]) -> None:
    settings, inventory = both
    assert inventory.variables("api")["service_health_url"] == settings.url("api", "/api/health")
    assert inventory.variables("api")["service_public_url"] == settings.url("proxy", "/api/health")
    assert inventory.variables("api_process")["service_health_url"] == settings.url("api_process", "/api/health")
    assert inventory.variables("proxy")["service_public_url"] == settings.url("proxy", "/api/health")
    assert inventory.variables("frontend")["service_health_url"] == settings.url("frontend", "/")


def test_the_process_agrees_with_the_lab(both: tuple[Settings, LoadedInventory]) -> None:
    settings, inventory = both
    variables = inventory.variables("api_process")
    assert variables["ansible_host"] == settings.container(legacy_process.SERVICE)
    process = variables["service_process"]
    assert tuple(process["command"]) == legacy_process.COMMAND
    assert (process["pid_file"], process["log_file"], process["env_file"]) == (
        legacy_process.PID_FILE,
        legacy_process.LOG_FILE,
        legacy_process.ENV_FILE,
    )
    assert (process["chdir"], process["user"], process["port"]) == (
        legacy_process.DIRECTORY,
        legacy_process.USER,
        legacy_process.PORT,
    )


def test_files_to_reclaim_lie_on_the_data_volume(both: tuple[Settings, LoadedInventory]) -> None:
    settings, inventory = both
    reclaim = inventory.variables("api")["service_reclaim"]
    assert [root["path"] for root in reclaim["roots"]] == [f"{DATA_DIRECTORY}/logs"]
    assert inventory.variables(reclaim["host"])["ansible_host"] == settings.container("worker")


def test_the_default_target_is_one_host(both: tuple[Settings, LoadedInventory]) -> None:
    inventory = both[1].manager
    assert [host.name for host in inventory.get_hosts("api")] == ["api"]
    assert not set(inventory.groups) & set(inventory.hosts)
    platforms = {host.name for group in ("docker", "host") for host in inventory.get_hosts(group)}
    assert platforms == {*COMPOSE_SERVICES, "api_process"}


def test_no_secret_is_in_the_inventory(both: tuple[Settings, LoadedInventory]) -> None:
    text = "".join(path.read_text(encoding="utf-8").lower() for path in INVENTORY.rglob("*.yml"))
    assert "password" not in re.sub(r"login_password: \"\{\{ lookup\('ansible.builtin.file', lab_state", "", text)
    assert "://" not in text.replace("http://127.0.0.1:", "").replace("unix://", "")
