# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers out of Prometheus and CloudWatch: the requests, the answers as series of points, and one number of them all
that is compared with a threshold. Pure but for the two functions that ask.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import math
import ssl
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, iso
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Request, fetch

Json = dict[str, t.Any]

#: How the points of a series, and then the series, become one number.
REDUCERS: dict[str, t.Callable[[t.Sequence[float]], float]] = {
    "last": lambda values: values[-1],
    "avg": lambda values: math.fsum(values) / len(values),
    "max": max,
    "min": min,
    "sum": math.fsum,
}

#: Over several series there is no last one: the greatest speaks.
ACROSS = {"last": "max"}

COMPARISONS: dict[str, t.Callable[[float, float], bool]] = {
    "above": lambda value, threshold: value > threshold,
    "at_least": lambda value, threshold: value >= threshold,
    "below": lambda value, threshold: value < threshold,
    "at_most": lambda value, threshold: value <= threshold,
}

#: Points Prometheus returns at most for one series; more is an error there.
PROMETHEUS_POINTS = 11_000


@dataclass(frozen=True)
class Series:
    """One series of points, oldest first: (epoch seconds, number)."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


def number(text: t.Any) -> float | None:
    """Read a number; None for NaN, which means that there was nothing to measure."""
    value = float(text)
    return None if math.isnan(value) else value


def reduced(series: t.Sequence[Series], how: str) -> float | None:
    """Return the one number of all series; None when there is no point."""
    each = [REDUCERS[how]([value for _at, value in one.points]) for one in series if one.points]
    return REDUCERS[ACROSS.get(how, how)](each) if each else None


def prometheus_request(base: str, query: str, window: float, step: float, now: float) -> str:
    """Return the URL of an instant query, or of a range query over ``window`` seconds.

    :raises RemediationError: (``invalid_option``) for more points than Prometheus returns.
    """
    base = base.rstrip("/")
    if not window:
        return f"{base}/api/v1/query?{urlencode({'query': query, 'time': f'{now:.3f}'})}"
    if window / step > PROMETHEUS_POINTS:
        raise RemediationError(
            f"step: {window:g} s in steps of {step:g} s are more than {PROMETHEUS_POINTS} points; raise it",
            code="invalid_option",
        )
    asked = {"query": query, "start": f"{now - window:.3f}", "end": f"{now:.3f}", "step": f"{step:g}"}
    return f"{base}/api/v1/query_range?{urlencode(asked)}"


def read_prometheus(text: str) -> list[Series]:
    """Read an answer of Prometheus.

    :raises RemediationError: (``query_failed``) when it says that the query failed; (``bad_answer``) when it is none.
    """
    try:
        answer = json.loads(text)
        if answer.get("status") != "success":
            raise RemediationError(
                f"prometheus: the query failed: {answer.get('errorType')}: {answer.get('error')}", code="query_failed"
            )
        kind, result = answer["data"]["resultType"], answer["data"]["result"]
        raw = (
            [({}, [result])]
            if kind in ("scalar", "string")
            else [(item.get("metric") or {}, item.get("values") or [item["value"]]) for item in result]
        )
        return [
            Series(labels, tuple((float(at), value) for at, said in points if (value := number(said)) is not None))
            for labels, points in raw
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RemediationError(
            f"prometheus: this is no answer of Prometheus: {text[:120]!r}", code="bad_answer"
        ) from error


def ask_prometheus(options: Json, window: float, step: float, now: datetime) -> list[Series]:
    """Ask Prometheus; RemediationError (``source_unreachable``) when it does not answer."""
    url = prometheus_request(options["url"], options["query"], window, step, now.timestamp())
    tls = None
    if url.startswith("https:"):
        tls = ssl.create_default_context(cafile=options["ca_path"])
        if not options["validate_certs"]:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    headers = {name: str(value) for name, value in (options["headers"] or {}).items()}
    # A query that is wrong is answered with 400 or 422, and says why.
    accept = frozenset({200, 400, 422, 503})
    answer = fetch(Request(url, headers=headers, accept=accept, tls=tls), options["timeout"])
    if answer.symptom or answer.status not in accept:
        why = answer.error or f"status {answer.status}"
        raise RemediationError(f"prometheus: {options['url']} gave no answer: {why}", code="source_unreachable")
    if answer.truncated:
        raise RemediationError(
            "prometheus: the answer is too long; narrow the query, shorten window or raise step", code="too_many_points"
        )
    return read_prometheus(answer.body)


def cloudwatch_request(options: Json, window: float, now: datetime) -> Json:
    """Return the parameters of GetMetricData for one metric.

    Periods begin on the clock, so the last one is taken to its end, and an instant value is that of the newest period
    that has one, within the last three.
    """
    period = options["period"]
    end = datetime.fromtimestamp(math.ceil(now.timestamp() / period) * period, UTC)
    metric = {
        "Namespace": options["namespace"],
        "MetricName": options["metric"],
        "Dimensions": [{"Name": name, "Value": str(value)} for name, value in sorted(options["dimensions"].items())],
    }
    stat = {"Metric": metric, "Period": period, "Stat": options["statistic"]}
    return {
        "MetricDataQueries": [{"Id": "m", "MetricStat": stat, "ReturnData": True}],
        "StartTime": end - timedelta(seconds=window or 3 * period),
        "EndTime": end,
        "ScanBy": "TimestampAscending",
    }


def read_cloudwatch(results: t.Sequence[Json], labels: dict[str, str], instant: bool) -> list[Series]:
    """Read the results of GetMetricData: of all its pages, each of which may hold a part of a series."""
    points = sorted(
        (at.timestamp(), float(value))
        for result in results
        for at, value in zip(result.get("Timestamps") or [], result.get("Values") or [])
    )
    if instant:
        points = points[-1:]
    return [Series(labels, tuple(points))] if points else []


def ask_cloudwatch(aws: Aws, options: Json, window: float, now: datetime) -> list[Series]:
    """Ask CloudWatch."""
    request = cloudwatch_request(options, window, now)
    results = aws.pages("cloudwatch", "get_metric_data", "MetricDataResults", "NextToken", **request)
    labels = {name: str(value) for name, value in options["dimensions"].items()}
    return read_cloudwatch(results, labels, not window)


def shown(series: t.Sequence[Series], how: str) -> list[Json]:
    """Return the series as modules return them."""
    return [
        {
            "labels": one.labels,
            "value": reduced([one], how),
            "points": [{"at": iso(datetime.fromtimestamp(at, UTC)), "value": value} for at, value in one.points],
        }
        for one in series
    ]
