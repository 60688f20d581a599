# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states, the variables, the backups and the inventory of Railway, against the double: done, done again, check mode,
what it costs, and what an independent client sees."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import backups, change, hosts, variables
from ansible_collections.sre.remediation.plugins.modules import railway_service_info

LOOK = {"project": None, "environment": None, "service": "api", "log_lines": 50, "required_env": ["DATABASE_URL"]}

#: Asked by somebody else's client (railway-client of PyPI), which knows nothing of this collection.
INDEPENDENT = """
import json, sys
from railway import RailwayClient

given = json.load(sys.stdin)
query = (
    "query($input: DeploymentListInput!) { deployments(input: $input, first: 50) { edges { node { id status } } } }"
)
with RailwayClient(project_token=given["token"], endpoint=given["endpoint"]) as client:
    found = client._execute(query, {"input": given["ids"]})["deployments"]["edges"]
print(json.dumps([edge["node"] for edge in found]))
"""


def test_a_look_takes_two_requests_when_it_is_given_ids(railway):
    where = railway.scope()
    client = railway.client()
    params = {**LOOK, "project": where.project_id, "environment": where.environment_id, "service": where.service_id}
    found = railway_service_info.run(params, client)
    assert client.requests == 2
    assert found.service["status"] == "running"
    assert found.service["version"] == railway.serving()["id"]
    assert {"DATABASE_URL", "JWT_SECRET"} <= set(found.service["env_names"])
    assert found.railway["healthcheck"]["path"] == "/api/health"
    deadline = time.monotonic() + 15
    while not found.logs:  # its program may have begun a moment ago
        assert time.monotonic() < deadline, "a service that serves has written nothing"
        found = railway_service_info.run(params, railway.client())


@pytest.mark.parametrize("token_type", ["account", "workspace"])
def test_other_tokens_find_the_service_by_names(railway, token_type):
    params = {**LOOK, "project": "lab", "environment": "production", "log_lines": 0}
    found = railway_service_info.run(params, railway.client(token_type))
    assert found.service["version"] == railway.serving()["id"]
    with pytest.raises(RemediationError, match="there is no staging"):
        railway_service_info.run({**params, "environment": "staging"}, railway.client(token_type))


def test_a_token_sent_as_one_of_another_kind_is_no_unreachable_platform(railway):
    with pytest.raises(RemediationError) as caught:
        railway_service_info.run(LOOK, railway.client(token="nobody-knows-it"))
    assert caught.value.code == "unauthorized"


def test_a_rollback_serves_the_old_version_in_little_more_than_its_deployment_takes(railway):
    to, before = railway.other(), railway.version()
    facts, done = railway.change("rolled_back", to=to, check_mode=True)
    assert done.changed
    assert (railway.version(), facts["to"]["version"]) == (before, to)
    railway.control.call("clear")
    begun = time.monotonic()
    facts, done = railway.change("rolled_back", to=to)
    took = time.monotonic() - begun
    assert railway.version() != before
    made = next(item for item in railway.control.call("journal") if item["operation"] == "DeploymentRollback")
    assert made["executed"]
    deployment = facts["deployment"]
    assert deployment["status"] == "SUCCESS"
    own = seconds(deployment["createdAt"], deployment["statusUpdatedAt"])
    assert took <= 1.3 * own + 5, f"{took:.1f} s for a deployment of {own:.1f} s"
    assert len(railway.control.journal()) <= 60
    # Again: it is there already. Undone: the version before serves. What a plan does not name is not gone to.
    for asked in ({"to": to}, {"candidates": [to], "only_candidates": True}):
        _again, done = railway.change("rolled_back", **asked)
        assert not done.changed
    nobody = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(RemediationError) as caught:
        railway.change("rolled_back", candidates=[nobody], only_candidates=True)
    assert (caught.value.code, len(railway.asked("DeploymentRollback"))) == ("no_previous_version", 1)
    railway.change("rolled_back", candidates=[nobody, facts["undo"]["version"]], only_candidates=True)
    assert railway.version() == before


def seconds(begin, end):
    from datetime import datetime

    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def test_stopped_and_started_are_idempotent(railway):
    served = railway.serving()["id"]
    for state, changes in (("started", False), ("stopped", True), ("stopped", False), ("started", True)):
        check, done = railway.change(state, check_mode=True)
        assert done.changed is changes, state
        facts, done = railway.change(state)
        assert done.changed is changes, state
    assert facts["deployment"]["id"] == served
    assert railway.serving()["stopped"] is False


