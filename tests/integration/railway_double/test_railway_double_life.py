"""What the Railway double does with real containers: deploy, roll back, restart, scale, keep data; and who may do what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from railway_project import Client, Project, wait

VARIABLES = "mutation($i: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $i) }"
SNAPSHOT = "query($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"
# The client's package has the name of the double's own, so it runs by itself, elsewhere.
INDEPENDENT = """
import json, os
from railway import RailwayClient
client = RailwayClient(project_token=os.environ["RAILWAY_TOKEN"], endpoint=os.environ["LAB_RAILWAY_ENDPOINT"])
page = client.deployments(service_id=os.environ["SERVICE"], environment_id=os.environ["ENVIRONMENT"])
one = client.deployment(os.environ["DEPLOYMENT"])
print(json.dumps({"cursors": [edge.cursor for edge in page.edges], "id": one.id, "can": one.can_rollback}))
"""


def label(container: str, name: str) -> str:
    pattern = f'{{{{index .Config.Labels "com.sre-remediation.lab{name}"}}}}'
    return subprocess.run(
        ["docker", "inspect", "--format", pattern, container], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_rollback_serves_the_old_version_without_a_gap(project: Project) -> None:
    old = next(d for d in reversed(project.deployments()) if d["image"].endswith(":1.0.0"))
    versions: list[str | int] = []
    ends = threading.Event()

    def use() -> None:
        while not ends.is_set():
            versions.append(project.version())

    user = threading.Thread(target=use)
    user.start()
    try:
        assert project.act("deploymentRollback", old["id"]).data == {"deploymentRollback": True}
        new = project.deployments()[0]
        met = project.until(new["id"], "SUCCESS")
        wait(lambda: versions[-1] == "1.0.0", "the traffic")
    finally:
        ends.set()
        user.join()
    assert "BUILDING" not in met
    first = versions.index("1.0.0")
    assert set(versions[:first]) == {"1.1.0"} and set(versions[first:]) == {"1.0.0"}
    (instance,) = project.serving()["instances"]
    assert label(instance["container"], ".railway.deployment") == new["id"]
    assert label(instance["container"], "") == project.lab
    assert project.seen(new["id"])["meta"]["imageDigest"] == old["digest"]


def test_a_deployment_is_frozen_and_a_redeploy_brings_it_back(project: Project) -> None:
    first = project.deploy()
    assert project.until(first, "SUCCESS")[-2:] == ["DEPLOYING", "SUCCESS"]
    before = len(project.deployments())
    collection = {"projectId": project.id, **project.place, "variables": {"COLOUR": "red"}, "skipDeploys": True}
    assert project.client.ask(VARIABLES, i=collection)
    assert len(project.deployments()) == before
    assert project.client.ask(VARIABLES, i={**collection, "skipDeploys": False})
    second = project.deployments()[0]["id"]
    project.until(second, "SUCCESS")
    project.until(first, "REMOVED")
    values = [project.client.ask(SNAPSHOT, id=d)["deploymentSnapshot"]["variables"] for d in (first, second)]
    assert "COLOUR" not in values[0] and values[1] == {**values[0], "COLOUR": "red"}
    redeploy = "mutation($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id status } }"
    third = project.client.ask(redeploy, id=first)["deploymentRedeploy"]["id"]
    assert "BUILDING" not in project.until(third, "SUCCESS")
    assert project.client.ask(SNAPSHOT, id=third)["deploymentSnapshot"]["variables"] == values[0]
    delete = "mutation($i: VariableDeleteInput!) { variableDelete(input: $i) }"
    assert project.client.ask(delete, i={"projectId": project.id, **project.place, "name": "COLOUR"})
    assert project.until(project.deployments()[0]["id"], "SUCCESS")[-1] == "SUCCESS"


def test_images_are_kept_for_so_many_hours(project: Project) -> None:
    old = next(d for d in reversed(project.deployments()) if d["status"] == "REMOVED")["id"]
    assert project.seen(old)["canRollback"]
    project.control.call("clock", advance=121 * 3600)
    assert not project.seen(old)["canRollback"] and project.seen(project.serving()["id"])["canRollback"]
    before = len(project.deployments())
    assert project.act("deploymentRollback", old).messages == ["Deployment cannot be rolled back to"]
    assert len(project.deployments()) == before
    project.control.call("reset")


def test_restart_stop_and_remove(project: Project) -> None:
    serving = project.serving()["id"]
    instances = project.seen(serving)["instances"]
    assert project.act("deploymentStop", serving).data and project.version() == 502
    stopped = project.seen(serving)
    assert stopped["deploymentStopped"] and [i["status"] for i in stopped["instances"]] == ["STOPPED"]
    assert project.act("deploymentRestart", serving).data
    wait(lambda: project.version() == "1.1.0", "the restart")
    assert project.seen(serving)["instances"] == instances and not project.seen(serving)["deploymentStopped"]
    # A crash that a restart helps is healed by the restart policy: same deployment, same instance.
    subprocess.run(["docker", "kill", project.serving()["instances"][0]["container"]], check=True, capture_output=True)
    wait(lambda: project.version() == "1.1.0", "the policy's restart")
    assert project.seen(serving)["status"] == "SUCCESS"
    project.control.call("crash", service="api")
    project.until(serving, "CRASHED")
    assert project.act("deploymentRestart", serving).data
    wait(lambda: project.version() == "1.1.0" and project.seen(serving)["status"] == "SUCCESS", "the second restart")
    assert project.act("deploymentRemove", serving).data
    project.until(serving, "REMOVED")
    assert (
        project.version() == 502 and project.seen(serving)["canRollback"] and not project.seen(serving)["canRedeploy"]
    )


def test_a_bad_release_never_serves_and_says_why(project: Project) -> None:
    image = "sre-remediation-lab/api-unpublished:1.2.0-bad"
    new = project.control.call("push", service="api", image=image, message="Exchange rates")["deployment"]
    project.until(new, "CRASHED")
    assert project.version() == "1.1.0"
    document = "query($id: String!) { deploymentLogs(deploymentId: $id, limit: 500) { message severity } }"
    lines = project.client.ask(document, id=new)["deploymentLogs"]
    assert any(line["message"].startswith("ModuleNotFoundError") and line["severity"] == "error" for line in lines)
    project.control.call("reset")


def test_scaling_needs_no_deployment(project: Project) -> None:
    serving, before = project.serving()["id"], len(project.deployments())
    document = "mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    for replicas in (2, 1):
        regions = {"europe-west4-drams3a": {"numReplicas": replicas}}
        patch = {"services": {project.api: {"deploy": {"multiRegionConfig": regions}}}}
        assert project.client.ask(document, e=project.environment_id, p=patch)
        assert [i["status"] for i in project.seen(serving)["instances"]] == ["RUNNING"] * replicas
    assert len(project.deployments()) == before
    patch = {"services": {project.db: {"deploy": {"multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 2}}}}}}
    assert "cannot have replicas" in project.client.send(document, e=project.environment_id, p=patch).messages[0]


def test_a_backup_brings_the_data_back(project: Project) -> None:
    def sql(statement: str) -> str:
        container = project.deployments("db")[0]["instances"][0]["container"]
        command = ["docker", "exec", container, "psql", "-At", "-c", statement, "orders"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def finish(workflow: str) -> list[str]:
        document, met = "query($id: String!) { workflowStatus(workflowId: $id) { status error } }", []

        def done() -> bool:
            status = project.client.ask(document, id=workflow)["workflowStatus"]
            met.append(status["status"])
            assert status["error"] is None
            return status["status"] == "Complete"

        wait(done, "the workflow")
        return met

    sql("DELETE FROM orders; INSERT INTO orders (item, quantity) VALUES ('tea', 3); CHECKPOINT")
    create = 'mutation($v: String!) { volumeInstanceBackupCreate(volumeInstanceId: $v, name: "before") { workflowId } }'
    met = finish(project.client.ask(create, v=project.volume)["volumeInstanceBackupCreate"]["workflowId"])
    assert met[0] == "NotFound" and met[-1] == "Complete"
    listing = "query($v: String!) { volumeInstanceBackupList(volumeInstanceId: $v) { id name } }"
    (backup,) = project.client.ask(listing, v=project.volume)["volumeInstanceBackupList"]
    assert backup["name"] == "before"
    sql("DELETE FROM orders")
    restore = """mutation($v: String!, $b: String!) {
        volumeInstanceBackupRestore(volumeInstanceId: $v, volumeInstanceBackupId: $b) { workflowId } }"""
    finish(project.client.ask(restore, v=project.volume, b=backup["id"])["volumeInstanceBackupRestore"]["workflowId"])
    staged = "query($e: String!) { environmentStagedChanges(environmentId: $e) { status patch } }"
    where = {"e": project.environment_id}
    assert list(project.client.ask(staged, **where)["environmentStagedChanges"]["patch"]) == ["volumes"]
    assert sql("SELECT count(*) FROM orders") == "0"
    project.client.ask("mutation($e: String!) { environmentPatchCommitStaged(environmentId: $e) }", **where)
    newest = project.deployments("db")[0]["id"]
    wait(lambda: (project.control.serving("db") or {}).get("id") == newest, "the database")
    assert sql("SELECT item, quantity FROM orders") == "tea|3"
    assert project.client.ask(staged, **where)["environmentStagedChanges"]["patch"] == {}
    wait(lambda: project.version() == "1.1.0", "the API")
    project.control.call("reset")


def test_tokens_reach_what_they_shall(project: Project) -> None:
    workspace = Client(
        project.environment, Authorization=f"Bearer {project.environment['LAB_RAILWAY_WORKSPACE_TOKEN']}"
    )
    wrong = Client(project.environment, Authorization=f"Bearer {project.environment['RAILWAY_TOKEN']}")
    me, own = "{ me { id } }", "{ projectToken { projectId } }"
    projects = "query($w: String) { projects(workspaceId: $w) { edges { node { id } } } }"
    assert project.account.ask(me) and project.client.ask(own)["projectToken"]["projectId"] == project.id
    for client, document in ((workspace, me), (project.client, me), (project.client, projects), (project.account, own)):
        reply = client.send(document)
        assert (reply.status, reply.messages) == (200, ["Not Authorized"])
    token = workspace.ask("{ apiToken { workspaces { id } } }")["apiToken"]["workspaces"][0]["id"]
    assert project.account.ask(projects)["projects"]["edges"] == []
    assert workspace.ask(projects, w=token)["projects"]["edges"] == [{"node": {"id": project.id}}]
    assert wrong.send(own).messages == ["Not Authorized"]
    bad = Client(project.environment, **{"Project-Access-Token": project.environment["RAILWAY_API_TOKEN"]})
    assert bad.send(own).messages == ["Project Token not found"]
    environment = "query($id: String!) { environment(id: $id) { id } }"
    assert project.client.send(environment, id=project.api).messages == ["Not Authorized"]


def test_errors_have_railways_shapes(project: Project) -> None:
    assert project.client.send("{ me").answer["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    unknown = project.client.send("{ weather }")
    assert (unknown.status, unknown.answer["errors"][0]["extensions"]["code"]) == (400, "GRAPHQL_VALIDATION_FAILED")
    lacking = project.client.send('mutation { environmentDelete(id: "x") }')
    assert lacking.messages == ["double: not implemented: Mutation.environmentDelete"]
    agent = project.client.send("{ me { id } }", agent="Python-urllib/3.11")
    assert (agent.status, agent.body) == (403, b"error code: 1010")
    reply = project.client.send("query($id: String!) { deployment(id: $id) { id } }", id="nothing")
    assert reply.status == 200 and reply.answer["errors"][0]["traceId"] and "X-RateLimit-Limit" in reply.headers
    assert reply.headers["RateLimit-Policy"].endswith(";w=3600")
    for token in (project.environment["RAILWAY_TOKEN"], project.environment["RAILWAY_API_TOKEN"]):
        assert token not in json.dumps(project.control.journal())


def test_the_control_endpoint_says_what_is_wrong(project: Project) -> None:
    for name, given in (("fault", {"kind": "fire"}), ("outcome", {"service": "web"}), ("weather", {})):
        with pytest.raises(RuntimeError, match=r"there are|web|there is no"):
            project.control.call(name, **given)


def test_an_incident_holds_deployments_back(project: Project) -> None:
    project.control.call("incident", message="Deployments are delayed")
    status = project.client.ask("{ platformStatus { isStable incident { message status } } }")["platformStatus"]
    assert not status["isStable"] and status["incident"]["message"] == "Deployments are delayed"
    new = project.deploy()
    project.until(new, "QUEUED")
    project.control.call("incident")
    project.until(new, "SUCCESS")


def test_an_independent_client_sees_the_same(project: Project, tmp_path: Path) -> None:
    newest = project.deployments()[0]["id"]
    where = {"SERVICE": project.api, "ENVIRONMENT": project.environment_id, "DEPLOYMENT": newest}
    environment = {**os.environ, **project.environment, **where, "PYTHONPATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", INDEPENDENT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    document = "query($i: DeploymentListInput!) { deployments(input: $i) { edges { cursor node { id canRollback } } } }"
    edges = project.client.ask(document, i=project.place)["deployments"]["edges"]
    assert found["cursors"] == [edge["cursor"] for edge in edges]
    assert (found["id"], found["can"]) == (newest, edges[0]["node"]["canRollback"])
