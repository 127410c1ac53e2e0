"""The variables of a session for as long as its expressions need no engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .declarations import built_in, declared
from .plain import NAME, RESERVED, Scope, compile_plain
from .plain_values import UNDEFINED, Admission, Unsure, Value, export, flatten, truth, unflatten

_EVALUATIONS = 2_000
"""In one input; who needs more is metered by an engine."""
Json = Any


class Variables:
    """What an engine would hold. A method that needs one raises Unsure before it changes anything;
    what `load` has set by then is set again by the engine.
    """

    def __init__(self) -> None:
        self._scope = Scope()
        self._scripts: list[str] = []
        self._evaluations = 0
        self.changed = True
        """Whether `save` would say something else than the last time."""

    def begin_input(self) -> None:
        """A new input begins."""
        self._evaluations = 0

    def bind(self, values: Mapping[str, Json]) -> None:
        """Bind read-only variables."""
        admission = Admission()
        admitted = {name: admission.admit(value) for name, value in values.items()}
        self._scope.system.update(admitted)

    def set_configuration(self, states: Iterable[str]) -> None:
        """The active states, for `In()`."""
        self._scope.active = frozenset(states)

    def declare(self, name: str) -> None:
        """Create a variable without a value."""
        if not NAME.fullmatch(name) or name.startswith("_") or name in RESERVED or name in built_in():
            raise Unsure
        if name in self._scope.functions:
            raise Unsure
        self._scope.values.setdefault(name, UNDEFINED)
        self.changed = True

    def evaluate(self, expr: str) -> Json:
        """The value of an expression."""
        value = self._value(expr)
        try:
            return export(value)
        except RecursionError:
            raise Unsure from None  # it holds itself

    def condition(self, expr: str) -> bool:
        """The truth of an expression."""
        return truth(self._value(expr))

    def assign(self, location: str, expr: str) -> None:
        """Assign the value of an expression to a variable."""
        self._put(location, self._value(expr))

    def assign_value(self, location: str, value: Json) -> None:
        """Assign a value that comes from outside."""
        self._put(location, Admission().admit(value))

    def run(self, script: str) -> None:
        """Run a script that only declares functions."""
        functions, scope = declared(script), self._scope
        if functions is None:
            raise Unsure
        for name in functions:
            if name in scope.values or name.startswith("_") or name in built_in():
                raise Unsure
        scope.functions.update(functions)
        self._scripts.append(script)

    def save(self) -> Json:
        """As the engine saves; functions come from their scripts again."""
        self.changed = False
        return flatten(self._scope.values)

    def load(self, saved: Json, scripts: Iterable[str]) -> None:
        """The inverse of `save`, in a session that has nothing yet."""
        for script in scripts:
            self.run(script)
        for name, value in unflatten(saved, self._scope.functions).items():
            self.declare(name)
            self._scope.values[name] = value

    def everything(self) -> tuple[str, list[str]]:
        """For an engine: all values as one JSON text, in which what is shared stays shared; the scripts."""
        scope = self._scope
        graph = flatten({"system": scope.system, "values": scope.values})
        return json.dumps(graph), self._scripts

    def _value(self, expr: str) -> Value:
        plain, scope = compile_plain(expr), self._scope
        self._evaluations += 1
        if plain is None or self._evaluations > _EVALUATIONS:
            raise Unsure
        scope.calls = 0
        try:
            return plain(scope)
        except RecursionError:
            raise Unsure from None

    def _put(self, location: str, value: Value) -> None:
        if location not in self._scope.values or value != value:
            raise Unsure
        self._scope.values[location] = value
        self.changed = True
