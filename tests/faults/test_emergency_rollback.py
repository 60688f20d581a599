"""An ordered rollback: flags first, then the service; once, and never back and forth; every step can be put back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import world

REASON = "Ana: checkout charges twice"
TABLE = """
SET client_min_messages TO warning;
CREATE TABLE IF NOT EXISTS feature_flags (key text PRIMARY KEY, enabled boolean NOT NULL,
  rollout_percentage integer NOT NULL, updated_at timestamp(3) NOT NULL);
TRUNCATE feature_flags;
INSERT INTO feature_flags VALUES ('favorites', true, 40, now()), ('another', true, 7, now());
GRANT SELECT, INSERT, UPDATE, DELETE ON feature_flags TO orders;
"""
SECONDS = 120  # runbook Kaviar, Rollback Imediato: less than two minutes


def sql(text: str) -> list[str]:
    command = [
        "psql",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--username=postgres",
        "--dbname=orders",
        f"--command={text}",
    ]
    return world.docker("exec", f"{world.PROJECT}-db-1", *command).split()


def percentages() -> list[str]:
    return sql("SELECT key || ':' || rollout_percentage FROM feature_flags ORDER BY key")


def state_directory() -> Path:
    return world.ROOT / ".lab" / world.PROJECT


def flags(port: int = 32) -> dict:
    """The inventory's word on the flags, given as extra variables."""
    secrets = json.loads((state_directory() / "secrets.json").read_text(encoding="utf-8"))
    login = {"login_host": "127.0.0.1", "login_port": world.PORT_BASE + port, "login_user": "orders"}
    login.update(login_password=secrets["database_password"], login_db="orders", connect_timeout=2)
    return {"service_flags": [{"key": "favorites", "rollout_percentage": 40}], "service_postgres": login}


def order(workplace, **extra):
    return workplace.run("emergency_rollback", target="api", **{"remediation_reason": REASON, **extra})


def test_an_order_is_carried_out_once_and_every_step_can_be_put_back(clean_lab, workplace) -> None:
    sql(TABLE)
    before = world.containers()
    unsaid = order(workplace, remediation_reason=" ")
    assert (unsaid.rc, unsaid.result["verdict"], unsaid.result["cause"]) == (2, "refused", "reason_missing")
    plan = order(workplace, **flags(), remediation_mode="plan")
    assert [step["name"] for step in plan.result["planned"]] == ["reset_flag", "rollback"]
    assert (world.containers(), percentages()) == (before, ["another:7", "favorites:40"])

    began = time.monotonic()
    run = order(workplace, **flags())
    assert (run.rc, run.result["verdict"], run.result["cause"]) == (0, "recovered", "ordered"), run.output[-4000:]
    assert time.monotonic() - began < SECONDS
    assert [(step["name"], step["result"]) for step in run.result["remedies"]] == [
        ("reset_flag", "recovered"),
        ("rollback", "recovered"),
    ]
    assert run.result["plan_hash"] == plan.result["plan_hash"]
    assert REASON in run.result["summary"]
    assert (world.served_version(), percentages()) == ("1.0.0", ["another:7", "favorites:0"])
    assert world.changed(before, world.containers()) == {"api"}

    after = world.containers()
    again = order(workplace, **flags())
    assert (again.rc, again.result["verdict"]) == (0, "no_action_needed")
    assert "rolled back already" in again.result["summary"]
    assert (world.containers(), percentages()) == (after, ["another:7", "favorites:0"])

    flag_step, rollback_step = (step["attempt"] for step in run.result["remedies"])
    assert workplace.run("undo", target="api", undo_attempt=rollback_step).rc == 0
    assert (world.served_version(), percentages()) == ("1.1.0", ["another:7", "favorites:0"])
    undone = workplace.run("undo", target="api", undo_attempt=flag_step, **flags())
    assert undone.rc == 0, undone.output[-3000:]
    assert (world.served_version(), percentages()) == ("1.1.0", ["another:7", "favorites:40"])


def test_a_step_that_fails_does_not_hold_up_the_next_and_is_named(clean_lab, workplace) -> None:
    unreachable = flags(port=499)
    run = order(workplace, **unreachable)
    assert (run.rc, run.result["verdict"], run.result["code"]) == (2, "not_recovered", "step_failed"), run.output[
        -4000:
    ]
    assert [(step["name"], step["result"]) for step in run.result["remedies"]] == [
        ("reset_flag", "failed"),
        ("rollback", "recovered"),
    ]
    assert "reset_flag" in run.result["summary"]
    assert world.served_version() == "1.0.0"
    secret = unreachable["service_postgres"]["login_password"]
    assert secret not in run.output and secret not in Path(run.result["evidence"], "report.md").read_text()

    # A second order does not go back to what the first one left, however good the ledger thought it was.
    after = world.containers()
    with workplace.open_ledger() as ledger:
        left = ledger.incident(run.result["ledger_id"])["attempts"][1]["undo"]["with"]["platform_candidates"]
        ledger.add_known_good("api", left[0])
    second = order(workplace)
    assert (second.rc, second.result["verdict"]) == (0, "no_action_needed")
    assert world.containers() == after


def test_no_earlier_version_frozen_and_plain_process_are_refused(clean_lab, workplace) -> None:
    workplace.run("freeze", freeze_scope="service:api", freeze_reason="audit")
    before = world.containers()
    held = order(workplace)
    assert (held.rc, held.result["verdict"], held.result["code"]) == (2, "refused", "frozen")
    nowhere = workplace.run("emergency_rollback", target="frontend", remediation_reason=REASON)
    assert (nowhere.rc, nowhere.result["verdict"], nowhere.result["cause"]) == (2, "refused", "no_earlier_version")
    plain = workplace.run("emergency_rollback", target="api_process", remediation_reason=REASON)
    assert (plain.rc, plain.result["verdict"]) == (2, "refused")
    assert world.containers() == before


def test_a_killed_order_is_ended_by_the_next_one_and_goes_back_only_once(clean_lab, workplace) -> None:
    output = workplace.directory / "killed.txt"
    arguments = json.dumps({"target": "api", "remediation_reason": REASON, "remediation_hold": 60})
    killed = workplace.start("-e", arguments, output=output, playbook="emergency_rollback")
    deadline = time.monotonic() + SECONDS
    while not reached("1.0.0") and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    killed.kill()
    killed.wait(timeout=10)
    assert reached("1.0.0"), output.read_text()[-3000:]

    ended = order(workplace)
    assert (ended.rc, ended.result["verdict"]) == (0, "recovered"), ended.output[-4000:]
    assert [(step["name"], step["result"]) for step in ended.result["remedies"]] == [
        ("rollback", "interrupted"),
        ("wait", "recovered"),
    ]
    after = world.containers()
    again = order(workplace)
    assert (again.rc, again.result["verdict"]) == (0, "no_action_needed")
    assert (world.containers(), world.served_version()) == (after, "1.0.0")
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []


def reached(version: str) -> bool:
    try:
        return world.served_version() == version
    except (OSError, ValueError):
        return False
