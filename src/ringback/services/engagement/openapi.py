"""The OpenAPI 3.1 document of the public API, made from the types that its handlers read and answer with.

`OPERATIONS` names each operation once; `GET /engagement/v3/openapi.json` serves the document, without a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from ringback.services.engagement.asking import CreateCallback
from ringback.services.engagement.availability import Availabilities, OpenFor
from ringback.services.engagement.callins.models import CallInAsked, CallInMade
from ringback.services.engagement.envelope import API, CODES
from ringback.services.engagement.outside.publishing import PublishRequest
from ringback.services.engagement.outside.wiring import VerifyCaptcha
from ringback.services.engagement.queues import QueueStatus
from ringback.services.engagement.selfservice.receipts import Confirm
from ringback.services.engagement.selfservice.routes import LinkMade
from ringback.services.engagement.views import CallbackId, CallbackView
from ringback.services.engagement.waits import Estimate

Schema = dict[str, Any]
REF = "#/components/schemas/{name}"
_STRING: Schema = {"type": "string"}
_FLAG: Schema = {"type": "string", "enum": ["true", "false"], "default": "false"}


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """Times that have room, by UTC time: how many places are left."""

    slots: dict[str, int]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation, in its path or its query."""

    name: str
    about: str
    schema: Schema = field(default_factory=lambda: dict(_STRING))
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `data` is the type of the answer's data, `body` that of the request's body."""

    method: str
    path: str
    name: str
    about: str
    data: Any
    body: type[msgspec.Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = (400, 401, 500, 503)
    keyless: bool = False


def _in_path(name: str, about: str) -> Parameter:
    return Parameter(name, about, place="path", required=True)


_SERVICE = _in_path("service", "name of the callback service")
_ZONE = Parameter("timezone", "IANA name; times without an offset are read and shown on its wall")
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_FORECAST = Parameter("forecast", "add the range of waits that our own predictor tells", _FLAG)
_WAIT = (
    Parameter("mode", "how the wait is estimated", {"enum": ["mode1", "mode2", "mode3"], "default": "mode2"}),
    Parameter("include-calls-on-hold", "count calls that hold while their agent is brought to them", _FLAG),
    _FORECAST,
)

OPERATIONS: list[Operation] = [
    Operation(
        "POST",
        "callbacks/create",
        "bookCallbackExternal",
        "Ask for a callback, now or at a time. It is stored when the answer is there.",
        CallbackId,
        body=CreateCallback,
        refusals=(400, 401, 422, 429, 500, 503),
    ),
    Operation(
        "POST",
        "callbacks/retrieve",
        "queryCallbackById",
        "How a callback stands.",
        CallbackView,
        body=CallbackId,
        refusals=(400, 401, 404, 500, 503),
    ),
    Operation(
        "POST",
        "callbacks/cancel",
        "cancelCallback",
        "Cancel a callback that nobody talks on yet; twice is no error.",
        CallbackId,
        body=CallbackId,
        refusals=(400, 401, 404, 500, 503),
    ),
    Operation(
        "POST",
        "callbacks/link",
        "linkToCallback",
        "The address of the customer's own page of a callback, for the customer alone.",
        LinkMade,
        body=CallbackId,
        refusals=(400, 401, 404, 500, 503),
    ),
    Operation(
        "GET",
        "callbacks/availability/{service}",
        "queryAvailabilityV2",
        "The slots in which callbacks can be booked; without an end, the one slot of the start.",
        Availabilities,
        parameters=(
            _SERVICE,
            _ZONE,
            Parameter("start", "ISO 8601, UTC unless it has an offset or timezone is given; default now"),
            Parameter("startMS", "start in milliseconds since the epoch", _WHOLE),
            Parameter("end", "ISO 8601; not included"),
            Parameter("endMS", "end in milliseconds since the epoch", _WHOLE),
            Parameter("numberOfDays", "end as days after the start", {**_WHOLE, "maximum": 3660}),
            Parameter(
                "maxTimeSlots", "stop after so many slots with room", {"type": "integer", "minimum": 1}
            ),
            Parameter("reportBusy", "tell slots without room too", _FLAG),
        ),
    ),
    Operation(
        "GET",
        "callbacks/open-for/{service}",
        "openFor",
        "Seconds until the office closes; 0 when it is closed.",
        OpenFor,
        parameters=(_SERVICE, _ZONE, Parameter("start", "ISO 8601; default now")),
    ),
    Operation(
        "GET",
        "callbacks/queue-status/{queue}",
        "queryQueueStatus",
        "Whether callbacks are worth offering now.",
        QueueStatus,
        parameters=(_in_path("queue", "name of the callback service"), _FORECAST),
    ),
    Operation(
        "GET",
        "estimated-wait-time",
        "estimatedWaitTimeAPI1",
        "How long somebody who came now would wait in each queue.",
        list[Estimate],
        parameters=(
            Parameter("virtual-queues", "names of queues, with commas", required=True),
            *_WAIT,
        ),
    ),
    Operation(
        "GET",
        "estimated-wait-time/virtual-queues/{queues}",
        "estimatedWaitTimeByPath",
        "The same by its older path.",
        list[Estimate],
        parameters=(_in_path("queues", "names of queues, with commas"), *_WAIT),
    ),
    Operation(
        "POST",
        "call-in/requests/create",
        "callInRequests",
        "Ask for a number to dial, and for a code to type where the group has codes.",
        CallInMade,
        body=CallInAsked,
    ),
    Operation(
        "POST",
        "captcha/verify",
        "verifyCaptcha",
        "Whether a captcha's token is good.",
        dict[str, bool],
        body=VerifyCaptcha,
    ),
    Operation(
        "POST",
        "notification/publish",
        "publishNotification",
        "Push a notification to a device; the answer has the push service's name of it.",
        dict[str, str],
        body=PublishRequest,
    ),
    Operation(
        "POST",
        "notification/confirm",
        "confirmNotification",
        "A device has a notice: it gives back the receipt. No key is needed.",
        dict[str, bool],
        body=Confirm,
        refusals=(400, 404, 429, 500, 503),
        keyless=True,
    ),
]


@cache
def document() -> bytes:
    """The document as JSON."""
    types = [Proposals, *{each for op in OPERATIONS for each in (op.data, op.body) if each is not None}]
    found, components = msgspec.json.schema_components(types, ref_template=REF)
    schemas = dict(zip(types, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        path = paths.setdefault("/" + operation.path, {})
        path[operation.method.lower()] = _operation(operation, schemas)
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback Engagement API",
            "version": version("ringback"),
            "description": "Callbacks for customers: booked, looked up, cancelled, and what may be offered.",
        },
        "servers": [{"url": API.rstrip("/")}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {**components, "Status": _status()},
        },
    }
    return msgspec.json.encode(whole)


def _operation(operation: Operation, schemas: dict[Any, Schema]) -> Schema:
    answers: dict[str, Any] = {"200": _answer("Successful", schemas[operation.data])}
    for status in sorted({*operation.refusals, 429}):
        data = schemas[Proposals] if status == 429 and 429 in operation.refusals else None
        answers[str(status)] = _answer(REFUSALS[status], data, refusal=True)
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.about,
        "parameters": [parameter_schema(each) for each in operation.parameters],
        "responses": answers,
    }
    if operation.keyless:
        described["security"] = []
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


REFUSALS = {
    400: "The request cannot be",
    401: "The key is missing or not known",
    404: "There is no such thing",
    422: "The Idempotency-Key came with another request before",
    429: "There is no room at this time, or there were too many requests",
    500: "A fault of the service",
    503: "Something that this needs is away: Retry-After says when to repeat",
}


def parameter_schema(parameter: Parameter) -> Schema:
    """A parameter as the document describes it."""
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.about,
        "schema": parameter.schema,
    }


def _answer(about: str, data: Schema | None, *, refusal: bool = False) -> Schema:
    properties: Schema = {"status": {"$ref": REF.format(name="Status")}}
    if data is not None:
        properties["data"] = data
    needed = ["status"] if refusal else ["status", "data"]
    schema = {"type": "object", "properties": properties, "required": needed}
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _status() -> Schema:
    codes = ", ".join(f"{code} {slug}" for slug, code in sorted(CODES.items(), key=lambda item: item[1]))
    return {
        "type": "object",
        "description": f"0 is success. Refusals: {codes}.",
        "properties": {
            "code": {"type": "integer"},
            "message": _STRING,
            "corrId": {"type": "string", "format": "uuid"},
        },
        "required": ["code", "message", "corrId"],
    }
