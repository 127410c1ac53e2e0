"""The variables of a session: scopes in one script engine (VoiceXML 2.0 5.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ringback.sandbox import Engine, EvaluationError, Json, Limits, prelude, source
from ringback.sandbox.engine import decode, trees_in

_PRELUDE = prelude(source(__package__, "scopes.js"))
_PARTS = {"store": source(__package__, "scopes_store.js")}
_PART_OF = {"save": ("graph", "store"), "load": ("graph", "store")}
_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")

Chain = tuple[int, ...]
"""Scopes that an expression sees, the innermost last."""


class Scopes:
    """Raises EvaluationError for a fault of the application, LimitExceededError when it used too much."""

    def __init__(self, limits: Limits) -> None:
        self._engine = Engine(limits, _PRELUDE, _PARTS, _PART_OF)
        self._chain: Chain = ()
        self._made = 0

    def begin_input(self) -> None:
        """A new input begins: the budget of CPU time is full again."""
        self._engine.begin_input()

    def close(self) -> None:
        """Give the memory back."""
        self._engine.close()

    def open(self) -> int:
        """A new, empty scope."""
        self._made += 1
        self._engine.call("open", self._made)
        return self._made

    def drop(self, scope: int) -> None:
        """Forget a scope."""
        self._engine.call("drop", scope)

    def link(self, scope: int, name: str, target: int) -> None:
        """A variable whose value is another scope: `application`, `document`."""
        self._engine.call("link", scope, name, target)

    def use(self, chain: Chain) -> None:
        """What the following expressions see."""
        if chain != self._chain:
            self._engine.call("use", json.dumps(chain))
            self._chain = chain

    def evaluate(self, expr: str) -> Json:
        """The value of an expression."""
        return decode(self._engine.call("get", expr))

    def text(self, expr: str) -> str:
        """The value of an expression as text."""
        return str(decode(self._engine.call("text", expr)))

    def condition(self, expr: str) -> bool:
        """The truth of an expression."""
        return bool(self._engine.call("test", expr))

    def declare(self, scope: int, name: str) -> None:
        """A variable, undefined unless it is there."""
        self._engine.call("declare", scope, checked(name))

    def define(self, scope: int, name: str, expr: str) -> None:
        """A variable with the value of an expression."""
        self._engine.call("define", scope, checked(name), expr)

    def set(self, scope: int, name: str, value: Json) -> None:
        """A variable with a value from outside; None is undefined."""
        self._engine.call("set", scope, name, None if value is None else self._engine.encode(value))

    def is_set(self, scope: int, name: str) -> bool:
        """Whether a variable is not undefined."""
        return bool(self._engine.call("isSet", scope, name))

    def has(self, scope: int, name: str) -> bool:
        """Whether a variable is declared in this scope."""
        return bool(self._engine.call("has", scope, name))

    def known(self, name: str) -> bool:
        """Whether a variable is declared in any scope of the chain."""
        return bool(self._engine.call("known", name))

    def assign(self, location: str, expr: str) -> None:
        """Assign to a variable that is declared."""
        if location.split(".", 1)[0].strip() == "session":
            raise EvaluationError("the variables of the session cannot be changed")
        self._engine.call("assign", location, expr)

    def clear(self, location: str) -> None:
        """Make a variable undefined."""
        self._engine.call("clear", location)

    def run(self, scope: int, text: str) -> None:
        """Run a script whose variables and functions belong to a scope."""
        self._engine.call("run", scope, text)

    def open_list(self, scope: int, expr: str) -> int:
        """Keep a copy of a list in a scope; its length."""
        return int(self._engine.call("list", scope, expr))

    def bind_item(self, scope: int, position: int, name: str) -> None:
        """Assign one item of the list that a scope keeps."""
        self._engine.call("item", scope, position, name)

    def save(self) -> Json:
        """All scopes with what is in them."""
        return {"made": self._made, "values": json.loads(self._engine.call("save"))}

    def load(self, saved: Json, chains: Mapping[int, Chain]) -> None:
        """The inverse of `save`; `chains` are what functions of a scope see."""
        self._made = saved["made"]
        trees = trees_in(saved["values"])
        if trees != "{}":
            self._engine.need("xml")
        self._engine.call("load", json.dumps(saved["values"]), trees, json.dumps(chains))


def checked(name: str) -> str:
    """The name of a variable. Raises EvaluationError when it is none."""
    if _NAME.fullmatch(name) is None:
        raise EvaluationError(f"{name!r} is not the name of a variable")
    return name
