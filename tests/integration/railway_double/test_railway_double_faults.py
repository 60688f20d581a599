"""All eight groups of faults of the Railway double, as a client meets them."""

from __future__ import annotations

import http.client
import time

import pytest
from railway_project import Project, wait

STABLE = "query Stable { platformStatus { isStable } }"
REDEPLOY = "mutation Redeploy($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id } }"
JSON = "application/json"


def test_group_1_too_many_requests(project: Project) -> None:
    for kind in ("rate_limited", "budget_exhausted", "cloudflare_1015"):
        project.control.fault(kind)
    told, spent, cloudflare = (project.client.send(STABLE) for _time in range(3))
    assert [reply.status for reply in (told, spent, cloudflare)] == [429, 429, 429]
    assert told.headers["Retry-After"] == "2" and int(told.headers["X-RateLimit-Remaining"]) > 0
    assert spent.headers["X-RateLimit-Remaining"] == "0"
    assert "Retry-After" not in cloudflare.headers and "X-RateLimit-Limit" not in cloudflare.headers
    assert cloudflare.headers["Content-Type"].startswith("text/html") and b"1015" in cloudflare.body
    assert project.client.send(STABLE).status == 200
    project.control.switch(requests_per_second=3)
    answers = [project.client.send(STABLE) for _time in range(6)]
    limited = [reply for reply in answers if reply.status == 429]
    assert limited and all(reply.headers["Retry-After"] == "1" for reply in limited)
    assert [entry["status"] for entry in project.control.journal()].count(429) == 3 + len(limited)


def test_group_2_broken_ways_before_and_after_the_effect(project: Project) -> None:
    serving, before = project.serving()["id"], len(project.deployments())
    project.control.fault("bad_gateway", on="deploymentRedeploy")
    project.control.fault("gateway_timeout", on="Redeploy", delay=1)
    project.control.fault("connection_reset", on="Redeploy")
    bad = project.client.send(REDEPLOY, id=serving)
    started = time.monotonic()
    late = project.client.send(REDEPLOY, id=serving)
    assert [bad.status, late.status] == [502, 504] and time.monotonic() - started >= 0.2
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        project.client.send(REDEPLOY, id=serving)
    assert len(project.deployments()) == before
    project.control.fault("gateway_timeout", on="deploymentRedeploy", when="after")
    reply = project.client.send(REDEPLOY, id=serving)
    assert reply.status == 504 and reply.headers["Content-Type"].startswith("text/html")
    assert len(project.deployments()) == before + 1
    assert [entry["executed"] for entry in project.control.journal() if entry["operation"] == "Redeploy"][-1]
    project.until(project.deployments()[0]["id"], "SUCCESS")


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("not_authorized", 200, "Not Authorized"),
        ("problem_processing", 200, "Problem processing request"),
        ("too_quickly", 200, "30 seconds"),
        ("two_factor", 200, "Two Factor Authentication Required"),
        ("partial_data", 200, "isStable"),
        ("data_null", 200, '{"data":null}'),
        ("not_json", 200, "<html>"),
        ("cloudflare_1010", 403, "error code: 1010"),
    ],
)
def test_group_3_answers_that_are_none(project: Project, kind: str, status: int, said: str) -> None:
    project.control.fault(kind, on="Stable", nth=2)
    first, second, third = (project.client.send(STABLE) for _time in range(3))
    assert first.data == third.data == {"platformStatus": {"isStable": True}}
    assert second.status == status and said in second.body.decode()
    assert ("errors" in second.answer if said[0].isupper() else True) and second.body != first.body
    assert [entry["fault"] for entry in project.control.journal()] == ["", kind, ""]


def test_group_4_slow_and_short_answers(project: Project) -> None:
    project.control.fault("slow", delay=5)
    with pytest.raises(TimeoutError):
        project.client.send(STABLE, timeout=0.3)
    project.control.fault("truncated")
    with pytest.raises(http.client.IncompleteRead):
        project.client.send(STABLE)
    assert project.client.send(STABLE).status == 200


@pytest.mark.parametrize(
    ("outcome", "ends", "serves_on"),
    [
        ("build_failed", "FAILED", True),
        ("healthcheck_failed", "FAILED", True),
        ("skipped", "SKIPPED", True),
        ("unknown_status", "CANCELLED", True),
        ("crash_late", "CRASHED", False),
    ],
)
def test_group_5_deployments_that_end_otherwise(project: Project, outcome: str, ends: str, serves_on: bool) -> None:
    old = project.serving()["id"]
    project.control.call("settings", service="api", settings={"healthcheckTimeout": 10})
    project.control.outcome("api", outcome)
    new = project.deploy()
    met = project.until(new, ends)
    assert ("SUCCESS" in met or outcome != "crash_late") and project.seen(new)["status"] == ends
    assert (project.serving()["id"] == old) is serves_on
    wait(lambda: project.version() == ("1.1.0" if serves_on else 502), "the traffic")
    events = project.client.ask(
        "query($id: String!) { deploymentEvents(id: $id) { edges { node { step payload { error } } } } }", id=new
    )["deploymentEvents"]["edges"]
    assert any(edge["node"]["payload"]["error"] for edge in events) == (ends == "FAILED")
    project.control.call("settings", service="api", settings={"healthcheckTimeout": 60})


