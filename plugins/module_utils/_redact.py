# Copyright (c) 2026, the sre.remediation maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes secrets out of everything that is shown, stored or saved. PRIVATE to the collection.

Two nets: exact values the caller knows (``secret_values`` of a service's environment), and patterns for what nobody
declared. When in doubt it hides too much; words that diagnosis needs ("invalid token: expired", "max_tokens=4096")
are kept on purpose. Pure functions; ``redact(redact(x)) == redact(x)``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MARK = "[redacted]"
SHORTEST_SECRET = 4
"""Shorter exact values would blank out half of every log line."""

_SECRET_WORDS = frozenset(
    "password passwd pwd pass passphrase secret secrets token apikey credential credentials authorization cookie jwt "
    "bearer".split()
)
_SECRET_PAIRS = frozenset(
    f"{first} key"
    for first in "api private access secret signing encryption auth ssh license master service account client".split()
)
_SECRET_PARTS = ("password", "passwd", "passphrase", "secret", "apikey", "privatekey", "accesskey")
_SECRET_ENDINGS = ("token", "pwd", "pass")
_HARMLESS_LAST_WORDS = frozenset(
    "file path dir name names hash sha256 digest checksum error exception expired expires expiry ttl count counts "
    "limit length len size type policy required enabled disabled present valid version usage used url uri endpoint "
    "host header field seconds age min max rotation rotated status pattern budget rate".split()
)
# English after "token:" or "password:" in an error message; a real secret with such a value is an exact secret.
_HARMLESS_VALUES = frozenset(
    "null none nil true false yes no required missing invalid expired undefined empty unset unknown denied rejected "
    "failed incorrect wrong not is was must cannot has authentication malformed revoked".split()
)

_KEYWORDS = "pass|pwd|secret|token|apikey|credential|cookie|jwt|[a-z_-]key"
_HINTS = ("pass", "pwd", "secret", "token", "key", "credential", "cookie", "jwt", "identified")
"""What secret names in a text contain (``authorization`` has its own pattern); is_secret_name() has the last word."""

_USERINFO = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"<>]{0,256}):([^\s/'\"<>]{1,1024})@")
_AUTHORIZATION = re.compile(
    r"(?i)(\b(?:proxy-)?authorization[\"']?\s{0,5}[:=]\s{0,5}[\"']?)((?:basic|bearer|digest|token|apikey)\s+)?"
    r"(?:\[redacted\]|[^\s\"',;])+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)(?=[^\s\"',;]*\d|[^\s\"',;]{16})[A-Za-z0-9._~+/-]{6,}={0,2}")
_TOKENS = re.compile(
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"
    r"|\bxox[a-z]-[A-Za-z0-9-]{8,}"
    r"|\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}"
    r"|\bwhsec_[A-Za-z0-9]{8,}"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bhf_[A-Za-z0-9]{20,}"
    r"|\bnpm_[A-Za-z0-9]{30,}"
    r"|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
)
_SLACK_HOOK = re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_-]+")
_VALUE = (
    r"\"(?:[^\"\\\n]|\\[^\n])*\""
    r"|\\\"(?:[^\"\\\n]|\\{3}\"|\\{2}[^\"\n]|\\[^\"\\\n])*\\\""
    r"|'(?:[^'\\\n]|\\[^\n])*'"
    r"|\\?[\"'][^\n]*"
    r"|(?:\[redacted\]|(?![,;&][\w.%-]+[=:])[^\s\"'])+"
)
"""A value in quotes, in quotes inside JSON text, in quotes that never close, or up to white space or the next pair."""

