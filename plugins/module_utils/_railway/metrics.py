# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Railway measures of a service, as series of points. Pure but for the one function that asks.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.sre.remediation.plugins.module_utils._docker.times import iso
from ansible_collections.sre.remediation.plugins.module_utils._metrics import Series
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope

Json = dict[str, t.Any]

#: What can be asked for: CPU in vCPUs, the rest in decimal gigabytes.
MEASUREMENTS = (
    "CPU_USAGE",
    "CPU_LIMIT",
    "MEMORY_USAGE_GB",
    "MEMORY_LIMIT_GB",
    "DISK_USAGE_GB",
    "EPHEMERAL_DISK_USAGE_GB",
    "NETWORK_RX_GB",
    "NETWORK_TX_GB",
)


def request(ids: t.Mapping[str, str], options: Json, window: float, now: datetime) -> Json:
    """Return the variables of the query. The newest value is looked for in the last three periods."""
    return {
        **ids,
        "measurements": [options["measurement"]],
        "startDate": iso(now.timestamp() - (window or 3 * options["period"])),
        "endDate": iso(now.timestamp()),
        "sampleRateSeconds": options["period"],
        "groupBy": ["DEPLOYMENT_INSTANCE_ID"] if options["by_instance"] else ["SERVICE_ID"],
    }


def read(results: t.Sequence[Json], instant: bool) -> list[Series]:
    """Read an answer: a series for each result that has a point, the points in order of time."""
    found = []
    for result in results:
        points = sorted((float(point["ts"]), float(point["value"])) for point in result["values"])
        tags = {name: str(value) for name, value in (result.get("tags") or {}).items() if value}
        labels = {"measurement": str(result["measurement"]), **tags}
        found += [Series(labels, tuple(points[-1:] if instant else points))] if points else []
    return found


def ask(client: Client, options: Json, window: float, now: datetime) -> list[Series]:
    """Ask Railway."""
    where = scope(client, options["project"], options["environment"], options["service"])
    return read(client.execute("Metrics", request(where.ids, options, window, now))["metrics"], not window)
