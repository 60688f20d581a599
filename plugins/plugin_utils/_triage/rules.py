# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals and a scenario's ordered rules to a diagnosis. PRIVATE to the collection, and pure.

``gather`` names everything that was observed (each signal with the text that shows it), ``decide`` takes the first
rule whose conditions hold and says why the others that had something for them do not.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._service import empty_state, signals
from ansible_collections.sre.remediation.plugins.plugin_utils._triage.signatures import Hit, log_signals, scan

EVIDENCE_LIMIT = 10  #: strings of evidence
EVIDENCE_WIDTH = 300  #: characters of one of them
UNKNOWN = "unknown"  #: the cause when the symptom is there and no rule holds
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Rule:
    """A cause and when to choose it: every signal of ``all``, one of ``any`` (unless empty), none of ``none``."""

    cause: str
    summary: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()

    def obstacle(self, seen: t.Container[str]) -> str | None:
        """Why the rule does not hold, or null when it does."""
        for signal in self.all:
            if signal not in seen:
                return f"no {signal}"
        if self.any and not any(signal in seen for signal in self.any):
            return "none of " + ", ".join(self.any)
        for signal in self.none:
            if signal in seen:
                return f"{signal} is there"
        return None

    def suggested(self, seen: t.Container[str]) -> bool:
        """Whether anything that was seen speaks for it."""
        return any(signal in seen for signal in (*self.all, *self.any))


@dataclass
class Findings:
    """What was observed.

    :ivar seen: signal -> the text that shows it (a log line, a probe's message, a state).
    :ivar failing: messages of the probes that state the symptom and failed.
    :ivar measured: messages of the probes that state the symptom and were good.
    :ivar hits: log signal (with the prefix of the related service) -> where it was seen.
    :ivar env: names of variables that are missing or were named as missing by a log line.
    :ivar facts: values for the placeholders of summaries.
    """

    seen: dict[str, str] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    hits: dict[str, Hit] = field(default_factory=dict)
    env: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    holder: dict[str, t.Any] | None = None
    found: bool = False


def make_rules(raw: t.Sequence[t.Mapping[str, t.Any]]) -> list[Rule]:
    """Rules from validated arguments. A log signal that no signature gives is an error: its rule could never hold."""
    known = log_signals()
    rules = []
    for number, entry in enumerate(raw):
        conditions = {key: tuple(entry.get(key) or ()) for key in ("all", "any", "none")}
        for key, names in conditions.items():
            for name in names:
                spoken = re.fullmatch(r"(?:[a-z]+_)??(log_.+)", name)
                if spoken and spoken[1] not in known:
                    message = f"causes[{number}].{key} names the log signal {name}, which no signature gives"
                    raise RemediationError(message, code="bad_argument")
        rules.append(Rule(cause=entry["cause"], summary=entry["summary"], **conditions))
    return rules


def gather(
    service: t.Mapping[str, t.Any],
    logs: t.Sequence[str],
    probes: t.Mapping[str, t.Mapping[str, t.Any]],
    related: t.Mapping[str, t.Mapping[str, t.Any]],
    required_env: t.Sequence[str] = (),
    symptom: t.Sequence[str] | None = None,
    symptom_signals: t.Sequence[str] | None = None,
) -> Findings:
    """Name everything that was observed; see the documentation of the action for the arguments."""
    findings = Findings()
    taken = {name: probe for name, probe in probes.items() if isinstance(probe.get("ok"), bool)}
    for name in symptom or ():
        if name not in probes:
            known = ", ".join(sorted(probes)) or "none"
            raise RemediationError(f"symptom names the probe {name}, but probes has {known}", code="bad_argument")
    stating = [name for name in (symptom or taken) if name in taken]
    if not stating and symptom_signals is None:
        message = "nothing states the symptom: probes must have one result with ok, or symptom_signals must be given"
        raise RemediationError(message, code="bad_argument")
    bodies: list[str] = []
    for name, probe in taken.items():
        _add_probe(findings, name, probe)
        bodies += [line for line in str(probe.get("body_excerpt") or "").splitlines() if not probe["ok"]]
        if name in stating:
            (findings.measured if probe["ok"] else findings.failing).append(_clip(f"{name}: {_message(probe)}"))
    _add_source(findings, "", service, [*bodies, *logs])
    for name, other in related.items():
        _add_source(findings, f"{name}_", other.get("service") or {}, other.get("logs") or ())
        probe = other.get("probe") or {}
        if isinstance(probe.get("ok"), bool):
            _add_probe(findings, f"{name}_probe", probe)
    _add_env(findings, service, required_env)
    for signal in symptom_signals or ():
        findings.seen[signal] = signal
    findings.found = bool(findings.failing or symptom_signals)
    return findings


