"""docker_rollback against a real engine: what it keeps, what it gives back when it fails, what a killed run leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from docker_lab import REPOSITORY, compose_labels, docker, run_module

QUICK = {"stop_timeout": 0}


@pytest.fixture
def names(versions):
    """The tags of the three versions, oldest first."""
    return list(versions)


def roll_back(*flags, **arguments):
    return run_module("docker_rollback", {**QUICK, **arguments}, *flags)


def test_check_mode_names_the_target_and_changes_nothing(lab, names, versions):
    name = lab.run(names[1])
    before = lab.inspect(name)
    result = roll_back("--check", "--diff", container=name)
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["from"] == {"version": versions[names[1]], "name": names[1]}
    assert result["to"] == {"version": versions[names[0]], "name": names[0], "found_by": "previous_image"}
    assert result["undo"] == {"version": versions[names[1]]}
    assert result["actions"] == [
        f"replaced {name}: image {names[1]} ({versions[names[1]]}) by {names[0]} ({versions[names[0]]})"
    ]
    assert lab.inspect(name) == before
    assert lab.names() == [name]


def test_only_the_image_changes_and_undo_takes_it_back(lab, names, versions):
    project, network, static = lab.name("project"), lab.name("net"), lab.name("static")
    docker("network", "create", network)
    docker("network", "create", "--subnet", "10.231.77.0/24", static)
    options = (
        "--network",
        network,
        "--network-alias",
        "api",
        "--memory",
        "64m",
        "--env",
        "OWN=1",
        "--label",
        "com.docker.compose.image=" + versions[names[1]],
    )
    name = lab.run(names[1], name=f"{project}-api-1", options=(*options, *compose_labels(project, "api")))
    docker("network", "connect", "--ip", "10.231.77.9", "--alias", "metrics", static, name)
    docker("exec", name, "sh", "-c", "echo kept > /data/file")
    before = lab.inspect(name)

    result = roll_back(project=project, service="api")
    assert (result["failed"], result["changed"]) == (False, True)
    after = lab.inspect(name)
    assert lab.names() == [name]
    assert (after["Image"], after["Config"]["Image"]) == (versions[names[0]], names[0])
    assert sorted(after["Config"]["Env"]) == ["APP_VERSION=1", "LOST_LATER=1", "OWN=1"]
    assert after["Config"]["Labels"]["com.docker.compose.image"] == versions[names[0]]
    assert after["Config"]["Labels"]["com.docker.compose.service"] == "api"
    assert after["HostConfig"]["Memory"] == 64 * 1024 * 1024
    assert "api" in after["NetworkSettings"]["Networks"][network]["Aliases"]
    assert after["NetworkSettings"]["Networks"][static]["IPAddress"] == "10.231.77.9"
    assert [mount["Name"] for mount in after["Mounts"]] == [mount["Name"] for mount in before["Mounts"]]
    assert docker("exec", name, "cat", "/data/file") == "kept"
    lab.until_logged(name, "version 1")

    undone = roll_back(project=project, service="api", to=result["undo"]["version"])
    assert (undone["changed"], undone["to"]["found_by"]) == (True, "requested")
    back = lab.inspect(name)
    assert back["Image"] == versions[names[1]]
    assert sorted(back["Config"]["Env"]) == ["APP_VERSION=2", "OWN=1"]
    again = roll_back(project=project, service="api", to=names[1])
    assert (again["changed"], again["actions"], again["undo"]) == (False, [], None)
    assert lab.inspect(name)["Id"] == back["Id"]


@pytest.mark.parametrize("was_running", [True, False])
def test_a_replacement_that_does_not_come_up_leaves_everything_as_it_was(lab, names, was_running):
    name = lab.run(names[1], options=("--env", "PASSWORD=correct-horse"))
    if not was_running:
        docker("stop", "--time", "0", name)
    before = lab.inspect(name)
    result = roll_back(container=name, to=names[2])
    assert (result["failed"], result["code"], result["changed"], result["actions"]) == (
        True,
        "replace_failed",
        False,
        [],
    )
    assert "it ended with exit code 3" in result["msg"]
    assert ("was put back and runs as before" if was_running else "is as it was before (not running)") in result["msg"]
    assert result["logs"] == ["broken with [redacted]"]
    after = lab.inspect(name)
    assert (after["Id"], after["State"]["Running"], lab.names()) == (before["Id"], was_running, [name])


def test_a_replacement_that_stays_unhealthy_fails_soon_and_one_that_stays_silent_at_the_deadline(lab, names):
    check = ("--health-interval", "100ms", "--health-retries", "1", "--health-cmd")
    unhealthy = lab.run(names[1], options=(*check, 'test "$APP_VERSION" = 2'))
    before = lab.inspect(unhealthy)["Id"]
    result = roll_back(container=unhealthy)
    assert "its health check fails" in result["msg"]
    assert lab.inspect(unhealthy)["Id"] == before
    slow = lab.run(names[1], options=("--health-interval", "300s", "--health-cmd", "true"))
    result = roll_back(container=slow, wait=0.5)
    assert "its health check has not passed yet after 0.5 s (option wait)" in result["msg"]
    assert lab.names() == sorted([unhealthy, slow])


def test_known_good_images_come_first_and_bad_ones_never(lab, names, versions):
    one, two, three = (versions[name] for name in names)
    name = lab.run(names[2])
    assert roll_back("--check", container=name)["to"]["version"] == two
    assert roll_back("--check", container=name, candidates=[three, "sha256:" + "0" * 64, one])["to"] == {
        "version": one,
        "name": names[0],
        "found_by": "known_good",
    }
    assert roll_back("--check", container=name, exclude=[two])["to"]["version"] == one
    assert roll_back("--check", container=name, candidates=[two], exclude=[two])["to"]["version"] == one


def test_what_a_plan_named_is_gone_to_and_nothing_else(lab, names, versions):
    name = lab.run(names[2])
    before = lab.inspect(name)["Id"]
    gone = roll_back(container=name, candidates=["sha256:" + "0" * 64], only_candidates=True)
    assert (gone["failed"], gone["code"], lab.inspect(name)["Id"]) == (True, "no_previous_version", before)
    there = roll_back(container=name, candidates=[versions[names[0]], versions[names[2]]], only_candidates=True)
    assert (there["failed"], there["changed"], lab.inspect(name)["Id"]) == (False, False, before)


def test_what_cannot_be_rolled_back_is_refused_clearly(lab, names, versions):
    name = lab.run(names[0])
    refusals = {
        "no_previous_version": roll_back(container=name),
        "image_missing": roll_back(container=name, to="nowhere/app:7"),
        "excluded_target": roll_back(container=name, to=names[1], exclude=[versions[names[1]]]),
        "container_missing": roll_back(container=f"{name}-none"),
        "platform_unreachable": roll_back(container=name, docker_host="unix:///nonexistent.sock"),
        "invalid_option": roll_back(container=name, wait=-1),
    }
    assert {code: (result["failed"], result["changed"], result["code"]) for code, result in refusals.items()} == {
        code: (True, False, code) for code in refusals
    }
    assert "docker pull nowhere/app:7" in refusals["image_missing"]["msg"]
    vanishing = lab.run(names[1], options=("--rm",))
    result = roll_back(container=vanishing)
    assert (result["code"], lab.inspect(vanishing)["State"]["Running"]) == ("auto_remove", True)


def test_instances_are_replaced_one_by_one_up_to_the_first_that_fails(lab, names, versions):
    project = lab.name("project")
    first = lab.run(names[1], name=f"{project}-api-1", options=compose_labels(project, "api", 1))
    fails = ("--entrypoint", "sh")
    second = lab.run(
        names[1],
        "-c",
        'test "$APP_VERSION" = 2 && sleep 300',
        name=f"{project}-api-2",
        options=(*fails, *compose_labels(project, "api", 2)),
    )
    third = lab.run(names[1], name=f"{project}-api-3", options=compose_labels(project, "api", 3))
    result = roll_back(project=project, service="api")
    assert (result["failed"], result["changed"], len(result["actions"])) == (True, True, 1)
    assert f"the replacement of {second} did not come up" in result["msg"]
    assert [lab.inspect(name)["Image"] for name in (first, second, third)] == [
        versions[names[0]],
        versions[names[1]],
        versions[names[1]],
    ]


def test_a_run_killed_while_it_waits_is_taken_back_by_the_next(lab, names, versions):
    name = lab.run(names[1], options=("--health-interval", "300s", "--health-cmd", "true"))
    original = lab.inspect(name)["Id"]
    arguments = {"container": name, **QUICK, "wait": 60}
    script = (
        "import json, sys;"
        "from ansible.module_utils.testing import patch_module_args;"
        "from ansible_collections.sre.remediation.plugins.modules import docker_rollback as module;"
        "context = patch_module_args(json.loads(sys.argv[1])); context.__enter__(); module.main()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(arguments)], cwd=REPOSITORY / "collections", env={"PYTHONPATH": "."}
    )
    deadline = time.monotonic() + 20
    while (
        lab.inspect(original)["Name"] != f"/{name}.sre-old"
        or name not in lab.names()
        or not lab.inspect(name)["State"]["Running"]
    ):
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert lab.names() == [name, f"{name}.sre-old"]

    checked = roll_back("--check", container=name, wait=0)
    assert checked["actions"][:2] == [
        f"removed {name}, left by an interrupted run",
        f"put {name} back, which an interrupted run had moved aside",
    ]
    assert checked["from"]["version"] == versions[names[1]]
    assert lab.names() == [name, f"{name}.sre-old"]
    result = roll_back(container=name, wait=0)
    assert result["actions"] == checked["actions"]
    assert result["to"]["version"] == versions[names[0]]
    assert (lab.names(), lab.inspect(name)["Image"]) == ([name], versions[names[0]])
