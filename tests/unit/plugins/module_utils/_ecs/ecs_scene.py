"""A rollback's surroundings for the tests: task definitions, deployments and revisions as ECS has them, and a stubbed ECS."""

from __future__ import annotations

from datetime import timedelta

from ecs_history import START, definition_arn, make_service, revision_arn, rollout_arn

from ansible_collections.sre.remediation.plugins.module_utils._ecs.rollback import Rollback
from ansible_collections.sre.remediation.plugins.module_utils._progress import Progress

DEFAULTS = {
    "to": None,
    "candidates": [],
    "only_candidates": False,
    "exclude": [],
    "only_if_current": None,
    "require_history": True,
    "use_task_definition_list": False,
    "allow_other_family": False,
    "inactive": "refuse",
    "pin_digest": False,
    "restore_configuration": False,
    "wait": 600.0,
    "poll": 5.0,
}


def definition(name, **changes):
    """A task definition as DescribeTaskDefinition has it."""
    arn = definition_arn(name)
    family, _colon, number = arn.rpartition("/")[2].partition(":")
    container = {"name": "api", "image": f"registry.example.com/api:{name}", "essential": True}
    made = {
        "taskDefinitionArn": arn,
        "family": family,
        "revision": int(number),
        "status": "ACTIVE",
        "containerDefinitions": [container],
        "registeredBy": "arn:aws:iam::111122223333:user/ci",
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.19"}],
    }
    return {**made, **changes}


def brief(number, target, status):
    return {
        "serviceDeploymentArn": rollout_arn(number),
        "createdAt": START + timedelta(hours=number),
        "targetServiceRevisionArn": revision_arn(target),
        "status": status,
    }


def described(number, target, status, **more):
    """The same deployment as DescribeServiceDeployments has it."""
    found = brief(number, target, status)
    found["targetServiceRevision"] = {"arn": found.pop("targetServiceRevisionArn")}
    return {**found, **more}


def revision(name, **changes):
    digest = {"containerName": "api", "image": "x", "imageDigest": f"sha256:{name}"}
    found = {
        "serviceRevisionArn": revision_arn(name),
        "taskDefinition": definition_arn(name),
        "containerImages": [digest],
    }
    return {**found, **changes}


class Scene:
    """An ECS with v1, v2 and v3 behind it; what differs is given."""

    def __init__(self, aws, ecs, monkeypatch):
        self.aws, self.ecs = aws, ecs
        self.progress = Progress()
        monkeypatch.setattr("time.sleep", lambda seconds: None)

    def reads(self, current="v3", ends=("v1 SUCCESSFUL", "v2 SUCCESSFUL", "v3 SUCCESSFUL"), **service):
        """The calls before anything is decided."""
        self.aws.expect("describe_services", {"services": [make_service(current, **service)]})
        self.aws.expect("describe_task_definition", {"taskDefinition": definition(current)})
        briefs = [brief(number, *end.split()) for number, end in enumerate(ends)]
        opened = [described(number, *end.split()) for number, end in enumerate(ends) if end.endswith("IN_PROGRESS")]
        self.aws.expect("list_service_deployments", {"serviceDeployments": briefs})
        names = dict.fromkeys(end.split()[0] for end in ends)
        if opened:
            self.aws.expect("describe_service_deployments", {"serviceDeployments": opened})
        self.aws.expect("describe_service_revisions", {"serviceRevisions": [revision(name) for name in names]})

    def target(self, name, **changes):
        self.aws.expect("describe_task_definition", {"taskDefinition": definition(name, **changes)})

    def deploys(self, name, status="SUCCESSFUL", after=None, digest=None, sent=None, **service):
        """The change, its deployment, and what is there in the end."""
        asked = sent or {"taskDefinition": definition_arn(name)}
        updated = {"service": make_service(name)}
        self.aws.expect("update_service", updated, cluster="lab", service="api", **asked)
        self.aws.expect("list_service_deployments", {"serviceDeployments": [brief(9, name, "PENDING")]})
        mine = revision(
            name, **({"containerImages": [{"containerName": "api", "imageDigest": digest}]} if digest else {})
        )
        self.aws.expect("describe_service_revisions", {"serviceRevisions": [mine]})
        ended = described(9, name, status)
        self.aws.expect("describe_service_deployments", {"serviceDeployments": [ended]})
        self.aws.expect("describe_services", {"services": [make_service(after or name, **service)]})
        if status == "SUCCESSFUL":
            self.aws.expect("describe_service_deployments", {"serviceDeployments": [ended]})
            self.aws.expect("describe_service_revisions", {"serviceRevisions": [mine]})

    def run(self, check_mode=False, **params):
        return Rollback(self.ecs, {**DEFAULTS, **params}, check_mode, self.progress).run()
