"""How a platform adds its own executable content.

An element of a foreign namespace is looked up in a registry. Its handler reads the element, evaluates what
it needs through the context, and queues an `Action` that the shell carries out after the step::

    def play(element: Element, context: ActionContext) -> None:
        context.emit("play", {"prompt": context.attribute(element, "prompt")})

    Interpreter(document, "s1", actions={("urn:dialog", "play"): play})

A handler may raise EvaluationError: it becomes `error.execution`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ringback.sandbox import Element

from .events import Action, Event, Json

if TYPE_CHECKING:
    from .session import Session


class ActionContext:
    """What a handler may do in the session that executes its element."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self._session.id

    @property
    def root_id(self) -> str:
        """The id of the session that the shell started."""
        return self._session.tree.root_id

    def evaluate(self, expr: str) -> Json:
        """The value of an expression. Raises EvaluationError."""
        return self._session.datamodel.evaluate(expr)

    def assign(self, location: str, value: Json) -> None:
        """Assign a value to a location. Raises EvaluationError."""
        self._session.datamodel.assign_value(location, value)

    def attribute(self, element: Element, name: str, default: Json = None) -> Json:
        """The attribute `name`, or the value of the expression in `nameexpr`, or `default`."""
        expr = element.get(f"{name}expr")
        return self.evaluate(expr) if expr is not None else element.get(name, None) or default

    def raise_event(self, name: str, data: Json = None) -> None:
        """Queue a platform event in the session itself."""
        self._session.raise_internal(Event(name, "platform", data))

    def emit(self, namespace: str, name: str, payload: Mapping[str, Json]) -> int:
        """Queue an action for the shell; its number."""
        self._session.tree.take_wishes(self._session)
        number = self._session.tree.next_action()
        self._session.emit(Action(self._session.id, number, namespace, name, payload))
        return number


ActionHandler = Callable[[Element, ActionContext], None]
Actions = Mapping[tuple[str, str], ActionHandler]
