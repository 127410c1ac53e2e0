"""The variables of a session for as long as its expressions need no engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .declarations import built_in, declared, texts_of
from .events import Event, Json
from .plain import NAME, RESERVED, Scope, compile_plain
from .plain_values import OF_JSON, UNDEFINED, Admission, Unsure, Value, export, flatten, truth, unflatten

_EVALUATIONS = 2_000
"""In one input; who needs more is metered by an engine."""


class Everything(NamedTuple):
    """All that an engine takes over from `Variables`."""

    values: str
    """JSON of a flat graph, in which what is shared stays shared."""
    scripts: Sequence[str]
    event: Event | None
    """One that no expression has looked at yet."""
    active: Iterable[str]


class Variables:
    """What an engine would hold. A method that needs one raises Unsure before it changes anything;
    what `load` has set by then is set again by the engine.
    """

    def __init__(self) -> None:
        self._scope = Scope()
        self._scripts: list[str] = []
        self._evaluations = 0
        self._event: Value = None
        self._saved: Json = None
        self._changed = True
        """Since `save` was asked last."""

    def close(self) -> None:
        """They are not to be used any more: what tells `_event` knows them."""
        self._scope.event = None

    def begin_input(self) -> None:
        """A new input begins."""
        self._evaluations = 0

    def bind(self, values: Mapping[str, Json]) -> None:
        """Bind read-only variables."""
        admission = Admission()
        admitted = {name: admission.admit(value) for name, value in values.items()}
        self._scope.system.update(admitted)

    def bind_event(self, event: Event) -> None:
        """Bind `_event`; what is inside its data is looked at when an expression wants it."""
        if not isinstance(event.data, OF_JSON):
            raise Unsure
        self._event = event
        self._scope.event = self._event_fields

    def _event_fields(self) -> Value:
        if isinstance(self._event, Event):
            self._event = Admission().admit(self._event.to_json())
        return self._event

    def set_configuration(self, states: Iterable[str]) -> None:
        """The active states, for `In()`: a view of what they are when it is asked."""
        self._scope.active = states

    def declare(self, name: str) -> None:
        """Create a variable without a value."""
        if not NAME.fullmatch(name) or name.startswith("_") or name in RESERVED or name in built_in():
            raise Unsure
        if name in self._scope.functions:
            raise Unsure
        self._scope.values.setdefault(name, UNDEFINED)
        self._changed = True

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
        """As the engine saves; functions come from their scripts again. The same object until one changes."""
        if self._changed:
            self._saved, self._changed = flatten(self._scope.values), False
        return self._saved

    def load(self, saved: Json, scripts: Iterable[str]) -> None:
        """The inverse of `save`, in a session that has nothing yet."""
        functions: dict[str, str] = {}
        for script in scripts:
            self.run(script)
            functions.update(texts_of(script) or {})
        for name, value in unflatten(saved, functions).items():
            self.declare(name)
            self._scope.values[name] = value

    def everything(self) -> Everything:
        """What an engine takes over."""
        scope, system, event = self._scope, self._scope.system, self._event
        if event is not None and not isinstance(event, Event):
            system, event = {**system, "_event": event}, None
        graph = flatten({"system": system, "values": scope.values})
        return Everything(json.dumps(graph), self._scripts, event, scope.active)

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
        self._changed = True
