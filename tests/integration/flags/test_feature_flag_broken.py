"""The scenario feature_flag_broken as people run it: every cause, its dry run, the healing, the undo, what it leaves alone."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from postgres_server import PASSWORD  # noqa: E402
from service_playbook import Workplace  # noqa: E402

FLAG = "passenger_favorites_matching"
MEMBERS = {"allowlist_table": {"name": "feature_flag_allowlist", "key": "key", "member": "passenger_id"}}
DECLARED = {"key": FLAG, "enabled": True, "rollout_percentage": 25, "allowlist": ["1", "2"]}
WELL = f"UPDATE feature_flags SET enabled = true, rollout_percentage = 25 WHERE key = '{FLAG}'"
ROWS = "SELECT key, enabled, rollout_percentage, updated_at FROM feature_flags ORDER BY key"
MEMBERS_OF = "SELECT * FROM feature_flag_allowlist ORDER BY 1, 2"

# cause: how it is broken, and the impact of putting it right (it interrupts nothing; who gains the feature is asked for)
BROKEN = {
    "disabled_flag": (f"UPDATE feature_flags SET enabled = false WHERE key = '{FLAG}'", "disruptive"),
    "percentage_drift": (f"UPDATE feature_flags SET rollout_percentage = 90 WHERE key = '{FLAG}'", "safe"),
    "allowlist_empty": ("DELETE FROM feature_flag_allowlist", "disruptive"),
    "allowlist_drift": (f"INSERT INTO feature_flag_allowlist VALUES ('{FLAG}', 666)", "safe"),
    "flag_missing": (
        f"DELETE FROM feature_flag_allowlist; DELETE FROM feature_flags WHERE key = '{FLAG}'",
        "disruptive",
    ),
}


@pytest.fixture
def app(database) -> Iterator[str]:
    """The service's own answer: what it makes of its flag."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rows = database.rows(f"SELECT enabled FROM feature_flags WHERE key = '{FLAG}'")
            body = json.dumps({"favorites": bool(rows and rows[0][0])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/flags"
    server.shutdown()


@pytest.fixture
def rides(tmp_path, database, app) -> Workplace:
    database.rows(WELL)
    probe = {"url": app, "expect": {"json": [{"path": "favorites", "equals": True}]}}
    return Workplace(
        tmp_path,
        service_postgres=database.options,
        service_flags=[{**DECLARED, "create": True}],
        service_flag_table=MEMBERS,
        service_flag_probe=probe,
    )


def world(database) -> tuple:
    return database.rows(ROWS), database.rows(MEMBERS_OF)


@pytest.mark.parametrize("cause", BROKEN)
def test_every_cause_is_found_planned_healed_and_undone(cause, rides, database) -> None:
    statement, impact = BROKEN[cause]
    database.rows(statement)
    broken = world(database)

    dry = rides.run("feature_flag_broken", "--check")
    assert (dry.rc, dry.result["verdict"], dry.result["cause"]) == (0, "planned", cause), dry.output[-3000:]
    assert [(item["name"], item["impact"]) for item in dry.result["planned"]] == [("reset_flag", impact)]
    assert world(database) == broken

    run = rides.run("feature_flag_broken", "-vvv")
    assert (run.rc, run.result["verdict"], run.result["cause"]) == (0, "recovered", cause), run.output[-5000:]
    assert run.result["plan_hash"] == dry.result["plan_hash"]
    assert PASSWORD not in run.output + dry.output
    rows, members = world(database)
    assert (FLAG, True, 25) in [row[:3] for row in rows] and members == [(FLAG, 1), (FLAG, 2)]
    assert [row for row in rows if row[0] == "theirs"] == [row for row in broken[0] if row[0] == "theirs"]

    undone = rides.run("undo", undo_attempt=run.result["remedies"][0]["attempt"])
    assert undone.rc == 0, undone.output[-3000:]
    rows, members = world(database)
    assert ([row[:3] for row in rows], members) == ([row[:3] for row in broken[0]], broken[1])
    again = rides.run("undo", undo_attempt=run.result["remedies"][0]["attempt"])
    assert again.rc == 2 and "it was put back already" in again.output


def test_flags_that_are_as_declared_are_left_alone(rides, database) -> None:
    before = world(database)
    run = rides.run("feature_flag_broken", "-vvv")
    assert (run.rc, run.result["verdict"], run.result["remedies"]) == (0, "no_action_needed", []), run.output[-3000:]
    assert world(database) == before
    # The speed budget: a look is one module process.
    assert len(re.findall(r" PUT .* TO \S+/AnsiballZ_\w+\.py", run.output)) == 1


def test_a_plan_is_not_carried_out_when_only_safe_is_allowed_and_more_users_would_get_it(rides, database) -> None:
    database.rows(BROKEN["disabled_flag"][0])
    run = rides.run("feature_flag_broken", remediation_max_impact="safe")
    assert (run.rc, run.result["verdict"], run.result["code"]) == (2, "refused", "impact_too_high")
    assert database.rows(f"SELECT enabled FROM feature_flags WHERE key = '{FLAG}'") == [(False,)]


def test_a_missing_flag_is_not_created_unless_the_inventory_says_so(rides, database) -> None:
    database.rows(BROKEN["flag_missing"][0])
    run = rides.run("feature_flag_broken", variables={"service_flags": [DECLARED]})
    assert (run.rc, run.result["verdict"], run.result["cause"]) == (2, "refused", "flag_missing")
    assert run.result["code"] == "no_remedy" and FLAG in run.output
    assert len(database.rows(ROWS)) == 1


def test_an_undo_leaves_what_somebody_changed_since(rides, database) -> None:
    database.rows(BROKEN["disabled_flag"][0])
    run = rides.run("feature_flag_broken")
    database.rows(f"UPDATE feature_flags SET rollout_percentage = 50 WHERE key = '{FLAG}'")
    refused = rides.run("undo", undo_attempt=run.result["remedies"][0]["attempt"])
    assert refused.rc == 2 and "was changed since it was looked at" in refused.output, refused.output[-3000:]
    assert database.rows(f"SELECT enabled, rollout_percentage FROM feature_flags WHERE key = '{FLAG}'") == [(True, 50)]


def test_a_database_that_does_not_answer_is_named_and_nothing_is_tried(rides, database) -> None:
    run = rides.run("feature_flag_broken", variables={"service_postgres": {**database.options, "login_port": 1}})
    assert (run.rc, run.result["verdict"], run.result["cause"]) == (2, "refused", "database_unreachable")
    assert "login_port" in run.output


def test_a_mistake_in_the_inventory_is_an_error_that_names_it(rides, database) -> None:
    run = rides.run("feature_flag_broken", variables={"service_flag_table": {**MEMBERS, "table": "flags"}})
    assert run.rc == 2 and run.result["verdict"] == "refused"
    assert "there is no table flags in the database" in run.said


def test_rows_that_the_service_does_not_follow_are_a_cause_without_a_remedy(rides, database, app) -> None:
    stale = {"url": app, "expect": {"json": [{"path": "favorites", "equals": "another"}]}}
    run = rides.run("feature_flag_broken", variables={"service_flag_probe": stale})
    assert (run.rc, run.result["verdict"], run.result["cause"]) == (2, "refused", "not_applied")


def test_somebody_who_puts_it_back_within_the_hold_time_is_noticed(rides, database) -> None:
    database.rows(
        f"UPDATE feature_flags SET rollout_percentage = 90 WHERE key = '{FLAG}';"
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.rollout_percentage := 90; RETURN NEW; END $$;"
        "CREATE TRIGGER keep BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    run = rides.run("feature_flag_broken")
    assert (run.rc, run.result["verdict"]) == (2, "not_recovered")
    assert "rollout_percentage 90 -> 25" in run.output
