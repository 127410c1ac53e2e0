"""Runs executable content for one session (SCXML 4, 5.4, 5.8, 6.2, 6.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ringback.sandbox import to_xml

from .actions import ActionContext
from .errors import EvaluationError
from .events import HTTP_PROCESSOR, SCXML_PROCESSOR, Event, HttpPost, Json, Log
from .model import (
    Assign,
    Block,
    Cancel,
    Content,
    Custom,
    Foreach,
    If,
    LogContent,
    Payload,
    Raise,
    Script,
    Send,
    Value,
)

if TYPE_CHECKING:
    from .session import Session

_DELAY = re.compile(r"\s*(\d*\.?\d+)\s*(s|ms|m|h)?\s*")
_FUNCTION = re.compile(r"\s*function\b[^(]*\(")
_UNITS = {"s": 1.0, "ms": 0.001, "m": 60.0, "h": 3600.0, None: 1.0}
_SCXML_TYPES = {SCXML_PROCESSOR, SCXML_PROCESSOR.replace("#", ""), "http://www.w3.org/TR/scxml", "scxml", ""}
_HTTP_TYPES = {HTTP_PROCESSOR, HTTP_PROCESSOR.replace("#", ""), "basichttp"}


def delay_seconds(text: str) -> float:
    """A CSS2 time such as `1.5s` or `200ms`, in seconds. Raises EvaluationError."""
    match = _DELAY.fullmatch(text)
    if match is None:
        raise EvaluationError(f"not a delay: {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def content_value(content: Content) -> Json:
    """An inline value: JSON, else XML, else text with its white space normalised (SCXML B.2.1, B.2.8)."""
    if content.element is not None:
        return {"$xml": to_xml(content.element)}
    text = content.text.strip()
    try:
        return json.loads(text)
    except ValueError:
        pass
    if text.startswith("<"):
        return {"$xml": text}
    return " ".join(text.split())


class Executor:
    """Bound to one session; knows the data model and asks the session to queue and send."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._data = session.datamodel

    def run_blocks(self, blocks: tuple[Block, ...]) -> None:
        """Run each block; an error ends its block only (SCXML 4.2)."""
        for block in blocks:
            self.run(block)

    def run(self, block: Block) -> None:
        """Run one block; an error becomes `error.execution` and ends it."""
        try:
            self._run(block)
        except EvaluationError as error:
            sendid = error.sendid if isinstance(error, _SendError) else None
            self._session.error("error.execution", str(error), sendid)

    def _run(self, block: Block) -> None:
        for item in block:
            _METHODS[type(item)](self, item)

    def _raise(self, item: Raise) -> None:
        self._session.raise_internal(Event(item.event, "internal"))

    def _log(self, item: LogContent) -> None:
        value = self._data.evaluate(item.expr) if item.expr is not None else None
        self._session.emit(Log(self._session.id, item.label, value))

    def _assign(self, item: Assign) -> None:
        if item.expr is not None:
            self._data.assign(item.location, item.expr)
        else:
            self.assign_content(item.location, item.content)

    def assign_content(self, location: str, content: Content | None) -> None:
        """Assign an inline value; the literal of a function is taken as the function."""
        if content is not None and _FUNCTION.match(content.text) and content.element is None:
            self._data.assign(location, content.text)
        else:
            self._data.assign_value(location, None if content is None else content_value(content))

    def _script(self, item: Script) -> None:
        self._data.run(item.source)

    def _if(self, item: If) -> None:
        for condition, block in item.branches:
            if condition is None or self.holds(condition):
                self._run(block)
                return

    def holds(self, condition: str) -> bool:
        """The truth of a condition; one that fails is false (SCXML 5.9.1)."""
        try:
            return self._data.condition(condition)
        except EvaluationError as error:
            self._session.error("error.execution", str(error))
            return False

    def _foreach(self, item: Foreach) -> None:
        handle, length = self._data.open_list(item.array)
        try:
            for position in range(length):
                self._data.bind_item(handle, position, item.item, item.index)
                self._run(item.body)
        finally:
            self._data.close_list(handle)

    def _cancel(self, item: Cancel) -> None:
        self._session.cancel(str(self.value(item.sendid) or ""))

    def _custom(self, item: Custom) -> None:
        element = item.element
        handler = self._session.tree.actions.get((element.namespace, element.name))
        if handler is None:
            raise EvaluationError(f"unknown element {{{element.namespace}}}{element.name}")
        handler(element, ActionContext(self._session))

    def _send(self, item: Send) -> None:
        sendid = item.id
        if item.idlocation is not None:
            sendid = self._session.tree.new_id("send")
            self._data.assign_value(item.idlocation, sendid)
        name = self._text(item.event)
        target = self._text(item.target)
        kind = self._text(item.type)
        delay_text = self._text(item.delay)
        data = self.payload(item.payload)
        delay = delay_seconds(delay_text) if delay_text else 0.0
        if kind in _SCXML_TYPES:
            self._send_scxml(name, target, data, sendid, delay)
        elif kind in _HTTP_TYPES:
            self._send_http(item.payload, name, target, data, sendid, delay)
        else:
            raise _SendError(f"unknown event processor {kind!r}", sendid)

    def _send_scxml(self, name: str, target: str, data: Json, sendid: str | None, delay: float) -> None:
        session = self._session
        event = Event(name, "external", data, sendid, session.location, SCXML_PROCESSOR)
        if target == "#_internal" and delay:
            raise _SendError("an internal event cannot be delayed", sendid)
        if target and not re.fullmatch(r"#_\S+", target):
            raise _SendError(f"not a target: {target!r}", sendid)
        session.tree.send(session, target, event, delay)

    def _send_http(
        self, payload: Payload, name: str, target: str, data: Json, sendid: str | None, delay: float
    ) -> None:
        session = self._session
        if not target:
            session.error("error.communication", "no target", sendid)
            return
        kind, body = _http_body(name, data, payload.content is not None)
        post = HttpPost(session.id, sendid or session.tree.new_id("send"), target, kind, body)
        session.tree.post(session, post, sendid, delay)

    def _text(self, value: Value) -> str:
        found = self.value(value)
        return "" if found is None else str(found)

    def value(self, value: Value) -> Json:
        """The attribute's literal, or the value of its expression."""
        return self._data.evaluate(value.expr) if value.expr is not None else value.literal

    def payload(self, payload: Payload) -> Json:
        """The data that `<send>`, `<invoke>` or `<donedata>` carries (SCXML 5.5 to 5.7)."""
        content = payload.content
        if content is None:
            return self.parameters(payload) or None
        if content.expr is None:
            return content_value(content)
        try:
            return self._data.evaluate(content.expr)
        except EvaluationError as error:
            self._session.error("error.execution", str(error))
            return None

    def parameters(self, payload: Payload) -> dict[str, Json]:
        """`<param>` and `namelist`; a parameter that cannot be evaluated is left out (SCXML 5.7.2)."""
        found: dict[str, Json] = {name: self._data.location(name) for name in payload.namelist}
        for param in payload.params:
            try:
                found[param.name] = self._data.evaluate(param.expr or param.location or "")
            except EvaluationError as error:
                self._session.error("error.execution", str(error))
        return found


