# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From observations to a diagnosis: rule order, reasons, evidence, and when nothing is found."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._service import empty_state
from ansible_collections.sre.remediation.plugins.plugin_utils._triage.rules import (
    Rule,
    decide,
    fill,
    gather,
    make_rules,
)

DOWN = {"ok": False, "symptom": "refused", "message": "GET http://api/health: connection refused", "body_excerpt": ""}
UP = {"ok": True, "symptom": None, "message": "GET http://api/health: status 200 in 0.010 s", "body_excerpt": ""}
STALE = {"kind": "container", "name": "api-old", "project": "shop", "service": "api", "pid": None, "stale": True}
FOREIGN = {"kind": "process", "name": "nc", "project": None, "service": None, "pid": 4711, "stale": False}

RULES = [
    {"cause": "control_plane_down", "summary": "the platform does not answer", "any": ["platform_unreachable"]},
    {"cause": "port_foreign", "summary": "port {port} is held by {holder}", "any": ["port_conflict_foreign"]},
    {"cause": "port_stale", "summary": "port {port} is held by {holder}", "any": ["port_conflict_stale"]},
    {
        "cause": "database_unreachable",
        "summary": "{service} cannot reach {database}",
        "all": ["log_database_unreachable"],
        "any": ["database_stopped", "database_missing", "database_probe_failed"],
    },
    {"cause": "missing_env", "summary": "{env} is not set", "any": ["env_missing", "log_missing_env"]},
    {"cause": "crashed", "summary": "{service}: {log_line}", "all": ["log_code_error"], "none": ["running"]},
    {"cause": "stopped", "summary": "{service} is stopped", "any": ["stopped", "missing"]},
    {"cause": "hung", "summary": "{service} does not answer", "all": ["running", "health_timeout"]},
]


def state(status="stopped", **fields):
    made = empty_state("docker", fields.pop("name", "api"))
    running = 1 if status in ("running", "unhealthy", "starting") else 0
    made.update(status=status, exists=status != "missing", desired=1, running=running, networks=["shop"], **fields)
    return made


def conflict(holder):
    return {"port": 5001, "address": "0.0.0.0", "holder": holder}


def diagnose(service=None, logs=(), probes=None, related=None, rules=None, **more):
    related = related or {}
    probes = {"health": DOWN} if probes is None else probes
    findings = gather(service or state(), logs, probes, related, **more)
    return decide(make_rules(RULES if rules is None else rules), findings)


TIMEOUT = {**DOWN, "symptom": "timeout", "message": "too slow"}
DATABASE_DOWN = {"database": {"service": state("stopped", name="db")}}


