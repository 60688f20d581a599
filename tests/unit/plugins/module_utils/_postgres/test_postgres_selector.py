"""Which sessions are described, which are protected and why: tables, and a property over random sessions."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import selector as sel
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import Protection, Selector
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import HIDDEN_QUERY, Session

START = "2026-03-01T12:00:00+00:00"


def session(pid=1, **changes) -> Session:
    """An application's idle session: connected 1000 s, last statement started 400 s ago, idle for 390 s."""
    fields = {
        "pid": pid,
        "backend_start": START,
        "backend_type": "client backend",
        "database": "shop",
        "user": "app",
        "application": "web-1",
        "client": "10.0.0.7",
        "state": "idle",
        "state_change": START,
        "wait_event_type": "Client",
        "wait_event": "ClientRead",
        "backend_age": 1000.0,
        "xact_age": None,
        "query_age": 400.0,
        "state_age": 390.0,
        "query": "SELECT 1",
    }
    return Session(**{**fields, **changes})


IN_TRANSACTION = {"state": "idle in transaction", "xact_age": 600.0}
ACTIVE = {"state": "active", "xact_age": 600.0}


@pytest.mark.parametrize(
    ("changes", "clock", "age"),
    [
        ({}, "auto", 390.0),
        (ACTIVE, "auto", 400.0),
        ({"state": "fastpath function call"}, "auto", 400.0),
        (IN_TRANSACTION, "auto", 600.0),
        ({"state": "idle in transaction (aborted)", "xact_age": 7.0}, "auto", 7.0),
        ({"state": None, "state_age": None}, "auto", None),
        ({}, "query_start", 400.0),
        ({}, "backend_start", 1000.0),
        ({}, "xact_start", None),
        (IN_TRANSACTION, "state_change", 390.0),
    ],
)
def test_the_clock_of_a_session(changes, clock, age):
    assert sel.age_of(session(**changes), clock) == age


@pytest.mark.parametrize(
    ("selector", "changes", "expected"),
    [
        (Selector(states=("idle",)), {}, True),
        (Selector(states=("active",)), {}, False),
        (Selector(states=("idle",), min_age=389.9), {}, True),
        (Selector(states=("idle",), min_age=390.0), {}, False),  # older than, as the runbooks' SQL has it
        (Selector(states=("idle",), min_age=395.0, clock="query_start"), {}, True),
        (Selector(states=("idle",), min_age=0.0, clock="xact_start"), {}, False),
        (Selector(databases=("other", "shop")), {}, True),
        (Selector(databases=("shop",)), {"database": None}, False),
        (Selector(users=("App",)), {}, False),
        (Selector(applications=("web-*",)), {}, True),
        (Selector(applications=("web",)), {}, False),
        (Selector(applications=("WEB-*",)), {}, False),
        (Selector(clients=("10.0.0.0/8",)), {}, True),
        (Selector(clients=("10.0.0.7",)), {}, True),
        (Selector(clients=("10.0.0.8", "::/0")), {}, False),
        (Selector(clients=("fe80::/10",)), {"client": "fe80::1%eth0"}, True),
        (Selector(clients=("local",)), {"client": "local"}, True),
        (Selector(clients=("0.0.0.0/0",)), {"client": "local"}, False),
        (Selector(clients=("local",)), {"client": None}, False),
        (Selector(wait_events=("Client",)), {}, True),
        (Selector(wait_events=("Client:ClientRead",)), {}, True),
        (Selector(wait_events=("Client:ClientWrite", "Lock")), {}, False),
        (Selector(wait_events=("Client",)), {"wait_event_type": None, "wait_event": None}, False),
        (Selector(pids=("1",)), {}, True),
        (Selector(pids=(f"1@{START}",)), {}, True),
        (Selector(pids=("1@2026-03-01T12:00:01+00:00", "11")), {}, False),
        (Selector(users=("app",), states=("idle",), databases=("x",)), {}, False),
        (Selector(root_blockers=True), {"pid": 5}, True),
        (Selector(root_blockers=True), {}, False),
    ],
)
def test_described(selector, changes, expected):
    assert sel.described(session(**changes), selector.checked(), {5}) is expected


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"own": True}, "own_session"),
        ({"backend_type": "walsender", "state": "active"}, "replication"),
        ({"backend_type": "autovacuum worker", "query": "autovacuum: VACUUM public.t"}, "autovacuum"),
        (
            {"backend_type": "autovacuum worker", "query": "autovacuum: VACUUM a.t (to prevent wraparound)"},
            "wraparound",
        ),
        ({"backend_type": "parallel worker"}, "background"),
        ({"backend_type": "logical replication worker"}, "background"),
        ({"backend_type": "io worker"}, "background"),
        ({"backend_type": None}, "background"),
        ({"application": "pg_dump"}, "backup"),
        ({"application": "pgBackRest [backup]"}, "backup"),
        ({"query": "SELECT pg_backup_start('x')"}, "backup"),
        ({"query": "select PG_START_BACKUP ('x', false, false)"}, "backup"),
        ({"query": "SELECT my_pg_backup_starter(1)"}, None),
        ({"backend_start": None}, "hidden"),
        ({"backend_start": None, "backend_type": None, "query": HIDDEN_QUERY}, "hidden"),
        ({"user": "billing"}, "protected_user"),
        ({"application": "cron/7"}, "protected_application"),
        ({"pid": 42}, "protected_pid"),
        ({"superuser": True}, "superuser"),
        ({"signalable": False}, "not_permitted"),
    ],
)
def test_who_is_spared_and_why(changes, code):
    protection = Protection(users=("billing",), applications=("cron/*",), pids=("42",))
    found = sel.why_spared(session(**changes), protection)
    assert (found and found[0]) == code
    assert found is None or found[1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"superuser": True}, None),
        ({"backend_type": "autovacuum worker", "query": "autovacuum: VACUUM public.t"}, None),
        ({"backend_type": "autovacuum worker", "query": "autovacuum: VACUUM t (to prevent wraparound)"}, "wraparound"),
        ({"backend_type": "walsender", "superuser": True}, "replication"),
        ({"own": True, "superuser": True}, "own_session"),
        ({"application": "pg_dumpall", "superuser": True}, "backup"),
    ],
)
def test_what_may_be_allowed_and_what_never(changes, code):
    found = sel.why_spared(session(**changes), Protection(allow_superusers=True, allow_autovacuum=True))
    assert (found and found[0]) == code


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (Selector(), "at least one of"),
        (Selector(min_age=5.0), "min_age alone"),
        (Selector(min_age=-1.0, states=("idle",)), "min_age"),
        (Selector(databases=()), "databases: an empty list"),
        (Selector(users=("app", " ")), "users: an empty list or an empty entry"),
        (Selector(clients=("10.0.0.300",)), "clients: '10.0.0.300'"),
        (Selector(pids=("x",)), "pids: 'x'"),
        (Selector(states=("idle",), pids=()), "pids: an empty list"),
    ],
)
def test_a_selector_that_names_nothing_is_refused(selector, words):
    with pytest.raises(RemediationError, match=words) as caught:
        selector.checked()
    assert caught.value.code == "invalid_option"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (Selector(users=("app",)), False),
        (Selector(pids=("1",)), False),
        (Selector(states=("idle",)), True),
        (Selector(users=("app",), min_age=1.0), True),
        (Selector(wait_events=("Lock",)), True),
        (Selector(root_blockers=True), True),
    ],
)
def test_whether_what_a_session_does_matters(selector, expected):
    assert selector.by_activity is expected


