"""What a rollback refuses, and what it does only when asked to: targets, copies, histories that cannot be read."""

from __future__ import annotations

import pytest
from ecs_history import ACCOUNT, definition_arn, make_service
from ecs_scene import brief, definition, revision

from ansible_collections.sre.remediation.plugins.module_utils._aws import AwsError
from ansible_collections.sre.remediation.plugins.module_utils._ecs import deploy
from ansible_collections.sre.remediation.plugins.module_utils._ecs.definition import COPY_LABEL
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


@pytest.mark.parametrize(
    ("changes", "code", "allowed"),
    [
        ({"status": "INACTIVE"}, "target_inactive", None),
        ({"status": "DELETE_IN_PROGRESS"}, "target_inactive", None),
        ({"family": "worker"}, "other_family", {"allow_other_family": True}),
    ],
)
def test_a_target_that_cannot_be_deployed_is_refused(scene, changes, code, allowed):
    scene.reads()
    scene.target("v2", **changes)
    with pytest.raises(RemediationError) as refused:
        scene.run()
    assert refused.value.code == code
    assert not scene.progress.changed
    if allowed:
        scene.reads()
        scene.target("v2", **changes)
        assert scene.run(check_mode=True, **allowed)["to"]["name"] == "api:2"


def test_a_known_good_one_that_cannot_be_deployed_is_passed_over(scene):
    scene.reads()
    scene.target("v2", status="INACTIVE")
    scene.target("v1")
    facts = scene.run(check_mode=True, candidates=["api:2", definition_arn("v1")])
    assert (facts["to"]["name"], facts["to"]["found_by"]) == ("api:1", "known_good")
    assert "INACTIVE" in scene.progress.warnings[0]


@pytest.mark.parametrize("gone", [{"status": "INACTIVE"}, {"family": "worker"}, None])
def test_where_those_a_plan_named_are_gone_nothing_else_is_gone_to(scene, gone):
    scene.reads()
    if gone:
        scene.target("v1", **gone)
    else:
        scene.aws.refuse("describe_task_definition", "ClientException")
    with pytest.raises(RemediationError, match="only_candidates forbids any other") as refused:
        scene.run(candidates=["api:1"], only_candidates=True, only_if_current="api:3")
    assert refused.value.code == "no_previous_version"
    assert scene.progress.warnings[0].startswith("passed over: ")
    assert not scene.progress.changed


def copied(image):
    """The registration of a copy of v2, without what cannot be registered."""
    container = {"name": "api", "image": image, "essential": True, "dockerLabels": {COPY_LABEL: definition_arn("v2")}}
    return {"family": "api", "containerDefinitions": [container]}


@pytest.mark.parametrize(
    ("status", "params", "image"),
    [
        ("INACTIVE", {"inactive": "copy"}, "registry.example.com/api:v2"),
        ("ACTIVE", {"pin_digest": True}, "registry.example.com/api@sha256:v2"),
        ("INACTIVE", {"pin_digest": True, "inactive": "copy"}, "registry.example.com/api@sha256:v2"),
    ],
)
def test_a_copy_is_registered_only_when_asked_for(scene, status, params, image):
    scene.reads()
    scene.target("v2", status=status)
    scene.aws.expect("register_task_definition", {"taskDefinition": definition("v4")}, **copied(image))
    scene.deploys("v4", digest="sha256:v2")
    facts = scene.run(**params)
    assert facts["status"] == "SUCCESSFUL"
    assert facts["digest_drift"] == {}
    assert scene.progress.after == {"task_definition": definition_arn("v4")}


def test_a_tag_that_was_moved_is_told(scene):
    scene.reads()
    scene.target("v2")
    scene.deploys("v2", digest="sha256:other")
    assert scene.run()["digest_drift"] == {"api": {"expected": "sha256:v2", "got": "sha256:other"}}
    assert any("tag was moved" in warning for warning in scene.progress.warnings)


def test_the_same_task_definition_with_other_images_needs_a_pin(scene):
    def reads():
        scene.aws.expect("describe_services", {"services": [make_service("v2")]})
        scene.aws.expect("describe_task_definition", {"taskDefinition": definition("v2")})
        briefs = [brief(0, "v2@a", "SUCCESSFUL"), brief(1, "v2@b", "SUCCESSFUL")]
        scene.aws.expect("list_service_deployments", {"serviceDeployments": briefs})
        both = [revision(name, taskDefinition=definition_arn("v2")) for name in ("v2@a", "v2@b")]
        scene.aws.expect("describe_service_revisions", {"serviceRevisions": both})

    reads()
    with pytest.raises(RemediationError) as refused:
        scene.run()
    assert refused.value.code == "same_definition"
    reads()
    facts = scene.run(check_mode=True, pin_digest=True)
    assert scene.progress.actions[0] == "registered a copy of api:2 with its images pinned"
    assert facts["to"]["name"] == "api:2"


