# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each shape of an answer means, and how often a request is sent: as tables, then against a server."""

from __future__ import annotations

import json
import socket

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer
from ansible_collections.sre.remediation.plugins.module_utils._railway.answers import RailwayError, data_of, retry_delay
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client, Connection, with_source
from ansible_collections.sre.remediation.plugins.module_utils._railway.operations import (
    KIND,
    ONCE,
    OPERATIONS,
    READ,
    REPEATABLE,
)

JSON = {"content-type": "application/json; charset=utf-8"}
HTML = {"content-type": "text/html"}


def answer(status=200, body="", headers=None, **more):
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(seconds=0.1, status=status, body=text, headers=headers or JSON, sent=True, **more)


def errors(message, status=200, data=None, **first):
    return answer(status, {"errors": [{"message": message, **first}], "data": data})


# (what it is, answer, code, transient, untouched)
WRONG = [
    ("connection refused", Answer(0.1, symptom="refused", error="x"), "platform_unreachable", True, True),
    ("reset after sending", Answer(0.1, symptom="reset", error="x", sent=True), "platform_unreachable", True, False),
    ("slow", Answer(0.1, symptom="timeout", error="x", sent=True), "platform_unreachable", True, False),
    ("wrong certificate", Answer(0.1, symptom="tls", error="x"), "platform_unreachable", False, True),
    ("429", answer(429, {"errors": [{"message": "x"}]}), "rate_limited", True, True),
    ("429 HTML 1015", answer(429, "<html>error code: 1015", HTML), "rate_limited", True, True),
    ("403 HTML 1015", answer(403, "<html>error code: 1015", HTML), "rate_limited", True, True),
    ("403 1010", answer(403, "error code: 1010", HTML), "client_blocked", False, True),
    ("502 HTML", answer(502, "<html>", HTML), "platform_unreachable", True, False),
    ("200 HTML", answer(200, "<html>", HTML), "platform_unreachable", True, False),
    ("200 broken JSON", answer(200, '{"data": {'), "platform_unreachable", True, False),
    ("200 a list", answer(200, [1]), "platform_unreachable", True, False),
    ("too long", answer(200, {"data": {}}, truncated=True), "railway_error", False, False),
    ("200 data null", answer(200, {"data": None}), "platform_unreachable", True, False),
    ("200 without data", answer(200, {}), "platform_unreachable", True, False),
    ("200 Not Authorized", errors("Not Authorized"), "unauthorized", False, True),
    ("200 FORBIDDEN", errors("no", extensions={"code": "FORBIDDEN"}), "unauthorized", False, True),
    ("200 token", errors("Project Token not found"), "unauthorized", False, True),
    ("200 two factors", errors("Two Factor Authentication Required"), "unauthorized", False, True),
    ("200 partial data", errors("Cannot read it", data={"a": 1}), "railway_error", False, False),
    ("200 problem", errors("Problem processing request"), "railway_problem", True, False),
    ("200 refused", errors("Cannot", extensions={"code": "INTERNAL_SERVER_ERROR"}), "railway_error", False, False),
    ("503 with errors", errors("x", status=503), "railway_problem", True, False),
    ("200 too quickly", errors("You are creating too quickly"), "rate_limited", True, True),
    ("200 deploy limit", errors("Service deployment rate limit exceeded"), "rate_limited", True, True),
    ("200 not found", errors("Deployment not found"), "not_found", False, True),
    ("400", errors("Syntax Error", status=400), "invalid_request", False, True),
    ("200 validation", errors("x", extensions={"code": "GRAPHQL_VALIDATION_FAILED"}), "invalid_request", False, True),
]


@pytest.mark.parametrize(
    ("wrong", "code", "transient", "untouched"), [row[1:] for row in WRONG], ids=[r[0] for r in WRONG]
)
def test_every_wrong_answer_is_an_error_of_its_kind(wrong, code, transient, untouched):
    with pytest.raises(RailwayError) as caught:
        data_of(wrong)
    assert (caught.value.code, caught.value.transient, caught.value.untouched) == (code, transient, untouched)


def test_a_good_answer_is_its_data():
    assert data_of(answer(200, {"data": {"x": 1}})) == {"x": 1}
    assert data_of(answer(200, {"data": {}, "errors": []})) == {}


@pytest.mark.parametrize("where", [{"traceId": "abc"}, {"extensions": {"traceId": "abc"}}])
def test_the_trace_is_found_in_both_places_and_secrets_are_not_repeated(where):
    with pytest.raises(RailwayError, match=r"trace abc") as caught:
        data_of(errors("bad postgres://u:hunter22@h/db", **where))
    assert "hunter22" not in caught.value.message


def test_the_wait_asked_for_is_read_from_the_header_or_the_words():
    for wrong, seconds in (
        (answer(429, {}, {**JSON, "retry-after": "2"}), 2.0),
        (answer(429, {}, {**JSON, "retry-after": "soon"}), None),
        (errors("too quickly. This workspace allows 1 environment per 30 seconds."), 30.0),
    ):
        with pytest.raises(RailwayError) as caught:
            data_of(wrong)
        assert caught.value.retry_after == seconds


UNSURE = RailwayError("x", transient=True)
UNTOUCHED = RailwayError("x", transient=True, untouched=True)
LIMITED = RailwayError("x", "rate_limited", transient=True, untouched=True, retry_after=2.0)
PROBLEM = RailwayError("x", "railway_problem", transient=True)


