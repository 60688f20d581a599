"""docker_service_info against a real engine: what each kind of trouble looks like, and that no secret gets out."""

from __future__ import annotations

import os
import socket

import pytest
from docker_lab import compose_labels, docker, run_module

SECRET = "correct-horse-battery"


def look(**arguments):
    result = run_module("docker_service_info", arguments, "-vvv")
    assert SECRET not in result["output_of_ansible"]
    assert result["changed"] is False
    return result


@pytest.fixture
def names(versions):
    """The tags of the three versions, oldest first."""
    return list(versions)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_running_container(lab, names, versions):
    options = (
        "--memory",
        "64m",
        "--cpus",
        "0.5",
        "--env",
        f"PASSWORD={SECRET}",
        "--publish",
        f"127.0.0.1:{free_port()}:8000",
    )
    name = lab.run(names[1], "sh", "-c", "echo to stderr >&2; echo $PASSWORD; sleep 300", options=options)
    lab.until_logged(name, SECRET)
    result = look(container=name, required_env=["APP_VERSION", "LOST_LATER"])
    service = result["service"]
    assert (service["status"], service["running"], service["healthy"], service["exists"], service["error"]) == (
        "running",
        1,
        None,
        True,
        None,
    )
    assert (service["version"], service["version_name"]) == (versions[names[1]], names[1])
    assert (service["previous_version"]["version"], service["previous_version"]["name"]) == (
        versions[names[0]],
        names[0],
    )
    assert "LOST_LATER" in service["previous_version"]["env_names"]
    assert service["env_names"] == ["APP_VERSION", "PASSWORD"]
    assert service["limits"] == {"memory_bytes": 64 * 1024 * 1024, "cpus": 0.5}
    assert 0 < service["usage"]["memory_bytes"] < 64 * 1024 * 1024
    assert service["networks"] == ["bridge"]
    assert service["port_conflicts"] == []
    assert service["events"][-1]["what"] == "start"
    assert sorted(result["logs"]) == ["[redacted]", "to stderr"]
    assert result["signals"] == ["env_lost_since_previous:LOST_LATER", "running"]


def test_only_the_last_run_is_in_the_logs(lab, names):
    name = lab.run(
        names[0],
        "sh",
        "-c",
        "if test -e /tmp/x; then echo second; sleep 300; else touch /tmp/x; echo first; exit 4; fi",
    )
    lab.until(name, lambda found: found["State"]["Status"] == "exited")
    result = look(container=name)
    assert (result["logs"], result["service"]["status"], result["service"]["last_exit"]["code"]) == (
        ["first"],
        "stopped",
        4,
    )
    assert result["signals"] == ["exited_with_error", "stopped"]
    docker("start", name)
    lab.until_logged(name, "second")
    result = look(container=name, log_lines=5)
    assert (result["logs"], result["signals"]) == (["second"], ["running"])
    assert result["service"]["last_exit"]["code"] == 4
    assert look(container=name, log_lines=0)["logs"] == []


def test_a_crash_loop_with_the_output_of_the_run_before(lab, names):
    name = lab.run(names[2], options=("--restart", "always", "--env", f"PASSWORD={SECRET}"))
    lab.until(name, lambda found: found["RestartCount"] >= 2)
    result = look(container=name)
    assert (result["service"]["status"], result["service"]["last_exit"]["code"]) == ("crash_loop", 3)
    assert result["service"]["restarts"] >= 2
    assert "broken with [redacted]" in result["logs"]
    assert result["signals"] == ["crash_loop", "exited_with_error"]


def test_killed_for_memory(lab, names):
    name = lab.run(names[0], "tail", "/dev/zero", options=("--memory", "16m", "--memory-swap", "16m"))
    lab.until(name, lambda found: found["State"]["Status"] == "exited")
    result = look(container=name)
    assert result["service"]["last_exit"]["oom_killed"] is True
    assert result["service"]["last_exit"]["reason"] == "out of memory"
    assert result["signals"] == ["oom_killed", "stopped"]


def test_health_checks_and_kills(lab, names):
    check = ("--health-interval", "100ms", "--health-retries", "1", "--health-cmd")
    name = lab.run(names[0], options=(*check, "test -e /tmp/ok"))
    lab.until(name, lambda found: found["State"]["Health"]["Status"] == "unhealthy")
    result = look(container=name)
    assert (result["signals"], result["service"]["healthy"]) == (["unhealthy"], 0)
    assert "health_status: unhealthy" in [event["what"] for event in result["service"]["events"]]
    docker("exec", name, "touch", "/tmp/ok")
    lab.until(name, lambda found: found["State"]["Health"]["Status"] == "healthy")
    result = look(container=name)
    assert (result["signals"], result["service"]["healthy"]) == (["running"], 1)
    docker("kill", name)
    assert look(container=name)["signals"] == ["killed", "stopped"]


def test_a_paused_container(lab, names):
    name = lab.run(names[0])
    docker("pause", name)
    result = look(container=name)
    assert (result["signals"], result["service"]["running"]) == (["paused"], 0)