def _message(probe: t.Mapping[str, t.Any]) -> str:
    return str(probe.get("message") or ("good" if probe["ok"] else probe.get("symptom") or "failed"))


def _clip(text: str) -> str:
    return text if len(text) <= EVIDENCE_WIDTH else text[: EVIDENCE_WIDTH - 3] + "..."


def _add_probe(findings: Findings, name: str, probe: t.Mapping[str, t.Any]) -> None:
    text = _clip(f"{name}: {_message(probe)}")
    if probe["ok"]:
        findings.seen[f"{name}_ok"] = text
        return
    findings.seen[f"{name}_failed"] = text
    if probe.get("symptom"):
        findings.seen[f"{name}_{probe['symptom']}"] = text


def _add_source(findings: Findings, prefix: str, service: t.Mapping[str, t.Any], lines: t.Sequence[str]) -> None:
    """Signals of one service: from its state and from what it said. What is said outside the log comes first: oldest."""
    said: list[str] = []
    if service:
        platform, name = str(service.get("platform") or ""), str(service.get("name") or "")
        state = {**empty_state(platform, name), **service}
        said = [str(state["start_error"])] if state["start_error"] else []
        shown = _describe(state)
        for signal in signals(state):
            findings.seen[prefix + signal] = shown
            if signal.startswith("env_lost_since_previous:"):
                findings.seen[f"{prefix}env_lost_since_previous"] = shown
                _note_env(findings, prefix, signal.partition(":")[2])
        findings.facts[f"{prefix.rstrip('_') or 'service'}"] = name
        if not prefix:
            _add_holder(findings, state["port_conflicts"])
            findings.facts["start_error"] = str(state["start_error"] or "")
            findings.facts["deployment_error"] = str((state["deployment"] or {}).get("error") or "")
            findings.facts["exit_code"] = str((state["last_exit"] or {}).get("code", ""))
    for signal, hit in scan([*said, *lines]).items():
        findings.seen[prefix + signal] = _clip(hit.line)
        findings.hits[prefix + signal] = hit
        if signal == "log_missing_env":
            for detail in hit.details:
                _note_env(findings, prefix, detail.get("name", ""))


def _note_env(findings: Findings, prefix: str, name: str) -> None:
    if name and not prefix and name not in findings.env:
        findings.env.append(name)


def _describe(state: t.Mapping[str, t.Any]) -> str:
    """A state in a few words, for the evidence."""
    if not state["reachable"]:
        return _clip(f"{state['name']}: the {state['platform']} platform did not answer: {state['error']}")
    parts = [f"{state['name']} is {state['status']}"]
    last = state["last_exit"]
    if last:
        parts.append(f"last exit {last['code']}" + (" (out of memory)" if last["oom_killed"] else ""))
    if state["restarts"]:
        parts.append(f"{state['restarts']} restarts")
    if state["start_error"]:
        parts.append(f"start error: {state['start_error']}")
    parts += [f"port {item['port']} is held by {_holder_text(item['holder'])}" for item in state["port_conflicts"]]
    return _clip(", ".join(parts))


def _holder_text(holder: t.Mapping[str, t.Any]) -> str:
    name = holder.get("name") or "something unknown"
    pid = f" (pid {holder['pid']})" if holder.get("pid") else ""
    return f"{holder.get('kind') or 'unknown'} {name}{pid}"


