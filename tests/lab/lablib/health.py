"""Asking the lab's services over HTTP whether they work, the way their users would notice."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the lab is local: never through a web proxy
SECONDS = 1.5


def status_of(url: str, seconds: float = SECONDS) -> int | None:
    """HTTP status of ``url``; None when there is no answer within ``seconds``."""
    return _get(url, seconds)[0]


def is_ok(url: str, seconds: float = SECONDS) -> bool:
    return status_of(url, seconds) == 200


def failed_checks(url: str, seconds: float = SECONDS) -> dict[str, str]:
    """The API's own words on what is wrong, by check; empty when it is healthy or says nothing."""
    try:
        checks: dict[str, Any] = json.loads(_get(url, seconds)[1])["checks"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {name: problem for name, problem in checks.items() if problem != "ok"}


def version_of(url: str, seconds: float = SECONDS) -> str:
    """The version the API says it is; empty when it says none."""
    try:
        return str(json.loads(_get(url, seconds)[1])["version"])
    except (ValueError, KeyError, TypeError):
        return ""


def _get(url: str, seconds: float) -> tuple[int | None, bytes]:
    try:
        with OPENER.open(url, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return None, b""
