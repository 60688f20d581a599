"""When a deployment is to blame, and when it is not: a version that held before is never rolled back for another's fault."""

from __future__ import annotations

import world


def run(workplace, **extra):
    return workplace.run("deploy_failed", target="api", **extra)


def test_what_held_before_is_not_to_blame_and_is_where_a_rollback_goes(clean_lab, workplace) -> None:
    before = world.containers()
    healthy = run(workplace)
    assert (healthy.rc, healthy.result["verdict"]) == (0, "no_action_needed"), healthy.output[-3000:]
    good = before[f"{world.PROJECT}-api-1"].image
    with workplace.open_ledger() as ledger:
        assert [item["version"] for item in ledger.known_good("api")] == [good]
        assert ledger.leases() == []

    world.break_it("api-unhealthy")
    proven = run(workplace)
    assert (proven.rc, proven.result["verdict"], proven.result["cause"]) == (2, "refused", "not_the_deployment")
    assert "held before" in proven.result["summary"]
    assert world.containers() == before

    world.break_it("half-a-deploy")
    deployed = world.containers()
    workplace.run("freeze", freeze_scope="service:api", freeze_reason="audit")
    frozen = run(workplace)
    assert (frozen.rc, frozen.result["verdict"], frozen.result["code"]) == (2, "refused", "frozen")
    assert world.containers() == deployed
    workplace.run("unfreeze", freeze_scope="service:api")

    back = run(workplace)
    assert (back.rc, back.result["verdict"], back.remedies) == (0, "recovered", ["rollback"]), back.output[-3000:]
    assert world.containers()[f"{world.PROJECT}-api-1"].image == good
    with workplace.open_ledger() as ledger:
        (attempt,) = ledger.incident(back.result["ledger_id"])["attempts"]
        assert attempt["version_after"] == good
    again = run(workplace)
    assert (again.rc, again.result["verdict"]) == (0, "no_action_needed")


def test_a_rollback_that_does_not_help_is_escalated(clean_lab, workplace) -> None:
    world.break_it("restart-fails")
    failed = run(workplace)
    assert (failed.rc, failed.result["cause"], failed.remedies) == (2, "crashed", ["rollback"]), failed.output[-3000:]
    assert (failed.result["verdict"], failed.result["code"]) == ("not_recovered", "ladder_exhausted")
    with workplace.open_ledger() as ledger:
        assert ledger.leases() == []
