"""How `<session:fetch>`, `<ws:get>` and `<ws:post>` are read: a request to the outside, whole and checked.

The designer carries it out and holds the list of hosts; what is wrong with a request is an error of the
application (`error.execution`) before anything leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from ringback.scxml import ActionContext, Element, EvaluationError, Json, to_xml
from ringback.services.orchestration.modules.reading import needed, number, text

FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data"
XML = ("application/xml", "text/xml")
ENCTYPES = (FORM, JSON, MULTIPART, *XML, "text/plain")
BODILESS = frozenset({"GET", "HEAD", "DELETE"})
MOST_HEADERS, MOST_HEADER_BYTES = 20, 4096
OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer"})
"""Headers that the request's own transport sets."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_BOUNDARY = "ringback-part-6b1f0c"


def request_of(element: Element, context: ActionContext, method: str) -> dict[str, Json]:
    """`src`, `enctype` (or `type`), `timeout`, `headersexpr` and `<header>`, `<param>`, content."""
    headers = _headers(element, context)
    params, content = _params(element, context), _content(element, context)
    url = needed(context, element, "src")
    kind = text(context, element, "enctype") or text(context, element, "type")
    body = ""
    if content is not None:
        if params:
            raise EvaluationError(f"<{element.name}> has both content and parameters")
        body, kind = _whole(content, kind)
    elif params and method in BODILESS:
        url, kind = with_query(url, params), ""
    elif params:
        body, kind = _encoded(params, kind or FORM)
    return {
        "url": url,
        "method": method,
        "content_type": kind,
        "body": body,
        "timeout_s": _timeout(element, context),
        "headers": headers,
    }


def _timeout(element: Element, context: ActionContext) -> float:
    seconds = number(context, element, "timeout", 5.0)
    if not seconds > 0:
        raise EvaluationError(f"<{element.name}> 'timeout' is not above zero: {seconds!r}")
    return seconds


def _headers(element: Element, context: ActionContext) -> dict[str, str]:
    value = context.attribute(element, "headers", {})
    if not isinstance(value, dict):
        raise EvaluationError(f"<{element.name}> 'headers' is not an object")
    given = dict(value)
    for child in element.elements():
        if child.name == "header":
            given[needed(context, child, "name")] = context.attribute(child, "value", "")
    if len(given) > MOST_HEADERS:
        raise EvaluationError(f"<{element.name}> has more than {MOST_HEADERS} headers")
    return {name: _header(name, plain(each)) for name, each in given.items()}


def _header(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name) or name.lower() in OURS or name.lower().startswith("x-ringback-"):
        raise EvaluationError(f"header {name[:100]!r} is not the application's to set")
    if len(value) > MOST_HEADER_BYTES or any(ord(letter) < 32 or ord(letter) > 126 for letter in value):
        raise EvaluationError(f"header {name!r} is too long, or not printable ASCII")
    return value


def _params(element: Element, context: ActionContext) -> dict[str, Json]:
    found = {}
    for child in element.elements():
        if child.name == "param":
            found[needed(context, child, "name")] = context.evaluate(child.get("expr") or "undefined")
    for name in text(context, element, "namelist").split():
        found[name] = context.evaluate(name)
    return found


def _content(element: Element, context: ActionContext) -> Json:
    """`content`, `contentexpr`, or the child `<content expr>`, which may hold text or one XML element."""
    for child in element.elements():
        if child.name == "content":
            if (expr := child.get("expr")) is not None:
                return context.evaluate(expr)
            inner = next(child.elements(), None)
            return child.text().strip() if inner is None else to_xml(inner)
    return context.attribute(element, "content")


def plain(value: Json) -> str:
    """A value as text: strings as they are, XML as its source, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.keys() == {"$xml"}:
        return str(value["$xml"])
    return json.dumps(value)


def _whole(content: Json, kind: str) -> tuple[str, str]:
    is_xml = isinstance(content, dict) and content.keys() == {"$xml"}
    default = "" if isinstance(content, str) else XML[0] if is_xml else JSON
    return plain(content), kind or default


def with_query(url: str, params: dict[str, Json]) -> str:
    base, hash_, fragment = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{_form(params)[0]}{hash_}{fragment}"


def _encoded(params: dict[str, Json], kind: str) -> tuple[str, str]:
    encode = _ENCODERS.get(kind.partition(";")[0].strip().lower())
    if encode is None:
        raise EvaluationError(f"'enctype' of parameters is one of {', '.join(_ENCODERS)}; use content")
    body, given = encode(params)
    return body, given or kind


def _form(params: dict[str, Json]) -> tuple[str, str]:
    return urlencode({name: plain(value) for name, value in params.items()}), ""


def _json(params: dict[str, Any]) -> tuple[str, str]:
    return json.dumps(params), ""


def _multipart(params: dict[str, Json]) -> tuple[str, str]:
    parts = []
    for name, value in params.items():
        shown = plain(value)
        if _BOUNDARY in shown or not _TOKEN.fullmatch(name):
            raise EvaluationError(f"parameter {name[:100]!r} cannot be a part of a form")
        parts.append(f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{shown}\r\n')
    return "".join(parts) + f"--{_BOUNDARY}--\r\n", f"{MULTIPART}; boundary={_BOUNDARY}"


_ENCODERS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    FORM: _form,
    JSON: _json,
    MULTIPART: _multipart,
}


def content_of(content_type: str, body: str) -> Json:
    """What came back, as scripts like it: JSON and forms as values, XML as a tree, anything else as text."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        try:
            return json.loads(body, parse_constant=lambda _name: None)
        except (ValueError, RecursionError):
            return body
    if kind in XML or kind.endswith("+xml"):
        return {"$xml": body}
    return body
