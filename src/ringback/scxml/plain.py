"""Expressions that only look at data, evaluated without an engine. The subset is small and exact.

Literals, variables, members, `! && || ?: === !== == != < > <= >= + - * / typeof`, lists and objects of
scalars, `In()`, `Number()`, `String()`, `Boolean()`, `Math.max()`, `Math.min()`, `Math.round()`,
`Date.now()`, and functions whose body is `return` and such an expression.
Nothing here changes anything, so that the engine can be asked instead at any moment: that is `Unsure`, for
whatever else there is, and for what would be an error.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from .plain_values import (
    UNDEFINED,
    Unsure,
    Value,
    alike,
    at_most,
    divided,
    finite,
    kind_of,
    less,
    member,
    minus,
    number,
    numeric,
    plus,
    rounded,
    same,
    text_of,
    times,
    truth,
)
from .records import Fixed

_LONGEST = 240
_DEPTH = 20
_CALLS = 20
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:"
    r"(?P<number>(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,14})?)(?![\w$.])"
    r"|(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)(?![\w$\\])"
    r"|(?P<text>'(?:[^'\\\r\n]|\\['\"\\n])*'|\"(?:[^\"\\\r\n]|\\['\"\\n])*\")"
    r"|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||\+\+|--|\*\*|//|/\*|[<>+\-*/!?:.()\[\]{},])"
    r")[ \t\r\n]*"
)
_ESCAPE = re.compile(r"\\(.)")
_FUNCTION = re.compile(
    r"function[ \t]+([A-Za-z_$][A-Za-z0-9_$]*)[ \t]*\(([A-Za-z0-9_$, \t]*)\)[ \t\r\n]*"
    r"\{[ \t\r\n]*return(?:[ \t]+|(?=\())([^\r\n\s].*?)[;\s]*\}",
    re.DOTALL,
)
NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_WORDS = """
arguments async await break case catch class const continue debugger default delete do else enum eval
export extends false finally for function get if implements import in instanceof interface let new null
of package private protected public return set static super switch this throw true try typeof undefined
var void while with yield
"""
RESERVED = frozenset(_WORDS.split())
"""Words that are no variable here, whatever they are to an engine."""


class Scope:
    """What an expression sees; `calls` are those of functions in one evaluation."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.system: dict[str, Value] = {}
        self.functions: dict[str, Function | None] = {}
        """Those that scripts have declared; None: only the engine can call it."""
        self.active: Iterable[str] = ()
        """A view of the active states, made a set when somebody asks."""
        self.event: Callable[[], Value] | None = None
        """Tells `_event`."""
        self.local: Mapping[str, Value] = {}
        self.calls = 0


Plain = Callable[[Scope], Value]


class Function(Fixed, frozen=True):
    """`function (parameters) { return body; }`"""

    parameters: tuple[str, ...]
    body: Plain


class _NotPlain(Exception):
    """The expression is not in the subset."""


@lru_cache(maxsize=2048)
def compile_plain(source: str) -> Plain | None:
    """The expression as a function of a scope, which may raise Unsure; None when it is not in the subset."""
    if len(source) > _LONGEST or not source.isascii():
        return None
    try:
        return _Parser(source.rstrip("; \t\r\n")).whole()
    except _NotPlain:
        return None


