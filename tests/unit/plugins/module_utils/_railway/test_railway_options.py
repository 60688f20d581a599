# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, names, variables, backups and regions: the small decisions, as tables."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import (
    backups,
    change,
    hosts,
    options,
    scaling,
    scope,
    states,
    variables,
)
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import ENDPOINT

GIVEN = {
    "token": "t",
    "token_type": "project",
    "endpoint": ENDPOINT,
    "timeout": 30.0,
    "max_requests": 60,
    "validate_certs": True,
    "ca_path": None,
}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"endpoint": "http://railway.example.com/graphql"}, "endpoint: must be https"),
        ({"endpoint": "ftp://railway.example.com"}, "endpoint: must be an http"),
        ({"timeout": 0}, "timeout"),
        ({"max_requests": 0}, "max_requests"),
        ({"token": "two\nlines"}, "token: holds"),
        ({"ca_path": "/nowhere/ca.pem"}, "ca_path"),
    ],
)
def test_connections_that_are_none(more, words):
    with pytest.raises(RemediationError, match=words):
        options.connection({**GIVEN, **more})


def test_each_kind_of_token_has_its_own_variable(monkeypatch):
    monkeypatch.setenv("RAILWAY_TOKEN", "of-a-project")
    monkeypatch.setenv("RAILWAY_API_TOKEN", "of-an-account")
    for kind, token in (("project", "of-a-project"), ("account", "of-an-account"), ("workspace", "of-an-account")):
        assert options.token_of({"token": None, "token_type": kind}) == token
    assert options.token_of({"token": "given", "token_type": "project"}) == "given"
    monkeypatch.delenv("RAILWAY_API_TOKEN")
    with pytest.raises(RemediationError, match="RAILWAY_API_TOKEN"):
        options.token_of({"token": "", "token_type": "oauth"})


def test_names_and_ids():
    nodes = [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}, {"id": "3", "name": "b"}]
    assert scope.pick("service", "a", nodes) is nodes[0]
    assert scope.pick("service", "3", nodes) is nodes[2]
    for wanted, code in (("b", "ambiguous"), ("c", "not_found"), ("", "not_found")):
        with pytest.raises(RemediationError) as caught:
            scope.pick("service", wanted, nodes)
        assert caught.value.code == code
    assert scope.is_id("f208105c-c195-5be7-908b-b2e4c09a9f43")
    assert not scope.is_id("api")
    assert not scope.is_id(None)


@pytest.mark.parametrize(
    ("wanted", "current", "kept", "changed", "absent"),
    [
        ({"A": "1"}, {"A": "1"}, (), set(), []),
        ({"A": "2", "B": "1"}, {"A": "1"}, (), {"A", "B"}, ["B"]),
        ({"A": None}, {"A": "1"}, (), {"A"}, []),
        ({"A": None}, {}, (), set(), []),
        ({"A": "1"}, {"A": None}, (), {"A"}, []),
        ({"A": "1"}, {"A": None}, ("A",), set(), []),
        ({"A": "1"}, {}, ("A",), {"A"}, ["A"]),
        ({"A": None}, {"A": None}, (), {"A"}, []),
    ],
)
def test_what_changes_of_the_variables(wanted, current, kept, changed, absent):
    found = variables.planned("service", wanted, current, kept)
    assert (set(found.changes), found.absent) == (changed, absent)
    assert set(found.before) == {name for name in changed if name in current}
    assert set(found.after) == {name for name in changed if wanted[name] is not None}
    assert not any(value in ("1", "2") for value in [*found.before.values(), *found.after.values()])


@pytest.mark.parametrize(
    ("patch", "empty"),
    [
        (None, True),
        ({}, True),
        ({"services": {}}, True),
        ({"services": {"a": {"deploy": {}}}}, True),
        ({"services": {"a": {"deploy": {"numReplicas": 0}}}}, False),
        ({"services": {"a": {"isDeleted": True}}}, False),
        ([], False),
    ],
)
def test_whether_anything_is_staged(patch, empty):
    assert backups.is_empty_patch(patch) is empty


