"""The module feature_flag as a playbook calls it, against a real PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from postgres_server import PASSWORD  # noqa: E402
from run_tasks import play  # noqa: E402

FLAG = "passenger_favorites_matching"
MEMBERS = {"name": "feature_flag_allowlist", "key": "key", "member": "passenger_id"}
ODD = {
    "schema": 'Odd "names"',
    "table": "Flags; DROP TABLE feature_flags",
    "columns": {
        "key": "Key",
        "enabled": "isEnabled",
        "rollout_percentage": "percent %s",
        "updated_at": "",
        "allowlist": "allowedUsers",
    },
}
ROW = f"SELECT enabled, rollout_percentage, updated_at::text FROM feature_flags WHERE key = '{FLAG}'"
USER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def flag(tmp_path, database):
    """Runs the module once; options ``check`` and ``diff`` are ansible-playbook's."""

    def run(*, check=False, **options):
        task = {"name": "flag", "sre.remediation.feature_flag": {**database.options, **options}}
        results, output = play(
            tmp_path, [{**task, "ignore_errors": True}], "--diff", "-vvv", *(["--check"] if check else [])
        )
        assert PASSWORD not in output
        return results["flag"]

    return run


def members(database) -> list[int]:
    return [row[0] for row in database.rows("SELECT passenger_id FROM feature_flag_allowlist ORDER BY 1")]


def test_the_runbook_s_reset_dry_for_real_again_and_undone(flag, database) -> None:
    before = database.rows(f"SELECT *, xmin, xmax FROM feature_flags WHERE key = '{FLAG}'")
    dry = flag(check=True, key=FLAG, state="reset")
    assert dry["changed"] and dry["actions"] == [f"Would set {FLAG}: enabled false -> true, rollout_percentage 40 -> 0"]
    # Not even a row lock was taken: the row's header is what it was.
    assert database.rows(f"SELECT *, xmin, xmax FROM feature_flags WHERE key = '{FLAG}'") == before

    done = flag(key=FLAG, state="reset")
    assert done["changed"] and done["planned"] == dry["planned"]
    ((enabled, percentage, updated_at),) = database.rows(ROW)
    assert (enabled, percentage) == (True, 0) and updated_at > "2026-02-02 08:38:00"
    assert done["diff"]["before"][FLAG] == {
        "enabled": False,
        "rollout_percentage": 40,
        "updated_at": "2026-02-02T08:38:00",
    }
    assert done["diff"]["after"][FLAG]["enabled"] is True
    assert done["flags"][0]["drift"] == ["disabled_flag", "percentage_drift"]
    assert not done["flags"][0]["widens"]

    again = flag(key=FLAG, state="reset")
    assert not again["changed"] and again["undo"] == again["planned"] == again["actions"] == []
    assert database.rows(ROW) == [(enabled, percentage, updated_at)]

    undone = flag(flags=done["undo"])
    assert undone["changed"] and database.rows(ROW)[0][:2] == (False, 40)
    assert database.rows("SELECT enabled, rollout_percentage FROM feature_flags WHERE key = 'theirs'") == [(True, 100)]


def test_an_undo_does_not_overwrite_what_somebody_did_since(flag, database) -> None:
    done = flag(key=FLAG, state="reset")
    database.rows(f"UPDATE feature_flags SET updated_at = now() + interval '1 hour' WHERE key = '{FLAG}'")
    refused = flag(flags=done["undo"])
    assert refused["failed"] and refused["code"] == "changed_since" and "updated_at" in refused["msg"]
    assert database.rows(ROW)[0][:2] == (True, 0)


def test_times_are_utc_whatever_the_database_s_time_zone(flag, database) -> None:
    """Prisma writes UTC into a column without time zone; what was seen in one zone is expected in another."""
    database.rows(
        f"ALTER DATABASE {database.name} SET timezone TO 'America/Sao_Paulo'; ALTER DATABASE {database.name} SET datestyle TO 'German';"
        "ALTER TABLE feature_flags ADD COLUMN zoned timestamptz NOT NULL DEFAULT '2026-02-02T08:38:00+00'"
    )
    done = flag(key=FLAG, state="reset")
    late = f"SELECT abs(extract(epoch FROM updated_at - now() AT TIME ZONE 'UTC')) < 60 FROM feature_flags WHERE key = '{FLAG}'"
    assert database.rows(late) == [(True,)]
    assert done["diff"]["before"][FLAG]["updated_at"] == "2026-02-02T08:38:00"
    zoned = {"columns": {"updated_at": "zoned"}}
    seen = flag(check=True, key=FLAG, enabled=False, **zoned)
    assert seen["planned"][0]["expect"]["updated_at"] == "2026-02-02T08:38:00+00:00"
    database.rows(f"ALTER DATABASE {database.name} SET timezone TO 'Asia/Tokyo'")
    assert flag(flags=seen["planned"], **zoned)["changed"]


