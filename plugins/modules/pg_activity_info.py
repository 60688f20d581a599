#!/usr/bin/python
# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what a PostgreSQL server is busy with, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_activity_info
short_description: Read what a PostgreSQL server is busy with
version_added: 0.1.0
author: The sre.remediation maintainers (@sre-remediation)
description:
  - Reads connections against their limits, sessions, long statements, idle transactions, lock waits with their roots,
    replication, backups, prepared transactions and who holds back vacuum, with one statement over one connection, or several
    times (O(samples)).
  - Query texts are returned without literals and comments, and cut to O(query_length) characters.
  - A user that may not see other users' sessions gets their number only (RV(connections.hidden)). Grant C(pg_monitor).
extends_documentation_fragment:
  - sre.remediation._postgres
  - sre.remediation._attributes
  - sre.remediation._attributes.info_module
  - sre.remediation._attributes.actiongroup_postgres
options:
  long_query:
    description:
      - Seconds a statement must have been running to be among RV(long_queries).
    type: float
    default: 5.0
  long_idle_in_transaction:
    description:
      - Seconds the transaction of an idle session must have been open to be among RV(idle_in_transaction).
    type: float
    default: 0.0
  finished_within:
    description:
      - Seconds. Statements that ran for longer than O(long_query) and ended less than this ago are among RV(finished_queries),
        as long as their session has run nothing else since. V(0) lists none.
    type: float
    default: 0.0
  samples:
    description:
      - How often to look at most, over the same connection. It looks again only while nothing that is slow is found in the
        database logged in to, besides backups, and the result is that of the last look. Statements that are short, and run again
        and again, are found so.
    type: int
    default: 1
  sample_interval:
    description:
      - Seconds between two looks.
    type: float
    default: 1.0
  explain:
    description:
      - Of how many of the longest statements to show the plan, of those in the database logged in to that have been running for
        longer than O(long_query).
      - C(EXPLAIN) is used, never C(EXPLAIN ANALYZE), in a read-only session. No statement is run by it. It takes one more
        round trip each, and needs the right to read the tables.
    type: int
    default: 0
  max_sessions:
    description:
      - Most sessions in each list, longest first.
    type: int
    default: 500
  query_length:
    description:
      - Most characters of a query text.
    type: int
    default: 200
seealso:
  - module: sre.remediation.pg_terminate_backend
"""

EXAMPLES = r"""
- name: Look at the database
  sre.remediation.pg_activity_info:
    login_host: db.example.com
    login_user: sre
  register: activity

- name: Say when connections run out
  ansible.builtin.debug:
    msg: "{{ activity.connections.used }} of {{ activity.connections.ordinary }} connections are used"
  when: activity.connections.used_percent > 80
"""

RETURN = r"""
server:
  description: The server.
  returned: success
  type: dict
  contains:
    version:
      description: Version in words.
      type: str
    version_num:
      description: Version as a number, 150004 for 15.4.
      type: int
    in_recovery:
      description: Whether it is a standby.
      type: bool
    started_at:
      description: Start of the server (ISO 8601).
      type: str
    exclusive_backup:
      description: Whether an exclusive base backup is in progress. They were removed in PostgreSQL 15.
      type: bool
database:
  description: The database logged in to.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    bytes:
      description: Its size on disk.
      type: int
connections:
  description: Connections against the limits. WAL senders and background processes have slots of their own and do not count.
  returned: success
  type: dict
  contains:
    max:
      description: The setting C(max_connections).
      type: int
    superuser_reserved:
      description: The setting C(superuser_reserved_connections).
      type: int
    reserved:
      description: The setting C(reserved_connections), V(null) before PostgreSQL 16.
      type: int
    ordinary:
      description: Slots that are not reserved.
      type: int
    used:
      description: Connections, this module's own included.
      type: int
    free:
      description: Slots left for ordinary users.
      type: int
    used_percent:
      description: Percent of C(max_connections) that is used.
      type: float
    by_state:
      description: Number of connections by state. V(unknown) is a state that may not be seen.
      type: dict
    by_database:
      description: C(name), C(count) and C(limit) (V(null) for none) of each database, most connections first.
      type: list
      elements: dict
    by_user:
      description: C(name), C(count) and C(limit) (V(null) for none) of each user, most connections first.
      type: list
      elements: dict
    by_application:
      description: C(name) and C(count) of each application name, most connections first. C(limit) is always V(null).
      type: list
      elements: dict
    hidden:
      description: Number of processes whose details this user may not see.
      type: int