def test_scaled_changes_the_number_of_instances_and_refuses_volumes(railway):
    _facts, done = railway.change("scaled", replicas=1)
    assert not done.changed
    facts, done = railway.change("scaled", replicas=2, check_mode=True)
    assert (done.changed, railway.asked("EnvironmentPatchCommit")) == (True, [])
    assert facts["undo"] == {"replicas": 1}
    served, before = railway.serving()["id"], railway.ids()
    for replicas in (2, 1):
        facts, done = railway.change("scaled", replicas=replicas)
        assert (done.changed, done.before, done.after) == (True, {"replicas": 3 - replicas}, {"replicas": replicas})
        assert facts["undo"] == {"replicas": 3 - replicas}
        assert facts["deployment"]["id"] == served  # the one that runs is scaled; no new one is made
        assert [item["status"] for item in railway.serving()["instances"]] == ["RUNNING"] * replicas
        facts, done = railway.change("scaled", replicas=replicas)
        assert (done.changed, facts["undo"]) == (False, None)
    assert (railway.ids(), len(railway.asked("EnvironmentPatchCommit"))) == (before, 2)
    with pytest.raises(RemediationError, match="volume"):
        railway.change("scaled", replicas=2, service="db", check_mode=True)


VARIABLES = {"unset": [], "sealed_unchanged": [], "deploy": True}


def set_variables(railway, **more):
    params = {**LOOK, **VARIABLES, "wait": True, "wait_timeout": 60.0, "queue_timeout": 30.0, "stabilise": 0.0, **more}
    done = change.Done(params.pop("check_mode", False))
    return *variables.apply(railway.client(), params, done), done


def test_many_variables_take_one_write_and_one_deployment(railway):
    env = {"ORDERS_A": "an-old-secret-of-a", "ORDERS_B": 2, "ORDERS_C": "${{db.DATABASE_URL}}"}
    before = railway.ids()
    _made, _undo, done = set_variables(railway, env=env, check_mode=True)
    assert done.changed
    assert railway.asked("VariableCollectionUpsert") == []
    made, undo, done = set_variables(railway, env=env)
    assert railway.ids() - before == {made["id"]}
    assert len(railway.asked("VariableCollectionUpsert")) == 1
    assert "an-old-secret" not in json.dumps([done.as_dict(), undo])
    assert undo["unset"] == ["ORDERS_A", "ORDERS_B", "ORDERS_C"]
    made, undo, done = set_variables(railway, env=env)
    assert (made, undo, done.changed) == (None, None, False)
    before = railway.ids()
    made, undo, done = set_variables(railway, env={}, unset=["ORDERS_A"])
    assert railway.ids() - before == {made["id"]}
    assert set(undo["restore"]) == {"ORDERS_A"}
    with pytest.raises(RemediationError, match="deploy=false"):
        set_variables(railway, env={}, unset=["ORDERS_B"], deploy=False)


def test_a_sealed_variable_is_a_change_unless_told_otherwise(railway):
    railway.control.call(
        "settings", service="api", variables={"ORDERS_SEALED": "hidden-value"}, sealed=["ORDERS_SEALED"]
    )
    try:
        params = {"env": {"ORDERS_SEALED": "another-value"}, "check_mode": True}
        assert set_variables(railway, **params)[2].changed
        known = "ORDERS_SEALED" in railway.client().execute("Variables", railway.scope().ids)["variables"]
        assert set_variables(railway, sealed_unchanged=["ORDERS_SEALED"], **params)[2].changed is not known
    finally:
        railway.control.call("settings", service="api", variables={"ORDERS_SEALED": None})


BACKUP = {**LOOK, "service": "db", "wait_timeout": 120.0, "queue_timeout": 60.0, "stabilise": 0.0, "backup": None}


def backup(railway, state, check_mode=False, **more):
    done = change.Done(check_mode)
    return backups.apply(railway.client(), {**BACKUP, "state": state, "name": None, **more}, done), done


