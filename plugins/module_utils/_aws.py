# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to AWS: clients made when they are first needed, errors with names, pages read to their end, and a
deadline after which no further call begins.

Credentials come from where every AWS tool looks (environment, profile, instance or task role), never from an option.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import traceback
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible.module_utils.basic import env_fallback, missing_required_lib

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

Json = dict[str, t.Any]

#: Pages of one list that are read; more is no list a person waits for.
MAX_PAGES = 100

#: AWS error codes -> words of this collection. What is not here is ``aws_error``.
CODES: dict[str, str] = {
    "AccessDenied": "access_denied",
    "AccessDeniedException": "access_denied",
    "UnauthorizedOperation": "access_denied",
    "UnsupportedFeatureException": "unsupported_feature",
    "InvalidAction": "unsupported_feature",
    "UnknownOperationException": "unsupported_feature",
    "ClusterNotFoundException": "cluster_missing",
    "ServiceNotFoundException": "service_missing",
    "ServiceNotActiveException": "service_inactive",
    "ResourceNotFoundException": "not_found",
    "ConflictException": "conflict",
    "ThrottlingException": "throttled",
    "Throttling": "throttled",
    "RequestLimitExceeded": "throttled",
    "TooManyRequestsException": "throttled",
    "ExpiredToken": "platform_unreachable",
    "ExpiredTokenException": "platform_unreachable",
    "UnrecognizedClientException": "platform_unreachable",
    "InvalidClientTokenId": "platform_unreachable",
    "InvalidSignatureException": "platform_unreachable",
}


class AwsError(RemediationError):
    """A call that AWS answered with an error.

    :ivar aws_code: (str) the error code as AWS names it.
    """

    def __init__(self, message: str, code: str, aws_code: str = "") -> None:
        super().__init__(message, code)
        self.aws_code = aws_code


class AwsUnreachable(AwsError):
    """AWS did not answer, or does not know who asks."""

    def __init__(self, message: str, aws_code: str = "") -> None:
        super().__init__(message, "platform_unreachable", aws_code)


