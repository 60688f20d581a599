"""docker_service_env against a real engine: variables change, values never show."""

from __future__ import annotations

import pytest
from docker_lab import docker, run_module

OLD, NEW = "correct-horse-battery", "staple-battery-horse"


@pytest.fixture
def service(lab, versions):
    """A running container of version 2 with variables of its own."""
    return lab.run(
        list(versions)[1],
        options=("--env", f"PASSWORD={OLD}", "--env", "POOL=10", "--env", "APP_VERSION=own", "--env", "GONE=1"),
    )


def change(*flags, **arguments):
    result = run_module("docker_service_env", {"stop_timeout": 0, **arguments}, "-vvv", "--diff", *flags)
    assert OLD not in result["output_of_ansible"]
    assert NEW not in result["output_of_ansible"]
    return result


def variables(lab, name):
    return dict(entry.split("=", 1) for entry in lab.inspect(name)["Config"]["Env"])


def test_variables_are_set_and_taken_out_and_values_never_show(lab, service, versions):
    arguments = {
        "container": service,
        "env": {"PASSWORD": NEW, "POOL": 10, "ADDED": "1", "APP_VERSION": "7"},
        "unset": ["GONE", "ABSENT"],
    }
    checked = change("--check", **arguments)
    assert variables(lab, service)["PASSWORD"] == OLD
    result = change(**arguments)
    assert variables(lab, service) == {"PASSWORD": NEW, "POOL": "10", "ADDED": "1", "APP_VERSION": "7"}
    assert lab.inspect(service)["Image"] == list(versions.values())[1]
    assert result["actions"] == [f"replaced {service}: environment ADDED, APP_VERSION, GONE, PASSWORD"]
    assert {key: result[key] for key in ("changed", "actions", "undo", "diff")} == {
        key: checked[key] for key in ("changed", "actions", "undo", "diff")
    }
    assert result["undo"]["unset"] == ["ADDED"]
    assert sorted(result["undo"]["restore"]) == ["APP_VERSION", "GONE", "PASSWORD"]
    before, after = (result["diff"][side][service]["env"] for side in ("before", "after"))
    assert before == result["undo"]["restore"]
    assert sorted(after) == ["ADDED", "APP_VERSION", "PASSWORD"]
    assert before["PASSWORD"].startswith("hash:") and before["PASSWORD"] != after["PASSWORD"]
    container = lab.inspect(service)["Id"]
    again = change(**arguments)
    assert (again["changed"], again["undo"], lab.inspect(service)["Id"]) == (False, None, container)
    back = change(container=service, env={"PASSWORD": OLD, "APP_VERSION": "own", "GONE": "1"}, unset=["ADDED"])
    assert back["diff"]["after"][service]["env"] == before
    assert variables(lab, service) == {"PASSWORD": OLD, "POOL": "10", "APP_VERSION": "own", "GONE": "1"}


def test_a_change_the_service_does_not_survive_is_taken_back(lab, versions):
    name = lab.run(list(versions)[1], "sh", "-c", 'test "$POOL" = 10 && sleep 300', options=("--env", "POOL=10"))
    before = lab.inspect(name)["Id"]
    result = change(container=name, env={"POOL": "20"})
    assert (result["failed"], result["code"], result["changed"]) == (True, "replace_failed", False)
    assert "was put back and runs as before" in result["msg"]
    assert (lab.inspect(name)["Id"], lab.inspect(name)["State"]["Running"]) == (before, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_option"),
        ({"env": {"A=B": NEW}}, "invalid_option"),
        ({"env": {"A": NEW}, "unset": ["A"]}, "invalid_option"),
        ({"unset": ["PATH_OF_IMAGE"]}, "env_of_image"),
    ],
)
def test_what_cannot_be_done_is_refused(lab, docker_engine, arguments, code):
    tag = f"{docker_engine.prefix}-env:1"
    if not docker("images", "--quiet", tag):
        docker_engine.image(tag, "ENV PATH_OF_IMAGE=1", 'CMD ["sleep", "300"]')
    name = lab.run(tag)
    result = change(container=name, **arguments)
    assert (result["failed"], result["changed"], result["code"]) == (True, False, code)
