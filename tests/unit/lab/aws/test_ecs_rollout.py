"""How many tasks the double's scheduler starts and stops, when it gives up, how long it holds off."""

from __future__ import annotations

import pytest
from aws.double.rollout import Counts, Limits, breaker_threshold, old_to_stop, pause_after, to_start


def counts(new: tuple[int, int] = (0, 0), old: tuple[int, int] = (0, 0), stopping: int = 0) -> Counts:
    """Counts as (live, healthy) of new and old tasks."""
    return Counts(*new, *old, stopping)


CASES = [
    ("first start", Limits(2), counts(), 2, 0),
    ("nothing to do", Limits(2), counts(new=(2, 2)), 0, 0),
    ("a rollout begins beside the old tasks", Limits(2), counts(old=(2, 2)), 2, 0),
    ("old ones wait for the new ones", Limits(2), counts(new=(2, 0), old=(2, 2)), 0, 0),
    ("old ones stay until they are relieved, even where fewer would do", Limits(2, 50), counts((2, 0), (2, 2)), 0, 0),
    ("one new one relieves one old one", Limits(2), counts(new=(2, 1), old=(2, 2)), 0, 1),
    ("all new ones relieve all old ones", Limits(2), counts(new=(2, 2), old=(2, 2)), 0, 2),
    ("old ones that are broken do not count", Limits(1), counts(new=(1, 1), old=(1, 0)), 0, 1),
    ("old ones that are broken are not stopped early", Limits(1), counts(new=(1, 0), old=(1, 0)), 0, 0),
    ("alone: the old one goes first", Limits(1, 0, 100), counts(old=(1, 1)), 0, 1),
    ("alone: the new one waits until the old one is gone", Limits(1, 0, 100), counts(stopping=1), 0, 0),
    ("alone: then it starts", Limits(1, 0, 100), counts(), 1, 0),
    ("100/100 can neither start nor stop", Limits(1, 100, 100), counts(old=(1, 1)), 0, 0),
    ("half at a time", Limits(4, 50, 100), counts(old=(4, 4)), 0, 2),
    ("what is stopping takes room", Limits(4, 50, 100), counts(old=(2, 2), stopping=2), 0, 0),
    ("room again", Limits(4, 50, 100), counts(old=(2, 2)), 2, 0),
    ("scaled to nothing", Limits(0), counts(new=(0, 0), old=(2, 2)), 0, 2),
]


@pytest.mark.parametrize(("limits", "seen", "start", "stop"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_a_step_does(limits: Limits, seen: Counts, start: int, stop: int) -> None:
    assert (to_start(seen, limits), old_to_stop(seen, limits)) == (start, stop)


def test_a_step_never_goes_below_the_minimum_or_above_the_maximum() -> None:
    sizes = range(4)
    for desired in range(1, 4):
        for low, high in ((0, 100), (50, 100), (100, 150), (100, 200), (50, 200)):
            limits = Limits(desired, low, high)
            for seen in (
                counts((n, nh), (o, oh), s) for n in sizes for nh in range(n + 1) for o in sizes for oh in range(o + 1)
                for s in range(2)
            ):  # fmt: skip
                total = seen.new_live + seen.old_live + seen.stopping
                assert total + to_start(seen, limits) <= max(total, limits.highest)
                stopped = old_to_stop(seen, limits)
                # In the worst case all those stopped were healthy, but for the ones that were not: these go first.
                healthy_stopped = max(0, stopped - (seen.old_live - seen.old_healthy))
                left = seen.new_healthy + seen.old_healthy - healthy_stopped
                assert left >= min(limits.lowest, seen.new_healthy + seen.old_healthy)


@pytest.mark.parametrize(("desired", "threshold"), [(0, 3), (1, 3), (6, 3), (7, 4), (10, 5), (1000, 200)])
def test_the_circuit_breaker_waits_for_half_of_the_desired_count(desired: int, threshold: int) -> None:
    assert breaker_threshold(desired) == threshold


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [pause_after(failures) for failures in range(9)]
    assert pauses[:4] == [0.0, 0.5, 1.0, 2.0]
    assert pauses == sorted(pauses) and pauses[-1] == 10.0
