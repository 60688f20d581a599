# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer of Railway means, and whether a request may be sent again. Pure.

HTTP 200 says nothing: an answer is good only when it holds data and no errors. What went wrong becomes a `RailwayError`
that says whether the request surely did nothing (``untouched``) and whether asking again may help (``transient``).

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer
from ansible_collections.sre.remediation.plugins.module_utils._railway.operations import ONCE, READ
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

READ_RETRIES = 4  #: a query is asked five times at most
GENERIC_RETRIES = 2  #: "Problem processing request" is often a bad question, which no repetition mends
WRITE_RETRIES = 3
FIRST_DELAY = 0.5  #: seconds before the first repetition; doubled each time
LONGEST_DELAY = 8.0
RATE_DELAY = 2.0  #: seconds before the first repetition when a limit was met that does not say how long to wait

NOT_AUTHORIZED = (
    "Railway says Not Authorized: the token is wrong or expired, it may not see this project, environment or service, "
    "an id is of another kind (a volume's instead of its instance's), or token_type does not fit the token"
)
_SECONDS = re.compile(r"(\d+)\s*seconds?")


class RailwayError(RemediationError):
    """A request that Railway did not do, or of which nobody can say whether it did.

    :ivar transient: (bool) asking again may help.
    :ivar untouched: (bool) the request surely changed nothing.
    :ivar retry_after: (float) seconds Railway asks to wait, or null.
    :ivar path: (str) root field the error is about, or null.
    """

    def __init__(
        self,
        message: str,
        code: str = "railway_error",
        *,
        transient: bool = False,
        untouched: bool = False,
        retry_after: float | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message, code)
        self.transient = transient
        self.untouched = untouched
        self.retry_after = retry_after
        self.path = path


def data_of(answer: Answer) -> dict[str, t.Any]:
    """Return the data of an answer that is wholly good; RailwayError for every other."""
    if answer.symptom:
        raise RailwayError(
            f"Railway did not answer: {answer.error}",
            "platform_unreachable",
            transient=answer.symptom != "tls",
            untouched=not answer.sent,
        )
    document = _json(answer)
    if answer.status == 429:
        raise RailwayError(
            "Railway's rate limit is reached (HTTP 429)",
            "rate_limited",
            transient=True,
            untouched=True,
            retry_after=retry_after(answer.headers),
        )
    if document is None:
        raise _not_json(answer)
    if document.get("errors"):
        raise _graphql_error(document["errors"], answer.status or 0)
    data = document.get("data")
    if not isinstance(data, dict):
        raise RailwayError(
            f"Railway answered without data (HTTP {answer.status}){_trace(document, {})}",
            "platform_unreachable",
            transient=True,
        )
    return data


def retry_after(headers: t.Mapping[str, str]) -> float | None:
    """Read Retry-After; only whole seconds are known to be used."""
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isdigit() else None


def remaining(headers: t.Mapping[str, str]) -> int | None:
    """Read how many requests are left in the present hour, None when the answer does not say."""
    value = headers.get("x-ratelimit-remaining", "").strip()
    return int(value) if value.isdigit() else None


def _json(answer: Answer) -> dict[str, t.Any] | None:
    if "json" not in answer.headers.get("content-type", "") or answer.truncated:
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _not_json(answer: Answer) -> RailwayError:
    if answer.truncated:
        return RailwayError("the answer is too long to be read; ask for less", "railway_error", transient=False)
    if answer.status == 403 and "1010" in answer.body:
        return RailwayError(
            "Cloudflare in front of Railway refuses this client (error 1010). That is no error of the token; "
            "ask Railway's support, or go out by another address",
            "client_blocked",
            untouched=True,
        )
    if "1015" in answer.body:
        return RailwayError(
            "Cloudflare in front of Railway limits this address (error 1015)",
            "rate_limited",
            transient=True,
            untouched=True,
        )
    return RailwayError(
        f"Railway answered HTTP {answer.status} with something that is no JSON",
        "platform_unreachable",
        transient=True,
    )


def _graphql_error(errors: t.Any, status: int) -> RailwayError:
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    extensions = first.get("extensions") if isinstance(first.get("extensions"), dict) else {}
    message = " ".join(str(first.get("message") or "an error without a message").split())
    low, code = message.lower(), str(extensions.get("code") or "")
    path = next(iter(first.get("path") or []), None)
    said = redact(f"Railway says: {message[:300]}") + _trace(first, extensions)
    if status == 400 or code in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"):
        return RailwayError(f"Railway's API no longer fits this collection. {said}", "invalid_request", untouched=True)
    if "too quickly" in low or "rate limit" in low:
        found = _SECONDS.search(low)
        wait = float(found[1]) if found else None
        return RailwayError(said, "rate_limited", transient=True, untouched=True, retry_after=wait, path=path)
    if "two factor" in low:
        workspace = extensions.get("workspaceName")
        where = f" by the workspace {workspace}" if workspace else ""
        return RailwayError(
            f"two-factor authentication is required{where}: use a token of a user who has it", "unauthorized",
            untouched=True,
        )  # fmt: skip
    if "not authorized" in low or code in ("UNAUTHENTICATED", "FORBIDDEN"):
        return RailwayError(NOT_AUTHORIZED + _trace(first, extensions), "unauthorized", untouched=True, path=path)
    if "project token not found" in low:
        return RailwayError(
            "Railway does not know this project token: it was deleted, or token_type should not be project",
            "unauthorized",
            untouched=True,
        )
    if "not found" in low:
        return RailwayError(said, "not_found", untouched=True, path=path)
    # Only these words mean that Railway itself failed: the code INTERNAL_SERVER_ERROR comes with refusals as well.
    if "problem processing request" in low or status >= 500:
        return RailwayError(said, "railway_problem", transient=True, path=path)
    return RailwayError(said, "railway_error", path=path)


def _trace(first: t.Mapping[str, t.Any], extensions: t.Mapping[str, t.Any]) -> str:
    trace = first.get("traceId") or extensions.get("traceId")
    return f" (trace {trace})" if trace else ""


def retry_delay(kind: str, error: RailwayError, failures: int, jitter: float) -> float | None:
    """Return the seconds to wait before the request is sent again, None when it must not be.

    :param kind: how often the operation may be sent (operations.KIND).
    :param failures: how often it has failed already, at least 1.
    :param jitter: a number from 0 to 1.
    """
    if not error.transient or (kind == ONCE and not error.untouched):
        return None
    allowed = READ_RETRIES if kind == READ else WRITE_RETRIES
    if error.code == "railway_problem":
        allowed = GENERIC_RETRIES
    if failures > allowed:
        return None
    if error.retry_after is not None:
        return error.retry_after + 0.1 + 0.4 * jitter
    first = RATE_DELAY if error.code == "rate_limited" else FIRST_DELAY
    return min(first * 2 ** (failures - 1), LONGEST_DELAY) * (0.5 + 0.5 * jitter)
