# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a good answer, and which arguments are refused with which words."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http import (
    ARGUMENT_SPEC,
    find,
    judge,
    make_probe,
    read_value,
    same,
)
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer


def probe(**arguments):
    validated = ArgumentSpecValidator(ARGUMENT_SPEC).validate({"url": "http://api:8000/health", **arguments})
    assert not validated.error_messages, validated.error_messages
    return make_probe(validated.validated_parameters)


JSON_BODY = '{"status": "healthy", "ready": true, "count": 1, "checks": [{"db": null}]}'


@pytest.mark.parametrize(
    ("expect", "answer", "symptom", "message"),
    [
        ({}, {"status": 200}, None, "status 200"),
        ({}, {"status": 500}, "bad_status", "status 500 instead of 200"),
        ({"status": [204, 200]}, {"status": 301}, "bad_status", "status 301 instead of 200, 204"),
        ({}, {"symptom": "refused", "error": "connection refused"}, "refused", "connection refused"),
        ({}, {"status": 200, "symptom": "timeout", "error": "slow"}, "timeout", "slow"),
        ({}, {"status": 503, "symptom": "timeout", "error": "slow"}, "bad_status", "status 503 instead of 200"),
        ({"body": "Caf(e|\u00e9)"}, {"status": 200, "body": "<h1>Caf\u00e9</h1>"}, None, "status 200"),
        ({"body": "^ok$"}, {"status": 200, "body": "nok"}, "bad_body", "the body does not match '^ok$'"),
        ({"json": [{"path": "status", "equals": "healthy"}]}, {"status": 200, "body": JSON_BODY}, None, "status 200"),
        ({"json": [{"path": "checks.0.db", "equals": None}]}, {"status": 200, "body": JSON_BODY}, None, "status 200"),
        (
            {"json": [{"path": "status", "equals": "healthy"}, {"path": "count", "equals": 2}]},
            {"status": 200, "body": JSON_BODY},
            "bad_body",
            "count is 1 instead of 2",
        ),
        (
            {"json": [{"path": "checks.1.db", "equals": "ok"}]},
            {"status": 200, "body": JSON_BODY},
            "bad_body",
            "checks.1.db is missing in the JSON body",
        ),
        (
            {"json": [{"path": "a", "equals": 1}]},
            {"status": 200, "body": "<html>"},
            "bad_body",
            "the body is not JSON",
        ),
        (
            {"json": [{"path": "a", "equals": 1}]},
            {"status": 200, "body": '{"a": 1', "truncated": True},
            "bad_body",
            "the body is too long to be read as JSON",
        ),
    ],
)
def test_judge(expect, answer, symptom, message):
    assert judge(Answer(seconds=0.1, **answer), probe(expect=expect)) == (symptom, message)


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        (None, None, True),
        ([1, {"a": 2}], [1, {"a": 2}], True),
    ],
)
def test_same_compares_as_json(found, wanted, equal):
    assert same(found, wanted) is equal


@pytest.mark.parametrize("path", ["a.x", "a.b.2", "a.b.-1", "a.b.0.c", "a.b.first", ""])
def test_find_raises_on_a_path_that_leads_nowhere(path):
    with pytest.raises(LookupError):
        find({"a": {"b": [1, 2]}}, path)


URL_HELP = "url must be like http://host:port/path or https://host/path, without spaces"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "ftp://host/"}, URL_HELP),
        ({"url": "host:80"}, URL_HELP),
        ({"url": "http:///x"}, URL_HELP),
        ({"url": "http://h:99999/"}, URL_HELP),
        ({"url": "http://h/a b"}, URL_HELP),
        ({"url": "http://h/\r\nX: y"}, URL_HELP),
        ({"samples": 0}, "samples must be from 1 and at most 1000, got 0"),
        ({"successes": 0}, "successes must be from 1 and at most 1000, got 0"),
        ({"timeout": 0}, "timeout must be more than 0 and at most 3600 seconds, got 0"),
        ({"timeout": -1}, "timeout must be more than 0 and at most 3600 seconds, got -1"),
        ({"deadline": -1}, "deadline must be from 0 and at most 86400 seconds, got -1"),
        ({"hold": 1e9}, "hold must be from 0 and at most 86400 seconds, got 1e+09"),
        ({"interval": float("nan")}, "interval must be from 0 and at most 3600 seconds, got nan"),
        ({"headers": {"X": "a\nb"}}, "headers must be names and values of one line each"),
        ({"headers": {"X Y": "a"}}, "headers must be names and values of one line each"),
        (
            {"expect": {"body": "x"}, "method": "HEAD"},
            "expect.body cannot be checked with method HEAD, which has no body; use GET",
        ),
    ],
)
def test_refused_arguments_are_named(arguments, message):
    with pytest.raises(RemediationError) as caught:
        probe(**arguments)
    assert (caught.value.message, caught.value.code) == (message, "bad_argument")


def test_an_unreadable_ca_path_is_named(tmp_path):
    with pytest.raises(RemediationError, match="^ca_path must be a readable PEM file"):
        probe(url="https://host/", ca_path=str(tmp_path / "none.pem"))


def test_a_file_that_is_no_certificate_is_named(tmp_path):
    (tmp_path / "bad.pem").write_text("not a certificate")
    with pytest.raises(RemediationError, match="^ca_path must be a readable PEM file"):
        probe(url="https://host/", ca_path=str(tmp_path / "bad.pem"))


def test_a_regular_expression_that_is_none_is_named():
    with pytest.raises(RemediationError, match="^expect.body must be a regular expression: "):
        probe(expect={"body": "("})


def test_json_cannot_be_checked_without_a_body():
    with pytest.raises(RemediationError, match="^expect.json cannot be checked with method HEAD"):
        probe(method="HEAD", expect={"json": [{"path": "a", "equals": 1}]})


def test_the_shown_url_has_no_user_and_no_query():
    assert probe(url="http://me:pw@api:8000/health?token=abc").shown_url == "http://api:8000/health"


def test_secrets_are_the_password_and_the_words_of_headers():
    made = probe(url="http://me:p%40ss@api/", headers={"Authorization": "Bearer 0123456789", "Accept": "*/*"})
    assert set(made.secrets) == {"p%40ss", "p@ss", "Bearer 0123456789", "0123456789"}


@pytest.mark.parametrize(
    ("read", "body", "expected"),
    [
        ({"json": "version"}, '{"version": "1.4.0"}', "1.4.0"),
        ({"json": "build.number"}, '{"build": {"number": 17}}', "17"),
        ({"json": "version"}, '{"release": "1.4.0"}', None),
        ({"json": "version"}, "<html>", None),
        ({"pattern": r"Front end ([\w.-]+)"}, "<p>Front end 1.1.0, API</p>", "1.1.0"),
        ({"pattern": r"v\d+"}, "this is v12", "v12"),
        ({"pattern": r"v\d+"}, "this is none", None),
        (None, '{"version": "1.4.0"}', None),
    ],
)
def test_a_value_is_read_from_the_answer(read, body, expected):
    assert read_value(Answer(seconds=0.1, status=200, body=body), probe(read=read)) == expected


def test_a_pattern_to_read_that_is_none_is_named():
    with pytest.raises(RemediationError, match=r"read\.pattern must be a regular expression"):
        probe(read={"pattern": "("})