CHAIN = [
    session(1, **IN_TRANSACTION),
    session(2, **ACTIVE, blocked_by=(1,)),
    session(3, **ACTIVE, blocked_by=(2, 1)),
    session(4, **ACTIVE, blocked_by=(0,)),
    session(5),
]


def test_roots_block_and_do_not_wait():
    assert sel.roots(CHAIN) == {1, 0}
    chosen = sel.choose(CHAIN, Selector(root_blockers=True), Protection(), "terminate", 10, False)
    assert [victim.pid for victim in chosen.victims] == [1]


def test_cancel_leaves_sessions_alone_that_run_nothing():
    chosen = sel.choose(CHAIN, Selector(users=("app",)), Protection(), "cancel", 10, False)
    assert [victim.pid for victim in chosen.victims] == [2, 3, 4]
    assert [(one.pid, code) for one, code, _reason in chosen.spared] == [
        (1, "nothing_to_cancel"),
        (5, "nothing_to_cancel"),
    ]


def test_more_than_the_cap_fails_or_takes_the_oldest():
    many = [session(pid, state_age=float(pid)) for pid in range(1, 8)]
    with pytest.raises(
        RemediationError, match=r"7 sessions match, more than max_backends \(3\); nothing was"
    ) as caught:
        sel.choose(many, Selector(states=("idle",)), Protection(), "terminate", 3, False)
    assert caught.value.code == "too_many"
    chosen = sel.choose(many, Selector(states=("idle",)), Protection(), "terminate", 3, True)
    assert [victim.pid for victim in chosen.victims] == [7, 6, 5]
    assert {(one.pid, code) for one, code, _reason in chosen.spared} == {(pid, "over_cap") for pid in (1, 2, 3, 4)}


