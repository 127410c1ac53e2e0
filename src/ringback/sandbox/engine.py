"""One bounded QuickJS context.

QuickJS refuses to call into Python while a time limit is set, so all that an application can reach is
JavaScript: a prelude closes over what the host needs, and Python calls the functions that it picks from it.
Values cross as JSON text. Promises never run: an evaluation is over when it returns.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import quickjs

from .errors import DocumentError, EvaluationError, LimitExceededError
from .limits import Limits
from .markup import Element, parse_xml

Json = Any
"""A value that JSON can carry; XML travels as `{"$xml": text}`."""

_LIMIT_SIGNS = {"interrupted": "script_time", "out of memory": "memory"}
_PARTS_PLACE = "/* host */"


def source(package: str, name: str) -> str:
    """The text of a JavaScript file that lies in a package."""
    return files(package).joinpath(name).read_text("utf-8")


def prelude(host: str) -> str:
    """The first script of a context: the common kit, and `host`, a function of the kit that gives more of it.

    One script, since compiling is most of what a context costs to start.
    """
    return _CORE.replace(_PARTS_PLACE, host)


_CORE = source(__package__, "core.js")
_XML = source(__package__, "xml.js")
_GRAPH = source(__package__, "graph.js")
COMMON_PARTS = {"xml": _XML, "graph": _GRAPH}


class Engine:
    """One QuickJS context with a prelude: about 250 kB. Raises EvaluationError and LimitExceededError.

    `parts` are scripts that extend the kit when one of the functions in `part_of` is called for the first
    time.
    """

    def __init__(
        self,
        limits: Limits,
        first: str,
        parts: Mapping[str, str],
        part_of: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._limits = limits
        self._spent = 0.0
        self._context = quickjs.Context()
        self._context.set_memory_limit(limits.memory_bytes)
        self._context.set_time_limit(limits.script_seconds)
        self._pick = self._context.eval(first)
        self._js: dict[str, Any] = {}
        self._sources = parts
        self._part_of = part_of
        self._parts: set[str] = set()

    def begin_input(self) -> None:
        """A new input begins: the budget of CPU time is full again."""
        self._spent = 0.0

    def call(self, name: str, *arguments: object) -> Any:
        """Call a function of the kit."""
        function = self._js.get(name)
        if function is None:
            for part in self._part_of.get(name, ()):
                self.need(part)
            function = self._js[name] = self.metered(self._pick, name)
        return self.metered(function, *arguments)

    def run(self, text: str) -> None:
        """Run a script in the global scope."""
        self.metered(self._context.eval, f"{text}\n;void 0")

    def close(self) -> None:
        """Give the memory back; nothing is evaluated any more. The context goes with its last handle."""
        self._js.clear()
        del self._pick, self._context

    def need(self, part: str) -> None:
        """Have a part of the prelude that not every session uses."""
        if part not in self._parts:
            self._parts.add(part)
            self.call("extend", COMMON_PARTS.get(part) or self._sources[part])

    def encode(self, value: Json) -> str:
        """The text of a value as the kit's `decode` takes it."""
        text = _encode(value)
        if '"$tree"' in text:
            self.need("xml")
        return text

    def metered(self, function: Any, *arguments: object) -> Any:
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
        tree = tree_of(value["$xml"])
        return value if tree is None else {"$xml": value["$xml"], "$tree": tree}
    return {key: _with_trees(item) for key, item in value.items()}


def tree_of(text: str) -> Json:
    """What the kit makes a DOM of, or None when the text is not XML."""
    try:
        return _tree(parse_xml(text))
    except DocumentError:
        return None


def _tree(element: Element) -> Json:
    children = [child if isinstance(child, str) else _tree(child) for child in element.children]
    return [element.name, dict(element.attributes), children]


def decode(value: Any) -> Json:
    """The value of what the kit's `encode` gave."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except RecursionError:
            raise EvaluationError("the value is nested too deeply") from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def trees_in(saved: Json) -> str:
    """The XML trees of a saved graph, by their text, for the kit's `unflatten`."""
    return json.dumps({entry["x"]: tree_of(entry["x"]) for entry in saved["table"] if "x" in entry})
