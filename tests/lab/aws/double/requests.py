"""Which action a request is: the service from its signature, the action from header, path or form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

IAM_PREFIXES = {"monitoring": "cloudwatch"}
"""Where a policy's prefix differs from the name a request is signed for."""
TARGET_MEMBERS = (
    "service",
    "serviceName",
    "serviceDeploymentArn",
    "taskDefinition",
    "family",
    "logGroupName",
    "SecretId",
)
"""Members of a request that say what it is about, for the journal."""


def service_of(headers: Mapping[str, str]) -> str:
    """Policy prefix of the service a request was signed for; empty for one that was not signed."""
    scope = re.search(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request", headers.get("authorization", ""))
    name = scope.group(1) if scope else ""
    return IAM_PREFIXES.get(name, name)


def action_of(path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Action as a policy names it, such as ``ecs:UpdateService``; empty for what is no call of an API."""
    service = service_of(headers)
    if not service:
        return ""
    name = headers.get("x-amz-target", "").rpartition(".")[2]
    operation = re.search(r"/operation/(\w+)$", path)
    if not name and operation:
        name = operation.group(1)
    if not name and headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        name = parse_qs(body.decode("utf-8", errors="replace")).get("Action", [""])[0]
    return f"{service}:{name}" if name else ""


def target_of(headers: Mapping[str, str], body: bytes) -> str:
    """What a call is about, as far as a JSON body says it."""
    if "json" not in headers.get("content-type", ""):
        return ""
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return ""
    return next((str(data[name]) for name in TARGET_MEMBERS if isinstance(data, dict) and data.get(name)), "")
