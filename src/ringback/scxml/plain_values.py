"""Values of ECMAScript without an engine: what JSON can carry, and `undefined`.

Only what is certain is done here: `Unsure` means that the engine must be asked. Numbers that are whole are
ints, as the engine gives them to Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

Value = Any
"""None (`null`), UNDEFINED, bool, int, float, str, list or dict."""

_SAFE = 2**53
_TEXT = 65_536
_NODES = 1_000
_DEPTH = 40
_PLAIN_FLOAT = (1e-4, 1e15)
OF_JSON = (dict, list, tuple, str, int, float, bool, type(None))
OF_OBJECTS = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)
"""What every object has beside its own properties."""


class Unsure(Exception):
    """This cannot be told here: the engine knows."""


class Undefined:
    """The type of `undefined`."""


UNDEFINED: Final = Undefined()


_OF_THE_KIT = frozenset({"$xml", "$tree"})
"""Names that the engine's kit gives a meaning to."""


class Admission:
    """Copies values that come from outside; what the engine would hold otherwise than Python is Unsure."""

    def __init__(self) -> None:
        self._nodes = 0
        self._text = 0

    def admit(self, value: Value, depth: int = 0) -> Value:
        """The same value, of our own. Raises Unsure."""
        self._nodes += 1
        if self._nodes > _NODES or depth > _DEPTH:
            raise Unsure
        kind = type(value)
        if kind is str:
            return self._checked(value)
        if value is None or kind is bool:
            return value
        if kind is int or kind is float:
            return number(value)
        if kind is dict:
            return self._fields(value, depth + 1)
        if kind is list or kind is tuple:
            return [self.admit(item, depth + 1) for item in value]
        raise Unsure

    def _fields(self, value: Mapping[str, Value], depth: int) -> dict[str, Value]:
        found = {}
        for name, item in value.items():
            if type(name) is not str or name in _OF_THE_KIT:
                raise Unsure
            if type(item) is str and item.isascii() and name.isascii():
                # Most are of this kind: `admit` and `_checked` in place.
                self._nodes += 1
                self._text += len(name) + len(item)
                found[name] = item
            else:
                found[self._checked(name)] = self.admit(item, depth)
        if self._nodes > _NODES or self._text > _TEXT or (found and depth > _DEPTH):
            raise Unsure
        return found

    def _checked(self, text: str) -> str:
        self._text += len(text)
        if self._text > _TEXT:
            raise Unsure
        if not text.isascii():
            _whole(text)
        return text


def _whole(text: str) -> None:
    """Halves of characters, which Python and the engine treat differently, are Unsure."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unsure from None


def number(value: float) -> int | float:
    """A finite number as the engine tells it. Raises Unsure where Python's is not the same."""
    if not -_SAFE <= value <= _SAFE:
        raise Unsure
    if type(value) is int:
        return value
    whole = int(value)
    if whole != value:
        return value
    if whole == 0 and math.copysign(1.0, value) < 0:
        raise Unsure
    return whole


def export(value: Value) -> Value:
    """The value as Python gets it from the engine: a copy, without `undefined`."""
    if value is UNDEFINED:
        return None
    if type(value) is dict:
        return {name: _inside(item) for name, item in value.items() if item is not UNDEFINED}
    return [_inside(item) for item in value] if type(value) is list else value


def _inside(item: Value) -> Value:
    """What is in an object leaves the engine as JSON, where what is not a number is null."""
    return None if type(item) is float and item != item else export(item)


def kind_of(value: Value) -> str:
    """The type in the sense of ECMAScript 6.1."""
    if value is None:
        return "null"
    return _KINDS[type(value)]


_KINDS = {
    Undefined: "undefined",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "object",
    dict: "object",
}


def truth(value: Value) -> bool:
    """ToBoolean (ECMAScript 7.1.2)."""
    if type(value) is list or type(value) is dict:
        return True
    return bool(value) and value is not UNDEFINED and value == value


def same(left: Value, right: Value) -> bool:
    """`===` (ECMAScript 7.2.15)."""
    kind = kind_of(left)
    if kind != kind_of(right):
        return False
    return left is right if kind == "object" else bool(left == right)


def alike(left: Value, right: Value) -> bool:
    """`==` where nothing is converted."""
    kind, other = kind_of(left), kind_of(right)
    if kind == other:
        return same(left, right)
    nothing = ("null", "undefined")
    if kind in nothing or other in nothing:
        return kind in nothing and other in nothing
    raise Unsure


def less(left: Value, right: Value) -> bool:
    """`<` of two numbers, or of two texts that Python orders as the engine does."""
    _orderable(left, right)
    return bool(left < right)


def at_most(left: Value, right: Value) -> bool:
    """`<=`, as `less`."""
    _orderable(left, right)
    return bool(left <= right)


def _orderable(left: Value, right: Value) -> None:
    """Two numbers, or two texts of ASCII; else Unsure."""
    ascii_texts = type(left) is str and type(right) is str and left.isascii() and right.isascii()
    if not (ascii_texts or kind_of(left) == kind_of(right) == "number"):
        raise Unsure


def plus(left: Value, right: Value) -> Value:
    """`+` of two numbers, or of a text and what has a certain text."""
    kinds = kind_of(left), kind_of(right)
    if kinds == ("number", "number"):
        return number(finite(left) + finite(right))
    if "string" not in kinds:
        raise Unsure
    joined = text_of(left) + text_of(right)
    if len(joined) > _TEXT:
        raise Unsure
    return joined


def minus(left: Value, right: Value) -> Value:
    """`-` of two numbers."""
    return number(finite(left) - finite(right))


