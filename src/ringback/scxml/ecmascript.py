"""The ECMAScript data model (SCXML B.2) on QuickJS: `prelude.js` keeps `In()`, `_event` and variables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ringback.sandbox import Engine, Json
from ringback.sandbox.engine import decode, trees_in

from .declarations import PART_OF, PARTS, PRELUDE
from .errors import EvaluationError
from .events import Event
from .limits import Limits
from .variables import Everything


class EcmaScript:
    """Implements DataModel."""

    def __init__(self, limits: Limits) -> None:
        self._engine = Engine(limits, PRELUDE, PARTS, PART_OF)
        self._active: tuple[str, ...] = ()
        self._active_known = True
        self._event: str | None = None
        self._saved: Json = None
        self._touched = True

    def begin_input(self) -> None:
        """See DataModel."""
        self._engine.begin_input()

    def add_library(self, source: str) -> None:
        """See DataModel."""
        self._call("library", source)

    def know(self, name: str, text: str) -> None:
        """See DataModel."""
        self._engine.call("know", name, text)

    def asked(self) -> list[Json]:
        """See DataModel."""
        text = self._engine.call("asked")
        return [json.loads(wish) for wish in json.loads(text)] if text else []

    def bind_system(self, values: Mapping[str, Json]) -> None:
        """See DataModel."""
        self._call("system", self._engine.encode(values))

    def bind_event(self, event: Event) -> None:
        """See DataModel. Told to the script engine only when something is evaluated."""
        self._event = self._engine.encode(event.to_json())

    def set_configuration(self, states: Iterable[str]) -> None:
        """See DataModel. Told to the script engine only when something is evaluated."""
        self._active = tuple(states)
        self._active_known = False

    def declare(self, name: str) -> None:
        """See DataModel."""
        self._call("declare", name)

    def evaluate(self, expr: str) -> Json:
        """See DataModel."""
        return decode(self._call("get", expr))

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
        self._call("assignValue", location, self._engine.encode(value))

    def run(self, source: str) -> None:
        """See DataModel."""
        self._tell()
        self._engine.run(source)

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
        """All global variables that the application made: data, functions, cycles and dates included.

        The same object as the last time when nothing was evaluated since.
        """
        if self._touched:
            self._saved = json.loads(self._engine.call("save"))
            self._touched = False
        return self._saved

    def load(self, saved: Json, scripts: Sequence[str] = ()) -> None:
        """See DataModel. Values first, so that scripts find them; then the scripts, for their functions; then
        the values again.
        """
        text, trees = json.dumps(saved), trees_in(saved)
        if trees != "{}":
            self._engine.need("xml")
        self._call("load", text, trees)
        for script in scripts:
            try:
                self.run(script)
            except EvaluationError:
                continue
        self._call("load", text, trees)

    def adopt(self, found: Everything) -> None:
        """Take over from `Variables`. Raises EvaluationError for an event that cannot be read."""
        self.set_configuration(found.active)
        self._engine.call("adopt", found.values)
        for script in found.scripts:
            self._engine.run(script)
        if found.event is not None:
            self.bind_event(found.event)

    def close(self) -> None:
        """See DataModel."""
        self._engine.close()

    def _call(self, name: str, *arguments: object) -> Any:
        self._tell()
        return self._engine.call(name, *arguments)

    def _tell(self) -> None:
        """Let the engine know the event and the active states; from here on variables may change."""
        self._touched = True
        if self._event is not None:
            event, self._event = self._event, None
            self._engine.call("event", event)
        if not self._active_known:
            self._active_known = True
            self._engine.call("active", json.dumps(self._active))
