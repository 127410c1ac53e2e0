"""The ECMAScript data model without an engine until one is needed.

Many applications only look at data and assign it: `Variables` does that for a tenth of the cost. With the
first expression that does more, or may do more, an engine takes over all that there is, for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from .datamodel import DataModel
from .ecmascript import EcmaScript
from .events import Event, Json
from .limits import Limits
from .plain_values import Unsure
from .variables import Variables

T = TypeVar("T")


class LazyEcmaScript:
    """Implements DataModel."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._variables: Variables | None = Variables()
        self._engine: EcmaScript | None = None

    @property
    def has_engine(self) -> bool:
        """Whether an engine was needed."""
        return self._engine is not None

    def begin_input(self) -> None:
        """See DataModel."""
        for each in (self._variables, self._engine):
            if each is not None:
                each.begin_input()

    def add_library(self, source: str) -> None:
        """See DataModel."""
        self._with_engine().add_library(source)

    def know(self, name: str, text: str) -> None:
        """See DataModel."""
        self._with_engine().know(name, text)

    def asked(self) -> list[Json]:
        """See DataModel."""
        return self._engine.asked() if self._engine is not None else []

    def bind_system(self, values: Mapping[str, Json]) -> None:
        """See DataModel."""
        self._do(lambda it: it.bind(values), lambda it: it.bind_system(values))

    # What every event asks for does without `_do`, which makes two functions for each call.

    def bind_event(self, event: Event) -> None:
        """See DataModel."""
        if self._variables is not None:
            try:
                self._variables.bind_event(event)
                return
            except Unsure:
                pass
        self._with_engine().bind_event(event)

    def set_configuration(self, states: Iterable[str]) -> None:
        """See DataModel."""
        (self._variables or self._with_engine()).set_configuration(states)

    def declare(self, name: str) -> None:
        """See DataModel."""
        self._do(lambda it: it.declare(name), lambda it: it.declare(name))

    def evaluate(self, expr: str) -> Json:
        """See DataModel."""
        if self._variables is not None:
            try:
                return self._variables.evaluate(expr)
            except Unsure:
                pass
        return self._with_engine().evaluate(expr)

    def condition(self, expr: str) -> bool:
        """See DataModel."""
        if self._variables is not None:
            try:
                return self._variables.condition(expr)
            except Unsure:
                pass
        return self._with_engine().condition(expr)

    def location(self, expr: str) -> Json:
        """See DataModel."""
        return self.evaluate(expr)

    def assign(self, location: str, expr: str) -> None:
        """See DataModel."""
        if self._variables is not None:
            try:
                self._variables.assign(location, expr)
                return
            except Unsure:
                pass
        self._with_engine().assign(location, expr)

    def assign_value(self, location: str, value: Json) -> None:
        """See DataModel."""
        self._do(lambda it: it.assign_value(location, value), lambda it: it.assign_value(location, value))

    def run(self, source: str) -> None:
        """See DataModel."""
        self._do(lambda it: it.run(source), lambda it: it.run(source))

    def open_list(self, array: str) -> tuple[int, int]:
        """See DataModel."""
        return self._with_engine().open_list(array)

    def bind_item(self, handle: int, position: int, item: str, index: str | None) -> None:
        """See DataModel."""
        self._with_engine().bind_item(handle, position, item, index)

    def close_list(self, handle: int) -> None:
        """See DataModel."""
        self._with_engine().close_list(handle)

    def save(self) -> Json:
        """See DataModel. The same object as the last time when nothing has changed since."""
        return self._do(lambda it: it.save(), lambda it: it.save())

    def load(self, saved: Json, scripts: Sequence[str] = ()) -> None:
        """See DataModel."""
        self._do(lambda it: it.load(saved, scripts), lambda it: it.load(saved, scripts))

    def close(self) -> None:
        """See DataModel."""
        if self._variables is not None:
            self._variables.close()
            self._variables = None
        if self._engine is not None:
            self._engine.close()

    def _do(self, plainly: Callable[[Variables], T], by_engine: Callable[[DataModel], T]) -> T:
        if self._variables is not None:
            try:
                return plainly(self._variables)
            except Unsure:
                pass
        return by_engine(self._with_engine())

    def _with_engine(self) -> EcmaScript:
        """The engine; when it is made it takes over what there is."""
        if self._engine is None:
            variables, self._variables = self._variables or Variables(), None
            self._engine = EcmaScript(self._limits)
            self._engine.adopt(variables.everything())
            variables.close()
        return self._engine
