"""The closing block a person reads."""

from __future__ import annotations

from ansible_collections.sre.remediation.plugins.callback.incident import block

ENTRY = {
    "verdict": "recovered",
    "code": None,
    "cause": "hung",
    "summary": "it runs but does not answer in time",
    "remedies": [{"name": "restart", "impact": "disruptive", "result": "recovered", "seconds": 4.2}],
    "shown": [],
    "seconds": {"total": 8.1, "to_first_action": 1.9, "hold": 3.0},
    "evidence": "/var/e/i1",
    "ledger_id": "i1",
    "next_step": None,
}


def test_the_block_of_a_recovery() -> None:
    assert block(ENTRY) == [
        "verdict   recovered",
        "cause     hung: it runs but does not answer in time",
        "remedies  restart [disruptive] recovered in 4.2 s",
        "seconds   8.1 in all, 1.9 s to the first action, 3.0 s of hold",
        "evidence  /var/e/i1",
        "ledger    i1",
    ]


def test_the_block_of_a_refusal_names_the_code_the_plan_and_the_next_step() -> None:
    refused = {
        **ENTRY, "verdict": "refused", "code": "frozen", "remedies": [], "shown": ["plan 0123456789ab"], "next_step": "unfreeze",
        "seconds": {"total": 2.0, "to_first_action": None, "hold": 0}, "evidence": None,
    }  # fmt: skip
    lines = block(refused)
    assert lines[0] == "verdict   refused (frozen)"
    assert "          plan 0123456789ab" in lines
    assert lines[-1] == "next      unfreeze"
    assert "seconds   2.0 in all" in lines