def _add_holder(findings: Findings, conflicts: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """The first conflict is the one to speak of; a foreign holder before a stale one, for it cannot be removed."""
    for conflict in sorted(conflicts, key=lambda item: bool(item["holder"].get("stale")))[:1]:
        findings.holder = {**conflict["holder"], "port": conflict["port"], "address": conflict.get("address")}
        findings.facts.update(holder=_holder_text(conflict["holder"]), port=str(conflict["port"]))


def _add_env(findings: Findings, service: t.Mapping[str, t.Any], required: t.Sequence[str]) -> None:
    """Required variables that the service does not have; a service that does not exist has no variables to miss."""
    if not service.get("exists"):
        return
    present = set(service.get("env_names") or ())
    for name in required:
        if name not in present:
            findings.seen["env_missing"] = findings.seen[f"env_missing:{name}"] = f"{name} is not set"
            _note_env(findings, "", name)


def decide(rules: t.Sequence[Rule], findings: Findings) -> dict[str, t.Any]:
    """The diagnosis: fields as the action documents them."""
    seen = findings.seen
    chosen = next((rule for rule in rules if rule.obstacle(seen) is None), None) if findings.found else None
    lines = _deciding(chosen, findings) if chosen else []
    newest = max(findings.hits.values(), key=lambda hit: hit.at, default=None)
    deciding_hits = [findings.hits[signal] for signal in lines if signal in findings.hits]
    log_line = deciding_hits[0].line if deciding_hits else newest.line if newest else None
    evidence = list(dict.fromkeys([*findings.failing, *(seen[signal] for signal in lines)]))
    if findings.found and chosen is None and log_line:
        evidence.append(_clip(log_line))
    if not findings.found:
        cause, summary = None, _healthy(findings)
        evidence = list(findings.measured)
    elif chosen is None:
        cause, summary = UNKNOWN, _unexplained(findings)
    else:
        cause, summary = chosen.cause, fill(chosen.summary, _facts(findings, deciding_hits, log_line))
    return {
        "changed": False,
        "found": findings.found,
        "cause": cause,
        "summary": summary,
        "signals": sorted(seen),
        "ruled_out": _ruled_out(rules, chosen, findings) if findings.found else [],
        "evidence": evidence[:EVIDENCE_LIMIT],
        "details": {"env": findings.env, "holder": findings.holder, "log_line": _clip(log_line) if log_line else None},
    }


def _deciding(rule: Rule, findings: Findings) -> list[str]:
    """The signals that made the rule hold."""
    return [signal for signal in (*rule.all, *rule.any) if signal in findings.seen]


def _healthy(findings: Findings) -> str:
    measured = "; ".join(findings.measured) or "no symptom was measured"
    name = findings.facts.get("service")
    return _clip(f"{name + ' is healthy: ' if name else 'healthy: '}{measured}")


def _unexplained(findings: Findings) -> str:
    signals_seen = ", ".join(sorted(findings.seen)) or "nothing"
    return _clip(f"no known cause explains the symptom; seen: {signals_seen}")


def _ruled_out(rules: t.Sequence[Rule], chosen: Rule | None, findings: Findings) -> list[dict[str, str]]:
    out: dict[str, str] = {}
    for rule in rules:
        if rule is chosen or not rule.suggested(findings.seen):
            continue
        obstacle = rule.obstacle(findings.seen)
        if obstacle is None:
            obstacle = f"explained by {chosen.cause}" if chosen else "no symptom"
        if not (chosen and rule.cause == chosen.cause):
            out.setdefault(rule.cause, obstacle)
    return [{"cause": cause, "why": why} for cause, why in out.items()]


def _facts(findings: Findings, hits: t.Sequence[Hit], log_line: str | None) -> dict[str, str]:
    """Placeholders: named groups of the deciding log lines, then what the state says."""
    facts: dict[str, str] = {}
    for hit in reversed(hits):
        facts.update(hit.details[0] if hit.details else {})
        facts["hint"] = hit.hint
    facts.update(findings.facts)
    facts["env"] = ", ".join(findings.env)
    facts["log_line"] = log_line or ""
    facts["probe"] = "; ".join(findings.failing)
    return facts


def fill(text: str, facts: t.Mapping[str, str]) -> str:
    """Replace ``{name}`` by the fact of that name; what is not known is said to be unknown."""
    return _PLACEHOLDER.sub(lambda match: facts.get(match[1]) or "unknown", text)
