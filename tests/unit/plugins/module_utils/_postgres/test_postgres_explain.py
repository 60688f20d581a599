"""Which statements are explained, and how: one at a time, never run, without literals."""

from __future__ import annotations

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres.explain import (
    explain_sql,
    longest,
    obstacle,
    plans,
)
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import Session


@pytest.mark.parametrize(
    ("query", "version", "words"),
    [
        ("SELECT 1", 150000, None),
        ("  with x AS (SELECT 1) DELETE FROM t ;  ", 150000, None),
        ("UPDATE t SET a = 1", 150000, None),
        ("SELECT * FROM t WHERE a LIKE '%x'", 150000, None),
        ("SELECT 1; DROP TABLE t", 150000, "more than one"),
        ("SELECT ';'", 150000, "more than one"),
        ("ANALYZE SELECT 1", 150000, "no statement that has a plan"),
        ("(ANALYZE) DELETE FROM t", 150000, "no statement that has a plan"),
        ("EXPLAIN ANALYZE DELETE FROM t", 150000, "no statement that has a plan"),
        ("VACUUM t", 150000, "no statement that has a plan"),
        ("SELECT $1", 150000, "from version 16"),
        ("SELECT $1", 160000, None),
        ("SELECT " + "x" * 1020, 150000, "cut off"),
    ],
)
def test_only_one_complete_statement_is_explained(query, version, words):
    said = obstacle(query, version, 1024)
    assert (said is None) if words is None else words in said


@pytest.mark.parametrize(
    "query", ["DELETE FROM t", "WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", "SELECT 1"]
)
def test_it_is_never_run(query):
    assert explain_sql(query, 180000) == f"EXPLAIN (FORMAT TEXT) {query}"
    assert explain_sql("SELECT $1", 160000) == "EXPLAIN (GENERIC_PLAN, FORMAT TEXT) SELECT $1"


def session(pid, age=10.0, **changes):
    return Session(
        pid, f"start-{pid}", "client backend", **{"database": "shop", "state": "active", "query_age": age, **changes}
    )


def test_the_longest_of_this_database_come_first():
    others = [session(4, database="other"), session(5, state="idle"), session(6, own=True), session(7, age=1.0)]
    found = longest([session(1), session(2, age=30.0), session(3, age=20.0), *others], "shop", 5.0, 2)
    assert [one.pid for one in found] == [2, 3]
    assert longest([session(1)], "shop", 5.0, 0) == []


class Server:
    """Answers the size of texts, then a plan, or an error."""

    version = 150000

    def __init__(self, error=None):
        self.error, self.asked = error, []

    def rows(self, sql):
        self.asked.append(sql)
        if "track_activity" in sql:
            return [(1024,)]
        if self.error:
            raise RemediationError("syntax error at 'secret-4711'", code=self.error)
        return [("Seq Scan on t  (cost=0.00..35.50 rows=10 width=4)",), ("  Filter: (name = 'secret-4711'::text)",)]


def test_literals_do_not_show_and_estimates_do():
    server = Server()
    [found] = plans(server, [session(1, query="SELECT * FROM t WHERE name = 'secret-4711'")])
    assert found["plan"] == ["Seq Scan on t  (cost=0.00..35.50 rows=10 width=4)", "  Filter: (name = ?::text)"]
    assert found["reason"] is None and len(server.asked) == 2


def test_what_the_server_refuses_is_told_without_its_words():
    [found] = plans(Server("sql_error"), [session(1, query="SELECT * FROM t WHERE name = 'secret-4711'")])
    assert (found["plan"], found["reason"]) == ([], "the server does not explain it (sql_error)")
    with pytest.raises(RemediationError):
        plans(Server("lost"), [session(1, query="SELECT 1")])
    assert plans(Server(), []) == []
