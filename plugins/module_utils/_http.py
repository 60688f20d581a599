# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``http_probe`` decides: is the symptom a user would see there or not. PRIVATE to the collection.

The argument specification is shared by the module and by the action of the same name, ``make_probe`` validates what it
cannot say, and ``judge`` compares one answer with what is expected. ``_http_request`` asks, ``_http_observe`` samples.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ansible_collections.sre.remediation.plugins.module_utils._errors import RemediationError
from ansible_collections.sre.remediation.plugins.module_utils._http_request import Answer, Request

ARGUMENT_SPEC: dict[str, t.Any] = {
    "url": {"type": "str", "required": True},
    "expect": {
        "type": "dict",
        "apply_defaults": True,
        "options": {
            "status": {"type": "list", "elements": "int", "default": [200]},
            "body": {"type": "str"},
            "json": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "path": {"type": "str", "required": True},
                    "equals": {"type": "raw", "required": True},
                },
            },
        },
    },
    "read": {
        "type": "dict",
        "options": {"json": {"type": "str"}, "pattern": {"type": "str"}},
        "mutually_exclusive": [("json", "pattern")],
        "required_one_of": [("json", "pattern")],
    },
    "method": {"type": "str", "choices": ["GET", "HEAD", "POST"], "default": "GET"},
    "headers": {"type": "dict", "no_log": True},
    "samples": {"type": "int", "default": 1},
    "interval": {"type": "float", "default": 0.2},
    "timeout": {"type": "float", "default": 5},
    "successes": {"type": "int", "default": 1},
    "deadline": {"type": "float", "default": 0},
    "hold": {"type": "float", "default": 0},
    "require": {"type": "bool", "default": False},
    "from": {"type": "str", "choices": ["controller", "host"], "default": "controller"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "follow_redirects": {"type": "bool", "default": True},
    "use_proxy": {"type": "bool", "default": False},
}

#: option -> (least allowed value, whether that value itself is allowed, greatest allowed value, unit)
LIMITS: dict[str, tuple[float, bool, float, str]] = {
    "samples": (1, True, 1000, ""),
    "successes": (1, True, 1000, ""),
    "interval": (0, True, 3600, " seconds"),
    "timeout": (0, False, 3600, " seconds"),
    "deadline": (0, True, 86400, " seconds"),
    "hold": (0, True, 86400, " seconds"),
}