def test_an_allowlist_in_a_table_of_its_own(flag, database) -> None:
    done = flag(key=FLAG, allowlist=["2", "3"], allowlist_table=MEMBERS)
    assert done["diff"]["before"][FLAG]["allowlist"] == ["1", "2"] and members(database) == [2, 3]
    assert not flag(key=FLAG, allowlist=[3, 2], allowlist_table=MEMBERS)["changed"]
    assert flag(flags=done["undo"], allowlist_table=MEMBERS)["changed"] and members(database) == [1, 2]
    wrong = flag(key=FLAG, allowlist=["ana"], allowlist_table=MEMBERS)
    assert wrong["code"] == "bad_argument" and "ana" in wrong["msg"] and members(database) == [1, 2]


def test_names_are_quoted_and_nulls_are_off(flag, database) -> None:
    done = flag(key="it's", enabled=True, rollout_percentage=12.5, allowlist=[USER], **ODD)
    assert done["diff"]["before"]["it's"] == {"enabled": False, "rollout_percentage": 0, "allowlist": []}
    assert database.rows('SELECT * FROM "Odd ""names"""."Flags; DROP TABLE feature_flags"')[0][1:4] == (
        "it's",
        True,
        12.5,
    )
    assert done["diff"]["after"]["it's"]["allowlist"] == [USER]
    created = flag(key="x'; DROP TABLE feature_flags; --", create=True, **ODD)
    assert created["changed"] and flag(flags=created["undo"], **ODD)["changed"]
    assert database.rows("SELECT count(*) FROM feature_flags") == [(2,)]


def test_a_flag_is_created_only_when_asked_and_undone_with_its_allowlist(flag, database) -> None:
    refused = flag(key="new", enabled=True)
    assert (refused["code"], "passenger_favorites_matching, theirs" in refused["msg"]) == ("unknown_key", True)
    done = flag(key="new", create=True, allowlist=[7], allowlist_table=MEMBERS)
    assert done["undo"][0]["state"] == "absent" and members(database) == [1, 2, 7]
    assert flag(flags=done["undo"], allowlist_table=MEMBERS)["changed"]
    assert members(database) == [1, 2]
    assert database.rows("SELECT count(*) FROM feature_flags") == [(2,)]


def test_several_flags_change_together_or_not_at_all(flag, database) -> None:
    both = [{"key": FLAG, "enabled": True}, {"key": "theirs", "enabled": False, "expect": {"rollout_percentage": 99}}]
    refused = flag(flags=both)
    assert refused["code"] == "changed_since" and "theirs" in refused["msg"]
    assert database.rows(ROW)[0][0] is False
    both[1]["expect"] = {"rollout_percentage": 100}
    done = flag(flags=both)
    assert [entry["after"]["enabled"] for entry in done["flags"]] == [True, False]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"rollout_percentage": 101}, "bad_argument", "from 0 to 100, got 101"),
        ({"table": "flags"}, "table_missing", 'no table "flags" in the database flags_'),
        ({"schema": "nowhere"}, "table_missing", '"nowhere"."feature_flags"'),
        ({"columns": {"enabled": "on"}}, "column_missing", "no column on; it has enabled, key"),
        (
            {"columns": {"allowlist": "key"}},
            "bad_column",
            "column key of table feature_flags is text, it must be an array",
        ),
        ({"columns": {"enabled": "key"}}, "bad_column", "must be boolean"),
        ({"allowlist_table": {"name": "gone"}}, "table_missing", '"gone"'),
        ({"allowlist_table": {"name": "feature_flag_allowlist"}}, "column_missing", "no column flag_key, member"),
        ({"key": "new", "create": True, "columns": {"updated_at": ""}}, "value_missing", "updated_at"),
        ({"rollout_percentage": 0.5, "login_port": 1}, "unreachable", "login_host"),
    ],
)
def test_what_it_cannot_do_is_said_and_nothing_changes(flag, database, options, code, words) -> None:
    refused = flag(**{"key": FLAG, **options})
    assert refused["failed"] and refused["code"] == code and words in refused["msg"]
    assert database.rows(ROW) == [(False, 40, "2026-02-02 08:38:00")]


def test_who_may_not_write_is_told(flag, database) -> None:
    database.rows("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT SELECT ON feature_flags TO reader")
    try:
        refused = flag(key=FLAG, enabled=True, login_user="reader")
        assert refused["code"] == "not_permitted" and "feature_flags" in refused["msg"]
        assert flag(check=True, key=FLAG, enabled=True, login_user="reader")["changed"]
    finally:
        database.rows("DROP OWNED BY reader; DROP ROLE reader")
