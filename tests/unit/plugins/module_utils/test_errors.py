"""The typed error keeps message and code, also across a process boundary."""

from __future__ import annotations

import pickle

import pytest

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.plugin_utils._ledger import LeaseLost, LedgerError


@pytest.mark.parametrize("kind", [RemediationError, LedgerError, LeaseLost])
def test_survives_pickling(kind):
    error = pickle.loads(pickle.dumps(kind("api is gone", "service_missing")))
    assert (type(error), error.message, error.code, str(error)) == (
        kind,
        "api is gone",
        "service_missing",
        "api is gone",
    )


def test_codes_have_defaults():
    assert (RemediationError("x").code, LeaseLost("x").code) == ("error", "lease_lost")