class _SendError(EvaluationError):
    """`<send>` could not be carried out; its event carries the send's id (SCXML 5.10.1)."""

    def __init__(self, reason: str, sendid: str | None) -> None:
        super().__init__(reason)
        self.sendid = sendid


def _http_body(name: str, data: Json, is_content: bool) -> tuple[str, str]:
    """Content type and body of an HTTP event (SCXML C.2.2): a form, but for content with structure."""
    if not is_content:
        fields: Mapping[str, Json] = data or {}
        pairs = [("_scxmleventname", name)] if name else []
        return _FORM, urlencode([*pairs, *((key, _form_value(value)) for key, value in fields.items())])
    if name:
        return _FORM, urlencode({"_scxmleventname": name, "content": _form_value(data)})
    if isinstance(data, str):
        return _FORM, quote(data)
    if isinstance(data, dict) and "$xml" in data:
        return "application/xml; charset=utf-8", data["$xml"]
    return "application/json", json.dumps(data)


def _form_value(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_FORM = "application/x-www-form-urlencoded"
_METHODS: dict[type, Callable[[Executor, Any], None]] = {
    Raise: Executor._raise,
    LogContent: Executor._log,
    Assign: Executor._assign,
    Script: Executor._script,
    If: Executor._if,
    Foreach: Executor._foreach,
    Send: Executor._send,
    Cancel: Executor._cancel,
    Custom: Executor._custom,
}
