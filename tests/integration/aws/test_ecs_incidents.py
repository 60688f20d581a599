"""What goes wrong with deployments, for real: what the module sees, what it goes back to, and what users are served then.

Every case: look, dry run (which changes nothing), rollback, the version users get, and a second run that changes nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import WaiterError
from ecs_lab import CURRENT, FIRST

from ansible_collections.sre.remediation.plugins.module_utils._ecs import deploy
from ansible_collections.sre.remediation.plugins.module_utils._ecs.rollback import Rollback
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

NEEDS = ["ORDERS_CURRENCY", "JWT_SECRET"]
INCIDENTS = {
    # fault: (signals it must have, words of the newest deployment's error or of the start error, how the target is found)
    "ecs-bad-image": (set(), "CannotPullContainerError", "in_flight"),
    "ecs-crash-late": ({"exited_with_error"}, "", "service_deployments"),
    "ecs-unhealthy": (set(), "", "in_flight"),
    "ecs-unhealthy-given-up": (set(), "circuit breaker", "service_deployments"),
    "ecs-missing-secret": ({"env_lost_since_previous:JWT_SECRET"}, "ResourceInitializationError", "in_flight"),
    "ecs-missing-env": ({"env_lost_since_previous:ORDERS_CURRENCY"}, "", "in_flight"),
    "ecs-hanging-rollout": (set(), "", "in_flight"),
    "ecs-tag-moved": (set(), "", "in_flight"),
    "ecs-previous-bad": (set(), "", "in_flight"),
    "ecs-deregistered": (set(), "", "in_flight"),
    "ecs-outage": ({"exited_with_error"}, "", "in_flight"),
}


@pytest.mark.parametrize("fault", INCIDENTS)
def test_incident(aws, fault):
    signals, words, found_by = INCIDENTS[fault]
    aws.break_it(fault)
    seen = aws.info(required_env=NEEDS)
    assert signals <= set(seen["signals"])
    told = f"{seen['service']['start_error']} {(seen['service']['deployment'] or {}).get('error')}"
    assert words in told
    bad = seen["service"]["version"]

    planned = aws.rollback(check=True)
    assert planned["changed"]
    assert planned["to"]["found_by"] == found_by
    assert planned["diff"]["before"]["task_definition"] == bad

    done = aws.rollback(only_if_current=bad)
    assert done["changed"], done
    assert done["to"] == planned["to"]
    assert done["verified"], done
    assert done["status"] == ("ROLLBACK_SUCCESSFUL" if found_by == "in_flight" else "SUCCESSFUL")
    assert aws.served() == CURRENT

    again = aws.rollback()
    assert not again["changed"]
    assert again["to"]["found_by"] in ("already_rolled_back", "not_current")
    after = aws.info()
    assert after["signals"] == ["running"]
    assert after["service"]["version"] == done["to"]["version"]
    assert after["service"]["healthy"] == 1


def test_what_ecs_took_back_is_left_alone_and_a_failed_rollback_is_told(aws):
    """The circuit breaker took the bad version back. Somebody "rolls back" to it: the waiter of AWS is content, and wrong."""
    aws.break_it("ecs-bad-image-reverted")
    seen = aws.info()["service"]
    assert (seen["status"], seen["deployment"]["status"]) == ("running", "failed")
    left_alone = aws.rollback()
    assert (left_alone["changed"], left_alone["to"]["found_by"]) == (False, "already_rolled_back")

    bad = seen["deployment"]["version"]
    failed = aws.rollback(to=bad)
    assert failed["failed"]
    assert failed["code"] == "reverted_by_ecs"
    assert "circuit breaker" in failed["msg"]
    assert (failed["current"], failed["undo"]) == (seen["version"], None)
    boto3.client("ecs").get_waiter("services_stable").wait(
        cluster="lab", services=["api"], WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    assert aws.served() == CURRENT


def test_a_version_that_never_comes_up_is_not_waited_for(aws):
    """Without a circuit breaker ECS tries for ever; the waiter of AWS would wait its ten minutes."""
    aws.break_it("ecs-crash-at-start")
    bad = aws.info()["service"]["version"]
    assert aws.rollback()["verified"]
    failed = aws.rollback(to=bad)
    assert failed["code"] == "does_not_start"
    assert failed["undo"] == {"version": failed["from"]["version"]}
    with pytest.raises(WaiterError):
        boto3.client("ecs").get_waiter("services_stable").wait(
            cluster="lab", services=["api"], WaiterConfig={"Delay": 1, "MaxAttempts": 2}
        )
    assert aws.rollback()["to"]["found_by"] == "in_flight"
    assert aws.served() == CURRENT


def test_a_healthy_service_goes_back_one_and_can_be_undone(aws):
    before = aws.info()["service"]
    done = aws.rollback()
    assert (done["to"]["found_by"], done["verified"]) == ("service_deployments", True)
    assert done["to"]["version"] == before["previous_version"]["version"]
    assert done["image_digests"] == before["previous_version"]["image_digests"]
    assert aws.served() == FIRST
    assert not aws.rollback()["changed"]
    # Whoever says that this one must be left too goes no further than there is something.
    assert aws.rollback(only_if_current=done["to"]["version"])["code"] == "no_previous_version"
    # What a plan named is not there any more: nothing else is gone to.
    gone = aws.rollback(candidates=["lab-api:999"], only_candidates=True)
    assert (gone["code"], gone["changed"]) == ("no_previous_version", False)
    assert aws.served() == FIRST
    undone = aws.rollback(to=done["undo"]["version"])
    assert undone["verified"]
    assert aws.served() == CURRENT


def test_a_pinned_copy_of_the_version_before(aws):
    done = aws.rollback(pin_digest=True)
    assert done["verified"]
    assert done["actions"][0].endswith("with its images pinned")
    assert aws.served() == FIRST
    assert "@sha256:" in aws.info()["service"]["ecs"]["image"]
    # The copy is what it is a copy of: nothing to be done.
    assert aws.rollback()["to"]["found_by"] == "already_rolled_back"
    assert not aws.rollback(to=done["to"]["version"])["changed"]


def test_a_throttled_api_is_asked_again(aws):
    aws.break_it("ecs-crash-at-start", "ecs-throttled")
    assert aws.rollback()["verified"]
    assert aws.served() == CURRENT


def test_a_denied_history_stops_it_unless_it_may_go_on(aws):
    aws.break_it("ecs-crash-at-start", "ecs-denied")
    refused = aws.rollback()
    assert (refused["code"], refused["changed"]) == ("history_unreadable", False)
    assert "ecs:ListServiceDeployments" in refused["msg"]
    done = aws.rollback(require_history=False)
    assert (done["to"]["found_by"], done["verified"]) == ("deployments", True)
    assert done["service_deployment_arn"] is None
    assert aws.served() == CURRENT


def test_two_at_once_do_it_once(aws):
    aws.break_it("ecs-crash-late")
    bad = aws.info()["service"]["version"]
    options = {"cluster": "lab", "service": "api", "poll": 1.0, "wait": 90.0, "only_if_current": bad, "container": None}
    options |= {"to": None, "candidates": [], "exclude": [], "inactive": "refuse", "require_history": True}
    options |= {"region": None, "profile": None, "endpoint_url": aws.endpoint, "retries": 4, "retry_mode": "standard"}
    options |= {"timeout": 10.0, "deadline": 60.0}
    options |= dict.fromkeys(
        ("only_candidates", "use_task_definition_list", "allow_other_family", "pin_digest", "restore_configuration"),
        False,
    )

    def run(_number):
        return Rollback(deploy.connect(options), options, False, Progress()).run()

    known = len(aws.info()["service"]["ecs"]["service_deployments"])
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, range(2))
    after = aws.info()["service"]
    assert len(after["ecs"]["service_deployments"]) == known + 1
    assert {first["status"], second["status"]} <= {"SUCCESSFUL", None}
    assert aws.served() == CURRENT


def test_nothing_answers(aws):
    down = aws.module("ecs_service_info", cluster="lab", service="api", endpoint_url="http://127.0.0.1:9", retries=0)
    assert not down.get("failed")
    assert down["signals"] == ["platform_unreachable"]
    assert "ecs:DescribeServices" in down["service"]["error"]
    missing = aws.info("nobody")
    assert missing["signals"] == ["missing"]
    assert aws.module("ecs_service_info", cluster="other", service="api")["code"] == "cluster_missing"