_PAIR = re.compile(rf"(?i)((?:{_KEYWORDS})[\w.-]{{0,60}})(\\?[\"']?[ \t]{{0,5}}[:=][ \t]{{0,5}})({_VALUE})")
_NAME_BEFORE = re.compile(r"[\w.-]{0,60}\Z")
_OPTION = re.compile(rf"(?i)(?<!\S)(--?([\w-]{{0,40}}(?:{_KEYWORDS})[\w-]{{0,40}})[ \t]+)(?!-)({_VALUE})")
_SQL = re.compile(r"(?i)(\b(?:password|identified\s+by)\s+)'(?:[^']|'')*'")
_CURL_USER = re.compile(
    r"(?i)(\bcurl\b[^\n]{0,500}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{0,100}:)(?:\[redacted\]|[^\s\"'])+"
)
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_ONE_LINE = re.compile(_KEY_BEGIN.pattern + r".*?" + _KEY_END.pattern)
_BASE64_LINE = re.compile(r"\s*[A-Za-z0-9+/]{16,}={0,2}\s*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def redact(value: Any, secrets: Iterable[str] = ()) -> Any:
    """A copy of a text, list or dictionary (nested) without secrets; anything else is returned as it is.

    :param secrets: exact values to hide besides what the patterns find; shorter than 4 characters are ignored.
    """
    exact = _exact_pattern(frozenset([secrets] if isinstance(secrets, str) else secrets))
    return _walk(value, exact)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Does a variable or key of this name hold a secret? API_KEY, dbPassword: yes; max_tokens, TOKEN_URL: no."""
    words = [word.lower() for word in _WORD.findall(str(name))]
    if not words or words[-1] in _HARMLESS_LAST_WORDS:
        return False
    if _SECRET_WORDS.intersection(words) or _SECRET_PAIRS.intersection(map(" ".join, zip(words, words[1:]))):
        return True
    joined = "".join(words)
    return joined.endswith(_SECRET_ENDINGS) or any(part in joined for part in _SECRET_PARTS)


def secret_values(env: Mapping[str, str]) -> list[str]:
    """The values of an environment to hide: of secret-looking names, and passwords in any URL. Longest first."""
    found: set[str] = set()
    for name, raw in env.items():
        text = str(raw or "")
        if is_secret_name(name):
            found.add(text)
        for match in _USERINFO.finditer(text):
            found.update((match.group(2), unquote(match.group(2))))
        found.update(_url_password(text))
    return sorted((item for item in found if len(item) >= SHORTEST_SECRET), key=lambda item: (-len(item), item))


def _url_password(text: str) -> list[str]:
    if "://" not in text:
        return []
    try:
        password = urlsplit(text).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


@lru_cache(maxsize=64)
def _exact_pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """One alternation, longest first, with the forms a secret takes inside JSON and URLs."""
    forms: set[str] = set()
    for secret in secrets:
        if secret and len(secret) >= SHORTEST_SECRET:
            forms.update((secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)))
    if not forms:
        return None
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))))


def _walk(value: Any, exact: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _text(value, exact)
    if isinstance(value, Mapping):
        return _mapping(value, exact)
    if isinstance(value, (list, tuple)):
        items = list(value)
        if any(isinstance(item, str) and "PRIVATE KEY-----" in item for item in items):
            items = _hide_key_blocks(items)
        items = [_walk(item, exact) for item in items]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, (set, frozenset)):
        return type(value)(_walk(item, exact) for item in value)
    if isinstance(value, bytes):
        return _text(value.decode("utf-8", "surrogateescape"), exact).encode("utf-8", "surrogateescape")
    return value


def _mapping(value: Mapping, exact: re.Pattern[str] | None) -> dict:
    # {"name": "DB_PASSWORD", "value": "..."}: how container platforms list environment variables.
    label = next((value[key] for key in ("name", "Name", "key", "Key") if isinstance(value.get(key), str)), "")
    hide_value = bool(label) and is_secret_name(label)
    result = {}
    for key, item in value.items():
        if isinstance(key, str):
            hidden = is_secret_name(key) or (hide_value and key in ("value", "Value"))
            key = _text(key, exact)
        else:
            hidden = False
        result[key] = _hide_all(item) if hidden else _walk(item, exact)
    return result


def _hide_all(value: Any) -> Any:
    """Everything under a secret name, but not its shape: None, booleans and empty texts say something useful."""
    if isinstance(value, Mapping):
        return {key: _hide_all(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_hide_all(item) for item in value]
    return value if value is None or isinstance(value, bool) or value in ("", b"") else MARK


def _text(text: str, exact: re.Pattern[str] | None) -> str:
    """Until nothing changes any more: what one pattern leaves may complete another one's match."""
    for _round in range(10):
        clean = _text_once(text, exact)
        if clean == text:
            return text
        text = clean
    return text


def _text_once(text: str, exact: re.Pattern[str] | None) -> str:
    """Every pattern once; a plain search for its words goes before each one, because most lines hold none of them."""
    if exact is not None:
        text = MARK.join(exact.sub(MARK, part) for part in text.split(MARK))
    if "PRIVATE KEY-----" in text:
        text = "\n".join(_hide_key_blocks(_KEY_ONE_LINE.sub(MARK, text).split("\n")))
    if "://" in text:
        text = _USERINFO.sub(rf"\1:{MARK}@", text)
    text = _TOKENS.sub(MARK, text)
    lower = text.lower()
    if "hooks.slack.com/" in lower:
        text = _SLACK_HOOK.sub(rf"\1{MARK}", text)
    if "authorization" in lower:
        text = _AUTHORIZATION.sub(lambda match: f"{match.group(1)}{match.group(2) or ''}{MARK}", text)
    if "bearer" in lower or "basic" in lower:
        text = _BEARER.sub(rf"\1\2{MARK}", text)
    if any(word in lower for word in _HINTS):
        text = _PAIR.sub(_hide_pair, text)
        text = _OPTION.sub(_hide_option, text)
        text = _SQL.sub(rf"\1'{MARK}'", text)
    if "curl" in lower:
        text = _CURL_USER.sub(rf"\1{MARK}", text)
    return text


def _hide_pair(match: re.Match[str]) -> str:
    name, separator, value = match.groups()
    start = match.start()
    # The pattern begins at the keyword, which is fast; the front of the name (db_ of db_password) stands before it.
    if not is_secret_name(_NAME_BEFORE.search(match.string[max(0, start - 60) : start]).group() + name):
        return match.group(0)
    return name + separator + _hide_value(value)


def _hide_option(match: re.Match[str]) -> str:
    if not is_secret_name(match.group(2)):
        return match.group(0)
    return match.group(1) + _hide_value(match.group(3))


def _hide_value(value: str) -> str:
    """The mark in the quotes of the value; brackets and commas that close something around it stay."""
    for quote_mark in ('\\"', '"', "'"):
        if value.startswith(quote_mark):
            if value in (quote_mark, quote_mark * 2):
                return value
            closed = value.endswith(quote_mark)
            return f"{quote_mark}{MARK}{quote_mark if closed else ''}"
    core = value.rstrip(")]},;.")
    if (core + "]").endswith(MARK):
        core += "]"
    if not core or core.lower() in _HARMLESS_VALUES or set(core) == {"*"}:
        return value
    return MARK + value[len(core) :]


def _hide_key_blocks(lines: list) -> list:
    """Every line of a private key becomes the mark, also when a log's tail begins or ends in the middle of one."""
    result = list(lines)
    inside = False
    for number, line in enumerate(result):
        if not isinstance(line, str):
            continue
        if not inside and _KEY_BEGIN.search(line) and not _KEY_ONE_LINE.search(line):
            inside = True
            result[number] = line[: _KEY_BEGIN.search(line).start()] + MARK
        elif _KEY_END.search(line) and not _KEY_BEGIN.search(line):
            before = number - 1
            while not inside and before >= 0 and _BASE64_LINE.fullmatch(str(result[before])):
                result[before] = MARK
                before -= 1
            inside = False
            result[number] = MARK + line[_KEY_END.search(line).end() :]
        elif inside:
            result[number] = MARK
    return result