@pytest.mark.parametrize(
    ("observed", "cause", "summary"),
    [
        ({}, "stopped", "api is stopped"),
        ({"service": state("missing")}, "stopped", "api is stopped"),
        (
            {"service": {"platform": "docker", "name": "api", "reachable": False, "error": "no socket"}},
            "control_plane_down",
            "the platform does not answer",
        ),
        ({"service": state(port_conflicts=[conflict(STALE)])}, "port_stale", "port 5001 is held by container api-old"),
        (
            {"service": state(port_conflicts=[conflict(STALE), conflict(FOREIGN)])},
            "port_foreign",
            "port 5001 is held by process nc (pid 4711)",
        ),
        ({"service": state("running"), "probes": {"health": TIMEOUT}}, "hung", "api does not answer"),
        (
            {"logs": ["Error: connect ECONNREFUSED 10.0.0.2:5432"], "related": DATABASE_DOWN},
            "database_unreachable",
            "api cannot reach db",
        ),
        (
            {
                "logs": ["Error: connect ECONNREFUSED 10.0.0.2:5432"],
                "related": {"database": {"service": state("running", name="db"), "probe": DOWN}},
            },
            "database_unreachable",
            "api cannot reach db",
        ),
        ({"logs": ["Error: connect ECONNREFUSED 10.0.0.2:5432"]}, "stopped", "api is stopped"),
        ({"logs": ["KeyError: 'JWT_SECRET'", "KeyError: 'DATABASE_URL'"]}, "missing_env", "DATABASE_URL, JWT_SECRET is not set"),
        ({"required_env": ["A_KEY", "B_KEY"], "service": state(env_names=["A_KEY"])}, "missing_env", "B_KEY is not set"),
        ({"required_env": ["A_KEY"], "service": state("missing")}, "stopped", "api is stopped"),
        (
            {"logs": ["Traceback", "ModuleNotFoundError: No module named 'x'"]},
            "crashed",
            "api: ModuleNotFoundError: No module named 'x'",
        ),
        (
            {"service": state(start_error='exec: "x": executable file not found in $PATH')},
            "crashed",
            'api: exec: "x": executable file not found in $PATH',
        ),
        (
            {
                "service": state("running"),
                "probes": {"health": {**DOWN, "symptom": "bad_status", "body_excerpt": "KeyError: 'API_KEY'"}},
            },
            "missing_env",
            "API_KEY is not set",
        ),
        ({"service": state("running")}, "unknown", None),
    ],
)  # fmt: skip
def test_cause(observed, cause, summary):
    result = diagnose(**observed)
    assert (result["found"], result["cause"]) == (True, cause)
    if summary is not None:
        assert result["summary"] == summary


def test_a_healthy_service_is_not_found_whatever_its_logs_say():
    result = diagnose(state("running"), logs=["KeyError: 'OLD_NAME'"], probes={"health": UP})
    assert (result["found"], result["cause"], result["ruled_out"]) == (False, None, [])
    assert result["summary"] == "api is healthy: health: GET http://api/health: status 200 in 0.010 s"
    assert result["evidence"] == ["health: GET http://api/health: status 200 in 0.010 s"]


def test_only_the_named_probes_state_the_symptom():
    probes = {"health": UP, "public": DOWN}
    assert diagnose(state("running"), probes=probes)["found"] is True
    assert diagnose(state("running"), probes=probes, symptom=["health"])["found"] is False
    assert "public_refused" in diagnose(state("running"), probes=probes, symptom=["health"])["signals"]


def test_a_skipped_probe_does_not_count():
    assert diagnose(probes={"health": UP, "public": {"skipped": True}})["found"] is False


def test_a_symptom_that_the_scenario_measured_itself():
    rules = [{"cause": "stale", "summary": "log is stale", "any": ["log_age"]}]
    with pytest.raises(RemediationError):
        diagnose(probes={}, symptom_signals=["log_age"], rules=rules)
    rules[0]["any"] = ["heartbeat_stale"]
    assert diagnose(probes={}, symptom_signals=["heartbeat_stale"], rules=rules)["cause"] == "stale"
    assert diagnose(probes={}, symptom_signals=[], rules=rules)["found"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probes": {}}, "nothing states the symptom"),
        ({"probes": {"public": {"skipped": True}}}, "nothing states the symptom"),
        ({"symptom": ["helth"]}, "symptom names the probe helth, but probes has health"),
        (
            {"rules": [{"cause": "x", "summary": "x", "none": ["log_adress_in_use"]}]},
            "causes[0].none names the log signal log_adress_in_use, which no signature gives",
        ),
        (
            {"rules": [{"cause": "x", "summary": "x", "all": ["proxy_log_adress_in_use"]}]},
            "causes[0].all names the log signal proxy_log_adress_in_use, which no signature gives",
        ),
    ],
)
def test_arguments_that_cannot_work_are_named(arguments, message):
    with pytest.raises(RemediationError) as caught:
        diagnose(**arguments)
    assert caught.value.message.startswith(message)
    assert caught.value.code == "bad_argument"


