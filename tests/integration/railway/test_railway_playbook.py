# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules and the inventory plugin for Railway as Ansible runs them: their results, and that no secret shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))

from run_tasks import play  # noqa: E402

SECRET = "a-value-nobody-may-see-4711"


def task(name, module, **arguments):
    return {"name": name, f"sre.remediation.{module}": arguments, "ignore_errors": True}


def test_modules_as_tasks_never_show_a_token_or_a_value(railway, environment, tmp_path):
    common = {"token_type": "project", "endpoint": railway.endpoint, "service": "api"}
    quick = {"wait": False, "stabilise": 0}
    source = {
        "railway": {**common, "filter": ""},
        "pattern": r"\[(?P<level>[A-Z]+)\]",
        "count_by": "level",
        "since": 99999999,
    }
    tasks = [
        task("look", "railway_service_info", **common, log_lines=5),
        task("memory", "metrics_info", railway={**common, "measurement": "MEMORY_USAGE_GB"}, threshold=0.01),
        task("space", "metrics_info", railway={**common, "service": "db", "measurement": "DISK_USAGE_GB"}),
        task("traffic", "metrics_info", railway={**common, "measurement": "NETWORK_RX_GB", "by_instance": True}),
        task("cpu", "metrics_info", railway={**common, "measurement": "CPU_USAGE"}, threshold=8),
        task("no disk", "metrics_info", railway={**common, "measurement": "DISK_USAGE_GB"}, require_data=True),
        task("set", "railway_variables", **common, **quick, env={"ORDERS_HIDDEN": SECRET}, deploy=False),
        task("again", "railway_variables", **common, **quick, env={"ORDERS_HIDDEN": SECRET}, deploy=False),
        task("restart", "railway_deployment", **common, **quick, state="restarted"),
        task("wrong", "railway_deployment", **common, **quick, state="restarted", replicas=2),
        task("clear text", "railway_service_info", **{**common, "endpoint": "http://railway.example.com/"}),
        task("backups", "railway_volume_backup", **{**common, "service": "db"}),
        task("words", "logs_info", **source),
    ]
    results, printed = play(tmp_path, tasks, "-vvv", "--diff")
    assert results["look"]["service"]["status"] == "running", results["look"]
    assert (results["set"]["changed"], results["again"]["changed"]) == (True, False), results["set"]
    assert list(results["set"]["diff"]["after"]["env"]) == ["ORDERS_HIDDEN"]
    assert results["restart"]["changed"] is True
    assert (results["wrong"]["code"], results["clear text"]["code"]) == ("invalid_option", "invalid_option")
    assert results["backups"]["volume"] == "db-volume"
    assert results["words"]["counts"].get("INFO", 0) > 0, results["words"]
    memory, cpu = results["memory"], results["cpu"]
    assert (memory["breached"], cpu["breached"], memory["requests"]) == (True, False, 3), (memory, cpu)
    assert 0.01 < memory["value"] < 0.192 and 0 <= cpu["value"] < 8 and results["space"]["value"] > 0.01
    (traffic,) = results["traffic"]["series"]
    assert traffic["labels"]["deploymentInstanceId"] == railway.serving()["instances"][0]["id"]
    assert traffic["value"] > 0
    assert (results["no disk"]["failed"], results["no disk"]["code"]) == (True, "no_data")
    hidden = [SECRET, *(railway.environment[name] for name in ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN"))]
    values = railway.client().execute("Variables", railway.scope().ids)["variables"]
    hidden += [values[name] for name in ("JWT_SECRET", "ORDERS_DEMO_PASSWORD") if values.get(name)]
    assert not [index for index, value in enumerate(hidden) if value in printed]
    assert SECRET in json.dumps(railway.control.journal())


def plain(value):
    """What ansible-inventory lists, without the marks of text that must not be taken for a template."""
    if isinstance(value, dict):
        return (
            value["__ansible_unsafe"]
            if list(value) == ["__ansible_unsafe"]
            else {k: plain(v) for k, v in value.items()}
        )
    return [plain(item) for item in value] if isinstance(value, list) else value


def listed(directory, *options):
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(directory / "railway.yml"), *options]
    extra = {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **extra}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("token_type", ["project", "account"])
def test_the_inventory_gives_each_service_what_the_roles_need(railway, environment, tmp_path, token_type):
    config = {
        "plugin": "sre.remediation.railway",
        "token_type": token_type,
        "endpoint": railway.endpoint,
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
        "compose": {"service_health_url": "'http://' ~ (railway_domains | first) ~ '/api/health'"},
        "groups": {"api": "railway_service_name == 'api'"},
        "keyed_groups": [{"prefix": "environment", "key": "railway_environment_name"}],
    }
    (tmp_path / "railway.yml").write_text(json.dumps(config))
    found = plain(json.loads(listed(tmp_path, "--list")))
    host = found["_meta"]["hostvars"]["lab/production/api"]
    where = railway.scope()
    assert host["service_railway"] == {
        "project": where.project_id,
        "environment": where.environment_id,
        "service": where.service_id,
        "token_type": token_type,
        "endpoint": railway.endpoint,
    }
    assert (host["service_platform"], host["ansible_connection"]) == ("railway", "local")
    assert host["service_health_url"] == railway.environment["LAB_RAILWAY_API_URL"] + "/api/health"
    assert found["api"]["hosts"] == ["lab/production/api"]
    assert "lab/production/db" in found["environment_production"]["hosts"]
    assert {"lab/production/api", "lab/production/db"} <= set(found["railway"]["hosts"])
    # Once more, from the cache: Railway is not asked, and no token lies there.
    railway.control.call("clear")
    assert plain(json.loads(listed(tmp_path, "--list"))) == found
    assert railway.control.journal() == []
    cached = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert not [name for name in ("RAILWAY_TOKEN", "RAILWAY_API_TOKEN") if railway.environment[name] in cached]
