# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the in-process steps of the pipeline share: checked arguments, the ledger, one place where errors become failures.

PRIVATE to the collection. These actions run inside ansible-playbook on the controller (about 0.1 s each, where a module
process costs about 0.5 s) and never touch the service. What they need is imported at the top of their files: Ansible loads
those once in its main process, and every worker inherits it.
"""

from __future__ import annotations

import getpass
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import Holder, default_location, open_ledger

PLATFORM_GROUPS = ("docker", "railway", "ecs", "host")


def plain(value: Any) -> Any:
    """A copy made of ordinary dict, list, str, int, float, bool and None, fit for JSON and the ledger."""
    return json.loads(json.dumps(value, default=str))


class PipelineAction(ActionBase):
    """One step: ``ARGUMENTS`` is its argument spec, ``step()`` does the work and returns the result."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    ARGUMENTS: dict[str, dict[str, Any]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        try:
            return {"changed": False, **self.step(plain(arguments), task_vars or {})}
        except RemediationError as error:
            return {"changed": False, "failed": True, "msg": error.message, "code": error.code}

    def step(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def check_mode(self) -> bool:
        return bool(self._task.check_mode)

    @staticmethod
    def ledger():
        """Open the ledger that SRE_REMEDIATION_LEDGER names; raises LedgerError when it cannot be relied on."""
        return open_ledger(default_location(os.environ))

    @staticmethod
    def holder():
        """The run this step belongs to: the ansible-playbook process, which is the parent of every worker."""
        return Holder.current(run_pid(), run=getpass.getuser())


def run_pid() -> int:
    """Process id of the ansible-playbook this step belongs to.

    Raises RemediationError (``orphaned``) when it is gone: a step that outlives its killed run must not take a lease.
    """
    parent = multiprocessing.parent_process()
    pid = parent.pid if parent else os.getppid()
    if os.getppid() != pid:
        raise RemediationError("the run this step belongs to was killed; nothing more is done", code="orphaned")
    return pid


def run_started() -> float:
    """Epoch seconds at which ansible-playbook was started; where the machine has no /proc, now."""
    try:
        uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        stat = Path(f"/proc/{run_pid()}/stat").read_text(encoding="utf-8")
    except OSError:
        return time.time()
    ticks = int(stat.rpartition(")")[2].split()[19])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def inventory_size(task_vars: dict[str, Any]) -> int:
    """How many services the inventory has: the hosts of its platform groups."""
    groups = task_vars.get("groups") or {}
    return len({host for name in PLATFORM_GROUPS for host in groups.get(name, ())})
