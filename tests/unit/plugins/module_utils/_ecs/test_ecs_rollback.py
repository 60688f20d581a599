"""A whole rollback against a stub that knows the model of ECS: what is asked, what is sent, and what is told."""

from __future__ import annotations

import pytest
from ecs_history import definition_arn, make_service, revision_arn, rollout_arn
from ecs_scene import described, revision

from ansible_collections.sre.remediation.plugins.module_utils._ecs import deploy


def test_it_deploys_the_version_before_and_nothing_but_that(scene):
    scene.reads()
    scene.target("v2")
    # Only the task definition is sent: a desired count would be an argument the stub does not expect.
    scene.deploys("v2")
    facts = scene.run()
    assert (facts["to"]["name"], facts["to"]["found_by"]) == ("api:2", "service_deployments")
    assert facts["service_deployment_arn"] == rollout_arn(9)
    assert (facts["status"], facts["verified"]) == ("SUCCESSFUL", True)
    assert facts["undo"] == {"version": definition_arn("v3")}
    assert facts["image_digests"] == {"api": "sha256:v2"}
    assert scene.progress.changed


def test_check_mode_names_the_target_and_changes_nothing(scene):
    scene.reads()
    scene.target("v2")
    facts = scene.run(check_mode=True)
    assert facts["to"] == {"version": definition_arn("v2"), "name": "api:2", "found_by": "service_deployments"}
    assert scene.progress.changed
    assert scene.progress.before == {"task_definition": definition_arn("v3")}
    assert scene.progress.after == {"task_definition": definition_arn("v2")}


def test_a_second_run_changes_nothing(scene):
    scene.reads("v2", ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 SUCCESSFUL", "v2 SUCCESSFUL"))
    facts = scene.run()
    assert facts["to"]["found_by"] == "already_rolled_back"
    assert facts["undo"] is None
    assert not scene.progress.changed


def test_what_ecs_takes_back_is_told_as_it_is(scene):
    scene.reads()
    scene.target("v2")
    scene.deploys("v2", "ROLLBACK_SUCCESSFUL", after="v3")
    with pytest.raises(deploy.DeploymentFailed, match="ECS took the deployment back.*on api:3 now") as failed:
        scene.run()
    assert failed.value.code == "reverted_by_ecs"
    assert failed.value.facts["current"] == definition_arn("v3")
    # What is there is what was there, so there is nothing to undo.
    assert failed.value.facts["undo"] is None
    assert failed.value.facts["from"]["version"] == definition_arn("v3")


def test_with_no_task_wanted_nothing_is_verified(scene):
    scene.reads(desiredCount=0, runningCount=0)
    scene.target("v2")
    scene.deploys("v2", desiredCount=0, runningCount=0)
    assert scene.run()["verified"] is False
    assert any("desired count is 0" in warning for warning in scene.progress.warnings)


def test_a_deployment_in_flight_is_stopped_with_a_rollback(scene):
    scene.reads("v3", ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 IN_PROGRESS"))
    scene.target("v2")
    asked = {"serviceDeploymentArn": rollout_arn(2), "stopType": "ROLLBACK"}
    scene.aws.expect("stop_service_deployment", {"serviceDeploymentArn": rollout_arn(2)}, **asked)
    ended = described(2, "v3", "ROLLBACK_SUCCESSFUL", rollback={"serviceRevisionArn": revision_arn("v2")})
    scene.aws.expect("describe_service_deployments", {"serviceDeployments": [ended]})
    scene.aws.expect("describe_services", {"services": [make_service("v2")]})
    scene.aws.expect("describe_service_deployments", {"serviceDeployments": [ended]})
    scene.aws.expect("describe_service_revisions", {"serviceRevisions": [revision("v2")]})
    facts = scene.run()
    assert (facts["to"]["found_by"], facts["status"], facts["verified"]) == ("in_flight", "ROLLBACK_SUCCESSFUL", True)
    assert facts["image_digests"] == {"api": "sha256:v2"}
    assert scene.progress.changed


@pytest.mark.parametrize(
    ("end", "code"),
    [("ROLLBACK_SUCCESSFUL", None), ("SUCCESSFUL", "finished_meanwhile"), ("ROLLBACK_FAILED", "rollback_failed")],
)
def test_a_deployment_that_ended_before_it_could_be_stopped(scene, end, code):
    scene.reads("v3", ("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 IN_PROGRESS"))
    scene.target("v2")
    scene.aws.refuse("stop_service_deployment", "ConflictException")
    ended = described(2, "v3", end)
    scene.aws.expect("describe_service_deployments", {"serviceDeployments": [ended]})
    scene.aws.expect("describe_services", {"services": [make_service("v2")]})
    if code is None:
        scene.aws.expect("describe_service_deployments", {"serviceDeployments": [ended]})
        scene.aws.expect("describe_service_revisions", {"serviceRevisions": [revision("v3")]})
        assert scene.run()["status"] == end
    else:
        with pytest.raises(deploy.DeploymentFailed) as failed:
            scene.run()
        assert failed.value.code == code
    assert not scene.progress.changed