@dataclass(frozen=True)
class Probe:
    """A validated probe. Times in seconds."""

    request: Request
    body: re.Pattern[str] | None = None
    json: tuple[tuple[str, t.Any], ...] = ()
    samples: int = 1
    interval: float = 0.2
    timeout: float = 5
    successes: int = 1
    deadline: float = 0
    hold: float = 0
    read_json: str | None = None
    read_pattern: re.Pattern[str] | None = None
    secrets: tuple[str, ...] = ()

    @property
    def shown_url(self) -> str:
        """The URL without user, password and query, where tokens tend to be."""
        parts = urlsplit(self.request.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def make_probe(params: t.Mapping[str, t.Any]) -> Probe:
    """The probe that validated arguments ask for; raises RemediationError (code bad_argument) naming the option."""
    for option, (least, inclusive, most, unit) in LIMITS.items():
        value = params[option]
        if not (least <= value <= most) or (value == least and not inclusive):
            wanted = f"from {least:g}" if inclusive else f"more than {least:g}"
            raise _bad(f"{option} must be {wanted} and at most {most:g}{unit}, got {value:g}")
    expect = params["expect"]
    headers = {str(name): str(value) for name, value in (params["headers"] or {}).items()}
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
            raise _bad("headers must be names and values of one line each")
    if params["method"] == "HEAD":
        for part in ("body", "json"):
            if expect[part]:
                raise _bad(f"expect.{part} cannot be checked with method HEAD, which has no body; use GET")
    url = str(params["url"])
    return Probe(
        request=Request(
            url=url,
            method=params["method"],
            headers=headers,
            follow_redirects=params["follow_redirects"],
            accept=frozenset(expect["status"]),
            use_proxy=params["use_proxy"],
            tls=_tls_context(params["validate_certs"], params["ca_path"]) if _scheme(url) == "https" else None,
        ),
        body=_pattern(expect["body"]),
        json=tuple((item["path"], item["equals"]) for item in expect["json"] or ()),
        read_json=(params["read"] or {}).get("json"),
        read_pattern=_pattern((params["read"] or {}).get("pattern"), "read.pattern"),
        secrets=_secrets(url, headers),
        **{option: params[option] for option in LIMITS},
    )


def _bad(message: str) -> RemediationError:
    return RemediationError(message, code="bad_argument")


def _scheme(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise _bad("url must be like http://host:port/path or https://host/path, without spaces")
    return parts.scheme


def _pattern(text: str | None, option: str = "expect.body") -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as problem:
        raise _bad(f"{option} must be a regular expression: {problem}") from problem


def _tls_context(validate: bool, ca_path: str | None) -> t.Any:
    import os
    import ssl  # only https pays for it

    try:
        where = {"capath" if ca_path and os.path.isdir(ca_path) else "cafile": ca_path}
        context = ssl.create_default_context(**where)
    except OSError as problem:
        raise _bad(f"ca_path must be a readable PEM file or a directory of them: {ca_path}: {problem}") from problem
    if not validate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _secrets(url: str, headers: t.Mapping[str, str]) -> tuple[str, ...]:
    words = [word for value in headers.values() for word in (value, *value.split()) if len(word) >= 8]
    password = urlsplit(url).password
    return tuple(words) + ((password, unquote(password)) if password else ())


# --- judging one answer ---------------------------------------------------------------------------------------------


def judge(answer: Answer, probe: Probe) -> tuple[str | None, str]:
    """(symptom or null, what was seen) of one answer. Pure."""
    if answer.status is not None and answer.status not in probe.request.accept:
        wanted = ", ".join(str(status) for status in sorted(probe.request.accept))
        return "bad_status", f"status {answer.status} instead of {wanted}"
    if answer.symptom:
        return answer.symptom, answer.error or answer.symptom
    if probe.body is not None and not probe.body.search(answer.body):
        return "bad_body", f"the body does not match {probe.body.pattern!r}"
    if probe.json:
        problem = _json_problem(answer, probe.json)
        if problem:
            return "bad_body", problem
    return None, f"status {answer.status}"


def _json_problem(answer: Answer, wanted: tuple[tuple[str, t.Any], ...]) -> str | None:
    if answer.truncated:
        return "the body is too long to be read as JSON"
    try:
        document = json.loads(answer.body)
    except ValueError:
        return "the body is not JSON"
    for path, value in wanted:
        try:
            found = find(document, path)
        except LookupError:
            return f"{path} is missing in the JSON body"
        if not same(found, value):
            return f"{path} is {_short(found)} instead of {_short(value)}"
    return None


def read_value(answer: Answer, probe: Probe) -> str | None:
    """What the probe is to read from the answer, as text; null when it is not there. Pure."""
    if probe.read_pattern is not None:
        found = probe.read_pattern.search(answer.body)
        return (found[1] if found.groups() else found[0]) if found else None
    if probe.read_json is None or answer.truncated:
        return None
    try:
        value = find(json.loads(answer.body), probe.read_json)
    except (ValueError, LookupError):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def find(document: t.Any, path: str) -> t.Any:
    """The value at a path like ``a.b.0``; raises LookupError when there is none. Pure."""
    for step in path.split("."):
        if isinstance(document, list):
            if not step.isdecimal():
                raise LookupError(path)
            document = document[int(step)]
        elif isinstance(document, dict):
            document = document[step]
        else:
            raise LookupError(path)
    return document


def same(found: t.Any, wanted: t.Any) -> bool:
    """Equal as JSON values: unlike in Python, ``true`` is not ``1``. Pure."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is bool(wanted) and isinstance(wanted, bool)
    return bool(found == wanted)


def _short(value: t.Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
