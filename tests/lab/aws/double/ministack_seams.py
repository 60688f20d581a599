"""Every place where the double reaches into ministack. They are private there, so exactly one version is taken.

Used of it: the HTTP server with its other services (Logs, Secrets Manager, SSM, STS, CloudWatch), and of its ECS the
clusters, task definitions and tags. Its services, deployments and tasks are not used.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any

from ministack import app
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, request_scope
from ministack.services import cloudwatch, cloudwatch_logs, ecs, secretsmanager, ssm

from .wire import ApiError, Data, Scope

MADE_FOR = "1.5.33"
Handler = Callable[[Data], Data]


def check_version() -> None:
    """Refuse another version: what is private there may differ."""
    if version("ministack") != MADE_FOR:
        raise SystemExit(f"the ECS double is made for ministack {MADE_FOR}, installed is {version('ministack')}")


def install(actions: dict[str, Handler]) -> None:
    """Let ``actions`` answer ECS requests in place of ministack's own."""
    for name, handler in actions.items():
        ecs._ACTION_MAP[name] = _answering(handler)


def _answering(handler: Handler) -> Callable[[Data], Any]:
    def answer(data: Data) -> Any:
        try:
            return json_response(handler(data))
        except ApiError as error:
            return error_response_json(error.code, error.message, error.status)

    return answer


def original(action: str) -> Callable[[Data], Any]:
    """Ministack's own handler of an ECS action; returns status, headers and body."""
    return ecs._ACTION_MAP[action]


def serve(middleware: Callable[[Any], Any]) -> None:
    """Serve until a signal ends the process, every request going through ``middleware``."""
    app.app = middleware(app.app)
    app.main()


def current_scope() -> Scope:
    """Account and region of the request that is being answered."""
    return get_account_id(), get_region()


def within(scope: Scope) -> AbstractContextManager[None]:
    """Act for an account and region outside of a request."""
    return request_scope(*scope)


def cluster(reference: str | None) -> Data:
    """The cluster a request names by name or ARN; `ApiError` when there is none."""
    name = ecs._resolve_cluster_name(reference or "default")
    found = ecs._clusters.get(name) if name else None
    if found is None or found["status"] != "ACTIVE":
        raise ApiError("ClusterNotFoundException", "Cluster not found.")
    return found


def clusters() -> list[Data]:
    return [found for found in ecs._clusters.values() if found["status"] == "ACTIVE"]


def task_definition(reference: str) -> Data | None:
    """The task definition a request names: family:revision, ARN, or a family for its latest ACTIVE revision."""
    key = ecs._resolve_td_key(reference)
    if ":" not in reference:
        revisions = [d["revision"] for d in task_definitions() if (d["family"], d["status"]) == (reference, "ACTIVE")]
        key = f"{reference}:{max(revisions)}" if revisions else None
    return ecs._task_defs.get(key) if key else None


def task_definitions() -> list[Data]:
    return list(ecs._task_defs.values())


def snapshot_task_definitions() -> dict[str, Data]:
    return {key: copy.deepcopy(found) for key, found in ecs._task_defs.items()}


def restore_task_definitions(known: dict[str, Data]) -> None:
    """Take back deregistrations and forget later revisions; their numbers are not given again."""
    for key in [key for key in ecs._task_defs if key not in known]:
        del ecs._task_defs[key]
    for key, found in known.items():
        ecs._task_defs[key] = copy.deepcopy(found)


def remember_taggable(arn: str, tags: list[Data]) -> None:
    """Let TagResource and its like know a thing ministack has no record of."""
    ecs._tags[arn] = list(tags)


def tags_of(arn: str) -> list[Data]:
    return list(ecs._tags.get(arn, []))


def secret_value(reference: str) -> str | None:
    """Value of a Secrets Manager secret or an SSM parameter named as in ``secrets[].valueFrom``."""
    if ":secretsmanager:" in reference:
        return secretsmanager.resolve_secret_string(":".join(reference.split(":")[:7]))
    return ssm.resolve_parameter_value(reference, decrypt=True)


def put_log_lines(group: str, stream: str, lines: list[str], *, create_group: bool) -> None:
    """Append to a CloudWatch Logs stream, made on first use; a group that is missing swallows the lines."""
    if group not in cloudwatch_logs._log_groups:
        if not create_group:
            return
        cloudwatch_logs._create_log_group({"logGroupName": group})
    if stream not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": events})


def put_metric(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
    """Add a point of now to a metric of CloudWatch."""
    cloudwatch.record_metric(namespace, name, value, unit, dimensions)


def forget_metrics(namespace: str) -> None:
    """Forget all points of a namespace, of all accounts and regions."""
    for key in [key for key in cloudwatch._metrics._data if key[-1][0] == namespace]:
        del cloudwatch._metrics._data[key]