def test_the_backup_that_was_made():
    old = {"id": "1", "name": "x", "createdAt": "2026-11-26T00:00:00Z"}
    made = {"id": "2", "name": "x", "createdAt": "2026-11-26T00:01:00Z"}
    other = {"id": "3", "name": "daily", "createdAt": "2026-11-26T00:02:00Z"}
    assert backups.newest_made([old, made, other], {"1"}, "x") is made
    assert backups.newest_made([old, other], {"1"}, "x") is None
    assert backups.newest_made([old, made, other], {"1"}, None) is other


def regions(**numbers):
    return {"deploy": {"multiRegionConfig": {name: {"numReplicas": number} for name, number in numbers.items()}}}


@pytest.mark.parametrize(
    ("config", "manifest", "instance", "found"),
    [
        ({"services": {"s": regions(eu=2)}}, regions(us=3), {"region": "us", "numReplicas": 1}, {"eu": 2}),
        ({"services": {"s": regions(eu=2, us=1), "t": regions(eu=9)}}, None, {}, {"eu": 2, "us": 1}),
        ({"services": {"s": {"deploy": {"multiRegionConfig": {"eu": {}, "us": None}}}}}, None, {}, {"eu": 1}),
        ({"services": {"t": regions(eu=9)}}, regions(us=3), {"region": "us", "numReplicas": 1}, {"us": 3}),
        ({}, None, {"region": "us", "numReplicas": 4}, {"us": 4}),
        ({}, {"deploy": None}, {"region": "us", "numReplicas": None}, {"us": 1}),
        ({}, None, {"region": None, "numReplicas": 1}, {}),
    ],
)
def test_the_instances_by_region(config, manifest, instance, found):
    current = {"meta": {"serviceManifest": manifest}} if manifest else None
    assert scaling.regions_of(config, "s", instance, current) == found


def test_the_region_that_is_scaled():
    assert scaling.region_of({"eu": 1}, None) == "eu"
    assert scaling.region_of({"eu": 1, "us": 1}, "us") == "us"
    for several in ({}, {"eu": 1, "us": 1}):
        with pytest.raises(RemediationError, match="region"):
            scaling.region_of(several, None)


OPTIONS = {
    **dict.fromkeys(("to", "commit", "replicas", "region", "memory_gb", "cpus")),
    "candidates": [],
    "only_candidates": False,
    "exclude": [],
}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"state": "restarted", "to": "x"}, "to: is for state=rolled_back"),
        ({"state": "restarted", "only_candidates": True}, "only_candidates: is for state=rolled_back"),
        ({"state": "rolled_back", "commit": "x"}, "commit: is for state=deployed"),
        ({"state": "scaled", "replicas": 0}, "replicas: must be from 1 to 50"),
        ({"state": "scaled", "cpus": -1.0}, "cpus"),
    ],
)
def test_options_that_do_not_belong_to_a_state(more, words):
    with pytest.raises(RemediationError, match=words):
        states.check({**OPTIONS, **more})


@pytest.mark.parametrize("more", [{"wait_timeout": 0}, {"queue_timeout": 0}, {"stabilise": -1}, {"stabilise": 600}])
def test_times_that_are_none(more):
    with pytest.raises(RemediationError):
        states.wait_limits({"wait_timeout": 600.0, "queue_timeout": 300.0, "stabilise": 30.0, **more})


def test_variables_railway_adds_itself_are_not_compared():
    assert change.own_variables({"A": "1", "RAILWAY_DEPLOYMENT_ID": "2"}) == {"A": "1"}
    assert change.own_variables(None) is None


def test_no_host_gets_the_token():
    host = dict.fromkeys(("project_id", "environment_id", "service_id", "service_name"), "x") | {"name": "n"}
    given = hosts.variables(host, GIVEN)
    assert "t" not in given["service_railway"].values()
    assert "endpoint" not in given["service_railway"]
    assert given["railway_service_id"] == "x"
