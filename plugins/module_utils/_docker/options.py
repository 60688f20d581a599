# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that every module for Docker shares: how to reach the engine, and which containers are meant.

Documented in the doc fragment ``_docker``; keep both in step.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.sre.remediation.plugins.module_utils._docker.api import DEFAULT_HOST, EngineOptions
from ansible_collections.sre.remediation.plugins.module_utils._docker.select import Selector
from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError


def argument_spec() -> dict[str, t.Any]:
    """Return the shared part of the argument specification."""
    return {
        "docker_host": {"type": "str", "default": DEFAULT_HOST, "fallback": (env_fallback, ["DOCKER_HOST"])},
        "tls": {"type": "bool", "default": False},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path"},
        "timeout": {"type": "float", "default": 10.0},
        "container": {"type": "str"},
        "project": {"type": "str"},
        "service": {"type": "str"},
    }


REQUIRED_TOGETHER = [("client_cert", "client_key")]


def engine_options(params: dict[str, t.Any]) -> EngineOptions:
    """Read how to reach the engine; RemediationError (``invalid_option``) for a timeout that is none."""
    if params["timeout"] <= 0:
        raise RemediationError("timeout: must be greater than 0 (seconds)", code="invalid_option")
    return EngineOptions(**{name: params[name] for name in EngineOptions.__dataclass_fields__})


def selector(params: dict[str, t.Any]) -> Selector:
    """Read which containers are meant; RemediationError (``invalid_option``) unless it is said in exactly one way."""
    container, project, service = (params[name] or None for name in ("container", "project", "service"))
    if container and (project or service):
        raise RemediationError(
            "container excludes project and service: give container, or project and service", code="invalid_option"
        )
    if not container and not (project and service):
        raise RemediationError(
            "give container (name or id), or both project and service (Compose); an empty one names nothing",
            code="invalid_option",
        )
    return Selector(container, project, service)
