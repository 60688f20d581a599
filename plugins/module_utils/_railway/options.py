# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that every module for Railway shares: how to reach it, and which service is meant.

Documented in the doc fragment ``_railway``; keep both in step.

Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import os
import typing as t
from urllib.parse import urlsplit

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._railway.client import ENDPOINT, Connection

TOKEN_TYPES = ("project", "account", "workspace", "oauth")
#: Where Railway's own command line looks for each kind of token.
TOKEN_VARIABLES = {"project": "RAILWAY_TOKEN"}
OTHER_TOKEN_VARIABLE = "RAILWAY_API_TOKEN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def connection_spec() -> dict[str, t.Any]:
    """Return the options that say how to reach Railway."""
    return {
        "token": {"type": "str", "no_log": True},
        "token_type": {"type": "str", "required": True, "choices": list(TOKEN_TYPES)},
        "endpoint": {"type": "str", "default": ENDPOINT},
        "timeout": {"type": "float", "default": 30.0},
        "max_requests": {"type": "int", "default": 60},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
    }


def service_spec() -> dict[str, t.Any]:
    """Return the options that say which service is meant."""
    return {
        "project": {"type": "str"},
        "environment": {"type": "str"},
        "service": {"type": "str", "required": True},
    }


def wait_spec() -> dict[str, t.Any]:
    """Return the options of a wait for a deployment."""
    return {
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 600.0},
        "queue_timeout": {"type": "float", "default": 300.0},
        "stabilise": {"type": "float", "default": 30.0},
    }


def token_of(params: t.Mapping[str, t.Any]) -> str:
    """Return the token: the option, else the environment variable of its kind."""
    variable = TOKEN_VARIABLES.get(params["token_type"], OTHER_TOKEN_VARIABLE)
    token = (params.get("token") or os.environ.get(variable) or "").strip()
    if not token:
        raise RemediationError(
            f"token: give it, or set the environment variable {variable} for a token of type {params['token_type']}",
            "token_missing",
        )
    if any(character < " " or character > "~" for character in token):
        raise RemediationError("token: holds a character no token has", "invalid_option")
    return token


def connection(params: t.Mapping[str, t.Any]) -> Connection:
    """Read how to reach Railway; RemediationError for what cannot be used."""
    parts = urlsplit(params["endpoint"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RemediationError("endpoint: must be an http or https URL", "invalid_option")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise RemediationError("endpoint: must be https, for a token must not travel in clear text", "invalid_option")
    for name in ("timeout", "max_requests"):
        if params[name] <= 0:
            raise RemediationError(f"{name}: must be greater than 0", "invalid_option")
    return Connection(
        token=token_of(params),
        token_type=params["token_type"],
        endpoint=params["endpoint"],
        timeout=params["timeout"],
        max_requests=params["max_requests"],
        tls=tls_context(params["validate_certs"], params["ca_path"]) if parts.scheme == "https" else None,
    )


def tls_context(validate: bool, ca_path: str | None) -> t.Any:
    """Return what an https connection is checked by."""
    import ssl  # only https pays for it

    try:
        context = ssl.create_default_context(cafile=ca_path)
    except OSError as error:
        raise RemediationError(f"ca_path: cannot be read: {error}", "invalid_option") from error
    if not validate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
