# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault a request to Railway can meet, against the double: what is asked again, what never is, and what is told."""

from __future__ import annotations

import time

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import read
from ansible_collections.sre.remediation.plugins.module_utils._service import signals
from ansible_collections.sre.remediation.plugins.modules import railway_service_info

LOOK = {"project": None, "environment": None, "service": "api", "log_lines": 20, "required_env": []}


def look(railway, **client):
    return railway_service_info.run(LOOK, railway.client(**client))


def test_group_1_rate_limit_is_waited_for_as_told(railway):
    railway.control.fault("rate_limited", on="ServiceLook")
    begun = time.monotonic()
    assert look(railway).service["status"] == "running"
    assert time.monotonic() - begun >= 2.0
    assert len(railway.asked("ServiceLook")) == 2


def test_group_1_rate_limited_restart_is_sent_again_and_done_once(railway):
    railway.control.fault("rate_limited", on="DeploymentRestart")
    railway.change("restarted")
    sent = railway.asked("DeploymentRestart")
    assert [entry["executed"] for entry in sent] == [False, True]


def test_group_1_cloudflare_1015_without_retry_after_is_waited_for(railway):
    railway.control.fault("cloudflare_1015", on="ServiceLook")
    assert look(railway).service["status"] == "running"


def test_group_1_an_hourly_budget_that_is_used_up_is_told_at_once(railway):
    hour = {"headers": {"Retry-After": "1800", "X-RateLimit-Remaining": "0", "Content-Type": "application/json"}}
    railway.control.fault("budget_exhausted", on="ServiceLook", count=0, **{"with": hour})
    begun = time.monotonic()
    found = look(railway)
    assert time.monotonic() - begun < 5
    assert signals(found.service) == ["platform_unreachable"]
    assert "wait 1800 s" in found.service["error"]
    assert len(railway.asked("ServiceLook")) == 1


@pytest.mark.parametrize(
    "kind", ["bad_gateway", "gateway_timeout", "connection_reset", "truncated", "data_null", "not_json"]
)
def test_groups_2_to_4_a_query_is_asked_again(railway, kind):
    railway.control.fault(kind, on="ServiceLook", count=2)
    assert look(railway).service["status"] == "running"
    assert len(railway.asked("ServiceLook")) == 3


def test_group_2_a_platform_that_stays_away_is_a_finding(railway):
    railway.control.fault("bad_gateway", count=0)
    found = look(railway)
    assert signals(found.service) == ["platform_unreachable"]
    assert "502" in found.service["error"]


@pytest.mark.parametrize("kind", ["gateway_timeout", "connection_reset"])
@pytest.mark.parametrize("state", ["redeployed", "rolled_back"])
def test_group_2_no_answer_after_the_effect_makes_no_second_deployment(railway, state, kind):
    before = railway.ids()
    name = {"redeployed": "DeploymentRedeploy", "rolled_back": "DeploymentRollback"}[state]
    railway.control.fault(kind, on=name, when="after")
    to = railway.other() if state == "rolled_back" else None
    facts, done = railway.change(state, to=to)
    made = railway.ids() - before
    assert made == {facts["deployment"]["id"]}
    assert railway.serving()["id"] == facts["deployment"]["id"]
    assert len(railway.asked(name)) == 1
    assert any("nobody can say" in warning for warning in done.warnings)


def test_group_2_no_answer_before_the_effect_is_an_unknown_outcome_and_never_repeated(railway):
    before = railway.ids()
    railway.control.fault("gateway_timeout", on="DeploymentRollback")
    with pytest.raises(RemediationError) as caught:
        railway.change("rolled_back", to=railway.other())
    assert caught.value.code == "outcome_unknown"
    assert railway.ids() == before
    assert len(railway.asked("DeploymentRollback")) == 1


def test_group_2_a_restart_without_an_answer_is_proved_by_its_effect(railway):
    railway.control.fault("gateway_timeout", on="DeploymentRestart", when="after")
    railway.control.switch(restart_changes_instances=True)
    facts, _done = railway.change("restarted")
    assert facts["deployment"]["id"] == railway.serving()["id"]
    assert len(railway.asked("DeploymentRestart")) == 1


@pytest.mark.parametrize(
    ("kind", "code", "asked"),
    [
        ("not_authorized", "unauthorized", 1),
        ("two_factor", "unauthorized", 1),
        ("problem_processing", "railway_problem", 3),
        ("partial_data", "railway_problem", 3),
        ("too_quickly", "rate_limited", 1),
        ("cloudflare_1010", "client_blocked", 1),
    ],
)
def test_group_3_status_200_with_errors_fails(railway, kind, code, asked):
    railway.control.fault(kind, on="ServiceLook", count=0)
    client = railway.client()
    where = railway.scope()
    with pytest.raises(RemediationError) as caught:
        read.read(client, where)
    assert caught.value.code == code
    assert len(railway.asked("ServiceLook")) == asked


@pytest.mark.parametrize("kind", ["not_authorized", "problem_processing", "partial_data", "data_null", "not_json"])
def test_group_3_a_write_that_is_answered_with_errors_is_never_taken_for_done(railway, kind):
    before = railway.ids()
    when = "after" if kind == "partial_data" else "before"
    railway.control.fault(kind, on="DeploymentRollback", when=when)
    if kind == "partial_data":
        facts, _done = railway.change("rolled_back", to=railway.other())
        assert railway.ids() - before == {facts["deployment"]["id"]}
        return
    with pytest.raises(RemediationError) as caught:
        railway.change("rolled_back", to=railway.other())
    assert caught.value.code == ("unauthorized" if kind == "not_authorized" else "outcome_unknown")
    assert railway.ids() == before


def test_group_4_a_slow_query_is_asked_again_and_a_slow_write_is_not(railway):
    railway.control.fault("slow", on="ServiceLook", delay=4)
    assert look(railway, timeout=2.0).service["status"] == "running"
    assert len(railway.asked("ServiceLook")) == 2
    before = railway.ids()
    railway.control.fault("slow", on="DeploymentRedeploy", when="after", delay=4)
    facts, _done = railway.change("redeployed", railway.client(timeout=2.0))
    assert railway.ids() - before == {facts["deployment"]["id"]}
    assert len(railway.asked("DeploymentRedeploy")) == 1


def test_what_this_token_may_not_see_is_left_out_with_a_warning(railway):
    path = [{"message": "Not Authorized", "path": ["serviceInstanceLimits"]}]
    body = {"patch": {"errors": path, "data": None}}
    railway.control.fault("patch", on="ServiceLook", **{"with": body})
    found = look(railway)
    assert found.service["limits"] == {"memory_bytes": None, "cpus": None}
    assert found.service["status"] == "running"
    assert any(warning.startswith("serviceInstanceLimits: ") for warning in found.warnings)


def test_every_request_says_who_asks(railway):
    look(railway)
    for entry in railway.control.journal():
        assert entry["user_agent"].startswith("sre.remediation/")
        assert "source=ansible_sre_remediation" in entry["query_string"]
        assert entry["auth"] == "project-access-token"
