"""How a replacement is worked out, judged and cleared up, which image a rollback chooses, and how the environment
changes."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._docker import (
    env,
    recreate,
    replace,
    rollback,
    select,
    wait,
)
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

ANONYMOUS = "f3e3908b2e16e5672fe361c22739b09a1da5c449587c7c409371ba6fe8d53da1"
TARGET = "sha256:" + "2" * 64


def test_only_what_did_not_come_from_the_image_is_kept(container, image):
    made = recreate.replacement(container(), image(), "acme/api:1", TARGET)
    body = made.body
    assert body["Env"] == ["PASSWORD=hunter22xx"]
    assert not {"Cmd", "Entrypoint", "WorkingDir", "User", "Healthcheck", "Hostname"} & set(body)
    assert body["Volumes"] == {}
    assert body["Image"] == "acme/api:1" and body["StopTimeout"] == 1
    assert body["Labels"] == {
        "com.docker.compose.config-hash": "0" * 64,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.image": TARGET,
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "api",
    }
    assert body["HostConfig"]["Binds"] == ["shop_named:/named", f"{ANONYMOUS}:/data:rw"]
    assert body["HostConfig"]["Memory"] == 67108864
    assert body["ExposedPorts"] == {"8000/tcp": {}}, "published, so kept though the image exposes it too"


def test_networks_are_kept_with_aliases_and_fixed_addresses(container, image):
    made = recreate.replacement(container(), image(), "x", TARGET)
    assert made.body["NetworkingConfig"] == {"EndpointsConfig": {"shop_default": {"Aliases": ["api"]}}}
    assert made.connect == {"metrics": {"IPAMConfig": {"IPv4Address": "10.213.7.9"}, "Aliases": ["metrics"]}}


@pytest.mark.parametrize(
    ("host", "networks", "first", "connect"),
    [
        ({"NetworkMode": "default"}, {"bridge": {}}, None, []),
        ({"NetworkMode": "host"}, {"host": {}}, None, []),
        ({"NetworkMode": "shop_default"}, {}, {"shop_default": {"Aliases": ["api"]}}, []),
        ({"NetworkMode": "31d7"}, {"shop_default": {"NetworkID": "31d7"}}, {"shop_default": {}}, []),
        ({"NetworkMode": "bridge"}, {"bridge": {}, "metrics": {}}, None, ["metrics"]),
        ({"NetworkMode": "container:abc"}, {}, None, []),
    ],
)
def test_network_modes(container, image, host, networks, first, connect):
    inspected = container(HostConfig=host)
    inspected["NetworkSettings"]["Networks"] = networks
    made = recreate.replacement(inspected, image(), "x", TARGET)
    assert made.body.get("NetworkingConfig", {}).get("EndpointsConfig") == first
    assert list(made.connect) == connect
    assert ("ExposedPorts" in made.body) == (host["NetworkMode"] != "container:abc")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Cmd": ["run"]}, {"Cmd": ["run"]}),
        ({"Entrypoint": ["own"]}, {"Entrypoint": ["own"], "Cmd": ["sh", "-c", "sleep 300"]}),
        ({"Entrypoint": ["own"], "Cmd": None}, {"Entrypoint": ["own"], "Cmd": None}),
        ({"User": "7"}, {"User": "7"}),
        ({"WorkingDir": "/x"}, {"WorkingDir": "/x"}),
        ({"StopSignal": "SIGINT"}, {"StopSignal": "SIGINT"}),
        ({"Hostname": "fixed"}, {"Hostname": "fixed"}),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 9}}, {"Healthcheck": {"Interval": 9}}),
        ({"Healthcheck": {"Test": ["NONE"]}}, {"Healthcheck": {"Test": ["NONE"]}}),
        ({"Env": ["APP_VERSION=own", "PATH=/bin"]}, {"Env": ["APP_VERSION=own"]}),
        ({"Labels": {"maker": "other", "x": "y"}}, {"Labels": {"maker": "other", "x": "y"}}),
    ],
)
def test_what_was_asked_for_is_kept(container, image, config, expected):
    inspected = container()
    inspected["Config"].update(config)
    own = recreate.own_config(inspected, image()["Config"])
    shown = ("Cmd", "Entrypoint", "User", "WorkingDir", "StopSignal", "Hostname", "Healthcheck")
    assert {key: own[key] for key in (*shown, *expected) if key in own} == expected


def test_the_recorded_container_is_not_changed(container, image):
    inspected, before = container(), container()
    recreate.replacement(inspected, image(), "x", TARGET, {"PASSWORD": None})
    assert inspected == before


def test_volumes_of_mounts_get_their_names_and_links_their_short_form(container):
    inspected = container()
    inspected["HostConfig"].update(
        Binds=None,
        Mounts=[{"Type": "volume", "Target": "/data"}, {"Type": "bind", "Source": "/x", "Target": "/y"}],
        Links=["/shop-db-1:/shop-api-1/db"],
    )
    inspected["Mounts"] = [
        {"Type": "volume", "Name": "anon", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "ro", "Destination": "/r", "RW": False},
    ]
    host = recreate.host_config(inspected)
    assert host["Mounts"][0] == {"Type": "volume", "Target": "/data", "Source": "anon"}
    assert host["Binds"] == ["ro:/r:ro"]
    assert host["Links"] == ["shop-db-1:db"]
    assert "ContainerIDFile" not in host


def test_a_container_that_removes_itself_is_refused(container, image):
    with pytest.raises(RemediationError, match="--rm") as raised:
        recreate.replacement(container(HostConfig={"AutoRemove": True}), image(), "x", TARGET)
    assert raised.value.code == "auto_remove"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"B": "2"}, ["A=1", "B=2"]),
        ({"A": "9"}, ["A=9", "B=x=y"]),
        ({"A": None}, ["B=x=y"]),
        ({"C": "", "A": None}, ["B=x=y", "C="]),
        ({"Z": None}, ["A=1", "B=x=y"]),
    ],
)
def test_changed_env(changes, expected):
    assert recreate.changed_env(["A=1", "B=x=y"], changes) == expected


NOW = 1795301391.0 + 100


@pytest.mark.parametrize(
    ("state", "restarts", "expected"),
    [
        ({}, 0, True),
        ({"Health": {"Status": "starting"}}, 0, None),
        ({"Health": {"Status": "unhealthy"}}, 0, False),
        ({"Status": "exited", "ExitCode": 3}, 0, False),
        ({"Status": "restarting"}, 0, False),
        ({}, 1, False),
        ({"Status": "created"}, 0, None),
        ({"Status": "paused"}, 0, None),
    ],
)
def test_verdict_with_a_health_check(container, state, restarts, expected):
    assert wait.verdict(container(State=state, RestartCount=restarts), NOW)[0] is expected


def test_a_health_check_may_fail_while_the_program_starts(container):
    inspected = container(State={"Health": {"Status": "unhealthy"}, "StartedAt": "2026-11-21T22:49:51Z"})
    assert wait.verdict(inspected, 1795301391.0 + 9)[0] is None
    assert wait.verdict(inspected, 1795301391.0 + 11)[0] is False


def test_verdict_without_a_health_check_needs_a_second_of_running(container):
    inspected = container(State={"Health": None, "StartedAt": "2026-11-21T22:49:51Z"})
    inspected["Config"].pop("Healthcheck")
    assert wait.verdict(inspected, 1795301391.5)[0] is None
    assert wait.verdict(inspected, 1795301392.0)[0] is True


@pytest.mark.parametrize(
    ("current", "new", "old", "expected"),
    [
        ("up", False, False, []),
        ("up", True, False, ["remove new"]),
        (None, True, True, ["remove new", "put back"]),
        (None, False, True, ["put back"]),
        ("up", False, True, ["remove old"]),
        ("created", False, True, ["remove current", "put back"]),
        ("unhealthy", False, True, ["remove current", "put back"]),
        ("starting", False, True, ["remove current", "put back"]),
        ("looping", False, True, ["remove current", "put back"]),
        (None, False, False, []),
    ],
)
def test_what_an_interrupted_replacement_needs(container, current, new, old, expected):
    states = {
        "up": container(),
        "created": container(State={"Status": "created"}),
        "unhealthy": container(State={"Health": {"Status": "unhealthy"}}),
        "starting": container(State={"Health": {"Status": "starting"}}),
        "looping": container(RestartCount=3),
        None: None,
    }
    assert (
        replace.tidy_steps(states[current], container() if new else None, container() if old else None, NOW) == expected
    )


@pytest.mark.parametrize("suffix", ["", select.NEW_SUFFIX, select.OLD_SUFFIX])
def test_base_name(suffix):
    assert replace.base_name({"Name": f"/api{suffix}"}) == "api"


CURRENT = {"Id": "sha256:now", "Created": "2026-01-01T00:00:00Z"}
OLDER = {"Id": "sha256:older", "Created": 1}


@pytest.mark.parametrize(
    ("requested", "known_good", "siblings", "excluded", "expected"),
    [
        ({"Id": "sha256:asked"}, ["sha256:good"], [OLDER], (), ("sha256:asked", "requested")),
        (None, ["sha256:good", "sha256:better"], [OLDER], (), ("sha256:good", "known_good")),
        (None, ["sha256:now", "sha256:good"], [OLDER], (), ("sha256:good", "known_good")),
        (None, ["sha256:good"], [OLDER], ("sha256:good",), ("sha256:older", "previous_image")),
        (None, [], [OLDER], (), ("sha256:older", "previous_image")),
        (None, [], [OLDER], ("sha256:older",), None),
        (None, ["sha256:now"], [], (), None),
    ],
)
def test_choice_of_the_image_to_go_back_to(requested, known_good, siblings, excluded, expected):
    chosen = rollback.choose(requested, [{"Id": image} for image in known_good], siblings, CURRENT, excluded)
    assert (chosen and (chosen[0]["Id"], chosen[1])) == expected


@pytest.mark.parametrize(
    ("known_good", "excluded", "expected"),
    [
        (["sha256:good", "sha256:better"], (), "sha256:good"),
        (["sha256:good", "sha256:now"], (), "sha256:now"),
        (["sha256:now"], (), "sha256:now"),
        (["sha256:good", "sha256:better"], ("sha256:good",), "sha256:better"),
        (["sha256:good"], ("sha256:good",), None),
        ([], (), None),
    ],
)
def test_where_a_plan_names_the_images_there_is_no_other_choice(known_good, excluded, expected):
    images = [{"Id": image} for image in known_good]
    chosen = rollback.choose(None, images, [OLDER], CURRENT, excluded, only_known_good=True)
    assert (chosen and chosen[0]["Id"]) == expected


@pytest.mark.parametrize(
    ("given", "expected"), [("a" * 64, "sha256:" + "a" * 64), ("sha256:ab", "sha256:ab"), ("app:1", "app:1")]
)
def test_full_id(given, expected):
    assert rollback.full_id(given) == expected


@pytest.mark.parametrize(
    ("given", "unset", "words"),
    [
        ({}, [], "give env, unset or both"),
        ({"A=B": "1"}, [], "env: 'A=B'"),
        ({}, [""], "unset: ''"),
        ({"A": True}, [], "env: the value of A must be text"),
        ({"A": 1.5}, [], "env: the value of A must be text"),
        ({"A": "1"}, ["A"], "env and unset both name A"),
    ],
)
def test_options_that_say_nothing_clear_are_refused(given, unset, words):
    with pytest.raises(RemediationError, match=words) as raised:
        env.wanted_changes(given, unset)
    assert raised.value.code == "invalid_option"


def test_plan_of_an_environment_change():
    wanted = {"A": "1", "B": "new", "C": None, "D": None, "E": "x", "F": "own"}
    planned = env.plan("api", wanted, {"A": "1", "B": "old", "C": "own", "F": "default"}, {"F": "default"})
    assert planned.changes == {"B": "new", "C": None, "E": "x", "F": "own"}
    assert planned.names == ["B", "C", "E", "F"]
    assert planned.absent == ["E"]
    assert planned.before == {
        name: env.fingerprint("api", name, value) for name, value in {"B": "old", "C": "own", "F": "default"}.items()
    }
    assert planned.after == {
        name: env.fingerprint("api", name, value) for name, value in {"B": "new", "E": "x", "F": "own"}.items()
    }


@pytest.mark.parametrize("current", ["image's", "own"])
def test_a_variable_of_the_image_cannot_be_taken_out(current):
    with pytest.raises(RemediationError, match="unset: A comes from the image") as raised:
        env.plan("api", {"A": None}, {"A": current}, {"A": "image's"})
    assert raised.value.code == "env_of_image"


def test_fingerprints_tell_equal_from_different_and_depend_on_the_name():
    assert env.fingerprint("api", "A", "secret") == env.fingerprint("api", "A", "secret")
    assert (
        len(
            {
                env.fingerprint("api", "A", "secret"),
                env.fingerprint("api", "A", "other"),
                env.fingerprint("api", "B", "secret"),
                env.fingerprint("web", "A", "secret"),
            }
        )
        == 4
    )
    assert len(env.fingerprint("api", "A", "secret")) == len("hash:") + 8