@pytest.mark.parametrize(
    ("kind", "error", "failures", "delay"),
    [
        (READ, UNSURE, 1, 0.375),
        (READ, UNSURE, 4, 3.0),
        (READ, UNSURE, 5, None),
        (READ, PROBLEM, 2, 0.75),
        (READ, PROBLEM, 3, None),
        (READ, RailwayError("x"), 1, None),
        (REPEATABLE, UNSURE, 3, 1.5),
        (REPEATABLE, UNSURE, 4, None),
        (ONCE, UNSURE, 1, None),
        (ONCE, PROBLEM, 1, None),
        (ONCE, UNTOUCHED, 1, 0.375),
        (ONCE, LIMITED, 1, 2.3),
        (READ, RailwayError("x", "rate_limited", transient=True), 1, 1.5),
    ],
)
def test_what_is_sent_again_and_when(kind, error, failures, delay):
    assert retry_delay(kind, error, failures, 0.5) == (None if delay is None else pytest.approx(delay))


def test_every_operation_has_a_kind_and_its_own_name():
    assert OPERATIONS.keys() == KIND.keys()
    for name, document in OPERATIONS.items():
        word = "query" if KIND[name] == READ else "mutation"
        assert document.startswith(f"{word} {name}"), name
        assert document.count("mutation ") + document.count("query ") == 1, name


def test_each_kind_of_token_goes_where_railway_looks_for_it(canned, make_client):
    canned.answers["ApiToken"] = [{"apiToken": {"workspaces": []}}]
    make_client("project").execute("ApiToken")
    make_client("workspace").execute("ApiToken")
    project, workspace = (entry["headers"] for entry in canned.journal)
    assert project["Project-Access-Token"] == "t0ken-of-the-test"
    assert "Authorization" not in project
    assert workspace["Authorization"] == "Bearer t0ken-of-the-test"
    assert "Project-Access-Token" not in workspace
    assert project["User-Agent"].startswith("sre.remediation/")
    assert canned.journal[0]["path"] == "/graphql/v2?source=ansible_sre_remediation"
    assert with_source("https://x/graphql/v2?source=me") == "https://x/graphql/v2?source=me"


def test_a_query_is_asked_again_and_a_write_is_not(canned, make_client, time_):
    bad_gateway = (502, {"Content-Type": "text/html"}, "<html>")
    canned.answers["ApiToken"] = [bad_gateway, bad_gateway, {"apiToken": {"workspaces": []}}]
    client = make_client()
    assert client.execute("ApiToken") == {"apiToken": {"workspaces": []}}
    assert client.requests == 3
    assert time_.slept == [0.375, 0.75]
    canned.answers["DeploymentRestart"] = [bad_gateway]
    with pytest.raises(RailwayError) as caught:
        client.execute("DeploymentRestart", {"id": "x"})
    assert caught.value.code == "outcome_unknown"
    assert canned.names().count("DeploymentRestart") == 1


def test_a_write_that_surely_did_nothing_is_sent_again(canned, make_client, time_):
    limited = (429, {"Content-Type": "application/json", "Retry-After": "2"}, "{}")
    canned.answers["DeploymentRestart"] = [limited, {"deploymentRestart": True}]
    assert make_client().execute("DeploymentRestart", {"id": "x"}) == {"deploymentRestart": True}
    assert time_.slept == [pytest.approx(2.3)]


def test_a_write_to_a_closed_port_is_no_unknown_outcome(time_):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        client = Client(Connection("t", "project", url, timeout=2.0), sleep=time_.sleep, clock=time_.clock)
        with pytest.raises(RailwayError) as caught:
            client.execute("DeploymentRestart", {"id": "x"})
    assert caught.value.code == "platform_unreachable"
    assert client.requests == 4


def test_a_wait_longer_than_the_time_left_is_not_begun(canned, make_client, time_):
    canned.answers["ApiToken"] = [(429, {"Content-Type": "application/json", "Retry-After": "1800"}, "{}")]
    with pytest.raises(RailwayError, match="asks to wait 1800 s"):
        make_client().execute("ApiToken")
    assert time_.slept == []


def test_the_requests_of_a_task_are_counted(canned, make_client):
    canned.answers["ApiToken"] = [{"apiToken": {"workspaces": []}}]
    client = make_client(max_requests=2)
    client.execute("ApiToken")
    client.execute("ApiToken")
    with pytest.raises(RailwayError) as caught:
        client.execute("ApiToken")
    assert caught.value.code == "request_budget"
    assert len(canned.journal) == 2


def test_polls_come_less_often_when_few_requests_are_left(canned, make_client, time_):
    few = {"Content-Type": "application/json", "X-RateLimit-Remaining": "12"}
    canned.answers["ApiToken"] = [(200, few, '{"data": {"apiToken": {}}}')]
    client = make_client()
    client.pause(2.0, client.deadline(100))
    client.execute("ApiToken")
    client.pause(2.0, client.deadline(100))
    client.pause(2.0, client.deadline(5))
    assert time_.slept == [pytest.approx(1.8), pytest.approx(27.0), 5.0]


def test_pages_end_with_the_cursor_not_with_an_empty_page(canned, make_client):
    def page(names, more, cursor):
        edges = [
            {"node": {"id": name, "name": name, "deletedAt": "2026" if name == "gone" else None}} for name in names
        ]
        return {"projects": {"edges": edges, "pageInfo": {"hasNextPage": more, "endCursor": cursor}}}

    canned.answers["WorkspaceProjects"] = [page("ab", True, "1"), page([], True, "2"), page(["c", "gone"], True, "2")]
    nodes = make_client().pages("WorkspaceProjects", {"workspaceId": "w"}, ("projects",), 2)
    assert [node["id"] for node in nodes] == ["a", "b", "c"]
    assert [entry["body"]["variables"]["after"] for entry in canned.journal] == [None, "1", "2"]


def test_the_token_is_in_no_representation():
    assert "s3cr3t" not in repr(Connection("s3cr3t", "project"))
