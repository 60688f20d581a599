# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to the variables of a Railway service: many in one write, and one deployment for all of them.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sre.remediation.plugins.module_utils._docker.env import (
    EnvChange,
    fingerprint,
    plan,
    wanted_changes,
)
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway import read
from ansible_collections.sre.remediation.plugins.module_utils._railway.change import Change, Done, expected_of_source
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import Client
from ansible_collections.sre.remediation.plugins.module_utils._railway.scope import scope
from ansible_collections.sre.remediation.plugins.module_utils._railway.states import wait_limits

Json = dict[str, t.Any]

SEALED = "sealed"  #: what stands for the old value of a variable nobody can read


def planned(
    service: str, wanted: t.Mapping[str, str | None], current: t.Mapping[str, t.Any], kept: t.Collection[str]
) -> EnvChange:
    """Work out what ``wanted`` changes. Pure.

    :param current: the variables as they are written; the value of a sealed one is null.
    :param kept: names that are left alone when they are sealed.
    """
    sealed = {name for name, value in current.items() if value is None}
    due = {name: value for name, value in wanted.items() if not (name in sealed and name in kept)}
    readable = {name: str(value) for name, value in current.items() if value is not None}
    found = plan(service, due, readable, {})
    changes = {name: value for name, value in found.changes.items() if value is not None or name in current}
    before = {**found.before, **{name: SEALED for name in changes if name in sealed}}
    after = {name: fingerprint(service, name, value) for name, value in changes.items() if value is not None}
    # A variable that is to be taken out and is sealed looks unchanged to the plan, as both are null.
    for name in sorted(sealed):
        if name in due and due[name] is None:
            changes[name], before[name] = None, SEALED
    return EnvChange(changes, before, after, sorted(set(found.absent) - sealed))


def apply(client: Client, params: t.Mapping[str, t.Any], done: Done) -> tuple[Json | None, Json | None]:
    """Change the variables, and return the deployment that was made and what takes it back."""
    limits = wait_limits(params)
    wanted = wanted_changes(params["env"], params["unset"])
    if params["unset"] and not params["deploy"]:
        raise RemediationError(
            "unset: Railway deploys at once when a variable is taken out, so it excludes deploy=false", "invalid_option"
        )
    where = scope(client, params["project"], params["environment"], params["service"])
    current = client.execute("Variables", where.ids)["variables"] or {}
    due = planned(where.service_id, wanted, current, params["sealed_unchanged"])
    if not due.changes:
        return None, None
    done.plan(
        f"changed variables {', '.join(due.names)}",
        {"env": dict(sorted(due.before.items()))},
        {"env": dict(sorted(due.after.items()))},
    )
    if params["deploy"]:
        done.actions.append("deployed the service")
    undo = {"unset": due.absent, "restore": dict(sorted(due.before.items()))}
    if done.check_mode:
        return None, undo
    known = read.read(client, where, limits=False) if params["deploy"] else None
    change = Change(client, where, known, done, limits, params["wait"])
    return _write(change, due, bool(params["deploy"])), undo


def _write(change: Change, due: EnvChange, deploy: bool) -> Json | None:
    gone = sorted(name for name, value in due.changes.items() if value is None)
    values = {name: value for name, value in due.changes.items() if value is not None}
    if values:
        # Without its own deployment, so that there is one for all, whose id is known.
        collection = {**change.scope.ids, "variables": values, "replace": False, "skipDeploys": True}
        change.send("VariableCollectionUpsert", {"input": collection})
    for name in gone[:-1]:
        change.send("VariableDelete", {"input": {**change.scope.ids, "name": name}})
    if not deploy:
        return None
    expected = expected_of_source(change.known.instance, None) or change.known.current
    if not gone:
        ids = {key: change.scope.ids[key] for key in ("environmentId", "serviceId")}
        return change.new_deployment("ServiceInstanceDeployV2", ids, expected)
    if len(gone) > 1:
        # What the deletions before made is not what is waited for.
        change.known = read.read(change.client, change.scope, limits=False)
    return change.new_deployment("VariableDelete", {"input": {**change.scope.ids, "name": gone[-1]}}, expected)
