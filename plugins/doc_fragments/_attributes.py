# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the attributes every module of this collection declares (check mode, diff mode, idempotence, action
group)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # For modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""

    # The action group of the modules for Docker.
    ACTIONGROUP_DOCKER = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/sre.remediation.docker) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - sre.remediation.docker
"""

    # The action group of the modules for PostgreSQL.
    ACTIONGROUP_POSTGRES = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/sre.remediation.postgres) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - sre.remediation.postgres
"""

    # The action group of the modules for AWS.
    ACTIONGROUP_AWS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/sre.remediation.aws) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - sre.remediation.aws
"""

    # The action group of the modules for Railway.
    ACTIONGROUP_RAILWAY = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/sre.remediation.railway) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - sre.remediation.railway
"""
