#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cancel statements or end sessions of a PostgreSQL server: those described, never a protected one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_terminate_backend
short_description: Cancel statements or end sessions of a PostgreSQL server
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Looks at all sessions once, chooses those that are described by all the given options, signals them, and waits until
    they are gone.
  - Never touched are the module's own session, WAL senders (replication and base backups), background processes, an
    autovacuum that prevents transaction id wraparound, backups in progress (by the names of the well-known tools, or
    because the session holds the server in backup mode), and prepared transactions, which have no session.
  - A session is signalled only if it still is the one that was looked at. Its process id and its start are checked by
    the statement that signals, and when it was chosen by what it did (O(states), O(min_age), O(wait_events),
    O(root_blockers)), or its statement is to be cancelled, also that it has done nothing else since.
  - A superuser, or on PostgreSQL 16 and later a role with C(pg_use_reserved_connections), gets in over a reserved slot
    when all others are taken.
extends_documentation_fragment:
  - sre.remediation._postgres
  - sre.remediation._attributes
  - sre.remediation._attributes.actiongroup_postgres
attributes:
  check_mode:
    support: full
    details:
      - RV(victims) lists exactly the sessions that would be signalled at that moment.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  states:
    description:
      - States the session may be in.
    type: list
    elements: str
    choices:
      - active
      - idle
      - idle in transaction
      - idle in transaction (aborted)
      - fastpath function call
      - disabled
  min_age:
    description:
      - Seconds. Only sessions that are older than this by O(clock). Does not suffice by itself.
    type: float
  clock:
    description:
      - What the age of a session is counted from.
      - V(auto) is the start of the statement of a running session, the start of the transaction of a session that is
        idle in a transaction, and the last change of state of any other.
    type: str
    choices: [auto, state_change, query_start, xact_start, backend_start]
    default: auto
  databases:
    description:
      - Names of the databases the session may be connected to.
    type: list
    elements: str
  users:
    description:
      - Names the session may be logged in with.
    type: list
    elements: str
  applications:
    description:
      - Application names the session may have, as shell patterns, for example V(web-*).
    type: list
    elements: str
  clients:
    description:
      - Where the session may come from, as addresses, networks such as V(10.0.0.0/8), or V(local) for a Unix socket.
    type: list
    elements: str
  wait_events:
    description:
      - What the session may wait for, as a type such as V(Lock), or a type and an event such as V(Client:ClientRead).
    type: list
    elements: str
  pids:
    description:
      - Process ids of the sessions. Written as V(PID@BACKEND_START), as C(id) in the results of this module and of
        M(sre.remediation.pg_activity_info), a process id that is used again is not hit.
    type: list
    elements: str
  root_blockers:
    description:
      - Only sessions that make others wait for a lock, and do not wait for one themselves.
    type: bool
    default: false
  action:
    description:
      - V(cancel) cancels running statements and leaves the sessions alive. Sessions that run none are left alone.
      - V(terminate) ends the sessions.
      - V(cancel_then_terminate) cancels running statements, and ends the sessions whose statement has not ended after
        O(grace). Sessions that run no statement are ended at once.
    type: str
    choices: [cancel, terminate, cancel_then_terminate]
    default: cancel_then_terminate
  grace:
    description:
      - Seconds a cancelled statement has to end.
    type: float
    default: 5.0
  wait:
    description:
      - Seconds to wait for ended sessions to be gone. V(0) looks once.
    type: float
    default: 10.0
  max_backends:
    description:
      - Most sessions to signal. When more match, O(on_excess) decides.
    type: int
    default: 50
  on_excess:
    description:
      - With V(fail) nothing is changed and the task fails. With V(oldest) the O(max_backends) oldest are taken.
    type: str
    choices: [fail, oldest]
    default: fail
  protected_users:
    description:
      - Names whose sessions are left alone.
    type: list
    elements: str
    default: []
  protected_applications:
    description:
      - Application names, as shell patterns, of sessions to leave alone.
    type: list
    elements: str
    default: []
  protected_pids:
    description:
      - Process ids to leave alone, as in O(pids).
    type: list
    elements: str
    default: []
  allow_superusers:
    description:
      - Whether sessions of superusers may be signalled. Only a superuser can.
    type: bool
    default: false
  allow_autovacuum:
    description:
      - Whether autovacuum workers may be signalled. One that prevents transaction id wraparound is never signalled.
    type: bool
    default: false
  query_length:
    description:
      - Most characters of a query text in the results.
    type: int
    default: 200
seealso:
  - module: sre.remediation.pg_activity_info
"""

EXAMPLES = r"""
- name: End connections that have been idle for five minutes
  sre.remediation.pg_terminate_backend:
    login_host: db.example.com
    login_user: sre
    states: [idle]
    min_age: 300

- name: Cancel what has been running for five minutes, and end what does not listen
  sre.remediation.pg_terminate_backend:
    states: [active]
    min_age: 300
    protected_applications: ["report-*"]

