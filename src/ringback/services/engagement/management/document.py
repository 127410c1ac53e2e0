"""The OpenAPI 3.1 document of the management API, made from its table of operations."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from ringback.services.engagement.management.api import BASE, JSON, Operation
from ringback.services.engagement.openapi import REF, Schema, parameter_schema

_REFUSALS = {
    400: "The request cannot be",
    401: "The token is missing, not known or over",
    403: "No role of the user allows it",
    404: "There is no such thing, or it is outside of what the user sees",
    409: "It is in use, or the name is taken",
    413: "The body is too large",
    422: "The Idempotency-Key came with another request before",
    429: "There is no room at this time, or there were too many requests",
    500: "A fault of the service",
    502: "The service that was asked gave no good answer",
    503: "Something that this needs is away: Retry-After says when to repeat",
}
_ALWAYS = (401, 403, 413, 429, 500, 503)


def document(operations: Iterable[Operation]) -> bytes:
    """The document as JSON."""
    table = list(operations)
    types = [each for op in table for each in (op.answer, op.body) if each is not None]
    found, components = msgspec.json.schema_components(types, ref_template=REF)
    schemas = iter(found)
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        answer = None if operation.answer is None else next(schemas)
        body = None if operation.body is None else next(schemas)
        described = _operation(operation, answer, body)
        paths.setdefault("/" + operation.path, {})[operation.method.lower()] = described
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback Management API",
            "version": version("ringback"),
            "description": "Callbacks and all that they depend on, for supervisors and administrators.",
        },
        "servers": [{"url": BASE.rstrip("/")}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**components, "Refusal": _refusal()},
        },
    }
    return msgspec.json.encode(whole)


def _operation(operation: Operation, answer: Schema | None, body: Schema | None) -> Schema:
    answers: dict[str, Any] = {"200": _answer(operation.media, answer)}
    refusals = {*operation.refusals, *_ALWAYS}
    if body is not None:
        refusals.add(400)
    if any(each.place == "path" for each in operation.parameters):
        refusals.add(404)
    for status in sorted(refusals):
        content = {JSON: {"schema": {"$ref": REF.format(name="Refusal")}}}
        answers[str(status)] = {"description": _REFUSALS[status], "content": content}
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.about,
        "parameters": [parameter_schema(each) for each in operation.parameters],
        "responses": answers,
    }
    if operation.action is not None:
        described["description"] = f"For users who may `{operation.action.value}`."
    if body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    if not operation.signed_in:
        described["security"] = []
    return described


def _answer(media: str, schema: Schema | None) -> Schema:
    return {"description": "Done", "content": {media: {"schema": schema or {"type": "string"}}}}


def _refusal() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "error: a stable slug. message: for people. Some have more: slots, cells.",
        "properties": {"error": text, "message": text, "corr_id": {**text, "format": "uuid"}},
        "required": ["error", "message", "corr_id"],
    }
