# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: the durable record that every door (CLI, AWX, Event-Driven Ansible) asks before anything is changed.

PRIVATE to the collection. What it promises:

* **One decision, one transaction.** ``admit()`` reads the facts, lets the pure ``policy.decide`` judge them, and writes
  lease, incident, attempt and used approval in ONE write transaction. Of two runs that ask at once exactly one is
  admitted. A refusal writes nothing.
* **Leases, not locks.** A lease covers one service for one incident of one process (machine, pid, process start) and
  ends by itself: default 120 s, renewed by every step. The next run takes it over at once when the holder is provably
  dead on the same machine, else when it has expired. Nothing ever has to be unlocked by hand.
* **A killed run leaves** an open incident, an attempt without a result, and a lease. ``resumable()`` gives that
  incident to the next run, which diagnoses anew and goes on; the cooldown of the interrupted attempt does not hold it
  off. An open incident that nobody resumes within the hour is closed as ``abandoned`` when the next one is opened.
* **Fail closed.** A ledger that is deleted, corrupt, read-only, full, newer than this code or unreachable raises
  ``LedgerError``; it never answers "nothing known".
* **Append-only.** Rows are never deleted; only their closing columns are filled, and the first closing wins.
* **No secrets.** Every text and dictionary passes ``redact()`` before it is stored.

All times are epoch seconds (float, UTC) of the controller's clock. Controllers that share a PostgreSQL ledger need
synchronised clocks: one that is more than 30 s off the server is refused, because it would misjudge leases.
"""

from __future__ import annotations

from .holder import Holder
from .ledger import Ledger, default_location, open_ledger
from .model import (
    Admission,
    AdmissionRequest,
    Facts,
    GuardPolicy,
    LeaseLost,
    LedgerError,
    Refusal,
)
from .policy import decide

__all__ = [
    "Admission",
    "AdmissionRequest",
    "Facts",
    "GuardPolicy",
    "Holder",
    "LeaseLost",
    "Ledger",
    "LedgerError",
    "Refusal",
    "decide",
    "default_location",
    "open_ledger",
]