@pytest.mark.parametrize("error", ["AccessDeniedException", "UnsupportedFeatureException"])
def test_a_history_that_cannot_be_read_stops_it_unless_it_may_go_on(scene, error):
    def reads():
        beside = {
            "id": "ecs-svc/0",
            "status": "ACTIVE",
            "taskDefinition": definition_arn("v2"),
            "rolloutState": "COMPLETED",
        }
        service = make_service("v3")
        service["deployments"].append(beside)
        scene.aws.expect("describe_services", {"services": [service]})
        scene.aws.expect("describe_task_definition", {"taskDefinition": definition("v3")})
        scene.aws.refuse("list_service_deployments", error)

    reads()
    with pytest.raises(RemediationError, match="ecs:ListServiceDeployments") as refused:
        scene.run()
    assert refused.value.code == "history_unreadable"
    reads()
    scene.target("v2")
    scene.aws.expect("update_service", {"service": make_service("v2")})
    scene.aws.expect("describe_services", {"services": [make_service("v2")]})
    scene.aws.expect("describe_services", {"services": [make_service("v2")]})
    facts = scene.run(require_history=False)
    assert (facts["to"]["found_by"], facts["verified"]) == ("deployments", True)
    assert facts["service_deployment_arn"] is None
    assert "not used" in scene.progress.warnings[0]


def test_the_list_of_task_definitions_is_used_only_when_asked_for(scene):
    arns = [definition_arn(name) for name in ("v4", "v3", "v2")] + [f"{ACCOUNT}:task-definition/api-worker:1"]
    scene.reads("v3", ("v3 SUCCESSFUL",))
    with pytest.raises(RemediationError, match="90 days"):
        scene.run()
    scene.reads("v3", ("v3 SUCCESSFUL",))
    scene.aws.expect("list_task_definitions", {"taskDefinitionArns": arns})
    scene.target("v2")
    facts = scene.run(check_mode=True, use_task_definition_list=True)
    assert facts["to"]["found_by"] == "task_definitions"


@pytest.mark.parametrize(
    ("to", "name"),
    [("2", "api:2"), ("api:2", "api:2"), (definition_arn("v2"), "api:2"), ("api", None), ("api:newest", None)],
)
def test_a_target_is_always_one_revision(scene, to, name):
    scene.reads()
    if name:
        scene.target("v2")
        assert scene.run(check_mode=True, to=to)["to"]["name"] == name
    else:
        with pytest.raises(RemediationError, match="names no revision"):
            scene.run(check_mode=True, to=to)


def test_what_else_was_different_is_told_and_restored_only_when_asked_for(scene):
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}

    def reads():
        scene.aws.expect("describe_services", {"services": [make_service("v3", platformVersion="1.4.0")]})
        scene.aws.expect("describe_task_definition", {"taskDefinition": definition("v3")})
        briefs = [brief(0, "v2", "SUCCESSFUL"), brief(1, "v3", "SUCCESSFUL")]
        scene.aws.expect("list_service_deployments", {"serviceDeployments": briefs})
        before = revision("v2", networkConfiguration=network, platformVersion="1.4.0")
        scene.aws.expect("describe_service_revisions", {"serviceRevisions": [before, revision("v3")]})
        scene.target("v2")

    reads()
    facts = scene.run(check_mode=True)
    assert facts["differences"] == {"networkConfiguration": {"before": None, "after": network}}
    assert any("left as it is" in warning for warning in scene.progress.warnings)
    reads()
    scene.deploys("v2", sent={"taskDefinition": definition_arn("v2"), "networkConfiguration": network})
    scene.run(restore_configuration=True)
    assert "restored networkConfiguration" in scene.progress.actions


def test_not_waiting_verifies_nothing(scene):
    scene.reads()
    scene.target("v2")
    scene.aws.expect("update_service", {"service": make_service("v2")})
    scene.aws.expect("describe_services", {"services": [make_service("v2")]})
    facts = scene.run(wait=0)
    assert (facts["status"], facts["verified"]) == ("IN_PROGRESS", False)


@pytest.mark.parametrize("controller", ["CODE_DEPLOY", "EXTERNAL"])
def test_another_controller_is_refused_after_one_call(scene, controller):
    scene.aws.expect("describe_services", {"services": [make_service("v3", deploymentController={"type": controller})]})
    with pytest.raises(RemediationError) as refused:
        scene.run()
    assert refused.value.code == "unsupported_controller"


def test_a_denied_update_is_told_with_the_permission_it_needs(scene):
    scene.reads()
    scene.target("v2")
    scene.aws.refuse("update_service", "AccessDeniedException", message="not authorized")
    with pytest.raises(AwsError, match="Allow ecs:UpdateService"):
        scene.run()
    assert not scene.progress.changed


@pytest.mark.parametrize(
    ("configuration", "seconds"),
    [
        ({}, 0),
        ({"strategy": "ROLLING", "bakeTimeInMinutes": 5}, 0),
        ({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10}, 600),
        (
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": 2,
                "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 3},
            },
            60 * (2 + 4 * 3),
        ),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 7}}, 420),
    ],
)
def test_the_strategy_s_bake_times_are_waited_for(configuration, seconds):
    assert deploy.bake_seconds({"deploymentConfiguration": configuration}) == seconds


@pytest.mark.parametrize(("least", "most", "warned"), [(100, 100, True), (50, 100, False), (100, 200, False)])
def test_limits_that_leave_no_room_are_warned_of(least, most, warned):
    configuration = {"minimumHealthyPercent": least, "maximumPercent": most}
    assert bool(deploy.capacity_warning({"deploymentConfiguration": configuration})) is warned
