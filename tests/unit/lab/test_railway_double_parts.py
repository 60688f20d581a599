"""The parts of the Railway double that decide by themselves: pages, faults, limits, variables, logs, switches."""

from __future__ import annotations

import asyncio
import re
import struct
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest
from lablib.faults.registry import as_table
from lablib.settings import LAB_DIRECTORY, REPOSITORY
from railway.access import Tokens, authenticate, kind_claimed
from railway.clock import Clock, text
from railway.control import Control
from railway.docker_api import parse_log
from railway.faults import KINDS, FaultRules
from railway.lab_faults import FAULTS
from railway.outcomes import OUTCOMES, check
from railway.paging import connection
from railway.queries import select_lines
from railway.rate import RateLimiter
from railway.refusal import Refused
from railway.runner import Runner
from railway.seed import API_RUNTIME, Plan, new_world
from railway.state import Deployment, World
from railway.switches import Switches
from railway.traffic import Route
from railway.variables import rendered

PLAN = Plan(
    project="lab-unit",
    api_port=1,
    database_port=2,
    api_images=["orders:1.0.0", "orders:1.1.0"],
    database_image="db:15",
    api_variables={
        "JWT_SECRET": "hidden",
        "GREETING": "${{shared.WORD}} from ${{RAILWAY_SERVICE_NAME}} to ${{db.NOTHING}}!",
    },
    database_password="pass",
    schema=2,
)


@dataclass
class Thing:
    id: int


def walk(things: int, switches: Switches, **page: int) -> list[list[int]]:
    """All pages a client sees that goes from cursor to cursor."""
    pages: list[list[int]] = []
    after = None
    while len(pages) < 100:
        found = connection(
            [Thing(n) for n in range(things)], lambda thing: {"id": thing.id}, switches, after=after, **page
        )
        pages.append([edge["node"]["id"] for edge in found["edges"]])
        if not found["pageInfo"]["hasNextPage"]:
            return pages
        after = found["pageInfo"]["endCursor"]
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize(
    ("switches", "page", "pages"),
    [
        ({}, {}, [[0, 1, 2, 3, 4]]),
        ({}, {"first": 2}, [[0, 1], [2, 3], [4]]),
        ({"page_size": 2}, {"first": 100}, [[0, 1], [2, 3], [4]]),
        ({"page_size": 2, "changing_cursors": True}, {}, [[0, 1], [2, 3], [4]]),
        ({"page_size": 3, "empty_pages": 1}, {}, [[0, 1, 2], [], [3, 4]]),
    ],
    ids=["all", "asked", "small", "changing-cursors", "empty-page"],
)
def test_pages(switches: dict, page: dict, pages: list[list[int]]) -> None:
    chosen = Switches()
    chosen.set(switches)
    assert walk(5, chosen, **page) == pages


def test_the_last_ones_and_no_cursor() -> None:
    found = connection([Thing(n) for n in range(5)], lambda thing: {"id": thing.id}, Switches(), last=2)
    assert [edge["node"]["id"] for edge in found["edges"]] == [3, 4]
    assert found["pageInfo"]["hasPreviousPage"] and not found["pageInfo"]["hasNextPage"]
    with pytest.raises(Refused, match="Invalid cursor"):
        connection([], lambda thing: thing, Switches(), after="!!!")


def test_cursors_change_when_they_shall() -> None:
    def word(switches: Switches) -> str:
        return str(connection([Thing(1)], lambda _thing: {}, switches)["pageInfo"]["endCursor"])

    changing = Switches(changing_cursors=True)
    assert word(Switches()) == word(Switches())
    assert word(changing) != word(changing)


def test_a_fault_hits_the_nth_request_and_as_often_as_it_shall() -> None:
    rules = FaultRules()
    rules.add({"kind": "bad_gateway", "on": "deploymentrollback", "nth": 2, "count": 2})
    names = ["DeploymentRollback", "deploymentRollback"]
    assert [rules.hit(["Deployments", "deployments"]), rules.hit(names)] == [None, None]
    assert [bool(rules.hit(names)) for _time in range(3)] == [True, True, False]
    rules.add({"kind": "slow", "count": 0})
    assert all(rules.hit(["anything"]) for _time in range(20))
    rules.clear()
    assert rules.hit(["anything"]) is None


