# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The course of ``pg_activity_info``: look, look again while nothing is slow, and explain what is.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection
from ansible_collections.sre.remediation.plugins.module_utils._postgres.activity import activity_sql, has_slow, report
from ansible_collections.sre.remediation.plugins.module_utils._postgres.explain import longest, plans
from ansible_collections.sre.remediation.plugins.module_utils._postgres.session import from_row

LEAST = {
    "long_query": 0,
    "long_idle_in_transaction": 0,
    "finished_within": 0,
    "samples": 1,
    "sample_interval": 0,
    "max_sessions": 1,
    "query_length": 1,
    "explain": 0,
}
"""The smallest value of each number."""


def look(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The module's result; RemediationError for options that cannot be used and for everything ``connection`` raises."""
    for name, least in LEAST.items():
        if params[name] < least:
            raise RemediationError(f"{name}: must be {least} or greater", code="invalid_option")
    with connection.connected(params) as opened:
        for number in range(1, params["samples"] + 1):
            [(read,)] = opened.rows(activity_sql(opened.version))
            found = report(read, params)
            if number == params["samples"] or has_slow(found):
                break
            time.sleep(params["sample_interval"])
        sessions = [from_row(row) for row in read["sessions"]]
        asked = longest(sessions, found["database"]["name"], params["long_query"], params["explain"])
        shown = plans(opened, asked)
    return {**found, "looks": number, "plans": shown}