@dataclass(frozen=True)
class AwsOptions:
    """How to reach AWS; see the doc fragment ``_aws``."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    retries: int = 4
    retry_mode: str = "standard"
    timeout: float = 10.0
    deadline: float = 60.0


def argument_spec() -> Json:
    """Return the part of the argument specification that every module for AWS shares."""
    return {
        "region": {"type": "str", "fallback": (env_fallback, ["AWS_REGION", "AWS_DEFAULT_REGION"])},
        "profile": {"type": "str", "fallback": (env_fallback, ["AWS_PROFILE"])},
        "endpoint_url": {"type": "str", "fallback": (env_fallback, ["AWS_ENDPOINT_URL"])},
        "retries": {"type": "int", "default": 4},
        "retry_mode": {"type": "str", "default": "standard", "choices": ["standard", "adaptive"]},
        "timeout": {"type": "float", "default": 10.0},
        "deadline": {"type": "float", "default": 60.0},
    }


def aws_options(params: t.Mapping[str, t.Any]) -> AwsOptions:
    """Read how to reach AWS; RemediationError (``invalid_option``) for numbers that are none."""
    for name, least in (("retries", 0), ("timeout", 0.1), ("deadline", 0.1)):
        if params[name] < least:
            raise RemediationError(f"{name}: must be {least} or greater", code="invalid_option")
    return AwsOptions(
        **{name: params[name] or None for name in ("region", "profile", "endpoint_url")},
        **{name: params[name] for name in ("retries", "retry_mode", "timeout", "deadline")},
    )


class Aws:
    """Clients of one region and identity, and the names of the calls made through them.

    :ivar calls: every call in order, as the IAM action it needs (C(ecs:DescribeServices)).
    """

    def __init__(self, options: AwsOptions, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.calls: list[str] = []
        self._clock = clock
        self._end = clock() + options.deadline
        self._session: t.Any = None
        self._clients: dict[str, t.Any] = {}

    def extend(self, seconds: float) -> None:
        """Allow calls until ``seconds`` from now, unless the deadline is later already."""
        self._end = max(self._end, self._clock() + seconds)

    def client(self, service: str) -> t.Any:
        """Return the client of an AWS service, made when it is first asked for (importing botocore takes a third of a
        second, each client a twentieth)."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def _make(self, service: str) -> t.Any:
        try:
            import botocore.config
            import botocore.exceptions
            import botocore.session
        except ImportError as error:
            message = f"{missing_required_lib('boto3')} ({traceback.format_exception_only(error)[-1].strip()})"
            raise RemediationError(message, code="library_missing") from error
        options = self.options
        config = botocore.config.Config(
            retries={"mode": options.retry_mode, "total_max_attempts": options.retries + 1},
            connect_timeout=options.timeout,
            read_timeout=options.timeout,
            user_agent_extra="sre.remediation",
        )
        try:
            if self._session is None:
                self._session = botocore.session.Session(profile=options.profile)
            return self._session.create_client(
                service, region_name=options.region, endpoint_url=options.endpoint_url, config=config
            )
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise RemediationError(
                f"no client for {service}: {_one_line(error)}; check region, profile and endpoint_url",
                code="invalid_option",
            ) from error

    def call(self, client_name: str, operation: str, /, **params: t.Any) -> Json:
        """Call an operation (``describe_services``) and return the answer without what is about HTTP.

        :raises AwsUnreachable: when there is no answer, or no identity.
        :raises AwsError: when AWS answers with an error; ``code`` says which.
        """
        client = self.client(client_name)
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        if self._clock() > self._end:
            raise AwsUnreachable(f"no time left before {client_name} {operation}: raise deadline, or ask less")
        action = f"{client_name}:{client.meta.method_to_api_mapping[operation]}"
        self.calls.append(action)
        try:
            answer = getattr(client, operation)(**params)
        except ClientError as error:
            raise _from_answer(action, error) from error
        except ParamValidationError as error:
            raise AwsError(f"{action}: {_one_line(error)}", "invalid_option") from error
        except BotoCoreError as error:
            raise AwsUnreachable(f"{action}: {_one_line(error)}", type(error).__name__) from error
        answer.pop("ResponseMetadata", None)
        return answer

    def pages(
        self, client_name: str, operation: str, key: str, token: str = "nextToken", /, **params: t.Any
    ) -> list[t.Any]:
        """Return the items ``key`` of all pages of a list. Not every list has a paginator of botocore's, so this is
        one of its own."""
        items: list[t.Any] = []
        following: Json = {}
        for _page in range(MAX_PAGES):
            answer = self.call(client_name, operation, **params, **following)
            items += answer.get(key) or []
            if not answer.get(token) or answer[token] == following.get(token):
                return items
            following = {token: answer[token]}
        raise AwsError(f"{client_name} {operation}: more than {MAX_PAGES} pages; ask for less", "too_many_pages")

    def batches(
        self,
        client_name: str,
        operation: str,
        key: str,
        argument: str,
        names: t.Sequence[str],
        size: int,
        /,
        **params: t.Any,
    ) -> list[t.Any]:
        """Return the items ``key`` about ``names``, asked for ``size`` at a time; names that are gone are left out."""
        items: list[t.Any] = []
        for first in range(0, len(names), size):
            chunk = list(names[first : first + size])
            items += self.call(client_name, operation, **{argument: chunk}, **params).get(key) or []
        return items


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _from_answer(action: str, error: t.Any) -> AwsError:
    """Turn botocore's ClientError into an error with a name; 5xx means that AWS could not answer."""
    said = error.response.get("Error", {})
    aws_code, text = str(said.get("Code") or ""), _one_line(said.get("Message") or error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    code = CODES.get(aws_code)
    message = f"{action}: {aws_code}: {text}"
    if code == "platform_unreachable" or (code is None and status >= 500):
        return AwsUnreachable(message, aws_code)
    if code == "access_denied":
        message += f". Allow {action}, see docs/iam"
    return AwsError(message, code or "aws_error", aws_code)


def iso(when: datetime | str | None) -> str | None:
    """Write a time of AWS as ISO 8601 in UTC."""
    if when is None:
        return None
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def short(arn: str | None) -> str:
    """Return the last part of an ARN: C(api:7), the name of a service, the id of a task or deployment."""
    return (arn or "").rsplit("/", 1)[-1]
