"""What the double tells CloudWatch: readings of the engine, reservations of a task, and percent of them."""

from __future__ import annotations

import pytest
from aws.double.metrics import Reading, read, reserved, utilisation
from aws.double.wire import Data

MIB = 1024 * 1024


def test_a_reading_of_a_container_leaves_out_what_the_kernel_takes_back() -> None:
    memory = {"usage": 96 * MIB, "stats": {"inactive_file": 32 * MIB}}
    stats = {"cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}}, "memory_stats": memory}
    assert read(stats, 7.0) == Reading(7.0, 1.5, 64 * MIB)
    assert read({"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}, 7.0) is None


ONE = {"cpu": 128, "memory": 192}


@pytest.mark.parametrize(
    ("definition", "cpu", "memory"),
    [
        ({"cpu": "256", "memory": "512", "containerDefinitions": [ONE]}, 256, 512),
        ({"containerDefinitions": [ONE, {"memoryReservation": 64}]}, 128, 256),
        ({"containerDefinitions": [{"memory": 256, "cpu": 0}]}, 0, 256),
        ({"containerDefinitions": [{}]}, 0, 0),
    ],
)
def test_what_a_task_reserves(definition: Data, cpu: float, memory: float) -> None:
    assert (reserved(definition, "cpu"), reserved(definition, "memory")) == (cpu, memory)


def test_percent_of_the_reservation() -> None:
    definition: Data = {"cpu": "512", "memory": "256", "containerDefinitions": [{}, {}]}
    one = (Reading(10, 1, 0), Reading(14, 2, 32 * MIB))
    two = (Reading(10, 5, 0), Reading(14, 6, 32 * MIB))
    assert utilisation(definition, [one, two]) == {"CPUUtilization": 100.0, "MemoryUtilization": 25.0}
    assert utilisation({"containerDefinitions": [{"memory": 64}]}, [one]) == {"MemoryUtilization": 50.0}