def test_what_was_ruled_out_and_why():
    logs = ["Error: connect ECONNREFUSED 10.0.0.2:5432", "SyntaxError: bad"]
    result = diagnose(state("running"), logs=logs, related={"database": {"service": state("running", name="db")}})
    assert result["cause"] == "unknown"
    assert result["ruled_out"] == [
        {"cause": "database_unreachable", "why": "none of database_stopped, database_missing, database_probe_failed"},
        {"cause": "crashed", "why": "running is there"},
        {"cause": "hung", "why": "no health_timeout"},
    ]
    explained = diagnose(state(port_conflicts=[conflict(STALE)]))
    assert explained["ruled_out"] == [{"cause": "stopped", "why": "explained by port_stale"}]


def test_evidence_and_details():
    logs = ["boot", "Missing environment variable: JWT_SECRET", "bye"]
    result = diagnose(state(last_exit={"code": 1, "reason": "x", "oom_killed": False, "at": None}), logs=logs)
    assert result["evidence"] == [
        "health: GET http://api/health: connection refused",
        "Missing environment variable: JWT_SECRET",
    ]
    assert result["details"] == {"env": ["JWT_SECRET"], "holder": None, "log_line": logs[1]}
    assert result["signals"] == ["exited_with_error", "health_failed", "health_refused", "log_missing_env", "stopped"]


def test_the_holder_of_the_port_is_in_the_details():
    result = diagnose(state(port_conflicts=[conflict(STALE)]))
    assert result["details"]["holder"] == {**STALE, "port": 5001, "address": "0.0.0.0"}
    assert "api is stopped, port 5001 is held by container api-old" in result["evidence"]


def test_an_unknown_cause_shows_the_newest_known_line():
    result = diagnose(state("running"), logs=["No space left on device", "ok"], rules=RULES[:1])
    assert result["cause"] == "unknown"
    assert result["evidence"][-1] == "No space left on device"
    assert result["summary"].startswith(
        "no known cause explains the symptom; seen: health_failed, health_refused, log_disk_full"
    )


def test_lost_variables_are_named():
    service = state(env_lost_since_previous=["API_KEY"])
    result = diagnose(
        service, rules=[{"cause": "lost", "summary": "{env} was lost", "all": ["env_lost_since_previous"]}]
    )
    assert (result["cause"], result["summary"]) == ("lost", "API_KEY was lost")
    assert "env_lost_since_previous:API_KEY" in result["signals"]


def test_related_services_keep_their_own_signals():
    related = {"proxy": {"service": state("running", name="proxy"), "logs": ['host not found in upstream "api"']}}
    result = diagnose(state("running"), related=related, rules=[
        {"cause": "network", "summary": "{proxy} cannot resolve {host}", "all": ["proxy_running", "proxy_log_upstream_unreachable"]}
    ])  # fmt: skip
    assert result["summary"] == "proxy cannot resolve api"
    assert "log_upstream_unreachable" not in result["signals"]


def test_evidence_is_bounded():
    result = diagnose(logs=["SyntaxError: " + "x" * 5000])
    assert max(len(text) for text in result["evidence"]) == 300
    assert len(result["details"]["log_line"]) == 300


@pytest.mark.parametrize(
    ("conditions", "obstacle"),
    [
        ({}, None),
        ({"all": ("a", "b")}, None),
        ({"all": ("a", "x")}, "no x"),
        ({"any": ("x", "b")}, None),
        ({"any": ("x", "y")}, "none of x, y"),
        ({"none": ("x",)}, None),
        ({"none": ("x", "a")}, "a is there"),
        ({"all": ("a",), "any": ("x",)}, "none of x"),
    ],
)
def test_obstacle(conditions, obstacle):
    assert Rule("cause", "summary", **conditions).obstacle({"a", "b"}) == obstacle


def test_fill_leaves_other_braces_alone():
    assert fill("{port} {nobody} {{x}} {A} {0.real}", {"port": "80", "x": "y"}) == "80 unknown {y} {A} {0.real}"
