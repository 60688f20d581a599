# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sampling of ``http_probe``: once, until it is good, and through a hold time. PRIVATE to the collection.

``Observer`` takes the samples and reaches the verdict, ``report`` makes the result that users see, ``run_probe`` is
both from validated arguments. Clock, sleep and fetch can be given, so the tests of the decisions need no network.
"""

from __future__ import annotations

import time
import typing as t
from collections import deque
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._http import Probe, judge, make_probe, read_value
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer, Request, fetch
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

EXCERPT_LIMIT = 2000  #: characters of the last body that are returned
KEPT_SAMPLES = 50  #: samples that are returned
KEPT_LATENCIES = 10_000  #: latencies behind the percentiles; bounds the memory of a long hold
POLL_FIRST, POLL_MOST = 0.1, 0.5  #: seconds between polls of a service that is not good yet


@dataclass
class Observation:
    """What the sampling has seen. Times in seconds since the start, wall times in epoch seconds."""

    started_at: float
    started: float
    ok: bool = False
    symptom: str | None = None
    message: str = ""
    taken: int = 0
    good: int = 0
    to_ok: float | None = None
    held: float | None = None
    total: float = 0.0
    last: Answer = field(default_factory=lambda: Answer(seconds=0.0))
    samples: deque[dict[str, t.Any]] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_LATENCIES))


class Observer:
    """Takes the samples of one probe: first until it is good (or the deadline), then through the hold."""

    def __init__(
        self,
        probe: Probe,
        fetch: t.Callable[[Request, float], Answer] = fetch,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
        wall: t.Callable[[], float] = time.time,
    ) -> None:
        self.probe = probe
        self._fetch, self._clock, self._sleep, self._wall = fetch, clock, sleep, wall
        self.seen = Observation(started_at=wall(), started=clock())

    def observe(self) -> Observation:
        if self.probe.deadline > 0:
            self._wait()
        else:
            self._sample()
        if self.seen.ok:
            self.seen.to_ok = self._elapsed()
            if self.probe.hold > 0:
                self._hold()
        self.seen.total = self._elapsed()
        return self.seen

    def _elapsed(self) -> float:
        return self._clock() - self.seen.started

    def _take(self, timeout: float) -> str | None:
        """One sample; returns its symptom."""
        at = self._wall()
        answer = self._fetch(self.probe.request, timeout)
        symptom, message = judge(answer, self.probe)
        seen = self.seen
        seen.taken += 1
        seen.good += symptom is None
        seen.last, seen.symptom, seen.message = answer, symptom, message
        if answer.status is not None:
            seen.latencies.append(answer.seconds)
        seen.samples.append(
            {
                "at": round(at, 3),
                "ok": symptom is None,
                "status": answer.status,
                "seconds": round(answer.seconds, 4),
                "error": None if symptom is None else message,
            }
        )
        return symptom

    def _sample(self) -> None:
        """A fixed number of samples, all of which must be good."""
        seen, count = self.seen, max(self.probe.samples, self.probe.successes)
        failure: tuple[str, str] | None = None
        for number in range(count):
            if number:
                self._sleep(self.probe.interval)
            symptom = self._take(self.probe.timeout)
            if symptom:
                failure = (symptom, seen.message)
        seen.ok = failure is None
        if failure:
            seen.symptom, seen.message = failure
            if seen.good:
                seen.symptom = "unstable"
                seen.message = f"{seen.good} of {count} samples were good; {failure[0]}: {failure[1]}"

    def _wait(self) -> None:
        """Poll until ``successes`` good samples came in a row, or until the deadline."""
        probe, seen, row, pause = self.probe, self.seen, 0, POLL_FIRST
        failure: tuple[str, str] | None = None
        while True:
            limit = min(probe.timeout, probe.deadline - self._elapsed())
            symptom = self._take(limit)
            if symptom is None:
                row, wait, pause = row + 1, probe.interval, POLL_FIRST
                if row >= probe.successes:
                    seen.ok = True
                    return
            else:
                # A request that the deadline cut short says less than the failure before it.
                if failure is None or symptom != "timeout" or limit == probe.timeout:
                    failure = (symptom, seen.message)
                row, wait, pause = 0, pause, min(pause * 1.5, POLL_MOST)
            if self._elapsed() + wait >= probe.deadline:
                break
            self._sleep(wait)
        if row or failure is None:
            seen.symptom, seen.message = "unstable", f"{row} good samples in a row instead of {probe.successes}"
        else:
            seen.symptom, seen.message = failure
        seen.message += f", after {self._elapsed():.1f} s of waiting"

    def _hold(self) -> None:
        """It must go on succeeding: samples every second or three times, whichever is oftener, and at the end."""
        probe, begun = self.probe, self._clock()
        step = min(1.0, probe.hold / 3)
        number, due = 0, 0.0
        while due < probe.hold:
            number += 1
            due = min(number * step, probe.hold)
            self._sleep(max(0.0, begun + due - self._clock()))
            symptom = self._take(probe.timeout)
            self.seen.held = self._clock() - begun
            if symptom:
                what = f"{symptom}: {self.seen.message}"
                self.seen.ok, self.seen.symptom = False, "unstable"
                self.seen.message = f"failed {self.seen.held:.1f} s into the hold of {probe.hold:g} s: {what}"
                return


def percentile(values: t.Sequence[float], percent: float) -> float | None:
    """Nearest-rank percentile of sorted values; null without values. Pure."""
    if not values:
        return None
    rank = max(1, -(-len(values) * percent // 100))
    return values[int(rank) - 1]


def report(probe: Probe, seen: Observation) -> dict[str, t.Any]:
    """The result of the module, secrets taken out. Pure."""
    ordered = sorted(seen.latencies)
    message = f"{probe.request.method} {probe.shown_url}: {seen.message}"
    if seen.ok:
        message += f" in {seen.last.seconds:.3f} s"
        message += f", held for {seen.held:.1f} s" if seen.held is not None else ""
    shown = {
        "message": message,
        "body_excerpt": seen.last.body[:EXCERPT_LIMIT],
        "samples": list(seen.samples),
        "value": read_value(seen.last, probe),
    }
    return {
        "changed": False,
        "ok": seen.ok,
        "symptom": seen.symptom,
        "status": seen.last.status,
        "success_rate": round(seen.good / seen.taken, 4) if seen.taken else 0.0,
        "latency": {f"p{percent}": _rounded(percentile(ordered, percent)) for percent in (50, 95, 99)},
        "seconds": {"total": _rounded(seen.total), "to_ok": _rounded(seen.to_ok), "hold": _rounded(seen.held)},
        "started_at": round(seen.started_at, 3),
        **redact(shown, secrets=probe.secrets),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def run_probe(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Validate, observe, report: what the action and the module both do."""
    probe = make_probe(params)
    return report(probe, Observer(probe).observe())
