# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may become of a deployment, against the double: each end is told by its name, and no other deployment is taken for
ours."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import waiting
from ansible_collections.sre.remediation.plugins.modules import railway_service_info


def fails(railway, state, **options):
    with pytest.raises(RemediationError) as caught:
        railway.change(state, **options)
    return caught.value


# (outcome of the next deployment, what it is given, options, code)
ENDS = [
    ("build_failed", {}, {}, "deployment_failed"),
    ("healthcheck_failed", {}, {}, "deployment_failed"),
    ("crash_late", {"seconds": 0.5}, {"stabilise": 8.0}, "deployment_crashed"),
    ("stuck_queued", {}, {"queue_timeout": 3.0}, "queue_timeout"),
    ("needs_approval", {}, {}, "needs_approval"),
    ("skipped", {}, {}, "deployment_skipped"),
    ("superseded", {}, {}, "superseded"),
    ("unknown_status", {"status": "CANCELLED"}, {}, "unknown_status"),
]


@pytest.mark.parametrize(("outcome", "given", "options", "code"), ENDS, ids=[row[0] for row in ENDS])
def test_group_5_each_end_of_a_deployment_is_told(railway, monkeypatch, outcome, given, options, code):
    monkeypatch.setattr(waiting, "UNKNOWN_GRACE", 2.0)
    if outcome == "healthcheck_failed":
        railway.control.call("settings", service="api", settings={"healthcheckTimeout": 2})
    served, before = railway.serving()["id"], railway.ids()
    railway.control.outcome("api", outcome, **given)
    error = fails(railway, "deployed", **options)
    assert error.code == code
    assert error.deployment["id"] in railway.ids() - before
    if outcome in ("build_failed", "healthcheck_failed"):
        assert railway.serving()["id"] == served
        assert "build" in error.message.lower() or "HEALTHCHECK" in error.message
    if outcome == "build_failed":
        assert any("failed to build" in line for line in error.logs)
    if outcome == "superseded":
        assert "the newest other one is" in error.message


def test_group_5_one_of_two_replicas_that_crashes_is_a_failure(railway):
    railway.control.call("settings", service="api", settings={"numReplicas": 2})
    try:
        railway.control.outcome("api", "replica_crashed", seconds=0.3)
        error = fails(railway, "deployed", stabilise=8.0)
    finally:
        railway.control.call("settings", service="api", settings={"numReplicas": 1})
    assert error.code == "deployment_crashed"


def test_an_incident_of_railway_s_own_is_told_apart_from_a_failure_of_ours(railway):
    railway.control.call("incident", message="Deployments are paused")
    error = fails(railway, "redeployed", queue_timeout=3.0)
    assert error.code == "platform_incident"
    assert "Deployments are paused" in error.message


def test_group_6_a_new_deployment_that_does_not_show_at_once_is_found(railway):
    before = railway.ids()
    railway.control.switch(hide_new_for=3)
    facts, _done = railway.change("rolled_back", to=railway.other())
    assert railway.ids() - before == {facts["deployment"]["id"]}
    assert railway.serving()["id"] == facts["deployment"]["id"]


def test_group_6_a_new_deployment_that_never_shows_is_told(railway):
    railway.control.switch(hide_new_for=1000)
    assert fails(railway, "rolled_back", to=railway.other()).code == "deployment_not_seen"


@pytest.mark.parametrize("answered", [True, False])
def test_group_6_somebody_else_s_concurrent_deployment_is_not_adopted(railway, answered):
    before = railway.ids()
    railway.control.switch(foreign_deployments=1, foreign_image="sre-lab/api:1.1.0")
    if not answered:
        railway.control.fault("gateway_timeout", on="DeploymentRollback", when="after")
    try:
        facts, _done = railway.change("rolled_back", to=railway.other())
        ours = facts["deployment"]["id"]
    except RemediationError as error:
        # Theirs came after ours and took its place: that is a failure, of ours.
        assert error.code == "superseded"
        ours = error.deployment["id"]
    made = {item["id"]: item for item in railway.control.deployments("api") if item["id"] not in before}
    assert len(made) == 2
    assert made[ours]["reason"] == "rollback"


def test_group_6_stale_and_shuffled_lists_do_not_mislead(railway):
    railway.control.switch(shuffle=True)
    facts, _done = railway.change("redeployed")
    railway.control.switch(stale_latest_for=5)
    params = {"project": None, "environment": None, "service": "api", "log_lines": 0, "required_env": []}
    found = railway_service_info.run(params, railway.client())
    assert found.service["version"] == facts["deployment"]["id"]
    assert found.railway["latest"]["id"] == facts["deployment"]["id"]


@pytest.mark.parametrize("new_instances", [True, False])
def test_group_6_a_restart_that_still_shows_the_old_state_is_waited_for(railway, new_instances):
    before = railway.serving()
    railway.control.switch(restart_stale_for=3, restart_changes_instances=new_instances)
    facts, _done = railway.change("restarted")
    assert facts["deployment"]["id"] == before["id"]
    assert [item["status"] for item in railway.serving()["instances"]] == ["RUNNING"]


def test_group_7_an_image_that_went_away_between_list_and_rollback_is_told(railway):
    before = railway.ids()
    railway.control.switch(expire_images_at_mutation=True)
    error = fails(railway, "rolled_back", to=railway.other())
    assert error.code == "railway_error"
    assert "cannot be rolled back to" in error.message
    assert railway.ids() == before


def test_group_7_a_rollback_that_is_accepted_but_fails_is_seen(railway):
    served = railway.serving()["id"]
    railway.control.call("clock", factor=0.05)  # the old deployment has its own health check, of 60 s
    railway.control.outcome("api", "healthcheck_failed")
    error = fails(railway, "rolled_back", to=railway.other())
    assert error.code == "deployment_failed"
    assert "HEALTHCHECK" in error.message
    assert railway.serving()["id"] == served


def test_group_7_an_answer_of_false_is_a_failure(railway):
    railway.control.fault("returns", on="DeploymentRollback", **{"with": {"returns": False}})
    assert fails(railway, "rolled_back", to=railway.other()).code == "refused_by_platform"
