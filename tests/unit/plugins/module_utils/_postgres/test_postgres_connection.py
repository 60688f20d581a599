"""What libpq is given, and what an operator reads when it does not work."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.sre.remediation.plugins.doc_fragments._postgres import ModuleDocFragment
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection

DEFAULTS = {name: option.get("default") for name, option in connection.argument_spec().items()}


def libpq(environ=None, **given):
    found = connection.parameters({**DEFAULTS, **given}, environ or {})
    return {
        name: value for name, value in found.items() if name not in ("options", "application_name", "connect_timeout")
    }


@pytest.mark.parametrize(
    ("environ", "given", "expected"),
    [
        ({}, {}, {"dbname": "postgres"}),
        ({"PGDATABASE": "shop"}, {}, {}),
        ({"PGSERVICE": "main"}, {}, {}),
        ({}, {"service": "main"}, {"service": "main"}),
        ({}, {"dsn": "postgresql://h/shop"}, {}),
        ({"PGDATABASE": "x"}, {"login_db": "shop"}, {"dbname": "shop"}),
        ({}, {"login_unix_socket": "/run/pg", "login_user": ""}, {"host": "/run/pg", "dbname": "postgres"}),
        (
            {},
            {"login_host": "h", "login_port": 1, "login_user": "u", "login_password": "p", "ssl_mode": "require",
             "ca_cert": "ca", "ssl_cert": "crt", "ssl_key": "key"},
            {"host": "h", "port": 1, "user": "u", "password": "p", "sslmode": "require", "sslrootcert": "ca",
             "sslcert": "crt", "sslkey": "key", "dbname": "postgres"},
        ),
    ],
)  # fmt: skip
def test_only_what_is_given_reaches_libpq(environ, given, expected):
    assert libpq(environ, **given) == expected


def test_the_session_limits_itself_and_keeps_the_users_options():
    params = {**DEFAULTS, "statement_timeout": 2.5}
    found = connection.parameters(params, {"PGOPTIONS": "-c search_path=x"})
    assert found["options"] == (
        "-c search_path=x -c statement_timeout=2500 -c lock_timeout=1250 -c idle_in_transaction_session_timeout=2500 "
        "-c TimeZone=UTC -c default_transaction_read_only=on"
    )
    assert (found["application_name"], found["connect_timeout"]) == ("sre.remediation", 10)
    assert "read_only" not in connection.parameters(params, {}, read_only=False)["options"]


@pytest.mark.parametrize(("option", "value"), [("connect_timeout", 1), ("statement_timeout", 0.0)])
def test_limits_that_are_none(option, value):
    with pytest.raises(RemediationError, match=option) as caught:
        connection.parameters({**DEFAULTS, option: value}, {})
    assert caught.value.code == "invalid_option"


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("FATAL:  sorry, too many clients already", "no_connection_slot", "Log in as a superuser"),
        (
            "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
            "no_connection_slot",
            "pg_use_reserved_connections",
        ),
        (
            'FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute',
            "no_connection_slot",
            "pg_signal_backend",
        ),
        ('FATAL:  too many connections for role "app"', "no_connection_slot", "login_user"),
        ('FATAL:  too many connections for database "shop"', "no_connection_slot", "login_db"),
        ("FATAL: unsupported startup parameter: options", "pooler", "ignore_startup_parameters"),
        ('FATAL:  password authentication failed for user "sre"', "authentication_failed", ".pgpass"),
        ("fe_sendauth: no password supplied", "authentication_failed", "login_password"),
        ("could not connect to server: Connection refused", "unreachable", "login_host"),
        ("", "unreachable", "no answer"),
    ],
)  # fmt: skip
def test_what_an_operator_reads(said, code, words):
    error = connection.connect_error(said)
    assert error.code == code
    assert words in error.message


def test_documentation_and_options_agree():
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    spec = connection.argument_spec()
    assert documented.keys() == spec.keys()
    for name, option in spec.items():
        for key in ("type", "default", "choices", "aliases"):
            assert documented[name].get(key) == option.get(key), (name, key)
    assert {name for name, option in spec.items() if option.get("no_log")} == {"dsn", "login_password"}
