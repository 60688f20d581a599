# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newest log lines of a service's tasks, from CloudWatch Logs by way of the container's own log configuration.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._aws import Aws, AwsError, short
from ansible_collections.sre.remediation.plugins.module_utils._ecs import state
from ansible_collections.sre.remediation.plugins.module_utils._ecs.definition import plain_env
from ansible_collections.sre.remediation.plugins.module_utils._ecs.wait import primary_of
from ansible_collections.sre.remediation.plugins.module_utils._redact import redact, secret_values

Json = dict[str, t.Any]

#: Tasks whose streams are read, and characters of a line that are kept.
STREAMS = 4
LINE_LENGTH = 4000

#: What GetLogEvents returns at most.
LINES_AT_ONCE = 10_000


class Source(t.NamedTuple):
    """Where the log of a task's container is."""

    group: str
    stream: str
    task: str


def sources(tasks: list[Json], service: Json, container: Json) -> list[Source]:
    """Return the streams that tell about the present: of the tasks that run; when none serves, or the newest deployment
    fails beside them, of its last two that ended as well. Pure.

    The driver C(awslogs) names a stream prefix/container/task; without a prefix it is the id of a container nobody here
    knows, so nothing is read.
    """
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    if configuration.get("logDriver") != "awslogs" or not group or not prefix:
        return []
    newest = primary_of(service).get("id")
    running = [task for task in tasks if not state.is_stopped(task) and state.has_run(task)]
    ended = sorted(
        (task for task in tasks if state.is_stopped(task) and task.get("startedBy") in (newest, None)),
        key=lambda task: str(task.get("stoppedAt") or ""),
    )
    failing = [task for task in ended if state.failed(task)]
    chosen = (failing[-2:] or ended[-1:]) if not running else failing[-1:]
    chosen = (chosen + running)[-STREAMS:]
    return [
        Source(group, f"{prefix}/{container['name']}/{short(task['taskArn'])}", short(task["taskArn"]))
        for task in chosen
    ]


def read(aws: Aws, wanted: list[Source], count: int, warnings: list[str]) -> list[str]:
    """Return the newest ``count`` lines of all streams, oldest first; with several tasks each line names its own."""
    found: list[tuple[int, str]] = []
    for source in wanted if count else []:
        try:
            answer = aws.call(
                "logs",
                "get_log_events",
                logGroupName=source.group,
                logStreamName=source.stream,
                limit=min(count, LINES_AT_ONCE),
                startFromHead=False,
            )
        except AwsError as error:
            # A container that never started has no stream.
            if error.code != "not_found":
                warnings.append(f"the log of {source.task} was not read: {error.message}")
            continue
        mark = f"{source.task[:8]} | " if len(wanted) > 1 else ""
        found += [
            (event.get("timestamp") or 0, mark + (event.get("message") or "").rstrip("\r\n")[:LINE_LENGTH])
            for event in answer.get("events") or []
        ]
    found.sort(key=lambda line: line[0])
    return [line for _stamp, line in found[-count:]] if count else []


def without_secrets(lines: list[str], container: Json) -> list[str]:
    """Return the lines without the values of variables that look like secrets."""
    return redact(lines, secret_values(plain_env(container)))
