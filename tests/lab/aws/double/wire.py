"""What every ECS action has in common: errors as AWS sends them, pages, time, names and ARNs."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

Data = dict[str, Any]
"""The body of a request or of an answer."""
Scope = tuple[str, str]
"""Account and region, by which ministack keeps things apart."""


class ApiError(Exception):
    """An answer that is an error; `code` is what botocore puts into ``Error.Code``."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def now() -> float:
    """Seconds since the epoch, which is how the JSON protocol writes times."""
    return round(time.time(), 3)


def number(digits: int = 19) -> str:
    """A number as ECS gives its deployments and revisions."""
    return str(secrets.randbelow(9 * 10 ** (digits - 1)) + 10 ** (digits - 1))


def tail(arn: str) -> str:
    """The last part of an ARN, which is the name or id of the thing."""
    return arn.rsplit("/", 1)[-1]


def page(items: Sequence[Any], data: Mapping[str, Any], key: str, *, default: int = 100, most: int = 100) -> Data:
    """One page of ``items`` under ``key``, with a token for the next one where there is more."""
    size = data.get("maxResults") or default
    if not 1 <= int(size) <= most:
        raise ApiError("InvalidParameterException", f"maxResults must be between 1 and {most}.")
    start = 0
    if data.get("nextToken"):
        try:
            start = int(base64.b64decode(str(data["nextToken"]), validate=True))
        except ValueError:
            raise ApiError("InvalidParameterException", "Invalid token.") from None
    end = start + int(size)
    answer: Data = {key: list(items[start:end])}
    if end < len(items):
        answer["nextToken"] = base64.b64encode(str(end).encode()).decode()
    return answer


def at_most(values: Sequence[Any], most: int, name: str) -> None:
    """Refuse a request that names more things than ECS takes in one call, or none."""
    if not values:
        raise ApiError("InvalidParameterException", f"{name} cannot be empty.")
    if len(values) > most:
        raise ApiError("InvalidParameterException", f"{name} cannot have more than {most} elements.")


def without_none(data: Data) -> Data:
    """``data`` without the members AWS would leave out."""
    return {name: value for name, value in data.items() if value is not None}