sessions:
  description: The client sessions, longest connected first.
  returned: success
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
    backend_start:
      description: Start of the session (ISO 8601).
      type: str
    backend_type:
      description: Kind of process.
      type: str
    transaction_age:
      description: Seconds since its transaction started.
      type: float
    query_age:
      description: Seconds since its last statement started.
      type: float
    backend_age:
      description: Seconds since the session started.
      type: float
    blocked_by:
      description: Process ids it waits for.
      type: list
      elements: int
    xmin_age:
      description: Transactions since the oldest snapshot it holds.
      type: int
    leader_pid:
      description: Process id of its parallel group's leader.
      type: int
    query_id:
      description: Id of the query, on PostgreSQL 14 and later when the server computes it.
      type: int
sessions_left_out:
  description: Number of sessions beyond O(max_sessions).
  returned: success
  type: int
long_queries:
  description: Sessions whose statement has been running for longer than O(long_query), longest first. Keys as in RV(sessions).
  returned: success
  type: list
  elements: dict
finished_queries:
  description:
    - Sessions whose last statement ran for longer than O(long_query) and ended less than O(finished_within) ago, longest first.
      Keys as in RV(sessions), and C(seconds) it ran, and C(ended), the seconds since.
  returned: success
  type: list
  elements: dict
looks:
  description: How often it looked.
  returned: success
  type: int
plans:
  description: Plans of the longest statements, longest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Process id and start, V(PID@BACKEND_START).
      type: str
    plan:
      description: Lines of the plan, without literals.
      type: list
      elements: str
    reason:
      description: Why there is no plan.
      type: str
idle_in_transaction:
  description:
    - Sessions that do nothing in a transaction open for longer than O(long_idle_in_transaction), longest first. Keys as in
      RV(sessions).
  returned: success
  type: list
  elements: dict
blocking:
  description: Who waits for whom.
  returned: success
  type: dict
  contains:
    roots:
      description:
        - Sessions (or prepared transactions) that make others wait and do not wait themselves, most blocked first, with C(pid)
          (V(0) for prepared transactions), C(id), C(kind) (V(session) or V(prepared_transaction)), C(user), C(application),
          C(state), C(age), C(blocked) (process ids that wait for it, directly or through others), C(depth) (length of the longest
          chain behind it) and C(prepared_transactions) (ids of those it may be).
      type: list
      elements: dict
    waiting:
      description: Sessions that wait for a lock, with C(pid), C(id), C(depth), C(blocked_by), C(wait_event), C(age).
      type: list
      elements: dict
replication:
  description: Replication.
  returned: success
  type: dict
  contains:
    senders:
      description:
        - WAL senders, with C(pid), C(application), C(user), C(client), C(state), C(sync_state), C(slot), C(lag_bytes) and
          C(kind), which is V(physical), V(logical) or V(backup).
      type: list
      elements: dict
    slots:
      description:
        - Slots, with C(name), C(type), C(database), C(active), C(pid), C(wal_status), C(retained_bytes), C(xmin_age).
      type: list
      elements: dict
backups:
  description: Sessions that take a backup, with C(id), C(pid), C(application), C(user).
  returned: success
  type: list
  elements: dict
autovacuum:
  description: Autovacuum workers, with the keys of RV(sessions) and C(wraparound).
  returned: success
  type: list
  elements: dict
prepared_transactions:
  description: Prepared transactions, with C(gid), C(database), C(user), C(prepared_at), C(age), C(xmin_age), oldest first.
  returned: success
  type: list
  elements: dict
oldest_xmin:
  description:
    - What holds back vacuum most, with C(kind) (V(session), V(slot) or V(prepared_transaction)), C(name) and C(age) in
      transactions. V(null) when nothing does.
  returned: success
  type: dict
frozen_ages:
  description: Age in transactions of the oldest unfrozen row by database (C(name), C(age)), oldest first.
  returned: success
  type: list
  elements: dict
code:
  description: A stable word for the error, such as V(no_connection_slot), V(authentication_failed) or V(unreachable).
  returned: failure
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._postgres import connection
from ansible_collections.sre.remediation.plugins.module_utils._postgres.look import look


def argument_spec() -> dict[str, t.Any]:
    """Return the whole argument specification."""
    return dict(
        connection.argument_spec(),
        long_query=dict(type="float", default=5.0),
        long_idle_in_transaction=dict(type="float", default=0.0),
        finished_within=dict(type="float", default=0.0),
        samples=dict(type="int", default=1),
        sample_interval=dict(type="float", default=1.0),
        max_sessions=dict(type="int", default=500),
        query_length=dict(type="int", default=200),
        explain=dict(type="int", default=0),
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=connection.MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    if connection.psycopg2 is None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=connection.IMPORT_TRACEBACK)
    try:
        found = look(module.params)
    except RemediationError as error:
        module.fail_json(msg=error.message, code=error.code)
    hidden = found["connections"]["hidden"]
    if hidden:
        module.warn(f"The details of {hidden} processes are hidden from this user. Grant it pg_monitor")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
