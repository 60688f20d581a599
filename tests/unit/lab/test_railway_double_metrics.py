"""What the Railway double makes of the engine's samples."""

from __future__ import annotations

from typing import Any

import pytest
from railway.metrics import of_stats


def sample(moment: str, used: int = 0, **more: Any) -> dict[str, Any]:
    """One answer of the engine, of a container that used ``used`` ns of CPU until then."""
    cpu = {"cpu_stats": {"cpu_usage": {"total_usage": used}}}
    return {"read": f"2026-11-26T12:00:{moment}000Z", "memory_stats": {"usage": 64e6, "limit": 192e6}, **cpu, **more}


MEMORY = {"MEMORY_USAGE_GB": 0.064, "MEMORY_LIMIT_GB": 0.192, "CPU_LIMIT": 8.0}


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({}, {}, {}),
        ({"read": "2026-11-26T12:00:00.5Z", "memory_stats": {}}, {"read": "2026-11-26T12:00:01Z"}, {}),
        (sample("01.000000"), sample("01.000000"), MEMORY),
        (sample("01.000000", 10**9), sample("03.000000", 2 * 10**9), {**MEMORY, "CPU_USAGE": 0.5}),
        (
            sample("01.000000"),
            sample(
                "01.000000", networks={"a": {"rx_bytes": 1e6, "tx_bytes": 2e6}, "b": {"rx_bytes": 3e6, "tx_bytes": 0}}
            ),
            {**MEMORY, "NETWORK_RX_GB": 0.004, "NETWORK_TX_GB": 0.002},
        ),
    ],
)
def test_samples_become_measurements(first: dict, second: dict, found: dict) -> None:
    assert of_stats(first, second) == pytest.approx(found)
