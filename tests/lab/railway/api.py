"""The double's GraphQL endpoint: fault injector, authentication, rate limiter, parsing, validation, execution."""

from __future__ import annotations

import inspect
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    execute,
    parse,
    validate,
)

from .access import authenticate, kind_claimed
from .clock import text
from .double import Double
from .faults import FaultRule
from .journal import Entry
from .mutations import Mutations
from .queries import Queries
from .rate import RateLimiter
from .refusal import Refused
from .schema import not_implemented, schema
from .volume_fields import VolumeFields

UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
RATE_LIMITED = {"errors": [{"message": "Rate limit exceeded", "extensions": {"code": "RATE_LIMITED"}}], "data": None}
JSON = "application/json"


@dataclass
class Answer:
    """An HTTP answer before it is sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def as_json(status: int, data: Any, **headers: str) -> Answer:
    return Answer(status, json.dumps(data).encode(), {"Content-Type": JSON, **headers})


class Api:
    """The endpoint; one instance serves all requests."""

    def __init__(self, double: Double) -> None:
        self.double = double
        self.limiter = RateLimiter(double.switches)
        self.root: dict[str, Callable[..., Any]] = {}
        for fields in (Queries(double), Mutations(double), VolumeFields(double)):
            self.root |= {
                name: method
                for name, method in inspect.getmembers(fields, inspect.ismethod)
                if not name.startswith("_") and name != "apply"
            }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, and write it down."""
        raw = await request.read()
        payload, document = _read(raw)
        operation, fields = _names(document, payload.get("operationName"))
        entry = self.double.journal.add(
            Entry(
                time=str(text(self.double.clock.now())),
                operation=operation,
                fields=fields,
                variables=payload.get("variables") or {},
                auth=kind_claimed(request.headers),
                user_agent=request.headers.get("User-Agent", ""),
                query_string=request.query_string,
            )
        )
        rule = self.double.faults.hit([entry.operation, *fields])
        entry.fault = rule.kind if rule else ""
        if rule and rule.when == "before" and not rule.effect().get("pass"):
            await self.double.clock.sleep(rule.delay)
            answer = self._faulty(rule, None)
        else:
            if rule and rule.when == "before":
                await self.double.clock.sleep(rule.delay)
            answer = await self._answer(request, payload, document, entry)
            if rule and rule.when == "after":
                await self.double.clock.sleep(rule.delay)
                answer = self._faulty(rule, answer)
        return await self._send(request, entry, rule, answer)

    async def _answer(
        self, request: web.Request, payload: dict[str, Any], document: DocumentNode | Exception, entry: Entry
    ) -> Answer:
        if entry.user_agent.startswith("Python-urllib"):
            return Answer(403, b"error code: 1010", {"Content-Type": "text/plain"})
        try:
            access = authenticate(request.headers, self.double.tokens)
        except Refused as error:
            return self._errors([GraphQLError(str(error), extensions=error.extensions)])
        wait = self.limiter.take()
        if wait is not None:
            return as_json(429, RATE_LIMITED, **{"Retry-After": str(wait)})
        if isinstance(document, Exception):
            return self._errors([GraphQLError(str(document))], status=400, code="GRAPHQL_PARSE_FAILED")
        wrong = validate(schema(), document)
        if wrong:
            lacking = [found for error in wrong if (found := UNKNOWN_FIELD.match(error.message))]
            names = [f"{kind}.{name}" for name, kind in (found.groups() for found in lacking)]
            known = [name for name in names if name in not_implemented()]
            if known:
                message = f"double: not implemented: {', '.join(known)}"
                return self._errors([GraphQLError(message)], code="DOUBLE_NOT_IMPLEMENTED")
            return self._errors(wrong, status=400, code="GRAPHQL_VALIDATION_FAILED")
        entry.executed = True
        done = execute(
            schema(),
            document,
            self.root,
            access,
            payload.get("variables") or {},
            payload.get("operationName"),
        )
        result = await done if inspect.isawaitable(done) else done
        return self._result(result)

    def _result(self, result: ExecutionResult) -> Answer:
        if not result.errors:
            return as_json(200, {"data": result.data})
        if result.data is None and all(error.path is None for error in result.errors):
            return self._errors(result.errors, status=400, code="BAD_USER_INPUT")
        return self._errors(result.errors, data=result.data)

    def _errors(
        self, errors: list[GraphQLError], *, status: int = 200, code: str = "INTERNAL_SERVER_ERROR", data: Any = None
    ) -> Answer:
        """An answer with errors; what is unexpected is only called a problem, as at Railway."""
        listed = []
        for error in errors:
            original = error.original_error
            unexpected = original is not None and not isinstance(original, Refused | GraphQLError)
            shown: dict[str, Any] = {"message": "Problem processing request" if unexpected else error.message}
            if error.path:
                shown["path"] = error.path
            shown["extensions"] = {"code": code, **(error.extensions or {})}
            trace = secrets.token_hex(8)
            (shown if self.double.switches.trace_id_in == "top" else shown["extensions"])["traceId"] = trace
            if unexpected:
                shown["extensions"]["double"] = repr(original)
            listed.append(shown)
        return as_json(status, {"errors": listed, "data": data})

    def _faulty(self, rule: FaultRule, answer: Answer | None) -> Answer:
        """What the client gets instead of ``answer``."""
        effect = rule.effect()
        data = json.loads(answer.body) if answer and answer.headers.get("Content-Type") == JSON else {}
        if effect.keys() & {"reset", "truncate", "pass"}:
            return answer or Answer(0, b"")
        if "errors" in effect:
            kept = data.get("data") if effect.get("keep_data") else None
            return as_json(200, {"errors": effect["errors"], "data": kept})
        if "returns" in effect:
            return as_json(200, {"data": {name: effect["returns"] for name in data.get("data") or {}}})
        if "patch" in effect:
            for path, value in effect["patch"].items():
                _put(data, path.split("."), value)
            return as_json(200, data)
        return Answer(effect.get("status", 200), effect["body"].encode(), dict(effect.get("headers", {})))

    async def _send(
        self, request: web.Request, entry: Entry, rule: FaultRule | None, answer: Answer
    ) -> web.StreamResponse:
        effect = rule.effect() if rule else {}
        if effect.get("reset"):
            if request.transport:
                request.transport.abort()
            return web.Response()
        entry.status = answer.status
        if answer.headers.get("Content-Type") == JSON:
            entry.errors = [str(error["message"]) for error in json.loads(answer.body).get("errors") or []]
        # Cloudflare's own answers know nothing of Railway's limits.
        limits = {} if answer.headers.get("Content-Type", "").startswith("text/") else self.limiter.headers()
        headers = {**limits, **answer.headers}
        if effect.get("truncate"):
            response = web.StreamResponse(
                status=answer.status, headers={**headers, "Content-Length": str(len(answer.body))}
            )
            await response.prepare(request)
            await response.write(answer.body[: len(answer.body) // 2])
            if request.transport:
                request.transport.close()
            return response
        return web.Response(status=answer.status, body=answer.body, headers=headers)


def _read(raw: bytes) -> tuple[dict[str, Any], DocumentNode | Exception]:
    """The request's JSON, and its document or what is wrong with it."""
    try:
        payload = json.loads(raw)
        if not isinstance(payload, dict):
            raise ValueError("the body is no JSON object")
        return payload, parse(str(payload.get("query", "")))
    except GraphQLError as error:
        return payload, error
    except ValueError as error:
        return {}, error


def _names(document: DocumentNode | Exception, operation: str | None) -> tuple[str, list[str]]:
    """Name of the operation that is asked for, and the fields of Query or Mutation it is about."""
    if isinstance(document, Exception):
        return operation or "", []
    asked = [
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (operation is None or (node.name and node.name.value == operation))
    ]
    fields = [
        selection.name.value
        for node in asked
        for selection in node.selection_set.selections
        if isinstance(selection, FieldNode)
    ]
    named = next((node.name.value for node in asked if node.name), None)
    return named or operation or next(iter(fields), ""), fields


def _put(data: Any, path: list[str], value: Any) -> None:
    """Set what lies at a path; a ``*`` goes into every element."""
    head, *rest = path
    keys: Any = [head]
    if head == "*":
        keys = range(len(data)) if isinstance(data, list) else list(data)
    elif isinstance(data, list):
        keys = [int(head)]
    for key in keys:
        if rest:
            _put(data[key], rest, value)
        else:
            data[key] = value