def times(left: Value, right: Value) -> Value:
    """`*` of two numbers; of nothing and a negative one Python and the engine make different zeros."""
    return number(float(finite(left)) * float(finite(right)))


def divided(left: Value, right: Value) -> Value:
    """`/` of two numbers."""
    if finite(right) == 0:
        raise Unsure
    return number(float(finite(left)) / float(right))


def rounded(value: Value) -> Value:
    """`Math.round` of what is not negative: halves go up."""
    if finite(value) < 0:
        raise Unsure
    whole = math.floor(value)
    return whole + (value - whole >= 0.5)


def finite(value: Value) -> Any:
    """The value, which must be a number."""
    if kind_of(value) != "number" or not math.isfinite(value):
        raise Unsure
    return value


def text_of(value: Value) -> str:
    """ToString (ECMAScript 7.1.17) of what is no object."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if value is None or value is UNDEFINED:
        return "null" if value is None else "undefined"
    if type(value) is int:
        return str(value)
    if type(value) is float and _PLAIN_FLOAT[0] <= abs(value) < _PLAIN_FLOAT[1]:
        return repr(value)
    raise Unsure


def numeric(value: Value) -> Value:
    """ToNumber (ECMAScript 7.1.4), of texts only plain digits."""
    kind = kind_of(value)
    if kind == "undefined":
        return math.nan
    if kind in ("null", "boolean"):
        return int(bool(value))
    if kind == "number":
        return value
    if kind == "string" and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    if value == "":
        return 0
    raise Unsure


def member(value: Value, name: Value) -> Value:
    """A property of an object, list or text; Unsure where the engine would look further or complain."""
    kind = type(value)
    if kind is dict and type(name) is str:
        found = value.get(name, UNDEFINED)
        if found is UNDEFINED and name in OF_OBJECTS:
            raise Unsure
        return found
    if kind is list and type(name) is int and name >= 0:
        return value[name] if name < len(value) else UNDEFINED
    if name == "length" and (kind is list or (kind is str and value.isascii())):
        return len(value)
    raise Unsure


_SCALARS = frozenset({str, int, float, bool, type(None)})


def flatten(root: Value) -> dict[str, Any]:
    """A graph of values as the kit's `flatten` gives it: shared references survive."""
    flat = _Flat()
    return {"root": flat.walk(root), "table": flat.table}


class _Flat:
    """A table that grows by what has not been seen.

    No function within one that knows itself: that would be a cycle around all of the table, for the garbage
    collector to find.
    """

    def __init__(self) -> None:
        self.table: list[Any] = []
        self._seen: dict[int, int] = {}

    def walk(self, value: Value) -> Any:
        """How a value is written in the table."""
        if value is UNDEFINED:
            return {"u": 1}
        kind = type(value)
        if kind is not dict and kind is not list:
            return value
        table, walk = self.table, self.walk
        known = self._seen.get(id(value))
        if known is not None:
            return {"r": known}
        index = self._seen[id(value)] = len(table)
        table.append(None)
        if kind is dict:
            table[index] = {
                "o": [[name, item if type(item) in _SCALARS else walk(item)] for name, item in value.items()]
            }
        else:
            table[index] = {"a": [item if type(item) in _SCALARS else walk(item) for item in value]}
        return {"r": index}


def unflatten(flat: Mapping[str, Any], functions: Mapping[str, str]) -> dict[str, Value]:
    """The variables of a saved graph, but for the functions whose name and text are known. Raises Unsure."""
    return _Saved(flat["table"]).variables(flat["root"]["r"], functions)


class _Saved:
    """A saved graph: a table of lists and objects, or of what only an engine can hold."""

    def __init__(self, table: list[dict[str, Any]]) -> None:
        self._table = table
        self._admission = Admission()
        self._made: list[Value] = []

    def variables(self, root: int, functions: Mapping[str, str]) -> dict[str, Value]:
        """The members of one object."""
        _measure(root, self._table, {}, 0)
        for entry in self._table:
            if not entry.keys() & {"o", "a", "f"} or "h" in entry:
                raise Unsure
            self._made.append({} if "o" in entry else [] if "a" in entry else entry)
        for index, entry in enumerate(self._table):
            if "o" in entry and index != root:
                self._made[index].update((self._value(name), self._value(item)) for name, item in entry["o"])
            elif "a" in entry:
                self._made[index].extend(map(self._value, entry["a"]))
        pairs = self._table[root]["o"]
        return {
            name: self._value(item)
            for name, item in pairs
            if not (name in functions and self._function(item) == functions[name])
        }

    def _function(self, item: Any) -> str | None:
        """The text of a function: of the one that a script declared, or of another in its place."""
        return self._table[item["r"]].get("f") if type(item) is dict and "r" in item else None

    def _value(self, item: Any) -> Value:
        if type(item) is not dict:
            return self._admission.admit(item)
        if "u" in item:
            return UNDEFINED
        if "r" not in item or self._function(item) is not None:
            raise Unsure
        return self._made[item["r"]]


def _measure(index: int, table: list[Any], sizes: dict[int, int], depth: int) -> int:
    """How many values there are from here on, shared ones as often as they are seen. Cycles are Unsure."""
    known = sizes.get(index)
    if known is None:
        sizes[index] = 0
        entry = table[index]
        parts = [item for _, item in entry["o"]] if "o" in entry else entry.get("a", ())
        inner = (item["r"] for item in parts if type(item) is dict and "r" in item)
        known = len(parts) + 1 + sum(_measure(each, table, sizes, depth + 1) for each in inner)
        sizes[index] = known
    if not 0 < known <= _NODES or depth > _DEPTH:
        raise Unsure
    return known