NAMES = st.sampled_from(["app", "web", "pg_dump", "cron"])
AGES = st.none() | st.integers(0, 20).map(float)
SESSIONS = st.builds(
    Session,
    pid=st.just(0),
    backend_start=st.sampled_from([START, None, START, START]),
    backend_type=st.sampled_from(["client backend"] * 4 + ["walsender", "autovacuum worker", "checkpointer", None]),
    database=st.sampled_from(["shop", "crm", None]),
    user=NAMES,
    application=NAMES,
    client=st.sampled_from(["10.0.0.1", "10.1.0.1", "::1", "local", None]),
    state=st.sampled_from([*sel.STATES, None]),
    wait_event_type=st.sampled_from(["Lock", "Client", None]),
    wait_event=st.sampled_from(["relation", "ClientRead"]),
    backend_age=AGES,
    xact_age=AGES,
    query_age=AGES,
    state_age=AGES,
    query=st.sampled_from(["SELECT 1", "SELECT pg_backup_start('x')", "autovacuum: VACUUM t (to prevent wraparound)"]),
    superuser=st.booleans(),
    signalable=st.sampled_from([True, True, False]),
    own=st.sampled_from([False] * 5 + [True]),
    blocked_by=st.lists(st.integers(0, 8), max_size=2).map(tuple),
)


def some(*values):
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=2).map(tuple)


SELECTORS = st.builds(
    Selector,
    states=some(*sel.STATES),
    min_age=st.none() | st.integers(0, 20).map(float),
    clock=st.sampled_from(sel.CLOCKS),
    databases=some("shop", "crm"),
    users=some("app", "web"),
    applications=some("app", "c*"),
    clients=some("10.0.0.0/16", "::1", "local"),
    wait_events=some("Lock", "Client:ClientRead"),
    pids=some("1", f"2@{START}", "3@1999-01-01T00:00:00+00:00"),
    root_blockers=st.booleans(),
)


def oracle(one, everyone, selector):
    """The definition once more, in the plainest way: what the documentation promises, condition by condition."""
    clock = selector.clock
    if clock == "auto":
        clock = {
            "active": "query_start",
            "fastpath function call": "query_start",
            "idle in transaction": "xact_start",
            "idle in transaction (aborted)": "xact_start",
        }.get(one.state, "state_change")
    ages = {"query_start": one.query_age, "xact_start": one.xact_age, "state_change": one.state_age}
    age = ages.get(clock, one.backend_age)
    if selector.min_age is not None and (age is None or not age > selector.min_age):
        return False
    for wanted, value in ((selector.states, one.state), (selector.databases, one.database), (selector.users, one.user)):
        if wanted is not None and value not in wanted:
            return False
    if selector.applications and not any(
        one.application == name or (name == "c*" and one.application[:1] == "c") for name in selector.applications
    ):
        return False
    if selector.clients is not None:
        local = one.client == "local" and "local" in selector.clients
        networks = [ipaddress.ip_network(network) for network in selector.clients if network != "local"]
        remote = one.client not in (None, "local") and any(ipaddress.ip_address(one.client) in n for n in networks)
        if not (local or remote):
            return False
    if selector.wait_events is not None and not (
        (one.wait_event_type == "Lock" and "Lock" in selector.wait_events)
        or (
            (one.wait_event_type, one.wait_event) == ("Client", "ClientRead")
            and len({*selector.wait_events} - {"Lock"})
        )
    ):
        return False
    if selector.pids is not None and not (
        ("1" in selector.pids and one.pid == 1)
        or (f"2@{START}" in selector.pids and (one.pid, one.backend_start) == (2, START))
    ):
        return False
    if selector.root_blockers:
        blocks = any(one.pid in other.blocked_by for other in everyone)
        return blocks and not one.blocked_by
    return True


@settings(max_examples=400, deadline=None)
@given(
    sessions=st.lists(SESSIONS, max_size=8),
    selector=SELECTORS,
    users=st.lists(NAMES, max_size=1),
    superusers=st.booleans(),
    autovacuum=st.booleans(),
    action=st.sampled_from(["cancel", "terminate", "cancel_then_terminate"]),
    cap=st.integers(1, 4),
)
def test_victims_are_exactly_those_described_and_never_protected(
    sessions, selector, users, superusers, autovacuum, action, cap
):
    sessions = [one._replace(pid=number) for number, one in enumerate(sessions, start=1)]
    protection = Protection(users=tuple(users), allow_superusers=superusers, allow_autovacuum=autovacuum)
    chosen = sel.choose(sessions, selector, protection, action, 100, False)

    untouchable = {
        one.pid
        for one in sessions
        if one.own
        or one.backend_type not in ("client backend", "autovacuum worker")
        or (one.backend_type == "autovacuum worker" and (not autovacuum or "wraparound" in one.query))
        or one.backend_start is None
        or one.application == "pg_dump"
        or "pg_backup_start" in one.query
        or one.user in users
        or (one.superuser and not superusers)
        or not one.signalable
        or (action == "cancel" and one.state not in ("active", "fastpath function call"))
    }
    wanted = {one.pid for one in sessions if oracle(one, sessions, selector)}
    assert {one.pid for one in chosen.victims} == wanted - untouchable
    assert {one.pid for one, _code, _reason in chosen.spared} == wanted & untouchable

    capped = sel.choose(sessions, selector, protection, action, cap, True)
    assert capped.victims == chosen.victims[:cap]
    ages = [sel.age_of(victim, selector.clock) or 0.0 for victim in chosen.victims]
    assert ages == sorted(ages, reverse=True)
