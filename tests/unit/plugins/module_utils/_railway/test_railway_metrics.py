# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Railway is asked for when it shall say a number, and what its answers come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, AwsOptions
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import metrics
from ansible_collections.sre.remediation.plugins.modules import metrics_info

NOW = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
IDS = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(3)]
OPTIONS = {"project": IDS[0], "environment": IDS[1], "service": IDS[2]}
OPTIONS |= {"measurement": "MEMORY_USAGE_GB", "by_instance": False, "period": 60}


@pytest.mark.parametrize(
    ("window", "by_instance", "begin", "group"),
    [(0, False, "11:57:30", "SERVICE_ID"), (600, True, "11:50:30", "DEPLOYMENT_INSTANCE_ID")],
)
def test_the_question(window, by_instance, begin, group):
    asked = metrics.request({"serviceId": "s"}, {**OPTIONS, "by_instance": by_instance}, window, NOW)
    assert asked["serviceId"] == "s"
    assert asked["startDate"].startswith(f"2026-11-26T{begin}")
    assert asked["endDate"].startswith("2026-11-26T12:00:30")
    assert (asked["measurements"], asked["groupBy"]) == (["MEMORY_USAGE_GB"], [group])
    assert asked["sampleRateSeconds"] == 60


def result(*points, instance=None):
    values = [{"ts": at, "value": value} for at, value in points]
    return {"measurement": "CPU_USAGE", "tags": {"serviceId": "s", "deploymentInstanceId": instance}, "values": values}


LABELS = {"measurement": "CPU_USAGE", "serviceId": "s"}


@pytest.mark.parametrize(
    ("results", "instant", "expected"),
    [
        ([], False, []),
        ([result()], False, []),
        ([result((2, 0.5), (1, 3))], False, [(LABELS, ((1.0, 3.0), (2.0, 0.5)))]),
        ([result((2, 0.5), (1, 3))], True, [(LABELS, ((2.0, 0.5),))]),
        ([result((1, 3), instance="i")], True, [({**LABELS, "deploymentInstanceId": "i"}, ((1.0, 3.0),))]),
        ([{**result((1, 3)), "tags": None}], False, [({"measurement": "CPU_USAGE"}, ((1.0, 3.0),))]),
    ],
)
def test_answers(results, instant, expected):
    assert [(one.labels, one.points) for one in metrics.read(results, instant)] == expected


def params(**changes):
    made = {"prometheus": None, "cloudwatch": None, "railway": OPTIONS, "window": 600.0, "step": 15.0, "reduce": "last"}
    return {**made, "threshold": None, "comparison": "above", "require_data": False, **changes}


def test_one_request_and_a_threshold_for_instances_that_differ(canned, make_client):
    canned.answers["Metrics"] = [
        {"metrics": [result((1, 0.1), (2, 0.2), instance="a"), result((1, 0.9), instance="b")]}
    ]
    client = make_client()
    found = metrics_info.run(Aws(AwsOptions()), params(threshold=0.5), NOW, client)
    assert (found["value"], found["breached"], found["no_data"]) == (0.9, True, False)
    assert [one["value"] for one in found["series"]] == [0.2, 0.9]
    assert client.requests == 1
    assert canned.journal[0]["body"]["variables"]["serviceId"] == IDS[2]


def test_no_data_and_numbers_that_are_none(canned, make_client):
    canned.answers["Metrics"] = [{"metrics": []}]
    found = metrics_info.run(Aws(AwsOptions()), params(threshold=1), NOW, make_client())
    assert (found["value"], found["breached"], found["no_data"]) == (None, None, True)
    for changes, code in (
        ({"require_data": True}, "no_data"),
        ({"railway": {**OPTIONS, "period": 0}}, "invalid_option"),
    ):
        with pytest.raises(RemediationError) as failed:
            metrics_info.run(Aws(AwsOptions()), params(**changes), NOW, make_client())
        assert failed.value.code == code