def test_what_changes_an_answer_waits_for_it() -> None:
    rules = FaultRules()
    assert {rules.add({"kind": kind}).when for kind in ("truncated", "partial_data", "returns", "patch")} == {"after"}
    assert rules.add({"kind": "gateway_timeout"}).when == "before"
    assert rules.add({"kind": "gateway_timeout", "when": "after"}).when == "after"


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "fire"},
        {"kind": "slow", "nth": 0},
        {"kind": "slow", "when": "never"},
        {"kind": "slow", "operation": "x"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(given: dict) -> None:
    with pytest.raises(ValueError, match=r"there are|a fault has no|when is"):
        FaultRules().add(given)


def test_every_kind_of_fault_says_what_the_client_gets() -> None:
    for kind, effect in KINDS.items():
        assert effect.keys() & {"body", "errors", "reset", "pass", "truncate", "returns", "patch"}, kind
        assert effect.get("status") != 429 or "Retry-After" in effect["headers"] or kind == "cloudflare_1015"


def test_the_readme_names_all_that_can_be_broken() -> None:
    readme = (LAB_DIRECTORY / "railway" / "README.md").read_text(encoding="utf-8")
    assert as_table({fault.name: fault for fault in FAULTS}) in readme
    lacking = [name for name in (*KINDS, *OUTCOMES) if f"`{name}`" not in readme]
    lacking += [name for name in vars(Control) if not name.startswith("_") and f"`{name}`" not in readme]
    assert set(lacking) <= {"handle", "deploys"}


def test_every_fault_has_a_cause_that_a_scenario_knows() -> None:
    known = " ".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "roles").glob("*/vars/main.yml"))
    assert [fault.cause for fault in FAULTS if not re.search(rf"cause: {fault.cause}\b", known)] == []


def test_outcomes_are_checked() -> None:
    assert [check({"outcome": name}) for name in OUTCOMES]
    for wrong in ({"outcome": "luck"}, {"outcome": "success", "colour": "red"}):
        with pytest.raises(ValueError, match=r"outcome"):
            check(wrong)


def test_switches_are_checked() -> None:
    switches = Switches()
    switches.set({"page_size": 2, "delays": {"queued": 9}})
    assert switches.page_size == 2 and switches.delays["queued"] == 9 and switches.delays["building"] < 9
    for wrong in ({"page_sizes": 2}, {"delays": {"lunch": 1}}):
        with pytest.raises(ValueError, match="there are"):
            switches.set(wrong)
    switches.set({"hide_new_for": 1})
    assert [switches.use("hide_new_for"), switches.use("hide_new_for")] == [True, False]


def test_the_limits_of_a_second_and_of_an_hour() -> None:
    now = [100.0]
    limiter = RateLimiter(Switches(requests_per_second=2, requests_per_hour=3), lambda: now[0])
    assert [limiter.take(), limiter.take(), limiter.take()] == [None, None, 1]
    now[0] += 1
    assert limiter.take() is None
    assert limiter.headers()["X-RateLimit-Remaining"] == "0"
    now[0] += 1
    assert limiter.take() == 3598
    now[0] += 3600
    assert limiter.take() is None
    assert limiter.headers()["RateLimit-Policy"] == "3;w=3600"


@pytest.mark.parametrize("form", ["epoch", "epoch_ms", "iso"])
def test_the_reset_comes_in_every_form(form: str) -> None:
    shown = RateLimiter(Switches(reset_format=form)).headers()["X-RateLimit-Reset"]
    assert shown.endswith("Z") if form == "iso" else len(shown) == (10 if form == "epoch" else 13)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Project-Access-Token": "p"}, "project"),
        ({"Authorization": "Bearer a"}, "account"),
        ({"Authorization": "Bearer w"}, "workspace"),
        ({"Project-Access-Token": "a"}, "Project Token not found"),
        ({"Authorization": "Bearer p"}, "Not Authorized"),
        ({"Authorization": "Basic a"}, "Not Authorized"),
        ({}, "Not Authorized"),
    ],
)
def test_tokens(headers: dict[str, str], expected: str) -> None:
    try:
        found = authenticate(headers, Tokens(account="a", workspace="w", project="p")).kind
    except Refused as error:
        found = str(error)
    assert found == expected
    assert kind_claimed(headers) in ("none", "bearer", "project-access-token")


def test_variables_are_rendered() -> None:
    world = new_world(PLAN, Clock())
    world.shared["WORD"] = "greetings"
    values = rendered(world, world.named("api"))
    assert values["DATABASE_URL"] == "postgresql://orders:pass@db.railway.internal:5432/orders"
    assert values["GREETING"] == "greetings from api to !"
    assert values["RAILWAY_SERVICE_NAME"] == "api" and values["PORT"] == str(API_RUNTIME.port)
    world.named("api").variables["LOOP"] = "${{LOOP}}"
    assert rendered(world, world.named("api"))["LOOP"] == ""


def test_ids_stay_the_same() -> None:
    first, second = new_world(PLAN, Clock()), new_world(PLAN, Clock())
    assert list(first.services) == list(second.services)
    assert first.project_id == second.project_id != first.environment_id


