"""The speed budget as a count: how many module processes a run starts (each costs about half a second)."""

from __future__ import annotations

from pathlib import Path

import world


def module_processes(workplace, name: str, *arguments: str) -> int:
    """Run api_down and count: Ansible keeps the program of every module process when asked to."""
    kept = workplace.directory / name
    variables = {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TEMP": str(kept)}
    output = workplace.directory / f"{name}.txt"
    run = workplace.start("-e", "target=api", *arguments, output=output, **variables)
    assert run.wait(timeout=120) == 0, output.read_text()
    return len(list(Path(kept).rglob("AnsiballZ_*.py")))


def test_a_look_is_no_process_and_healing_is_two(clean_lab, workplace) -> None:
    assert module_processes(workplace, "look") == 0
    assert module_processes(workplace, "learn", "-e", "api_down_learn=true") == 1
    with workplace.open_ledger() as ledger:
        (known,) = ledger.known_good("api")
    assert known["name"] == f"sre-remediation-lab/{world.PROJECT}/api:1.1.0"
    world.break_it("api-stopped")
    assert module_processes(workplace, "heal") == 2
