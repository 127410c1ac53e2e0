"""What the interpreter asks of a data model, and the null data model (SCXML B.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from .errors import EvaluationError
from .events import Event, Json

_IN = re.compile(r"""\s*In\(\s*(['"]?)([^'"]*?)\1\s*\)\s*""")


class DataModel(Protocol):
    """Expressions, variables and the system variables of one session.

    Every method raises EvaluationError for a fault of the application and LimitExceededError when the
    application used too much.
    """

    def begin_input(self) -> None:
        """A new input begins: the budget of CPU time is full again."""

    def add_library(self, source: str) -> None:
        """Have the platform's functions for scripts (see `Interpreter`), before `bind_system`."""

    def know(self, name: str, text: str) -> None:
        """Tell the library something, as JSON text."""

    def asked(self) -> list[Json]:
        """What the library's functions want done since the last time: namespace, name, payload of each."""

    def bind_system(self, values: Mapping[str, Json]) -> None:
        """Bind read-only variables such as `_sessionid`."""

    def bind_event(self, event: Event) -> None:
        """Bind `_event`."""

    def set_configuration(self, states: Iterable[str]) -> None:
        """The active states, for `In()`."""

    def declare(self, name: str) -> None:
        """Create a variable without a value."""

    def evaluate(self, expr: str) -> Json:
        """The value of an expression."""

    def condition(self, expr: str) -> bool:
        """The truth of an expression."""

    def location(self, expr: str) -> Json:
        """The value of a location expression; the location must exist."""

    def assign(self, location: str, expr: str) -> None:
        """Assign the value of an expression."""

    def assign_value(self, location: str, value: Json) -> None:
        """Assign a value that comes from outside."""

    def run(self, source: str) -> None:
        """Run a script."""

    def open_list(self, array: str) -> tuple[int, int]:
        """Copy a list for `<foreach>`; its handle and length."""

    def bind_item(self, handle: int, position: int, item: str, index: str | None) -> None:
        """Assign one item of the list, and its position, creating the variables where needed."""

    def close_list(self, handle: int) -> None:
        """Forget the list."""

    def save(self) -> Json:
        """All variables of the application."""

    def load(self, saved: Json, scripts: Sequence[str] = ()) -> None:
        """The inverse of `save`; `scripts` are run again, for their functions."""

    def close(self) -> None:
        """Give the memory back; nothing is evaluated any more."""


class NullDataModel:
    """No variables; the only expression is `In(state)`."""

    def __init__(self) -> None:
        self._active: frozenset[str] = frozenset()

    def begin_input(self) -> None:
        """Nothing to budget."""

    def add_library(self, source: str) -> None:
        """No scripts."""

    def know(self, name: str, text: str) -> None:
        """Nobody to tell."""

    def asked(self) -> list[Json]:
        """Nothing."""
        return []

    def bind_system(self, values: Mapping[str, Json]) -> None:
        """No system variables."""

    def bind_event(self, event: Event) -> None:
        """No `_event`."""

    def set_configuration(self, states: Iterable[str]) -> None:
        """See DataModel."""
        self._active = frozenset(states)

    def condition(self, expr: str) -> bool:
        """See DataModel."""
        match = _IN.fullmatch(expr)
        if match is None:
            raise EvaluationError(f"the null data model knows only In(): {expr!r}")
        return match[2] in self._active

    def evaluate(self, expr: str) -> Json:
        """See DataModel."""
        raise EvaluationError("the null data model has no values")

    def declare(self, name: str) -> None:
        """See DataModel."""
        raise EvaluationError("the null data model has no variables")

    def location(self, expr: str) -> Json:
        """See DataModel."""
        raise EvaluationError("the null data model has no locations")

    def assign(self, location: str, expr: str) -> None:
        """See DataModel."""
        raise EvaluationError("the null data model has no locations")

    def assign_value(self, location: str, value: Json) -> None:
        """See DataModel."""
        raise EvaluationError("the null data model has no locations")

    def run(self, source: str) -> None:
        """See DataModel."""
        raise EvaluationError("the null data model has no scripts")

    def open_list(self, array: str) -> tuple[int, int]:
        """See DataModel."""
        raise EvaluationError("the null data model has no lists")

    def bind_item(self, handle: int, position: int, item: str, index: str | None) -> None:
        """Never reached: there are no lists."""

    def close_list(self, handle: int) -> None:
        """Never reached: there are no lists."""

    def save(self) -> Json:
        """Nothing."""
        return None

    def load(self, saved: Json, scripts: Sequence[str] = ()) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
