# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls to ECS this collection makes, each with its pages and batches. Nothing is decided here.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, AwsError
from ansible_collections.sre.remediation.plugins.module_utils._ecs import history
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

#: What ECS takes in one call: services, tasks, deployments or revisions.
SERVICES_AT_ONCE, TASKS_AT_ONCE, ARNS_AT_ONCE = 10, 100, 20

#: The newest deployments whose details are looked at. A version that ran before all of these is found by naming it.
DEPLOYMENTS_LOOKED_AT = 60


class Ecs:
    """One service of one cluster."""

    def __init__(self, aws: Aws, cluster: str, service: str) -> None:
        self.aws = aws
        self.cluster = cluster
        self.service = service

    def find(self) -> Json | None:
        """Return the service as described; None when the cluster has none of this name."""
        found = self.aws.call("ecs", "describe_services", cluster=self.cluster, services=[self.service])
        return next(iter(found.get("services") or []), None)

    def describe(self) -> Json:
        """Return the service as described; RemediationError (``service_missing``) when there is none."""
        found = self.find()
        if found is None or found.get("status") == "INACTIVE":
            raise RemediationError(
                f"service: the cluster {self.cluster} has no active service {self.service}", code="service_missing"
            )
        return found

    def definition(self, name: str) -> Json:
        """Return a task definition; RemediationError (``task_definition_missing``) when there is none of this name."""
        try:
            return self.aws.call("ecs", "describe_task_definition", taskDefinition=name)["taskDefinition"]
        except AwsError as error:
            if error.aws_code == "ClientException":
                raise RemediationError(
                    f"the task definition {name} does not exist (any more)", code="task_definition_missing"
                ) from error
            raise

    def family(self, name: str) -> list[str]:
        """Return the ARNs of the active task definitions of a family; ``familyPrefix`` is the whole name."""
        arns = self.aws.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=name, status="ACTIVE", sort="DESC"
        )
        return [arn for arn in arns if arn.rsplit("/", 1)[-1].rsplit(":", 1)[0] == name]

    def tasks(self) -> list[Json]:
        """Return the tasks of the service that run and those that stopped lately (ECS keeps them for an hour)."""
        arns: list[str] = []
        for status in ("RUNNING", "STOPPED"):
            arns += self.aws.pages(
                "ecs",
                "list_tasks",
                "taskArns",
                cluster=self.cluster,
                serviceName=self.service,
                desiredStatus=status,
            )
        # ECS may have stopped one in between, which lists it twice.
        arns = list(dict.fromkeys(arns))
        return self.aws.batches("ecs", "describe_tasks", "tasks", "tasks", arns, TASKS_AT_ONCE, cluster=self.cluster)

    def list_rollouts(self) -> list[Json]:
        """Return the service deployments ECS remembers, as listed, newest first."""
        briefs = self.aws.pages(
            "ecs",
            "list_service_deployments",
            "serviceDeployments",
            cluster=self.cluster,
            service=self.service,
            maxResults=100,
        )
        return sorted(briefs, key=lambda brief: history.read_rollout(brief).created, reverse=True)

    def rollouts(self, arns: t.Sequence[str]) -> list[Json]:
        """Return service deployments as described."""
        return self.aws.batches(
            "ecs",
            "describe_service_deployments",
            "serviceDeployments",
            "serviceDeploymentArns",
            arns,
            ARNS_AT_ONCE,
        )

    def revisions(self, arns: t.Sequence[str]) -> list[Json]:
        """Return service revisions as described."""
        return self.aws.batches(
            "ecs", "describe_service_revisions", "serviceRevisions", "serviceRevisionArns", arns, ARNS_AT_ONCE
        )

    def history(self, current: Json | None = None) -> history.History:
        """Return the deployments of the service with what they led to.

        :param current: the task definition in use, which tells by its label when it is a copy.
        """
        briefs = self.list_rollouts()[:DEPLOYMENTS_LOOKED_AT]
        open_or_back = [
            brief["serviceDeploymentArn"]
            for brief in briefs
            if brief.get("status") in (*history.IN_FLIGHT, "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
        ]
        described = {found["serviceDeploymentArn"]: found for found in self.rollouts(open_or_back)}
        read = [history.read_rollout(brief, described.get(brief["serviceDeploymentArn"])) for brief in briefs]
        names = dict.fromkeys(arn for rollout in read for arn in (rollout.target, rollout.back_to) if arn)
        revisions = [history.read_revision(found) for found in self.revisions(list(names))]
        original = history.original_of(current) if current else None
        return history.make_history(
            read, revisions, {current["taskDefinitionArn"]: original} if current and original else {}
        )

    def stop_rollout(self, arn: str) -> None:
        """Stop a deployment in flight so that ECS goes back to what ran before."""
        self.aws.call("ecs", "stop_service_deployment", serviceDeploymentArn=arn, stopType="ROLLBACK")

    def register(self, definition: Json) -> Json:
        """Register a task definition and return it."""
        return self.aws.call("ecs", "register_task_definition", **definition)["taskDefinition"]

    def update(self, **changes: t.Any) -> Json:
        """Change the service and return it as it is then."""
        return self.aws.call("ecs", "update_service", cluster=self.cluster, service=self.service, **changes)["service"]
