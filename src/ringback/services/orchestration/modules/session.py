"""The session, other sessions and the world outside: `fetch`, `response`, `start`, `terminate`.

Events: `session.fetch.done` (`status`, `type`, `content`), `error.session.fetch` (`reason`; `http_error` with
`status`, `type` and `content` of an answer from 400 on); `session.start.done`
(`sessionid`), `error.session.start`; `session.terminate.done`, `error.session.terminate`.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.fetching import request_of
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, params, text

NAMESPACE = f"{VENDOR}/session"


def request(method: str) -> ActionHandler:
    """As `fetch` with this method, under a name of its own."""

    def handle(element: Element, context: ActionContext) -> None:
        emit(context, element, request_of(element, context, method))

    return handle


def fetch(element: Element, context: ActionContext) -> None:
    """`<fetch src method enctype timeout headersexpr contentexpr>` with children `<param name expr>`,
    `<header name value>`, `<content>`: a request to an allowed host, through the designer.
    """
    method = text(context, element, "method", "GET").upper()
    emit(context, element, request_of(element, context, method))


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
