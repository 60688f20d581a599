"""No literal of a query text is ever shown, however it is written or cut off."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sre.remediation.plugins.module_utils._postgres.mask import masked


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM t1 WHERE id = 42 AND x2 = -1.5e-3", "SELECT * FROM t1 WHERE id = ? AND x2 = -?"),
        ("SELECT 'it''s hidden', 1", "SELECT ?, ?"),
        ("SELECT E'it\\'s hidden' , b", "SELECT ? , b"),
        ("SELECT 'a\\' , 'hidden'", "SELECT ?"),
        ("SELECT 'cut off here", "SELECT ?"),
        ("SELECT $$hidden$$, $1, $tag$ hid'den $$ $tag$ FROM t", "SELECT ?, $1, ? FROM t"),
        ("SELECT $tag$hidden", "SELECT ?"),
        ('SELECT "a 1\'s" FROM "t""2" WHERE b = \'x\'', 'SELECT "a 1\'s" FROM "t""2" WHERE b = ?'),
        ("SELECT 1 -- the password is hidden\n FROM t", "SELECT ? FROM t"),
        ("SELECT /* hidden /* nested */ hidden */ a", "SELECT a"),
        ("SELECT a /* hidden", "SELECT a"),
        ("SELECT X'ff', B'01', N'n', U&'hidden'", "SELECT ?, ?, ?, ?"),
        ("ALTER ROLE app PASSWORD 'hidden'", "ALTER ROLE app PASSWORD ?"),
        ("SELECT a$1 FROM b$$c", "SELECT a$1 FROM b$$c"),
        ("SELECT   a,\n\tb", "SELECT a, b"),
        ("", ""),
    ],
)
def test_literals_and_comments(query, expected):
    assert masked(query, 1000) == expected


def test_the_length():
    assert masked("SELECT a FROM t", 15) == "SELECT a FROM t"
    assert masked("SELECT a FROM t", 14) == "SELECT a FR..."


SECRET = "zq7secret"
LITERALS = st.sampled_from(
    [f"'{SECRET}'", f"'a''{SECRET}'", f"E'\\'{SECRET}'", f"$$ {SECRET} $$", f"$x$'{SECRET}$x$", f"/* ' {SECRET} */",
     f"--'{SECRET}\n", f"'\\'{SECRET}'", f"e'\\\\{SECRET}'", f"U&'{SECRET}'"]
)  # fmt: skip
PLAIN = st.sampled_from([" ", ", ", "a", '"quo""ted\'"', "1.5", "$1", "=", "E", "(", ")", "+", "x$y", "U&"])


@settings(max_examples=500, deadline=None)
@given(parts=st.lists(LITERALS | PLAIN.map(lambda text: f" {text} "), max_size=8), cut=st.integers(0, 200))
def test_no_literal_is_left(parts, cut):
    assert SECRET not in masked("".join(parts)[: cut or None], 1000)
