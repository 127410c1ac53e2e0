"""The ECMAScript data model (SCXML B.2) on QuickJS.

QuickJS refuses to call into Python while a time limit is set, so all that the application can reach is
JavaScript: `prelude.js` keeps `In()`, `_event` and the lists of `<foreach>`, and Python calls its functions.
Values cross as JSON text. Promises never run: an evaluation is over when it returns.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import quickjs

from .errors import DocumentError, EvaluationError, LimitExceededError
from .events import Event, Json
from .limits import Limits
from .markup import Element, parse_xml


def _source(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


_PRELUDE = _source("prelude.js")
_HANDLES = ("get", "test", "assign", "assignValue", "declare", "system", "event", "active", "extend")
_PARTS = {part: _source(f"prelude_{part}.js") for part in ("library", "lists", "store", "xml")}
_PART_OF = {
    "library": "library",
    "know": "library",
    "asked": "library",
    "openList": "lists",
    "bindItem": "lists",
    "closeList": "lists",
    "save": "store",
    "load": "store",
}
_LIMIT_SIGNS = {"interrupted": "script_time", "out of memory": "memory"}


class EcmaScript:
    """One QuickJS context: about 250 kB. Implements DataModel."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._spent = 0.0
        self._active: tuple[str, ...] = ()
        self._active_known = True
        self._context = quickjs.Context()
        self._context.set_memory_limit(limits.memory_bytes)
        self._context.set_time_limit(limits.script_seconds)
        self._pick = self._context.eval(_PRELUDE)
        self._js: dict[str, Any] = {name: self._pick(name) for name in _HANDLES}
        self._parts: set[str] = set()

    def begin_input(self) -> None:
        """See DataModel."""
        self._spent = 0.0

    def add_library(self, source: str) -> None:
        """See DataModel."""
        self._call("library", source)

    def know(self, name: str, text: str) -> None:
        """See DataModel."""
        self._call("know", name, text)

    def asked(self) -> list[Json]:
        """See DataModel."""
        text = self._call("asked")
        return [json.loads(wish) for wish in json.loads(text)] if text else []

    def bind_system(self, values: Mapping[str, Json]) -> None:
        """See DataModel."""
        self._call("system", self._encode(values))

    def bind_event(self, event: Event) -> None:
        """See DataModel."""
        self._call("event", self._encode(event.to_json()))

    def set_configuration(self, states: Iterable[str]) -> None:
        """See DataModel. Told to the script engine only when something is evaluated."""
        self._active = tuple(states)
        self._active_known = False

    def declare(self, name: str) -> None:
        """See DataModel."""
        self._call("declare", name)

    def evaluate(self, expr: str) -> Json:
        """See DataModel."""
        return _decode(self._call("get", expr))

    def condition(self, expr: str) -> bool:
        """See DataModel."""
        return bool(self._call("test", expr))

    def location(self, expr: str) -> Json:
        """See DataModel."""
        return self.evaluate(expr)

    def assign(self, location: str, expr: str) -> None:
        """See DataModel."""
        self._call("assign", location, expr)

    def assign_value(self, location: str, value: Json) -> None:
        """See DataModel."""
        self._call("assignValue", location, self._encode(value))

    def run(self, source: str) -> None:
        """See DataModel."""
        self._metered(self._context.eval, f"{source}\n;void 0")

    def open_list(self, array: str) -> tuple[int, int]:
        """See DataModel."""
        handle, length = json.loads(self._call("openList", array))
        return handle, length

    def bind_item(self, handle: int, position: int, item: str, index: str | None) -> None:
        """See DataModel."""
        self._call("bindItem", handle, position, item, index)

    def close_list(self, handle: int) -> None:
        """See DataModel."""
        self._call("closeList", handle)

    def save(self) -> Json:
        """All global variables that the application made: data, functions, cycles and dates included."""
        return json.loads(self._call("save"))

    def load(self, saved: Json) -> None:
        """See DataModel."""
        trees = {entry["x"]: _tree_of(entry["x"]) for entry in saved["table"] if "x" in entry}
        if trees:
            self._need("xml")
        self._call("load", json.dumps(saved), json.dumps(trees))

    def close(self) -> None:
        """See DataModel. The context goes with the last of its handles."""
        self._js.clear()
        del self._pick, self._context

    def _call(self, name: str, *arguments: object) -> Any:
        if not self._active_known:
            self._active_known = True
            self._metered(self._js["active"], json.dumps(self._active))
        function = self._js.get(name)
        if function is None:
            self._need(_PART_OF[name])
            function = self._js[name] = self._metered(self._pick, name)
        return self._metered(function, *arguments)

    def _need(self, part: str) -> None:
        """Have a part of the prelude that not every session uses."""
        if part not in self._parts:
            self._parts.add(part)
            self._metered(self._js["extend"], _PARTS[part])

    def _encode(self, value: Json) -> str:
        text = _encode(value)
        if '"$tree"' in text:
            self._need("xml")
        return text

    def _metered(self, function: Any, *arguments: object) -> Any:
        """Call into the engine and charge the CPU time. This is a meter, not a clock the session sees."""
        if self._spent > self._limits.script_seconds:
            raise LimitExceededError("script_time", f"more than {self._limits.script_seconds} s of scripts")
        began = time.thread_time()
        try:
            return function(*arguments)
        except quickjs.JSException as error:
            raise _fault(str(error)) from None
        finally:
            self._spent += time.thread_time() - began


def _fault(message: str) -> EvaluationError | LimitExceededError:
    reason = message.partition("\n")[0]
    for sign, slug in _LIMIT_SIGNS.items():
        if reason == f"InternalError: {sign}":
            return LimitExceededError(slug, reason)
    return EvaluationError(reason)


def _encode(value: Json) -> str:
    try:
        text = json.dumps(value)
        return json.dumps(_with_trees(value)) if '"$xml"' in text else text
    except (RecursionError, TypeError, ValueError) as error:
        raise EvaluationError(f"not a value: {error}") from None


def _with_trees(value: Json) -> Json:
    """Add to each `{"$xml": text}` the tree that the prelude makes a DOM of."""
    if isinstance(value, list | tuple):
        return [_with_trees(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$xml"), str):
        tree = _tree_of(value["$xml"])
        return value if tree is None else {"$xml": value["$xml"], "$tree": tree}
    return {key: _with_trees(item) for key, item in value.items()}


def _tree_of(text: str) -> Json:
    try:
        return _tree(parse_xml(text))
    except DocumentError:
        return None


def _tree(element: Element) -> Json:
    children = [child if isinstance(child, str) else _tree(child) for child in element.children]
    return [element.name, dict(element.attributes), children]


def _decode(value: Any) -> Json:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except RecursionError:
            raise EvaluationError("the value is nested too deeply") from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
