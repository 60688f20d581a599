"""Changed copies of task definitions: what changes, what does not, and what is shown of it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._ecs import definition
from ansible_collections.sre.remediation.plugins.module_utils._ecs.history import COPY_LABEL, original_of
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

VALUE = "a-value-nobody-must-see"
ARN = "arn:aws:ssm:us-east-1:111122223333:parameter/lab/token"


def made(**changes):
    container = {
        "name": "api",
        "image": "registry.example.com:5000/team/api:2",
        "environment": [{"name": "MODE", "value": VALUE}],
        "secrets": [{"name": "TOKEN", "valueFrom": ARN}],
        "memory": 256,
    }
    found = {
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:111122223333:task-definition/api:2",
        "family": "api",
        "revision": 2,
        "status": "ACTIVE",
        "cpu": "256",
        "memory": "512",
        "volumes": [],
        "registeredBy": "ci",
        "containerDefinitions": [{"name": "log", "image": "log@sha256:1", "essential": False}, container],
    }
    return {**found, **changes}


def change(container=None, **wanted):
    return definition.changed_copy(made(), "api", container, wanted)


def test_what_cannot_be_registered_is_left_out():
    registered = definition.registrable(made())
    assert registered.keys() == {"family", "cpu", "memory", "containerDefinitions"}


@pytest.mark.parametrize(
    ("wanted", "plain", "secret", "shown"),
    [
        ({"env": {"MODE": VALUE}}, None, None, None),
        ({"env": {"NEW": "1"}}, {"MODE": VALUE, "NEW": "1"}, {"TOKEN": ARN}, ["NEW"]),
        ({"env": {"MODE": "other"}}, {"MODE": "other"}, {"TOKEN": ARN}, ["MODE"]),
        ({"env": {"MODE": None}}, {}, {"TOKEN": ARN}, ["MODE"]),
        ({"env": {"TOKEN": None}}, {"MODE": VALUE}, {}, ["TOKEN"]),
        ({"env": {"ABSENT": None}}, None, None, None),
        ({"env": {"TOKEN": "plain"}}, {"MODE": VALUE, "TOKEN": "plain"}, {}, ["TOKEN"]),
        ({"secrets": {"TOKEN": ARN}}, None, None, None),
        ({"secrets": {"MODE": ARN}}, {}, {"MODE": ARN, "TOKEN": ARN}, ["MODE"]),
    ],
)
def test_variables(wanted, plain, secret, shown):
    found = change(**wanted)
    if plain is None:
        assert found.definition is None
        assert not found.actions
        return
    container = definition.main_container(found.definition)
    assert definition.plain_env(container) == plain
    assert definition.secret_sources(container) == secret
    assert sorted({*found.before.get("env", {}), *found.after.get("env", {})}) == shown
    # Names and ARNs are shown, values never.
    assert VALUE not in json.dumps([found.before, found.after, found.actions])


@pytest.mark.parametrize(
    ("wanted", "task", "container", "actions"),
    [
        ({"memory": 1024}, "1024", 1024, ["memory 256 -> 1024 MiB"]),
        ({"cpu": 512}, "512", None, ["cpu 256 -> 512 CPU units"]),
        ({"cpu": 256}, None, None, []),
    ],
)
def test_limits_are_set_where_they_are(wanted, task, container, actions):
    found = change(**wanted)
    assert found.actions == actions
    if actions:
        (name,) = wanted
        assert found.definition[name] == task
        assert definition.main_container(found.definition).get(name) == container


def test_the_container_is_the_named_or_the_first_essential_one():
    assert definition.main_container(made())["name"] == "api"
    assert definition.main_container(made(), "log")["name"] == "log"
    with pytest.raises(RemediationError, match="it has log, api"):
        definition.main_container(made(), "web")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("api:2", "api"),
        ("registry.example.com:5000/team/api:2", "registry.example.com:5000/team/api"),
        ("registry.example.com:5000/api", "registry.example.com:5000/api"),
        ("api@sha256:1", "api"),
    ],
)
def test_repository(image, expected):
    assert definition.repository(image) == expected


def test_a_copy_says_where_it_comes_from_and_pins_what_has_a_tag():
    copied = definition.labelled_copy(made(), {"api": "sha256:9", "log": "sha256:1"})
    assert [container["image"] for container in copied["containerDefinitions"]] == [
        "log@sha256:1",
        "registry.example.com:5000/team/api@sha256:9",
    ]
    assert original_of(copied) == made()["taskDefinitionArn"]
    # A copy of a copy is one of the original; a changed one is none any more.
    again = definition.labelled_copy({**made(), **copied, "taskDefinitionArn": "arn:other"})
    assert original_of(again) == made()["taskDefinitionArn"]
    altered = definition.changed_copy({**made(), **copied}, "api", None, {"memory": 300})
    assert COPY_LABEL not in json.dumps(altered.definition)


def test_the_original_is_not_touched():
    before = made()
    definition.changed_copy(before, "api", None, {"env": {"MODE": "x"}, "memory": 300})
    definition.labelled_copy(before, {"api": "sha256:9"})
    assert before == made()