def compile_function(text: str) -> Function | None:
    """A function of its source text; None when it is not in the subset."""
    match = _FUNCTION.fullmatch(text)
    if match is None or len(match[2]) > _LONGEST:
        return None
    parameters = tuple(name.strip() for name in match[2].split(",")) if match[2].strip() else ()
    if not all(NAME.fullmatch(name) and name not in RESERVED for name in parameters):
        return None
    body = compile_plain(match[3])
    return None if body is None else Function(parameters, body)


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, source: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(source):
            match = _TOKEN.match(source, position)
            if match is None or match.lastgroup is None:
                raise _NotPlain
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self._tokens.append(("end", ""))
        self._next = 0
        self._depth = 0

    def whole(self) -> Plain:
        found = self._conditional()
        if self._tokens[self._next][0] != "end":
            raise _NotPlain
        return found

    def _take(self, sign: str) -> bool:
        if self._tokens[self._next] != ("sign", sign):
            return False
        self._next += 1
        return True

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise _NotPlain

    def _conditional(self) -> Plain:
        self._deeper()
        found = self._binary(0)
        if self._take("?"):
            yes = self._conditional()
            self._need(":")
            found = _choice(found, yes, self._conditional())
        self._depth -= 1
        return found

    def _binary(self, level: int) -> Plain:
        if level == len(_LEVELS):
            return self._unary()
        found = self._binary(level + 1)
        while (token := self._tokens[self._next])[0] == "sign" and token[1] in _LEVELS[level]:
            self._next += 1
            found = _LEVELS[level][token[1]](found, self._binary(level + 1))
        return found

    def _unary(self) -> Plain:
        if self._take("!"):
            self._deeper()
            return _negation(self._unary())
        if self._take("-"):
            kind, text = self._tokens[self._next]
            if kind != "number" or float(text) == 0:
                raise _NotPlain
            self._next += 1
            return _constant(number(-float(text)))
        if self._tokens[self._next] == ("name", "typeof"):
            self._next += 1
            self._deeper()
            return _type(self._unary())
        return self._postfix(self._primary())

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _NotPlain

    def _primary(self) -> Plain:
        kind, text = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            return _constant(number(float(text)))
        if kind == "text":
            return _constant(_literal(text))
        if kind == "name":
            return self._named(text)
        if (kind, text) == ("sign", "("):
            found = self._conditional()
            self._need(")")
            return found
        if (kind, text) == ("sign", "["):
            return _list(self._several("]"))
        if (kind, text) == ("sign", "{"):
            return self._object()
        raise _NotPlain

    def _object(self) -> Plain:
        found: dict[str, Plain] = {}
        while not self._take("}"):
            if found:
                self._need(",")
            kind, text = self._tokens[self._next]
            name = _literal(text) if kind == "text" else text
            if kind not in ("name", "text") or name in _NO_MEMBERS:
                raise _NotPlain
            self._next += 1
            self._need(":")
            found[name] = self._conditional()
        return _members(found)

    def _named(self, name: str) -> Plain:
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        if name in RESERVED:
            raise _NotPlain
        if self._take("("):
            return _call(name, self._several(")"))
        return self._static(name) if name in _OBJECTS else _variable(name)

    def _static(self, name: str) -> Plain:
        """A function of an object that is always there."""
        self._need(".")
        work = _STATIC.get(f"{name}.{self._tokens[self._next][1]}")
        if work is None:
            raise _NotPlain
        self._next += 1
        self._need("(")
        return _static(name, work, self._several(")"))

    def _several(self, end: str) -> tuple[Plain, ...]:
        found: list[Plain] = []
        while not self._take(end):
            if found:
                self._need(",")
            found.append(self._conditional())
        return tuple(found)

    def _postfix(self, found: Plain) -> Plain:
        while True:
            if self._take("."):
                kind, name = self._tokens[self._next]
                if kind != "name":
                    raise _NotPlain
                self._next += 1
                found = _member(found, _constant(name))
            elif self._take("["):
                found = _member(found, self._conditional())
                self._need("]")
            elif self._tokens[self._next] == ("sign", "("):
                raise _NotPlain
            else:
                return found


def _literal(text: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text[1:-1])


_NO_MEMBERS = frozenset({"__proto__", "$xml", "$tree"})
_CONSTANTS = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}


def _constant(value: Value) -> Plain:
    return lambda _: value


def _variable(name: str) -> Plain:
    def found(scope: Scope) -> Value:
        for names in (scope.local, scope.values, scope.system):
            if name in names:
                return names[name]
        raise Unsure

    return _event if name == "_event" else found


def _event(scope: Scope) -> Value:
    if "_event" in scope.local or scope.event is None:
        raise Unsure
    return scope.event()


def _member(of: Plain, name: Plain) -> Plain:
    return lambda scope: member(of(scope), name(scope))


def _negation(of: Plain) -> Plain:
    return lambda scope: not truth(of(scope))


