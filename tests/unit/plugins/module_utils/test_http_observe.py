# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling, waiting and holding on a clock that only moves when the probe sleeps or asks."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._http import Probe
from ansible_collections.sre.remediation.plugins.module_utils._http_observe import Observer, percentile, report
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer, Request

GOOD = Answer(seconds=0.01, status=200)
DOWN = Answer(seconds=0.01, symptom="refused", error="connection refused")
BROKEN = Answer(seconds=0.01, status=500)


class World:
    """Answers by script (the last one repeats); a request takes ``seconds``, cut to its timeout."""

    def __init__(self, *script):
        self.script = itertools.chain(script, itertools.repeat(script[-1]))
        self.now, self.asked, self.timeouts = 100.0, [], []

    def fetch(self, _request, timeout):
        self.asked.append(round(self.now - 100, 3))
        self.timeouts.append(round(timeout, 3))
        answer = next(self.script)
        if answer.seconds > timeout:
            answer = Answer(seconds=timeout, symptom="timeout", error="too slow")
        self.now += answer.seconds
        return answer

    def sleep(self, seconds):
        self.now += seconds

    def observe(self, **options):
        probe = Probe(request=Request(url="http://u:secret-word@api/health?k=v"), secrets=("secret-word",), **options)
        observer = Observer(probe, fetch=self.fetch, clock=lambda: self.now, sleep=self.sleep, wall=lambda: 1.7e9)
        return report(probe, observer.observe())


@pytest.mark.parametrize(
    ("script", "options", "ok", "symptom", "rate", "message"),
    [
        ([GOOD], {}, True, None, 1.0, "status 200 in 0.010 s"),
        ([DOWN], {}, False, "refused", 0.0, "connection refused"),
        ([GOOD], {"samples": 4}, True, None, 1.0, "status 200 in 0.010 s"),
        ([GOOD], {"successes": 3}, True, None, 1.0, "status 200 in 0.010 s"),
        ([DOWN, BROKEN], {"samples": 2}, False, "bad_status", 0.0, "status 500 instead of 200"),
        (
            [GOOD, DOWN, GOOD, GOOD],
            {"samples": 4},
            False,
            "unstable",
            0.75,
            "3 of 4 samples were good; refused: connection refused",
        ),
    ],
)
def test_without_waiting(script, options, ok, symptom, rate, message):
    result = World(*script).observe(**options)
    assert (result["ok"], result["symptom"], result["success_rate"]) == (ok, symptom, rate)
    assert result["message"] == f"GET http://api/health: {message}"


def test_samples_are_an_interval_apart():
    world = World(GOOD)
    world.observe(samples=3, interval=0.5)
    assert world.asked == [0.0, 0.51, 1.02]


def test_waits_until_enough_good_samples_in_a_row():
    world = World(DOWN, DOWN, GOOD, DOWN, GOOD, GOOD, GOOD)
    result = world.observe(successes=3, deadline=10, interval=0.2)
    assert (result["ok"], result["symptom"], len(result["samples"])) == (True, None, 7)
    assert result["seconds"]["to_ok"] == result["seconds"]["total"] == round(world.now - 100, 4)


def test_the_polls_back_off_to_half_a_second():
    world = World(*[DOWN] * 7, GOOD)
    world.observe(deadline=10)
    pauses = [round(after - before - 0.01, 3) for before, after in zip(world.asked, world.asked[1:])]
    assert pauses == [0.1, 0.15, 0.225, 0.338, 0.5, 0.5, 0.5]


def test_the_deadline_ends_the_wait():
    world = World(DOWN)
    result = world.observe(deadline=2)
    assert (result["ok"], result["symptom"], result["seconds"]["to_ok"]) == (False, "refused", None)
    assert 1.4 < world.now - 100 <= 2.0
    assert result["message"].endswith("connection refused, after 1.9 s of waiting")


def test_a_request_is_cut_to_what_is_left_and_that_cut_does_not_hide_the_cause():
    world = World(Answer(seconds=1.5, status=500), Answer(seconds=60))
    result = world.observe(deadline=3, timeout=5)
    assert world.now - 100 == pytest.approx(3.0)
    assert world.timeouts == [3, 1.4]
    assert result["symptom"] == "bad_status"


def test_a_server_that_never_answers_is_a_timeout():
    result = World(Answer(seconds=60)).observe(deadline=3, timeout=1)
    assert (result["symptom"], result["status"], result["latency"]["p50"]) == ("timeout", None, None)


def test_good_but_not_often_enough_before_the_deadline_is_unstable():
    result = World(DOWN, DOWN, GOOD).observe(deadline=0.6, successes=9, interval=0.1)
    assert (result["ok"], result["symptom"]) == (False, "unstable")
    assert "3 good samples in a row instead of 9" in result["message"]


@pytest.mark.parametrize(
    ("hold", "at"),
    [(0.3, [0.0, 0.11, 0.21, 0.31]), (3, [0.0, 1.01, 2.01, 3.01]), (2.5, [0.0, 0.843, 1.677, 2.51])],
)
def test_the_hold_samples_every_second_or_three_times_and_at_its_end(hold, at):
    world = World(GOOD)
    result = world.observe(hold=hold)
    assert world.asked == at
    assert result["ok"] is True
    assert result["seconds"]["hold"] == pytest.approx(hold + 0.01, abs=0.001)
    assert result["message"].endswith(f"held for {hold + 0.01:.1f} s")


@pytest.mark.parametrize("bad", range(1, 6))
def test_one_bad_sample_in_the_hold_is_unstable(bad):
    script = [GOOD] * bad + [BROKEN] + [GOOD]
    world = World(*script)
    result = world.observe(hold=5)
    assert (result["ok"], result["symptom"], len(world.asked)) == (False, "unstable", bad + 1)
    assert f"failed {bad}.0 s into the hold of 5 s: bad_status: status 500 instead of 200" in result["message"]
    assert result["seconds"]["to_ok"] == 0.01


def test_there_is_no_hold_when_it_never_was_good():
    world = World(DOWN)
    result = world.observe(hold=5)
    assert (len(world.asked), result["seconds"]["hold"]) == (1, None)


def test_a_slow_answer_in_the_hold_does_not_stretch_it():
    world = World(GOOD, Answer(seconds=2.4, status=200), GOOD)
    world.observe(hold=3)
    assert world.asked == [0.0, 1.01, 3.41, 3.42]


def test_what_is_returned_is_bounded():
    result = World(Answer(seconds=0.01, status=200, body="x" * 60000)).observe(samples=200)
    assert (len(result["samples"]), len(result["body_excerpt"])) == (50, 2000)


def test_secrets_do_not_come_back():
    result = World(Answer(seconds=0.01, status=200, body="echo secret-word")).observe()
    assert "secret-word" not in str(result)
    assert result["body_excerpt"].startswith("echo ")


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([1.0], 99, 1.0), ([1.0, 2.0], 50, 1.0), (list(range(1, 101)), 95, 95), ([1, 2, 3], 99, 3)],
)
def test_percentile(values, percent, expected):
    assert percentile(values, percent) == expected
