"""A new deployment against a stub that knows the model of ECS: what is sent, what changes, and what takes it back."""

from __future__ import annotations

import pytest
from ecs_history import ACCOUNT, START, definition_arn, make_service, revision_arn, rollout_arn

from ansible_collections.sre.remediation.plugins.module_utils._ecs import redeploy
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

DEFAULTS = {
    "container": None,
    "force": None,
    "desired_count": None,
    "cpu": None,
    "memory": None,
    "env": {},
    "unset": [],
    "secrets": {},
    "wait": 0.0,
    "poll": 5.0,
}
CONTAINER = {"name": "api", "image": "api:2", "essential": True, "environment": [{"name": "MODE", "value": "old"}]}
SECRET = f"{ACCOUNT.replace(':ecs:', ':secretsmanager:')}:secret:lab/jwt-AbCdEf"


def definition(name):
    arn = definition_arn(name)
    return {"taskDefinitionArn": arn, "family": "api", "revision": 2, "containerDefinitions": [CONTAINER]}


def brief(number, status):
    return {"serviceDeploymentArn": rollout_arn(number), "status": status, "createdAt": START}


@pytest.fixture
def reads(aws):
    aws.expect("describe_services", {"services": [make_service("v2")]})
    aws.expect("describe_task_definition", {"taskDefinition": definition("v2")})


@pytest.fixture
def run(aws, ecs, reads):
    def do(check_mode=False, **params):
        progress = Progress()
        return redeploy.run(ecs, {**DEFAULTS, **params}, check_mode, progress), progress

    return do


def history(aws, digest=True):
    """The newest deployment, and with what images."""
    aws.expect("list_service_deployments", {"serviceDeployments": [brief(0, "SUCCESSFUL")]})
    if digest:
        described = {**brief(0, "SUCCESSFUL"), "targetServiceRevision": {"arn": revision_arn("v2")}}
        aws.expect("describe_service_deployments", {"serviceDeployments": [described]})
        images = [{"containerName": "api", "imageDigest": "sha256:2"}]
        found = {"serviceRevisionArn": revision_arn("v2"), "containerImages": images}
        aws.expect("describe_service_revisions", {"serviceRevisions": [found]})


def updates(aws, **sent):
    aws.expect("update_service", {"service": make_service("v2")}, cluster="lab", service="api", **sent)
    aws.expect("describe_services", {"services": [make_service("v2")]})


def test_with_nothing_said_it_begins_a_new_deployment(aws, run):
    history(aws)
    updates(aws, forceNewDeployment=True)
    facts, progress = run()
    assert progress.changed
    assert progress.actions == ["began a new deployment of api"]
    assert facts["undo"] == {"version": None, "desired_count": None}


@pytest.mark.parametrize(
    "params",
    [{"env": {"MODE": "old"}}, {"desired_count": 2}, {"force": False}, {"unset": ["ABSENT"]}],
)
def test_what_is_so_already_changes_nothing(run, params):
    facts, progress = run(**params)
    assert not progress.changed
    assert facts["undo"] is None


def test_the_number_of_tasks_deploys_nothing(aws, run):
    updates(aws, desiredCount=3)
    facts, progress = run(desired_count=3)
    assert progress.changed
    assert (progress.before, progress.after) == ({"desired_count": 2}, {"desired_count": 3})
    assert facts["undo"] == {"version": None, "desired_count": 2}


def test_variables_and_secrets_make_the_next_revision(aws, run):
    history(aws, digest=False)
    container = {
        **CONTAINER,
        "environment": [{"name": "MODE", "value": "new"}],
        "secrets": [{"name": "JWT", "valueFrom": SECRET}],
    }
    aws.expect(
        "register_task_definition",
        {"taskDefinition": definition("v3")},
        family="api",
        containerDefinitions=[container],
    )
    updates(aws, taskDefinition=definition_arn("v3"), desiredCount=1)
    facts, progress = run(env={"MODE": "new"}, secrets={"JWT": SECRET}, desired_count=1)
    assert facts["to"]["version"] == definition_arn("v3")
    assert facts["undo"] == {"version": definition_arn("v2"), "desired_count": 2}
    assert set(progress.after["env"]) == {"MODE", "JWT"}
    assert progress.after["env"]["MODE"].startswith("hash:")


def test_check_mode_only_reads(run):
    facts, progress = run(check_mode=True, env={"MODE": "new"}, memory=512)
    assert progress.changed
    assert facts["undo"]["version"] == definition_arn("v2")
    assert progress.after["memory"] == 512


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"env": {"A": "1"}, "secrets": {"A": SECRET}}, "both name A"),
        ({"env": {"A": "1"}, "unset": ["A"]}, "both name A"),
        ({"secrets": {"A": "arn:aws:s3:::bucket"}}, "must name a secret"),
        ({"memory": 0}, "memory"),
        ({"desired_count": -1}, "desired_count"),
        ({"env": {"A": True}}, "quote it"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_call(ecs, params, word):
    with pytest.raises(RemediationError, match=word) as refused:
        redeploy.run(ecs, {**DEFAULTS, **params}, False, Progress())
    assert refused.value.code == "invalid_option"
    assert ecs.aws.calls == []
