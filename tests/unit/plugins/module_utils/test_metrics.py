"""Numbers out of Prometheus and CloudWatch: requests, answers, and the one number of them all."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from ansible_collections.sre.remediation.plugins.module_utils import _metrics
from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, AwsOptions
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.modules import metrics_info

NOW = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
ONE = _metrics.Series({"pod": "a"}, ((1.0, 2.0), (2.0, 6.0), (3.0, 4.0)))
TWO = _metrics.Series({"pod": "b"}, ((1.0, 10.0),))


def answer(kind, result):
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


@pytest.mark.parametrize(
    ("series", "how", "expected"),
    [
        ([ONE], "last", 4),
        ([ONE], "avg", 4),
        ([ONE], "max", 6),
        ([ONE], "min", 2),
        ([ONE], "sum", 12),
        ([ONE, TWO], "last", 10),
        ([ONE, TWO], "avg", 7),
        ([ONE, TWO], "min", 2),
        ([ONE, TWO], "sum", 22),
        ([], "last", None),
        ([_metrics.Series({}, ())], "max", None),
        ([_metrics.Series({}, ()), ONE], "max", 6),
    ],
)
def test_one_number_of_all(series, how, expected):
    assert _metrics.reduced(series, how) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (answer("vector", [{"metric": {"a": "b"}, "value": [1, "0.5"]}]), [({"a": "b"}, ((1.0, 0.5),))]),
        (
            answer("matrix", [{"metric": {}, "values": [[1, "1"], [2, "NaN"], [3, "3"]]}]),
            [({}, ((1.0, 1.0), (3.0, 3.0)))],
        ),
        (answer("scalar", [1, "7"]), [({}, ((1.0, 7.0),))]),
        (answer("vector", []), []),
        (answer("vector", [{"metric": {}, "value": [1, "NaN"]}]), [({}, ())]),
        (answer("vector", [{"metric": {}, "value": [1, "+Inf"]}]), [({}, ((1.0, float("inf")),))]),
    ],
)
def test_answers_of_prometheus(text, expected):
    assert [(one.labels, one.points) for one in _metrics.read_prometheus(text)] == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"status": "error", "errorType": "bad_data", "error": "parse error"}', "query_failed"),
        ("<html>", "bad_answer"),
        ("[]", "bad_answer"),
        ('{"status": "success"}', "bad_answer"),
    ],
)
def test_what_is_no_answer(text, code):
    with pytest.raises(RemediationError) as failed:
        _metrics.read_prometheus(text)
    assert failed.value.code == code


@pytest.mark.parametrize(
    ("window", "path", "asked"),
    [
        (0, "/prefix/api/v1/query", {"query": ["up > 0"], "time": ["100.000"]}),
        (
            60,
            "/prefix/api/v1/query_range",
            {"query": ["up > 0"], "start": ["40.000"], "end": ["100.000"], "step": ["15"]},
        ),
    ],
)
def test_the_question_to_prometheus(window, path, asked):
    url = urlsplit(_metrics.prometheus_request("http://prom:9090/prefix/", "up > 0", window, 15, 100))
    assert (url.path, parse_qs(url.query)) == (path, asked)


def test_more_points_than_prometheus_returns_are_not_asked_for():
    with pytest.raises(RemediationError, match="step"):
        _metrics.prometheus_request("http://prom:9090", "up", 86400, 1, 100)


OPTIONS = {"namespace": "AWS/ECS", "metric": "CPUUtilization", "statistic": "p95", "period": 60}
OPTIONS["dimensions"] = {"ServiceName": "api", "ClusterName": "lab"}


@pytest.mark.parametrize(("window", "start"), [(0, (11, 58)), (600, (11, 51))])
def test_the_question_to_cloudwatch(window, start):
    asked = _metrics.cloudwatch_request(OPTIONS, window, NOW)
    assert (asked["EndTime"].hour, asked["EndTime"].minute, asked["EndTime"].second) == (12, 1, 0)
    assert (asked["StartTime"].hour, asked["StartTime"].minute) == start
    metric = asked["MetricDataQueries"][0]["MetricStat"]
    assert (metric["Stat"], metric["Period"]) == ("p95", 60)
    assert [each["Name"] for each in metric["Metric"]["Dimensions"]] == ["ClusterName", "ServiceName"]


@pytest.fixture
def cloudwatch():
    """A connection whose CloudWatch is stubbed, and the stub."""
    client = Session().create_client(
        "cloudwatch", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    aws = Aws(AwsOptions(region="us-east-1"))
    aws._clients["cloudwatch"] = client
    with Stubber(client) as stub:
        yield aws, stub
        stub.assert_no_pending_responses()


def params(**changes):
    made = {"prometheus": None, "railway": None, "cloudwatch": OPTIONS, "window": 600.0, "step": 15.0, "reduce": "last"}
    return {**made, "threshold": None, "comparison": "above", "require_data": False, **changes}


def page(*points, token=None):
    result = {"Id": "m", "Timestamps": [at for at, _value in points], "Values": [value for _at, value in points]}
    return {"MetricDataResults": [result], **({"NextToken": token} if token else {})}


def at(minute):
    return NOW.replace(minute=minute, second=0)


@pytest.mark.parametrize(
    ("threshold", "comparison", "breached"),
    [(None, "above", None), (80, "above", True), (90, "above", False), (90, "at_least", True), (91, "below", True),
     (90, "at_most", True), (90, "below", False)],
)  # fmt: skip
def test_cloudwatch_by_pages_and_a_threshold(cloudwatch, threshold, comparison, breached):
    aws, stub = cloudwatch
    stub.add_response("get_metric_data", page((at(5), 40.0), token="more"))
    stub.add_response("get_metric_data", page((at(7), 90.0), (at(6), 50.0)))
    found = metrics_info.run(aws, params(threshold=threshold, comparison=comparison), NOW)
    assert (found["value"], found["breached"], found["no_data"]) == (90.0, breached, False)
    assert [point["value"] for point in found["series"][0]["points"]] == [40.0, 50.0, 90.0]
    assert aws.calls == ["cloudwatch:GetMetricData"] * 2


def test_an_instant_value_is_the_newest(cloudwatch):
    aws, stub = cloudwatch
    stub.add_response("get_metric_data", page((at(58), 1.0), (at(59), 2.0)))
    found = metrics_info.run(aws, params(window=0.0, reduce="sum"), NOW)
    assert found["value"] == 2.0


def test_no_data_is_not_below_a_threshold(cloudwatch):
    aws, stub = cloudwatch
    stub.add_response("get_metric_data", page())
    found = metrics_info.run(aws, params(threshold=80), NOW)
    assert (found["value"], found["breached"], found["no_data"], found["series"]) == (None, None, True, [])
    stub.add_response("get_metric_data", page())
    with pytest.raises(RemediationError) as failed:
        metrics_info.run(aws, params(require_data=True), NOW)
    assert failed.value.code == "no_data"


@pytest.mark.parametrize("change", [{"window": -1.0}, {"step": 0.0}, {"cloudwatch": {**OPTIONS, "period": 0}}])
def test_numbers_that_are_none(change):
    with pytest.raises(RemediationError) as failed:
        metrics_info.run(Aws(AwsOptions()), params(**change), NOW)
    assert failed.value.code == "invalid_option"


class Prometheus(BaseHTTPRequestHandler):
    """Answers with what the test says, and keeps what it was asked."""

    said: tuple[int, str] = (200, "")
    asked: list[tuple[str, str | None]] = []

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("X-Scope-OrgID")))
        status, body = self.said
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def prometheus(monkeypatch):
    monkeypatch.setattr(Prometheus, "asked", [])
    server = HTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = {"url": f"http://127.0.0.1:{server.server_port}", "query": "up", "headers": {"X-Scope-OrgID": "team"}}
    yield {**options, "validate_certs": True, "ca_path": None, "timeout": 5.0}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((200, answer("vector", [{"metric": {}, "value": [1, "0.02"]}])), 0.02),
        ((400, '{"status": "error", "errorType": "bad_data", "error": "parse error"}'), "query_failed"),
        ((404, "not found"), "source_unreachable"),
        ((200, " " * 70_000), "too_many_points"),
    ],
)
def test_prometheus_is_asked_once(prometheus, monkeypatch, said, expected):
    monkeypatch.setattr(Prometheus, "said", said)
    question = params(prometheus=prometheus, cloudwatch=None, window=0.0, threshold=0.01)
    try:
        found = metrics_info.run(Aws(AwsOptions()), question, NOW)
        assert (found["value"], found["breached"]) == (expected, True)
    except RemediationError as error:
        assert error.code == expected
    assert len(Prometheus.asked) == 1
    assert Prometheus.asked[0][1] == "team"


def test_a_prometheus_that_does_not_answer(prometheus):
    prometheus["url"] = "http://127.0.0.1:9"
    with pytest.raises(RemediationError) as failed:
        metrics_info.run(Aws(AwsOptions()), params(prometheus=prometheus, cloudwatch=None), NOW)
    assert failed.value.code == "source_unreachable"
