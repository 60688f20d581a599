"""What is read around the state: which containers are live, older images, logs, ports and memory."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._docker import images, logs, memory, ports, select
from ansible_collections.sre.remediation.plugins.module_utils._docker.events import Event


def listed(name, number="1", created=1, one_off="False", hashed=True):
    labels = {select.PROJECT: "shop", select.SERVICE: "api", select.ONE_OFF: one_off}
    labels.update({select.NUMBER: number} if number else {})
    labels.update({select.CONFIG_HASH: "x"} if hashed else {})
    return {"Id": name, "Names": [f"/{name}"], "Labels": labels, "Created": created}


@pytest.mark.parametrize(
    ("containers", "live"),
    [
        ([], []),
        ([listed("shop-api-2", "2"), listed("shop-api-1")], ["shop-api-1", "shop-api-2"]),
        ([listed("shop-api-1"), listed("shop-api-run-1f", one_off="True", created=9)], ["shop-api-1"]),
        ([listed("shop-api-1"), listed("0123456789ab_shop-api-1", created=9)], ["shop-api-1"]),
        ([listed("shop_api_1"), listed("old", created=9)], ["shop_api_1"]),
        ([listed("custom"), listed("by-hand", created=9, hashed=False)], ["custom"]),
        ([listed("shop-api-1"), listed("by-hand", number="", created=9)], ["shop-api-1"]),
        ([listed("by-hand", number="")], ["by-hand"]),
        ([listed("custom", created=1), listed("custom.sre-new", created=9)], ["custom"]),
        ([listed("custom.sre-old", created=1), listed("custom.sre-new", created=9)], ["custom.sre-old"]),
        ([listed("shop-api-1", created=9), listed("shop-api-1.sre-old", created=1)], ["shop-api-1"]),
        ([listed("a", created=1), listed("b", created=9)], ["b"]),
    ],
)
def test_live_set(containers, live):
    assert [select.name_of(container) for container in select.live_set(containers)] == live


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app", "app"),
        ("acme/app:1", "acme/app"),
        ("host:5000/app", "host:5000/app"),
        ("host:5000/app:1@sha256:ab", "host:5000/app"),
        ("app@sha256:ab", "app"),
        ("sha256:ab", None),
        ("<none>:<none>", None),
        ("<none>@<none>", None),
    ],
)
def test_repository(name, expected):
    assert images.repository(name) == expected


def test_repositories_come_from_tags_digests_and_the_name_used_but_not_from_ids():
    image = {"RepoTags": ["a:1", "b:1"], "RepoDigests": ["c@sha256:1"]}
    assert images.repositories(image, "b:2") == {"b"}
    assert images.repositories(image, "sha256:0123") == images.repositories(image) == {"a", "b", "c"}
    assert images.repositories({"RepoTags": None}, "0123456789ab") == set()
    assert images.display_name(image, {"b"}) == "b:1"
    assert images.display_name({"RepoTags": ["<none>:<none>"], "RepoDigests": ["c@sha256:1"]}) == "c@sha256:1"
    assert images.display_name({"RepoTags": []}) is None


@pytest.mark.parametrize(
    ("others", "excluded", "expected"),
    [
        ({}, (), None),
        ({"v1": 100, "v2": 200}, (), "v2"),
        ({"v1": 100, "v2": 200}, ("v2",), "v1"),
        ({"newer": 400}, (), None),
        ({"v1": 100, "newer": 400}, (), "v1"),
        ({"same": 300.9}, (), "same"),
        ({"same": 300.9, "v1": 100}, (), "v1"),
        ({"just before": 300.2, "just after": 300.95, "v1": 299}, (), "just before"),
        ({"now": 300}, (), None),
    ],
)
def test_previous_version(others, excluded, expected):
    found = images.previous(
        [{"Id": name, "Created": created} for name, created in others.items()], "now", 300.9, excluded
    )
    assert (found and found["Id"]) == expected


def test_images_of_one_second_are_told_apart():
    exact = {"a": "1970-01-01T00:05:00.2Z", "b": "1970-01-01T00:05:00.4Z", "now": "1970-01-01T00:06:40.5Z"}
    exact["near"] = "1970-01-01T00:06:40.1Z"
    listed = {"a": 300, "b": 300, "now": 400, "near": 400, "alone": 200}
    asked = []

    class Engine:
        def get(self, path, **_query):
            if path == "/images/json":
                return [{"Id": name, "Created": at, "RepoTags": [f"app:{name}"]} for name, at in listed.items()]
            asked.append(path)
            return {"Created": exact[path.split("/")[2]]}

    found = images.siblings(Engine(), {"app"}, {"Id": "now", "Created": exact["now"]})
    ages = {image["Id"]: image["Created"] for image in found if image["Id"] != "now"}
    assert ages == pytest.approx({"a": 300.2, "b": 300.4, "near": 400.1, "alone": 200})
    assert "/images/alone/json" not in asked


def test_env_lost_is_required_brought_along_before_and_absent_now():
    assert images.env_lost(["B", "A", "C"], ["A", "B", "X"], ["B"]) == ["A"]


def frame(stream, payload):
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def test_logs_are_taken_apart_across_chunks_and_streams():
    stream = frame(1, b"t1 one\r\nt2 tw") + frame(2, b"t3 err\n") + frame(1, b"o\nt4 last")
    for size in (1, 5, 9, 1000):
        chunks = [stream[index : index + size] for index in range(0, len(stream), size)]
        assert logs.last_lines(chunks, True, 10) == [("t1", "one"), ("t3", "err"), ("t2", "two"), ("t4", "last")]


def test_logs_keep_the_newest_lines_and_bound_their_length():
    lines = b"".join(b"t %d\n" % number for number in range(1000))
    assert logs.last_lines([lines], False, 2) == [("t", "998"), ("t", "999")]
    assert len(logs.last_lines([b"t " + b"x" * 9000] * 3, False, 2)[0][1]) == logs.LINE_LENGTH


def test_logs_of_several_instances_are_merged_by_time_and_name_their_own():
    assert logs.merged({"a": [("1", "x"), ("3", "z")], "b": [("2", "y")]}, 2) == ["b | y", "a | z"]
    assert logs.merged({"a": [("1", "x"), ("3", "z")]}, 5) == ["x", "z"]
    assert logs.merged({"a": [("1", "x")]}, 0) == []


STARTED = 1795301391.943352
FIRST = [Event("c", STARTED - 30, "start"), Event("c", STARTED - 20, "die", exit_code=1)]
SECOND = [Event("c", STARTED - 4, "start"), Event("c", STARTED - 1, "die", exit_code=1)]
ENDED = [Event("c", STARTED + 0.01, "start"), Event("c", STARTED + 2, "die", exit_code=1)]


@pytest.mark.parametrize(
    ("status", "events", "state", "begin"),
    [
        ("running", [], {}, STARTED - logs.START_SLACK),
        ("running", FIRST, {}, STARTED - logs.START_SLACK),
        ("running", FIRST + SECOND, {}, STARTED - 1),
        ("running", [], {"FinishedAt": "2026-11-21T22:49:50.943352Z"}, STARTED - 1),
        ("stopped", [], {"FinishedAt": "2026-11-21T22:49:51.843352Z", "Running": False}, STARTED - logs.START_SLACK),
        (
            "crash_loop",
            [],
            {"FinishedAt": "2026-11-21T22:49:51.843352Z", "Restarting": True},
            STARTED - logs.START_SLACK,
        ),
        ("stopped", FIRST + SECOND + ENDED, {"FinishedAt": "2026-11-21T22:49:53.943352Z"}, STARTED - 1),
        (
            "crash_loop",
            FIRST + SECOND + ENDED,
            {"FinishedAt": "2026-11-21T22:49:53.943352Z"},
            STARTED - 4 - logs.START_SLACK,
        ),
        ("crash_loop", ENDED, {"FinishedAt": "2026-11-21T22:49:53.943352Z"}, STARTED - logs.START_SLACK),
    ],
)
def test_logs_begin_with_the_last_run_and_in_a_crash_loop_with_the_one_before(container, status, events, state, begin):
    assert float(logs.since(container(State=state), status, events)) == pytest.approx(begin, abs=1e-5)


def test_a_container_that_never_ran_has_no_logs(container):
    assert logs.since(container(State={"StartedAt": "0001-01-01T00:00:00Z"}), "stopped", []) is None


PORT = {"address": "127.0.0.1", "host_port": 80, "port": 8000, "protocol": "tcp"}


def holder(project="shop", service="api", one_off="False", address="0.0.0.0", protocol="tcp", public=80):
    labels = {select.PROJECT: project, select.SERVICE: service, select.ONE_OFF: one_off} if project else {}
    return {
        "Id": "h",
        "Names": ["/holder"],
        "Labels": labels,
        "Ports": [{"IP": address, "PublicPort": public, "PrivatePort": 1, "Type": protocol}],
    }


@pytest.mark.parametrize(
    ("candidate", "live", "stale"),
    [
        (holder(), (), True),
        (holder(service="web"), (), False),
        (holder(service="web", one_off="True"), (), True),
        (holder(project="other"), (), False),
        (holder(project=""), (), False),
        (holder(), ("h",), None),
        (holder(address="127.0.0.2"), (), None),
        (holder(address="127.0.0.1"), (), True),
        (holder(protocol="udp"), (), None),
        (holder(public=81), (), None),
    ],
)
def test_container_that_holds_a_port(candidate, live, stale):
    found = ports.container_holder(PORT, [candidate], live, "shop", "api")
    assert (found and (found["name"], found["stale"])) == (None if stale is None else ("holder", stale))


def test_a_holder_of_no_project_is_never_stale():
    assert ports.container_holder(PORT, [holder(project="")], (), None, None)["stale"] is False


def test_ports_asked_for_are_checked_on_every_address_unless_published():
    assert [(port["host_port"], port["address"]) for port in ports.wanted_ports([PORT], [80, 81])] == [
        (80, "127.0.0.1"),
        (81, "0.0.0.0"),
    ]


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0
"""
TABLE6 = """header
   0: 0000000000000000FFFF00000100007F:0050 0:0 0A 0:0 00:0 0 0 0 7 1
   1: 00000000000000000000000000000000:0051 0:0 0A 0:0 00:0 0 0 0 8 1
   2: 00000000000000000000000001000000:0052 0:0 0A 0:0 00:0 0 0 0 9 1
"""