def _type(of: Plain) -> Plain:
    def found(scope: Scope) -> str:
        kind = kind_of(of(scope))
        return "object" if kind == "null" else kind

    return found


def _choice(condition: Plain, yes: Plain, no: Plain) -> Plain:
    return lambda scope: yes(scope) if truth(condition(scope)) else no(scope)


def _either(left: Plain, right: Plain) -> Plain:
    def found(scope: Scope) -> Value:
        value = left(scope)
        return value if truth(value) else right(scope)

    return found


def _both(left: Plain, right: Plain) -> Plain:
    def found(scope: Scope) -> Value:
        value = left(scope)
        return right(scope) if truth(value) else value

    return found


def _pure(work: Callable[[Value, Value], Value]) -> Callable[[Plain, Plain], Plain]:
    return lambda left, right: lambda scope: work(left(scope), right(scope))


_LEVELS: tuple[dict[str, Callable[[Plain, Plain], Plain]], ...] = (
    {"||": _either},
    {"&&": _both},
    {
        "===": _pure(same),
        "!==": _pure(lambda a, b: not same(a, b)),
        "==": _pure(alike),
        "!=": _pure(lambda a, b: not alike(a, b)),
    },
    {
        "<": _pure(less),
        ">": _pure(lambda a, b: less(b, a)),
        "<=": _pure(at_most),
        ">=": _pure(lambda a, b: at_most(b, a)),
    },
    {"+": _pure(plus), "-": _pure(minus)},
    {"*": _pure(times), "/": _pure(divided)},
)


def _list(items: tuple[Plain, ...]) -> Plain:
    def found(scope: Scope) -> Value:
        return [_scalar(item(scope)) for item in items]

    return found


def _members(items: Mapping[str, Plain]) -> Plain:
    return lambda scope: {name: _scalar(item(scope)) for name, item in items.items()}


def _scalar(value: Value) -> Value:
    if kind_of(value) == "object":
        raise Unsure  # what grows from step to step is the engine's, which has a limit
    return value


_CONVERSIONS: dict[str, Callable[[Value], Value]] = {"Boolean": truth, "Number": numeric, "String": text_of}


_OBJECTS = frozenset({"Math", "Date"})
_STATIC: dict[str, Callable[[list[Value]], Value]] = {
    "Math.max": lambda given: max(map(finite, given)) if given else _unsure(),
    "Math.min": lambda given: min(map(finite, given)) if given else _unsure(),
    "Math.round": lambda given: rounded(given[0]) if given else _unsure(),
    "Date.now": lambda given: time.time_ns() // 1_000_000,
}


def _static(name: str, work: Callable[[list[Value]], Value], arguments: tuple[Plain, ...]) -> Plain:
    def found(scope: Scope) -> Value:
        if name in scope.local:
            raise Unsure
        return work([argument(scope) for argument in arguments])

    return found


def _call(name: str, arguments: tuple[Plain, ...]) -> Plain:
    def found(scope: Scope) -> Value:
        if name in scope.local or name in scope.values:
            raise Unsure
        given = [argument(scope) for argument in arguments]
        function = scope.functions.get(name)
        if function is not None:
            return _apply(function, given, scope)
        if len(given) != 1 or name in scope.functions:
            raise Unsure
        if name == "In":
            return _is_active(given[0], scope)
        return _CONVERSIONS[name](given[0]) if name in _CONVERSIONS else _unsure()

    return found


def _apply(function: Function, given: list[Value], scope: Scope) -> Value:
    scope.calls += 1
    if scope.calls > _CALLS:
        raise Unsure
    outer = scope.local
    padded = given + [UNDEFINED] * (len(function.parameters) - len(given))
    scope.local = dict(zip(function.parameters, padded, strict=False))
    try:
        return function.body(scope)
    finally:
        scope.local = outer


def _is_active(state: Value, scope: Scope) -> bool:
    if type(state) is not str:
        raise Unsure
    if not isinstance(scope.active, frozenset):
        scope.active = frozenset(scope.active)
    return state in scope.active


def _unsure() -> Value:
    raise Unsure
