"""The session, other sessions and the world outside: `fetch`, `response`, `start`, `terminate`.

Events: `session.fetch.done` (`status`, `type`, `content`), `error.session.fetch`; `session.start.done`
(`sessionid`), `error.session.start`; `session.terminate.done`, `error.session.terminate`.
"""

from __future__ import annotations

import json

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, params, text

NAMESPACE = f"{VENDOR}/session"


def request(method: str) -> ActionHandler:
    """`<fetch src type timeout contentexpr>` with a method of its own: a request to an allowed host, through
    the designer.
    """

    def handle(element: Element, context: ActionContext) -> None:
        _request(element, context, method)

    return handle


def fetch(element: Element, context: ActionContext) -> None:
    """`<fetch method …>`: as `request`, GET by default."""
    _request(element, context, text(context, element, "method", "GET").upper())


def _request(element: Element, context: ActionContext, method: str) -> None:
    content = context.attribute(element, "content")
    body = "" if content is None else content if isinstance(content, str) else json.dumps(content)
    default = "application/json" if content is not None and not isinstance(content, str) else ""
    payload = {
        "url": needed(context, element, "src"),
        "method": method,
        "content_type": text(context, element, "type", default),
        "body": body,
        "timeout_s": number(context, element, "timeout", 5.0),
    }
    emit(context, element, payload)


def response(element: Element, context: ActionContext) -> None:
    """`<response requestid dataexpr>`: answer a request that came over HTTP."""
    payload = {
        "request_id": str(context.evaluate(element.get("requestid") or "''")),
        "data": context.attribute(element, "data"),
    }
    context.emit(NAMESPACE, "response", payload)


def start(element: Element, context: ActionContext) -> None:
    """`<start src data>` with children `<param name expr>`: another session, first values of its data."""
    data = context.attribute(element, "data", {})
    if not isinstance(data, dict):
        raise EvaluationError("<start> 'data' is not an object")
    emit(
        context,
        element,
        {"src": needed(context, element, "src"), "data": {**data, **params(context, element)}},
    )


def terminate(element: Element, context: ActionContext) -> None:
    """`<terminate sessionid>`: end a session; without an id this one."""
    emit(context, element, {"session": text(context, element, "sessionid")})


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "fetch"): fetch,
    (NAMESPACE, "response"): response,
    (NAMESPACE, "start"): start,
    (NAMESPACE, "terminate"): terminate,
}