- name: Show which sessions make others wait
  sre.remediation.pg_terminate_backend:
    root_blockers: true
  check_mode: true
  register: blockers

- name: End exactly these
  sre.remediation.pg_terminate_backend:
    pids: "{{ blockers.victims }}"
    action: terminate
  when: blockers.victims
"""

RETURN = r"""
matched:
  description: All sessions the options describe, also those that were spared. Victims first, oldest first.
  returned: when the sessions could be looked at
  type: list
  elements: dict
  contains:
    id:
      description: Process id and start, V(PID@BACKEND_START).
      type: str
    pid:
      description: Process id.
      type: int
    database:
      description: Database it is connected to.
      type: str
    user:
      description: Name it is logged in with.
      type: str
    application:
      description: Application name.
      type: str
    client:
      description: Address it comes from, or V(local).
      type: str
    state:
      description: Its state.
      type: str
    age:
      description: Seconds by the clock V(auto).
      type: float
    wait_event_type:
      description: Kind of thing it waits for.
      type: str
    wait_event:
      description: What it waits for.
      type: str
    query:
      description: Its last statement, without literals.
      type: str
    signal:
      description: Last signal it was sent, V(cancel) or V(terminate).
      type: str
    result:
      description:
        - V(gone), V(cancelled) (its statement ended and the session lives), V(remaining), V(planned) in check mode, or the
          reason in one word why it was not signalled.
      type: str
    reason:
      description: Why it was spared or is still there.
      type: str
victims:
  description: Ids of the sessions chosen, oldest first. In check mode those that would be signalled.
  returned: success
  type: list
  elements: str
  sample: ["4242@2026-03-01T12:00:00.123456+00:00"]
signalled:
  description: Ids of the sessions that were signalled.
  returned: success
  type: list
  elements: str
gone:
  description: Ids of the signalled sessions that are gone.
  returned: success
  type: list
  elements: str
cancelled:
  description: Ids of the signalled sessions whose statement ended and that live on.
  returned: success
  type: list
  elements: str
remaining:
  description: Signalled sessions that are still there, with C(id) and C(reason).
  returned: success
  type: list
  elements: dict
spared:
  description: Sessions that were described and not signalled, with C(id), C(code) and C(reason).
  returned: success
  type: list
  elements: dict
  sample: [{id: "77@2026-03-01T12:00:00+00:00", code: replication, reason: it sends WAL to a standby}]
hidden:
  description: Number of sessions whose details this user may not see, and that therefore cannot be described by them.
  returned: success
  type: int
actions:
  description: What was done, or would be in check mode, in words.
  returned: success
  type: list
  elements: str
code:
  description:
    - A stable word for the error, such as V(invalid_option), V(too_many), V(no_connection_slot), V(not_permitted),
      V(authentication_failed), V(unreachable), V(timeout) or V(lost).
  returned: failure
  type: str
"""

import atexit
import gc
import typing as t

if __name__ == "__main__":
    # A short process with one large result: looking for garbage, now and at its end, takes longer than the server does
    # for a hundred sessions, and finds none.
    gc.disable()
    atexit.register(gc.freeze)

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection
from ansible_collections.sre.remediation.plugins.module_utils._postgres.selector import CLOCKS, STATES
from ansible_collections.sre.remediation.plugins.module_utils._postgres.terminate import Terminator


def argument_spec() -> dict[str, t.Any]:
    """Return the whole argument specification."""

    def names(**more: t.Any) -> dict[str, t.Any]:
        return {"type": "list", "elements": "str", **more}

    return dict(
        connection.argument_spec(),
        states=names(choices=list(STATES)),
        min_age=dict(type="float"),
        clock=dict(type="str", choices=list(CLOCKS), default="auto"),
        databases=names(),
        users=names(),
        applications=names(),
        clients=names(),
        wait_events=names(),
        pids=names(),
        root_blockers=dict(type="bool", default=False),
        action=dict(
            type="str",
            choices=["cancel", "terminate", "cancel_then_terminate"],
            default="cancel_then_terminate",
        ),
        grace=dict(type="float", default=5.0),
        wait=dict(type="float", default=10.0),
        max_backends=dict(type="int", default=50),
        on_excess=dict(type="str", choices=["fail", "oldest"], default="fail"),
        protected_users=names(default=[]),
        protected_applications=names(default=[]),
        protected_pids=names(default=[]),
        allow_superusers=dict(type="bool", default=False),
        allow_autovacuum=dict(type="bool", default=False),
        query_length=dict(type="int", default=200),
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=connection.MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    if connection.psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=connection.IMPORT_TRACEBACK)
    run = None
    try:
        run = Terminator(module.params)
        with connection.connected(module.params) as opened:
            result = run.run(opened, module.check_mode)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code, **(run.so_far() if run else {}))
    for warning in run.warnings:
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
