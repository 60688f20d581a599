"""Status, last exit and the whole normalized state from what the engine says."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._docker import events, oom, state, times
from ansible_collections.sre.remediation.plugins.module_utils._docker.events import Event

STARTED = times.epoch("2026-11-21T22:49:51.943352437Z")
LATER = STARTED + 100


def loop(*runs):
    """Events of runs given as (seconds lived, exit code), one a minute."""
    found = []
    for number, (lived, code) in enumerate(runs):
        found += [Event("c", 60.0 * number, "start"), Event("c", 60.0 * number + lived, "die", exit_code=code)]
    return found


@pytest.mark.parametrize(
    ("change", "restarts", "seen", "now", "expected"),
    [
        ({}, 0, [], LATER, "running"),
        ({"Health": {"Status": "starting"}}, 0, [], LATER, "starting"),
        ({"Health": {"Status": "unhealthy"}}, 0, [], LATER, "unhealthy"),
        ({"Health": {"Status": "none"}}, 0, [], STARTED + 0.1, "running"),
        ({"Health": None}, 2, [], STARTED + 9.9, "crash_loop"),
        ({"Health": None}, 1, [], STARTED + 1, "running"),
        ({"Health": None}, 2, [], STARTED + 10.1, "running"),
        ({"Health": {"Status": "healthy"}}, 2, [], STARTED + 1, "running"),
        ({"Status": "restarting"}, 0, [], LATER, "crash_loop"),
        ({"Status": "paused"}, 0, [], LATER, "paused"),
        ({"Status": "created"}, 0, [], LATER, "stopped"),
        ({"Status": "dead"}, 0, [], LATER, "stopped"),
        ({"Status": "exited", "ExitCode": 1}, 0, [], LATER, "stopped"),
        ({"Status": "exited", "ExitCode": 1}, 2, [], LATER, "crash_loop"),
        ({"Status": "exited", "ExitCode": 0}, 5, [], LATER, "stopped"),
        ({"Status": "exited", "ExitCode": 143}, 5, [], LATER, "stopped"),
        ({"Status": "exited", "ExitCode": 1}, 0, loop((1, 1), (2, 1), (3, 1)), LATER, "crash_loop"),
        ({"Status": "exited", "ExitCode": 1}, 0, loop((1, 1), (30, 1), (3, 1)), LATER, "stopped"),
        ({"Status": "exited", "ExitCode": 1}, 0, loop((1, 1), (3, 1)), LATER, "stopped"),
    ],
)
def test_instance_status(container, change, restarts, seen, now, expected):
    assert state.instance_status(container(State=change, RestartCount=restarts), seen, now) == expected


@pytest.mark.parametrize(
    ("change", "seen", "expected"),
    [
        ({}, [], None),
        ({}, loop((5, 3)), (3, "error", False)),
        (
            {},
            [Event("c", 1, "start"), Event("c", 2, "oom"), Event("c", 3, "die", exit_code=137)],
            (137, "out of memory", True),
        ),
        (
            {},
            [Event("c", 0, "oom"), Event("c", 5, "start"), Event("c", 9, "die", exit_code=137)],
            (137, "killed (SIGKILL)", False),
        ),
        ({"Status": "created"}, [], None),
        (
            {"Status": "exited", "ExitCode": 127, "FinishedAt": "2026-11-21T22:50:00Z"},
            [],
            (127, "command not found", False),
        ),
        (
            {"Status": "exited", "ExitCode": 137, "OOMKilled": True, "FinishedAt": "2026-11-21T22:50:00Z"},
            [],
            (137, "out of memory", True),
        ),
        (
            {"Status": "exited", "ExitCode": 137, "FinishedAt": "2026-11-21T22:50:00Z"},
            [Event("c", LATER - 98, "oom")],
            (137, "out of memory", True),
        ),
        (
            {"Status": "exited", "ExitCode": 137, "FinishedAt": "2026-11-21T22:50:00Z"},
            [Event("c", STARTED - 9, "oom")],
            (137, "killed (SIGKILL)", False),
        ),
        ({"Status": "exited", "ExitCode": 7, "FinishedAt": "2026-11-21T22:50:00Z"}, loop((5, 3)), (7, "error", False)),
    ],
)
def test_last_exit(container, change, seen, expected):
    found = state.last_exit(container(State=change), seen)
    assert (found and (found["code"], found["reason"], found["oom_killed"])) == expected


def test_state_of_one_running_container(container):
    found = state.service_state("api", [container()], [], LATER, {"x": 1000, "y": None})
    assert {
        key: found[key]
        for key in ("exists", "desired", "running", "healthy", "status", "restarts", "last_exit", "start_error")
    } == {
        "exists": True,
        "desired": 1,
        "running": 1,
        "healthy": 1,
        "status": "running",
        "restarts": 0,
        "last_exit": None,
        "start_error": None,
    }
    assert found["env_names"] == ["APP_VERSION", "PASSWORD", "PATH"]
    assert found["ports"] == [{"address": "127.0.0.1", "host_port": 18001, "port": 8000, "protocol": "tcp"}]
    assert found["networks"] == ["metrics", "shop_default"]
    assert found["limits"] == {"memory_bytes": 67108864, "cpus": None}
    assert found["usage"] == {"memory_bytes": 1000}
    assert found["version"].startswith("sha256:e1f5") and found["version_name"] == "acme/api:2"
    assert found["started_at"] == "2026-11-21T22:49:51.943352Z"
    assert "hunter22xx" not in str(found)


def test_no_container_is_missing():
    found = state.service_state("api", [], [], LATER, {})
    assert (found["status"], found["exists"], found["desired"], found["running"], found["healthy"]) == (
        "missing",
        False,
        1,
        0,
        None,
    )


def test_a_service_has_the_status_of_its_worst_instance_and_the_version_of_its_newest(container):
    down = {
        "Status": "exited",
        "ExitCode": 1,
        "Error": "cannot bind",
        "FinishedAt": "2026-11-21T22:50:00Z",
        "Health": {"Status": "unhealthy"},
    }
    one = container(Id="a" * 64, Name="/shop-api-1", Created="2026-11-21T10:00:00Z", State=down)
    two = container(Id="b" * 64, Name="/shop-api-2", Image="sha256:new", RestartCount=1)
    found = state.service_state("api", [one, two], [Event("b" * 64, LATER, "start")], LATER, {})
    assert (found["status"], found["running"], found["healthy"], found["desired"], found["restarts"]) == (
        "stopped",
        1,
        1,
        2,
        1,
    )
    assert (found["version"], found["start_error"], found["last_exit"]["code"]) == ("sha256:new", "cannot bind", 1)
    assert [
        (instance["name"], instance["status"], instance["health"], instance["exit_code"])
        for instance in found["instances"]
    ] == [
        ("shop-api-1", "stopped", None, 1),
        ("shop-api-2", "running", "healthy", None),
    ]


def test_configured_ports_of_a_container_that_is_down_without_those_the_engine_chooses(container):
    bindings = {"8000/tcp": [{"HostIp": "", "HostPort": "80"}], "53/udp": [{"HostIp": "::", "HostPort": ""}]}
    found = state.ports_of(
        container(State={"Status": "exited"}, HostConfig={"PortBindings": bindings}, NetworkSettings={"Ports": {}})
    )
    assert found == [{"address": "0.0.0.0", "host_port": 80, "port": 8000, "protocol": "tcp"}]


@pytest.mark.parametrize(
    ("host", "cpus"),
    [
        ({"NanoCpus": 1500000000}, 1.5),
        ({"CpuQuota": 50000, "CpuPeriod": 0}, 0.5),
        ({"CpuQuota": 50000, "CpuPeriod": 50000}, 1.0),
        ({"CpuQuota": -1}, None),
    ],
)
def test_cpu_limits(container, host, cpus):
    assert state.limits_of(container(HostConfig=host))["cpus"] == cpus


def test_events_are_read_in_order_and_shown_in_words():
    documents = [
        {"Actor": {"ID": "c", "Attributes": {"exitCode": "137"}}, "Action": "die", "time": 3, "timeNano": 3000000000},
        {"Actor": {"ID": "c", "Attributes": {"signal": "9"}}, "Action": "kill", "time": 2, "timeNano": 2000000000},
        {"Actor": {"ID": "c"}, "Action": "health_status: unhealthy", "time": 1},
    ]
    assert [entry["what"] for entry in events.shown(events.read(documents))] == [
        "health_status: unhealthy",
        "kill, signal 9",
        "die, exit code 137",
    ]
    assert len(events.shown(loop(*[(1, 1)] * 30))) == events.SHOWN


KMSG = (
    "6,3799,2809916567,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c1,mems_allowed=0,"
    "oom_memcg=/docker/c1,task_memcg=/docker/c1,task=tail,pid=15269,uid=0\n"
)


def test_kills_for_memory_in_the_kernel_log():
    records = [
        "6,1,5,-;veth0: entered promiscuous mode\n",
        KMSG,
        KMSG.replace("task_memcg=/docker/c1", "task_memcg=/docker/c2"),
    ]
    assert oom.kills(records, "c1", 1000.0) == [Event("c1", 3809.916567, "oom")]


@pytest.mark.parametrize(
    ("change", "seen", "expected"),
    [
        ({"Status": "exited", "ExitCode": 137}, [], True),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, [], False),
        ({"Status": "exited", "ExitCode": 137}, [Event("c", 1, "kill")], False),
        ({"Status": "exited", "ExitCode": 1}, [], False),
        ({}, [Event("c", 1, "die", exit_code=137)], True),
        ({}, [Event("c", 1, "die", exit_code=1)], False),
        ({}, [], False),
    ],
)
def test_an_exit_137_nobody_explains(container, change, seen, expected):
    assert oom.unexplained(container(State=change), seen) is expected