def test_socket_tables_are_read():
    assert ports.parse_table("tcp", TABLE) == [ports.Listener("tcp", "127.0.0.1", 8080, "4242")]
    assert [(listener.address, listener.port) for listener in ports.parse_table("tcp", TABLE6)] == [
        ("127.0.0.1", 80),
        ("::", 81),
        ("::1", 82),
    ]


def test_processes_that_hold_sockets_are_named(tmp_path):
    for pid, inode in ((7, "41"), (8, "42")):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "comm").write_text(f"proc{pid}\n")
        (tmp_path / str(pid) / "fd" / "3").symlink_to(f"socket:[{inode}]")
    (tmp_path / "9").mkdir()
    assert ports.processes({"42", "99"}, str(tmp_path)) == {"42": (8, "proc8")}


def test_memory_group_of_both_hierarchies():
    first = "3:cpu,cpuacct:/x\n2:memory:/docker/abc\n0::/docker/abc\n"
    second = "0::/system.slice/docker-abc.scope\n"
    assert memory.group_files(first)[0] == "/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes"
    assert memory.group_files(second)[0] == "/sys/fs/cgroup/system.slice/docker-abc.scope/memory.current"
    assert memory.group_files("1:cpu:/x\n") is None
    assert memory.working_set(100, {"inactive_file": 30}, "total_inactive_file", "inactive_file") == 70
    assert memory.working_set(10, {"inactive_file": 30}, "inactive_file") == 10
