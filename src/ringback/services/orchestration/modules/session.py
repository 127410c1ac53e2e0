"""The session and the world outside: `fetch`, `response`.

Events: `session.fetch.done` (`status`, `type`, `content`), `error.session.fetch`.
"""

from __future__ import annotations

import json

from ringback.scxml import ActionContext, ActionHandler, Element
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, text

NAMESPACE = f"{VENDOR}/session"


def fetch(element: Element, context: ActionContext) -> None:
    """`<fetch method src type timeout contentexpr>`: a request to an allowed host, through the designer."""
    content = context.attribute(element, "content")
    body = "" if content is None else content if isinstance(content, str) else json.dumps(content)
    default = "application/json" if content is not None and not isinstance(content, str) else ""
    payload = {
        "url": needed(context, element, "src"),
        "method": text(context, element, "method", "GET").upper(),
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


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "fetch"): fetch,
    (NAMESPACE, "response"): response,
}
