"""A service that does not start: the next rung when one does not help, and values that nobody gets to see."""

from __future__ import annotations

from pathlib import Path

import world

VALUE = "value-of-the-declared-default-93f1c7"


def run(workplace, **extra):
    return workplace.run("container_wont_start", target="api", **extra)


def test_healthy_and_frozen_are_left_alone_and_a_default_that_does_not_help_is_followed_by_a_rollback(
    clean_lab, workplace
) -> None:
    before = world.containers()
    healthy = run(workplace)
    assert (healthy.rc, healthy.result["verdict"]) == (0, "no_action_needed"), healthy.output[-3000:]
    assert world.containers() == before

    world.break_it("missing-env-in-release")
    broken = world.containers()
    workplace.run("freeze", freeze_scope="service:api", freeze_reason="audit")
    frozen = run(workplace)
    assert (frozen.rc, frozen.result["verdict"], frozen.result["code"]) == (2, "refused", "frozen")
    assert world.containers() == broken
    workplace.run("unfreeze", freeze_scope="service:api")

    # An empty value is none: the application still asks for it.
    healed = run(workplace, service_env_defaults={"ORDERS_CURRENCY": ""})
    assert (healed.rc, healed.result["verdict"]) == (0, "recovered"), healed.output[-4000:]
    assert [(item["name"], item["result"]) for item in healed.result["remedies"]] == [
        ("set_default_env", "failed"),
        ("rollback", "recovered"),
    ]
    assert world.served_version() == "1.1.0"


def test_a_declared_value_is_set_put_back_and_never_shown(clean_lab, workplace) -> None:
    world.break_it("missing-env")
    healed = run(workplace, verbosity=3, service_env_defaults={"JWT_SECRET": VALUE})
    assert (healed.rc, healed.result["verdict"], healed.remedies) == (0, "recovered", ["set_default_env"])
    assert f"JWT_SECRET={VALUE}" in world.docker("inspect", f"{world.PROJECT}-api-1")
    kept = [path for path in Path(healed.result["evidence"]).rglob("*") if path.is_file()]
    written = [Path(workplace.ledger), workplace.directory / "result.json", *kept]
    assert len(kept) > 3
    assert [path for path in written if VALUE.encode() in path.read_bytes()] == []
    assert VALUE not in healed.output

    undone = workplace.run("undo", target="api", undo_attempt=healed.result["remedies"][0]["attempt"])
    assert undone.rc == 0, undone.output[-3000:]
    assert VALUE not in world.docker("inspect", f"{world.PROJECT}-api-1")