def test_replicas_are_counted_over_regions() -> None:
    api = new_world(PLAN, Clock()).named("api")
    assert api.replicas() == 1
    api.settings["multiRegionConfig"] = {
        "us-west2": {"numReplicas": 2},
        "us-east4-eqdc4a": {"numReplicas": 1},
        "x": None,
    }
    assert api.replicas() == 3
    api.settings["multiRegionConfig"] = None
    api.settings["numReplicas"] = 5
    assert api.replicas() == 5


def test_the_engines_log_is_taken_apart() -> None:
    def frame(stream: int, line: bytes) -> bytes:
        return struct.pack(">BxxxL", stream, len(line)) + line

    raw = frame(1, b"2026-01-01T00:00:00.1Z hello there\n") + frame(2, b"2026-01-01T00:00:00.2Z oh \xff\n")
    assert parse_log(raw) == [
        ("2026-01-01T00:00:00.1Z", "stdout", "hello there"),
        ("2026-01-01T00:00:00.2Z", "stderr", "oh \ufffd"),
    ]
    assert parse_log(raw[:20]) and parse_log(b"") == []


def line(second: int, message: str, severity: str = "info") -> dict[str, str]:
    return {"timestamp": f"2026-01-01T00:00:{second:02}.000000000Z", "message": message, "severity": severity}


LINES = [line(1, "one"), line(2, "two failed", "error"), line(3, "three"), line(4, "four failed")]


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        ({}, [1, 2, 3, 4]),
        ({"limit": 1}, [3, 4]),  # one more than asked for
        ({"limit": 0}, [4]),
        ({"filter": "failed"}, [2, 4]),
        ({"filter": '"two failed"'}, [2]),
        ({"filter": "@level:error"}, [2]),
        ({"startDate": "2026-01-01T00:00:03Z"}, [3, 4]),
        ({"endDate": "2026-01-01T00:00:02.000Z", "limit": 5}, [1, 2]),
    ],
)
def test_lines_are_chosen(wanted: dict, seconds: list[int]) -> None:
    assert [int(chosen["timestamp"][17:19]) for chosen in select_lines(LINES, **wanted)] == seconds


def test_days_pass() -> None:
    clock = Clock()
    before = clock.now()
    clock.advance(86400)
    assert 86399 < (clock.now() - before).total_seconds() < 86402
    assert text(datetime(2026, 1, 2, tzinfo=timezone.utc)) == "2026-01-02T00:00:00.000Z"
    assert text(None) is None


class EngineOfOneContainer:
    """An engine whose container has just ended, so that no port of it is published."""

    async def create(self, spec: dict, name: str) -> str:
        return "container"

    async def start(self, container: str) -> None:
        """It ends at once."""

    async def address(self, container: str, port: int) -> None:
        return None


@pytest.mark.parametrize("status", ["RUNNING", "RESTARTING", "CRASHED"])
def test_what_has_ended_passes_no_health_check(status: str) -> None:
    """Else a release that ends before its port is known would be taken for healthy, and the one that serves taken away."""
    world = new_world(PLAN, Clock())
    runner = Runner(EngineOfOneContainer(), PLAN.project, world)  # type: ignore[arg-type]
    bad = deployment_of(world)

    async def healthy() -> bool:
        replica = await runner.add_replica(bad)
        replica.status = status
        return await runner.answers(bad, replica)

    assert not asyncio.run(healthy())


def deployment_of(world: World) -> Deployment:
    api = world.named("api")
    return Deployment(
        api, Clock().now(), "orders:1.2.0", "sha256:1", {}, dict(api.settings), {}, "somebody", build=False
    )


@pytest.mark.parametrize(
    ("addresses", "listens", "reason"),
    [([], False, "no address"), ([0], False, "no connection"), ([0], True, "no answer")],
)
def test_the_edge_says_why_it_answers_for_the_application(addresses: list[int], listens: bool, reason: str) -> None:
    async def ask() -> bytes:
        async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        upstream = await asyncio.start_server(leave, "127.0.0.1", 0)
        port = upstream.sockets[0].getsockname()[1]
        if not listens:
            upstream.close()
            await upstream.wait_closed()
        route = Route(0, http=True)
        route.addresses = [("127.0.0.1", port) for _address in addresses]
        await route.open()
        reader, writer = await asyncio.open_connection(*route._server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await route.close()
        upstream.close()
        return answer

    answer = asyncio.run(ask())
    assert answer.startswith(b"HTTP/1.1 502 ") and f"X-Lab-Edge: {reason}\r\n".encode() in answer
    assert answer.endswith(b'"Application failed to respond"}')
