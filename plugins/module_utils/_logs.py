# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log lines from where a service keeps them: a file, the Docker Engine, Railway or Loki; then the ones that match.

Every reader returns lines without their secrets' values being known, so they are redacted by patterns.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import json
import os
import re
import time
import typing as t
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from ansible_collections.sre.remediation.plugins.module_utils._docker import logs as docker_logs
from ansible_collections.sre.remediation.plugins.module_utils._docker import options as docker_options
from ansible_collections.sre.remediation.plugins.module_utils._docker.api import Engine
from ansible_collections.sre.remediation.plugins.module_utils._docker.select import find, name_of
from ansible_collections.sre.remediation.plugins.module_utils._docker.times import iso
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Request, fetch
from ansible_collections.sre.remediation.plugins.module_utils._log_time import lines_since
from ansible_collections.sre.remediation.plugins.module_utils._railway import options as railway_options
from ansible_collections.sre.remediation.plugins.module_utils._railway import read as railway_read
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.logs import lines_of
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact

Json = dict[str, t.Any]

FILE_TAIL = 16 * 1024 * 1024  #: bytes of a file's end that are read
ANSWER_LIMIT = 16 * 1024 * 1024  #: bytes of Loki's answer
RAILWAY_MOST = 5000  #: entries Railway is asked for at once


@dataclass(frozen=True)
class Window:
    """Which lines: those of the last ``seconds``, at most ``most`` of them are read."""

    seconds: float
    most: int

    @property
    def begin(self) -> float:
        """Epoch seconds of its beginning."""
        return time.time() - self.seconds


def choose(lines: t.Sequence[str], pattern: str | None, count_by: str | None, limit: int) -> Json:
    """Return the lines that match, how many, and how many for each text of the group ``count_by``. Pure.

    :raises RemediationError: ``invalid_option`` for a pattern that is none, or lacks the group.
    """
    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise RemediationError(f"pattern: is no regular expression: {error}", "invalid_option") from error
    if count_by and count_by not in wanted.groupindex:
        raise RemediationError(f"count_by: pattern has no group (?P<{count_by}>...)", "invalid_option")
    found = [(line, match) for line in lines if (match := wanted.search(line))]
    counts = Counter(match[count_by] for _line, match in found if match[count_by] is not None) if count_by else {}
    kept = [line for line, _match in found][-limit:] if limit else []
    return {
        "lines": redact(kept),
        "read": len(lines),
        "matched": len(found),
        "counts": redact(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))),
    }


def of_file(params: Json, window: Window) -> list[str]:
    """Return the newest lines of a file, as far as they tell their time."""
    try:
        with open(params["path"], "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - FILE_TAIL))
            text = stream.read(FILE_TAIL).decode("utf-8", errors="replace")
    except OSError as error:
        raise RemediationError(f"file.path: {params['path']}: {error.strerror}", "unreadable") from error
    lines = text.splitlines()[1 if size > FILE_TAIL else 0 :]
    return lines_since(lines, window.begin)[-window.most :]


def of_docker(params: Json, window: Window) -> list[str]:
    """Return the newest lines of the containers of a service."""
    selector = docker_options.selector(params)
    engine = Engine(docker_options.engine_options(params))
    query = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": window.most, "since": f"{window.begin:.6f}"}
    by_instance = {}
    for container in find(engine, selector):
        chunks = engine.chunks(f"/containers/{container['Id']}/logs", **query)
        by_instance[name_of(container)] = docker_logs.last_lines(
            chunks, not container["Config"].get("Tty"), window.most
        )
    return docker_logs.merged(by_instance, window.most)


def of_railway(params: Json, window: Window) -> list[str]:
    """Return the newest lines of the deployment a service on Railway stands on."""
    client = Client(railway_options.connection(params))
    where = scope(client, params["project"], params["environment"], params["service"])
    known = railway_read.read(client, where, limits=False)
    if known.current is None:
        return []
    asked = {
        "deploymentId": known.current["id"],
        "limit": min(window.most, RAILWAY_MOST),
        "filter": params["filter"] or None,
        "startDate": iso(window.begin),
    }
    entries = client.execute("DeploymentLogs", asked)["deploymentLogs"]
    lines: list[str] = redact(lines_of(entries, window.most), known.secrets)
    return lines


def of_loki(params: Json, window: Window) -> list[str]:
    """Return the newest lines a query of Loki finds."""
    query = {
        "query": params["query"],
        "start": f"{window.begin * 1e9:.0f}",
        "limit": window.most,
        "direction": "backward",
    }
    url = f"{params['url'].rstrip('/')}/loki/api/v1/query_range?{urlencode(query)}"
    headers = {"User-Agent": "sre.remediation logs_info"}
    if params["tenant"]:
        headers["X-Scope-OrgID"] = params["tenant"]
    if params["token"]:
        headers["Authorization"] = f"Bearer {params['token']}"
    tls = railway_options.tls_context(params["validate_certs"], None) if url.startswith("https:") else None
    request = Request(url, headers=headers, follow_redirects=False, tls=tls, body_limit=ANSWER_LIMIT)
    answer = fetch(request, params["timeout"])
    if answer.symptom or answer.status != 200:
        said = answer.error or f"HTTP {answer.status}: {redact(' '.join(answer.body[:200].split()))}"
        raise RemediationError(f"loki.url: {said}", "platform_unreachable")
    try:
        streams = json.loads(answer.body)["data"]["result"]
        entries = [(int(moment), line) for stream in streams for moment, line, *_rest in stream["values"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RemediationError("loki.query: gives no log lines; is it a log query?", "invalid_option") from error
    return [line for _moment, line in sorted(entries)][-window.most :]


READERS: dict[str, t.Callable[[Json, Window], list[str]]] = {
    "file": of_file,
    "docker": of_docker,
    "railway": of_railway,
    "loki": of_loki,
}