def test_a_container_cut_off_its_network(lab, names):
    name = lab.run(names[0])
    docker("network", "disconnect", "bridge", name)
    result = look(container=name)
    assert (result["service"]["networks"], result["signals"]) == ([], ["no_network", "running"])


def test_instances_of_a_compose_service_without_its_leftovers(lab, names):
    project = lab.name("project")
    first = lab.run(names[0], name=f"{project}-api-1", options=compose_labels(project, "api", 1))
    second = lab.run(names[1], name=f"{project}-api-2", options=compose_labels(project, "api", 2))
    lab.run(names[0], name=f"{project}-old", options=compose_labels(project, "api", 1))
    lab.run(
        names[0],
        name=f"{project}-api-run",
        options=(*compose_labels(project, "api", 1), "--label", "com.docker.compose.oneoff=True"),
    )
    lab.run(names[0], name=f"{project}-web-1", options=compose_labels(project, "web", 1))
    docker("stop", "--time", "0", first)
    lab.until_logged(second, "version 2")
    result = look(project=project, service="api")
    service = result["service"]
    assert [(instance["name"], instance["status"]) for instance in service["instances"]] == [
        (first, "stopped"),
        (second, "running"),
    ]
    assert (service["name"], service["desired"], service["running"], service["status"], service["version_name"]) == (
        "api",
        2,
        1,
        "stopped",
        names[1],
    )
    assert f"{second} | version 2" in result["logs"]


@pytest.mark.parametrize(("holder_service", "stale"), [("api", True), ("web", False)])
def test_a_port_held_by_another_container(lab, names, holder_service, stale):
    project, port = lab.name("project"), free_port()
    publish = ("--publish", f"127.0.0.1:{port}:8000")
    holder = lab.run(
        names[0],
        name=f"{project}-leftover",
        options=(*publish, *compose_labels(project, holder_service, 9 if holder_service == "web" else 1)),
    )
    managed = f"{project}-api-1"
    docker("create", "--name", managed, *publish, *compose_labels(project, "api"), names[0])
    docker("start", managed, check=False)
    result = look(project=project, service="api")
    assert "port is already allocated" in result["service"]["start_error"]
    assert result["service"]["port_conflicts"] == [
        {
            "port": port,
            "address": "127.0.0.1",
            "holder": {
                "kind": "container",
                "name": holder,
                "project": project,
                "service": holder_service,
                "pid": None,
                "stale": stale,
            },
        }
    ]
    assert result["signals"] == ["port_conflict_stale" if stale else "port_conflict_foreign", "stopped"]


def test_a_missing_service_whose_port_a_process_holds(lab):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        result = look(project=lab.name("project"), service="api", ports=[port, free_port()])
    assert (result["service"]["status"], result["service"]["exists"], result["logs"]) == ("missing", False, [])
    assert [conflict["port"] for conflict in result["service"]["port_conflicts"]] == [port]
    holder = result["service"]["port_conflicts"][0]["holder"]
    assert (holder["kind"], holder["pid"], holder["stale"]) == ("process", os.getpid(), False)
    assert result["signals"] == ["missing", "port_conflict_foreign"]


def test_a_service_that_is_just_being_replaced_is_found_where_it_was_moved(lab, names):
    name = lab.run(names[0])
    docker("rename", name, f"{name}.sre-old")
    assert look(container=name)["service"]["instances"][0]["name"] == f"{name}.sre-old"


def test_an_engine_that_does_not_answer_is_a_finding(tmp_path):
    result = look(container="api", docker_host=f"unix://{tmp_path}/docker.sock")
    assert result["signals"] == ["platform_unreachable"]
    assert (result["service"]["reachable"], result["service"]["status"], result["service"]["exists"]) == (
        False,
        "unknown",
        None,
    )
    assert result["service"]["error"] == f"unix://{tmp_path}/docker.sock: no such file or directory"


def test_the_environment_names_the_engine(tmp_path):
    result = run_module(
        "docker_service_info", {"container": "api"}, environment={"DOCKER_HOST": f"unix://{tmp_path}/other.sock"}
    )
    assert result["service"]["error"] == f"unix://{tmp_path}/other.sock: no such file or directory"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give container (name or id), or both project and service"),
        ({"project": "p"}, "give container (name or id), or both project and service"),
        ({"container": "c", "project": "p", "service": "s"}, "container excludes project and service"),
        ({"container": "c", "log_lines": -1}, "log_lines: must be 0 or greater"),
        ({"container": "c", "timeout": 0}, "timeout: must be greater than 0"),
        ({"container": "c", "docker_host": "ssh://host"}, "docker_host: 'ssh://host' is not supported"),
    ],
)
def test_options_that_cannot_be_used_fail_and_are_named(arguments, words):
    result = run_module("docker_service_info", arguments)
    assert (result["failed"], result["code"]) == (True, "invalid_option")
    assert words in result["msg"]