def test_a_backup_is_made_once_listed_and_a_restore_refuses_other_staged_changes(railway):
    facts, done = backup(railway, "created", name="before-it", check_mode=True)
    assert (done.changed, facts["backups"]) == (True, [])
    facts, done = backup(railway, "created", name="before-it")
    assert [item["name"] for item in facts["backups"]] == ["before-it"]
    facts, done = backup(railway, "created", name="before-it")
    assert not done.changed
    assert len(railway.asked("VolumeInstanceBackupCreate")) == 1
    _facts, done = backup(railway, "restored", backup="before-it", check_mode=True)
    assert done.changed
    assert railway.asked("VolumeInstanceBackupRestore") == []
    staged = {"environmentStagedChanges": {"patch": {"services": {"x": {"variables": {"A": {"value": "b"}}}}}}}
    railway.control.fault("patch", on="EnvironmentStagedChanges", **{"with": {"patch": {"data": {**staged}}}})
    with pytest.raises(RemediationError) as caught:
        backup(railway, "restored", backup="before-it")
    assert caught.value.code == "staged_changes"
    assert railway.asked("VolumeInstanceBackupRestore") == []


def sql(railway, statement):
    """What the statement answers in the container the database runs in now."""
    (instance,) = railway.serving("db")["instances"]
    command = ["docker", "exec", instance["container"], "psql", "-At", "-c", statement, "orders"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_restore_brings_the_rows_back_and_deploys_nothing_that_others_staged(railway):
    count = "SELECT count(*) FROM orders"
    try:
        sql(railway, "INSERT INTO orders (item, quantity) VALUES ('tea', 3); CHECKPOINT")
        rows, before = sql(railway, count), railway.ids("db")
        backup(railway, "created", name="with-tea")
        sql(railway, "DELETE FROM orders")
        facts, done = backup(railway, "restored", backup="with-tea")
        assert (done.changed, facts["backup"]["name"]) == (True, "with-tea")
        assert done.after == {"restored_from": facts["backup"]["id"]}
        assert railway.ids("db") - before == {railway.serving("db")["id"]}
        assert sql(railway, count) == rows != "0"
        # Somebody else stages a restore of their own: it is not committed with ours.
        volume = railway.control.call("state")["volumes"]["db-volume"]
        theirs = {"volumeInstanceId": volume, "volumeInstanceBackupId": facts["backup"]["id"]}
        railway.client().execute("VolumeInstanceBackupRestore", theirs)
        where = {"environmentId": railway.scope().environment_id}
        deadline = time.monotonic() + 30
        while not railway.client().execute("EnvironmentStagedChanges", where)["environmentStagedChanges"]["patch"]:
            assert time.monotonic() < deadline, "nothing comes to be staged"
        with pytest.raises(RemediationError) as caught:
            backup(railway, "restored", backup="with-tea")
        assert (caught.value.code, len(railway.asked("EnvironmentPatchCommitStaged"))) == ("staged_changes", 1)
    finally:
        railway.control.call("reset")


@pytest.mark.parametrize("switches", [{}, {"changing_cursors": True, "empty_pages": 1}])
def test_group_8_two_hundred_services_in_at_most_five_requests(railway, switches):
    if len(railway.control.call("state")["services"]) < 100:
        railway.control.call("many", services=200)
    railway.control.switch(**switches)
    client = railway.client()
    found = hosts.find(client, [], [])
    assert len(found) == 202
    assert client.requests <= 5
    assert len({host["service_id"] for host in found}) == 202
    assert found[0]["name"] == "lab/production/api"
    by_account = hosts.find(railway.client("account"), ["lab"], ["production"])
    assert [host["service_id"] for host in by_account] == [host["service_id"] for host in found]


def test_group_8_pages_of_two_are_read_to_the_end(railway):
    railway.control.switch(page_size=60, empty_pages=2)
    assert len(hosts.find(railway.client(), [], [])) >= 2


def test_an_independent_client_sees_the_same_deployments(railway):
    where = railway.scope()
    given = {"endpoint": railway.endpoint, "token": railway.environment["RAILWAY_TOKEN"], "ids": where.ids}
    done = subprocess.run(
        [sys.executable, "-c", INDEPENDENT], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    theirs = {node["id"]: node["status"] for node in json.loads(done.stdout)}
    listed = railway.client().execute("Deployments", {**where.ids, "first": 50})["deployments"]["edges"]
    assert theirs == {edge["node"]["id"]: edge["node"]["status"] for edge in listed}
    assert railway.serving()["id"] in theirs
