"""A hundred writers at once: no update of a feature flag is lost, not ours and not anybody else's."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._flags import store
from ansible_collections.sre.remediation.plugins.module_utils._flags.model import Layout, Request
from ansible_collections.sre.remediation.plugins.module_utils._postgres.connection import connected

WRITERS = 100
FLAG = "passenger_favorites_matching"
LAYOUT = Layout(members_table="feature_flag_allowlist", members_key="key", members_member="passenger_id")


def together(work, database) -> list:
    """Run ``work(number, connection)`` in as many threads as there are writers, all let go at the same moment."""
    start, results = threading.Barrier(WRITERS), []

    def run(number: int) -> None:
        with connected({**database.parameters, "statement_timeout": 60.0}, read_only=False) as server:
            start.wait(60)
            try:
                results.append(work(number, server))
            except RemediationError as error:
                results.append(error.code)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(results) == WRITERS
    return results


def seen(server) -> dict:
    (change,) = store.apply(server, LAYOUT, [Request(FLAG)], check_mode=True)
    return change.before.shown()


@pytest.fixture
def from_zero(database):
    database.rows(
        f"UPDATE feature_flags SET rollout_percentage = 0 WHERE key = '{FLAG}'; DELETE FROM feature_flag_allowlist"
    )
    return database


def test_every_one_of_a_hundred_steps_is_there_at_the_end(from_zero) -> None:
    def one_more(number: int, server) -> int:
        """Raise the percentage by one and add one member, only from the row that was seen; look again when it changed."""
        for tries in range(1, 1000):
            row = seen(server)
            request = Request(
                FLAG,
                rollout_percentage=row["rollout_percentage"] + 1,
                allowlist=(*row["allowlist"], str(number)),
                expect=row,
            )
            try:
                store.apply(server, LAYOUT, [request])
            except RemediationError as error:
                assert error.code == "changed_since"
                time.sleep(0.005 * (number % 10))
            else:
                return tries
        raise AssertionError("never got through")

    tries = together(one_more, from_zero)
    assert from_zero.rows(f"SELECT rollout_percentage FROM feature_flags WHERE key = '{FLAG}'") == [(100,)]
    assert from_zero.rows("SELECT count(DISTINCT passenger_id) FROM feature_flag_allowlist") == [(WRITERS,)]
    assert max(tries) > 1, "they never met, so this shows nothing"


def test_of_a_hundred_who_saw_the_same_row_one_writes(from_zero) -> None:
    with connected(from_zero.parameters) as server:
        row = seen(server)

    def claim(number: int, server) -> str:
        store.apply(server, LAYOUT, [Request(FLAG, rollout_percentage=number + 1, enabled=True, expect=row)])
        return "written"

    assert Counter(together(claim, from_zero)) == {"written": 1, "changed_since": WRITERS - 1}


def test_a_reset_among_writers_who_know_nothing_of_us_loses_none_of_theirs(from_zero) -> None:
    """Half of them add one by plain SQL, as an application does; half of us turn the flag on and leave the rest."""

    def work(number: int, server) -> str:
        if number % 2:
            with server.transaction() as cursor:
                cursor.execute(
                    "UPDATE feature_flags SET rollout_percentage = rollout_percentage + 1 WHERE key = %s", (FLAG,)
                )
                cursor.execute("INSERT INTO feature_flag_allowlist VALUES (%s, %s)", (FLAG, number))
        else:
            store.apply(server, LAYOUT, [Request(FLAG, enabled=number % 4 == 0)])
        return "written"

    assert Counter(together(work, from_zero)) == {"written": WRITERS}
    assert from_zero.rows(f"SELECT rollout_percentage FROM feature_flags WHERE key = '{FLAG}'") == [(WRITERS // 2,)]
    assert from_zero.rows("SELECT count(*) FROM feature_flag_allowlist") == [(WRITERS // 2,)]


def test_a_hundred_who_create_the_same_flag_make_one(from_zero) -> None:
    """In a table that does not even forbid two."""
    from_zero.rows("CREATE TABLE loose (key text, enabled boolean)")
    layout = Layout(table="loose", rollout_percentage=None, updated_at=None)

    def create(number: int, server) -> str:
        (change,) = store.apply(server, layout, [Request("new", enabled=True, create=True)])
        return change.action

    assert Counter(together(create, from_zero)) == {"create": 1, "none": WRITERS - 1}
    assert from_zero.rows("SELECT key, enabled FROM loose") == [("new", True)]


def test_two_flags_locked_in_opposite_orders_do_not_block_each_other(from_zero) -> None:
    def work(number: int, server) -> str:
        pair = [Request(FLAG, enabled=number % 3 == 0), Request("theirs", enabled=number % 5 == 0)]
        store.apply(server, LAYOUT, pair if number % 2 else pair[::-1])
        return "written"

    assert Counter(together(work, from_zero)) == {"written": WRITERS}


def test_a_lock_that_somebody_keeps_ends_with_an_error_that_says_so(from_zero) -> None:
    raw = from_zero.connect()
    raw.autocommit = False
    raw.cursor().execute(f"SELECT 1 FROM feature_flags WHERE key = '{FLAG}' FOR UPDATE")
    try:
        with (
            connected({**from_zero.parameters, "statement_timeout": 1.0}, read_only=False) as server,
            pytest.raises(RemediationError, match="another session holds the row") as caught,
        ):
            store.apply(server, LAYOUT, [Request(FLAG, enabled=True)])
        assert caught.value.code == "timeout"
    finally:
        raw.close()
    assert from_zero.rows(f"SELECT enabled FROM feature_flags WHERE key = '{FLAG}'") == [(False,)]