def test_group_5_waiting_in_the_queue_for_approval_and_superseded(project: Project) -> None:
    project.control.outcome("api", "stuck_queued")
    stuck = project.deploy()
    project.until(stuck, "QUEUED")
    project.control.outcome("api", "needs_approval")
    asking = project.deploy()
    project.until(asking, "NEEDS_APPROVAL")
    assert project.seen(stuck)["status"] == "QUEUED" and project.act("deploymentCancel", stuck).data
    project.until(stuck, "REMOVED")
    project.control.outcome("api", "superseded")
    assert project.act("deploymentApprove", asking).data == {"deploymentApprove": True}
    project.until(asking, "SUCCESS")
    superseded = project.deploy()
    project.until(superseded, "REMOVED")
    other = project.deployments()[0]
    assert other["creator"] == "colleague@example.com" and other["id"] not in (superseded, asking)
    project.until(other["id"], "SUCCESS")
    assert project.act("deploymentApprove", other["id"]).messages == ["Deployment does not need approval"]


@pytest.mark.parametrize("status", ["CRASHED", "SUCCESS"])
def test_group_5_one_of_two_replicas_crashed(project: Project, status: str) -> None:
    project.control.call("settings", service="api", settings={"numReplicas": 2})
    project.control.switch(partial_crash_status=status)
    project.control.outcome("api", "replica_crashed")
    new = project.deploy()
    project.until(new, "SUCCESS")
    wait(lambda: "CRASHED" in [i["status"] for i in project.seen(new)["instances"]], "the crash")
    seen = project.seen(new)
    assert (seen["status"], sorted(i["status"] for i in seen["instances"])) == (status, ["CRASHED", "RUNNING"])
    assert [project.version() for _time in range(4)] == ["1.1.0"] * 4
    project.control.call("settings", service="api", settings={"numReplicas": 1})
    project.control.call("reset")


def test_group_6_eventual_consistency(project: Project) -> None:
    old = project.serving()["id"]
    project.control.switch(hide_new_for=2, stale_latest_for=1, shuffle=True)
    new = project.deploy()
    assert [new in project.listed() for _time in range(3)] == [False, False, True]
    latest = "query($e: String!, $s: String!) { serviceInstance(environmentId: $e, serviceId: $s) { latestDeployment { id } } }"
    where = {"e": project.environment_id, "s": project.api}
    shown = [project.client.ask(latest, **where)["serviceInstance"]["latestDeployment"]["id"] for _time in range(2)]
    assert shown == [old, new]
    project.until(new, "SUCCESS")
    created = [d["id"] for d in project.deployments()]
    assert set(project.listed()) == set(created) and project.listed() != created
    project.control.switch(restart_stale_for=3, restart_changes_instances=True)
    before = project.seen(new)
    assert project.act("deploymentRestart", new).data == {"deploymentRestart": True}
    assert [project.seen(new) == before for _time in range(3)] == [True, True, True]
    wait(lambda: [i["status"] for i in project.seen(new)["instances"]] == ["RUNNING"], "the restart")
    assert project.seen(new)["instances"][0]["id"] != before["instances"][0]["id"]
    assert project.seen(new)["statusUpdatedAt"] > before["statusUpdatedAt"]


def test_group_6_somebody_else_deploys_at_the_same_time(project: Project) -> None:
    project.control.switch(foreign_deployments=1, foreign_image="sre-remediation-lab/api:1.0.0")
    own = project.deploy()
    other, mine = project.deployments()[:2]
    assert mine["id"] == own and other["image"].endswith(":1.0.0") and other["creator"] != mine["creator"]
    project.until(other["id"], "SUCCESS")
    project.until(own, "REMOVED")
    assert project.version() == "1.0.0"


def test_group_7_rollbacks_that_are_none(project: Project) -> None:
    current = project.deploy()
    project.until(current, "SUCCESS")
    target = next(d["id"] for d in project.deployments() if d["status"] == "REMOVED" and d["image"].endswith(":1.0.0"))
    before = len(project.deployments())
    project.control.fault("returns", on="deploymentRollback", **{"with": {"returns": False}})
    project.control.outcome("api", "healthcheck_failed")
    project.control.call("settings", service="api", settings={"healthcheckTimeout": 5})
    assert project.act("deploymentRollback", target).data == {"deploymentRollback": False}
    project.control.outcome("api", "build_failed")
    assert len(project.deployments()) == before + 1
    assert project.seen(target)["canRollback"]
    project.control.switch(expire_images_at_mutation=True)
    assert project.act("deploymentRollback", target).messages == ["Deployment cannot be rolled back to"]
    assert not project.seen(target)["canRollback"] and len(project.deployments()) == before + 1
    project.control.call("reset")


def test_group_7_a_rollback_is_accepted_and_fails(project: Project) -> None:
    project.control.call("reset")
    project.control.call("clock", factor=0.05)
    old = project.deployments()[-1]["id"]
    project.control.outcome("api", "healthcheck_failed")
    assert project.act("deploymentRollback", old).data == {"deploymentRollback": True}
    project.until(project.deployments()[0]["id"], "FAILED")
    assert project.version() == "1.1.0"


def test_group_8_pages(project: Project) -> None:
    project.control.call("many", services=8)
    project.control.switch(page_size=2, changing_cursors=True, empty_pages=1)
    document = """query($e: String!, $after: String) { environment(id: $e) { serviceInstances(first: 500, after: $after) {
        edges { node { serviceName } } pageInfo { hasNextPage endCursor } } } }"""
    names, sizes, after = [], [], None
    while True:
        page = project.client.ask(document, e=project.environment_id, after=after)["environment"]["serviceInstances"]
        names += [edge["node"]["serviceName"] for edge in page["edges"]]
        sizes.append(len(page["edges"]))
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len(names) == len(set(names)) == 10 and sizes == [2, 0, 2, 2, 2, 2]
    project.control.call("reset")
