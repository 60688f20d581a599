# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: which remedies, in which order, for this cause of this service, and a hash that names exactly that.

PRIVATE to the collection. Pure functions: nothing here reads a clock, a file or the ledger.

A plan does not depend on what was already tried: the hash of a plan that an operator approves stays the same while
its remedies are worked through, and changes when the cause, the version in service or the remedies change.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError

IMPACTS = ("safe", "disruptive", "destructive")
PLATFORM_VERBS = ("start", "restart", "redeploy", "rollback", "scale", "set_env", "run")
OBSERVE = "wait"
"""The remedy that changes nothing: give a starting service its time, then prove that it holds."""

_REQUIRED_KEYS = ("remedy", "causes", "impact", "undo", "timeout")


def check_ladder(ladder: list[dict[str, Any]], scenario: str) -> None:
    """Refuse a ladder that is not written as the scenario contract asks.

    Raises RemediationError (code ``bad_ladder``) that names the scenario, the rung and what is allowed.
    """
    for number, rung in enumerate(ladder, start=1):
        where = f"{scenario}_ladder, rung {number}"
        missing = [key for key in _REQUIRED_KEYS if key not in rung]
        if missing:
            raise RemediationError(
                f"{where} ({rung.get('remedy', '?')}): missing {', '.join(missing)}", code="bad_ladder"
            )
        if rung["impact"] not in IMPACTS:
            raise RemediationError(
                f"{where} ({rung['remedy']}): impact is {rung['impact']!r}, allowed: {', '.join(IMPACTS)}",
                code="bad_ladder",
            )


def build_plan(
    *,
    service: str,
    scenario: str,
    platform: str,
    diagnosis: dict[str, Any],
    ladder: list[dict[str, Any]],
    state: dict[str, Any],
    unsupported: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the plan for the diagnosed cause.

    ``unsupported`` maps a remedy to the reason why this platform cannot do it. A rung may carry ``possible`` (bool)
    and ``why_not`` (str): the scenario's own condition, for example a command the inventory must declare. ``role``
    names the role whose remedy it is, when that is not the scenario's own. A rung with ``step`` is one of several that
    are all done, in order; when one of those is not possible, none is begun.
    """
    check_ladder(ladder, scenario)
    cause = diagnosis.get("cause")
    remedies: list[dict[str, Any]] = []
    not_possible: list[dict[str, str]] = []
    for rung in ladder:
        if cause not in rung["causes"]:
            continue
        name = rung["remedy"]
        reason = (unsupported or {}).get(name)
        if reason is None and not rung.get("possible", True):
            reason = rung.get("why_not") or "its condition in the scenario's ladder does not hold"
        if reason is None and rung.get("platforms") and platform not in rung["platforms"]:
            reason = f"platform {platform} has no {name}"
        if reason is not None:
            not_possible.append({"remedy": name, "why": reason})
            continue
        remedies.append(
            {
                "remedy": name,
                "impact": rung["impact"],
                "verb": name in PLATFORM_VERBS and not rung.get("own", False),
                "role": rung.get("role") or scenario,
                "target": rung.get("target") or service,
                "with": rung.get("with") or {},
                "undo": rung["undo"],
                "timeout": float(rung["timeout"]),
                "touches_healthy": bool(rung.get("touches_healthy", False)),
            }
        )
    all_in_order = any(rung.get("step", False) for rung in ladder)
    if all_in_order and not_possible:
        missing = ", ".join(item["remedy"] for item in not_possible)
        not_possible += [{"remedy": r["remedy"], "why": f"of no use without {missing}"} for r in remedies]
        remedies = []
    plan = {
        "service": service,
        "scenario": scenario,
        "platform": platform,
        "cause": cause,
        "summary": diagnosis.get("summary", ""),
        "version": state.get("version"),
        "remedies": remedies,
        "not_possible": not_possible,
        "all_in_order": all_in_order,
    }
    plan["hash"] = plan_hash(plan)
    return plan


def plan_hash(plan: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of SHA-256 over what the plan would do and to what (never over times or wording)."""
    essence = {
        "service": plan["service"],
        "scenario": plan["scenario"],
        "platform": plan["platform"],
        "cause": plan["cause"],
        "version": plan["version"],
        "remedies": [
            {key: remedy[key] for key in ("remedy", "impact", "target", "with")} for remedy in plan["remedies"]
        ],
    }
    canonical = json.dumps(essence, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def next_remedy(plan: dict[str, Any], attempts: list[dict[str, Any]], state: dict[str, Any]) -> dict[str, Any] | None:
    """The first remedy of the plan that this incident has not used up; None when the ladder is done.

    An attempt with a result used its remedy up. An attempt without one was interrupted (the run was killed): it is
    used up when the service was started after it, because then its effect is there; otherwise it may be tried again.
    """
    used = {attempt["remedy"] for attempt in attempts if attempt.get("result") or effect_is_there(attempt, state)}
    for remedy in plan["remedies"]:
        if remedy["remedy"] not in used:
            return remedy
    return None


def effect_is_there(attempt: dict[str, Any], state: dict[str, Any]) -> bool:
    """Whether an interrupted attempt did (re)start the service: it runs, since a time after the attempt began."""
    started = state.get("started_epoch")
    if attempt.get("result") or not started or not state.get("running"):
        return False
    return started >= float(attempt["started_at"])


def observe(plan: dict[str, Any], timeout: float) -> dict[str, Any]:
    """A rung that only waits and verifies, for a service that is coming back by itself."""
    return {
        "remedy": OBSERVE,
        "impact": "safe",
        "verb": False,
        "target": plan["service"],
        "with": {},
        "undo": {"how": "nothing was changed"},
        "timeout": float(timeout),
        "touches_healthy": False,
    }
