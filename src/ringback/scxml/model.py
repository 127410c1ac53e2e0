"""The compiled document: immutable, shared by all sessions that run it.

States are numbered in document order, so that document order is `<` and a state's descendants are the
numbers from `index + 1` to `last`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ringback.sandbox import Element

from .errors import DocumentError
from .records import Fixed

Kind = Literal["atomic", "compound", "parallel", "final", "history"]


class Value(Fixed, frozen=True):
    """An attribute that is either literal or an expression (`target` and `targetexpr`)."""

    literal: str | None = None
    expr: str | None = None

    def __bool__(self) -> bool:
        return self.literal is not None or self.expr is not None


class Content(Fixed, frozen=True):
    """`<content>`, or the inline value of `<data>` and `<assign>`."""

    expr: str | None = None
    text: str = ""
    element: Element | None = None


class Param(Fixed, frozen=True):
    """`<param>` (SCXML 5.7)."""

    name: str
    expr: str | None
    location: str | None


class Payload(Fixed, frozen=True):
    """What `<send>`, `<invoke>` and `<donedata>` carry."""

    params: tuple[Param, ...] = ()
    namelist: tuple[str, ...] = ()
    content: Content | None = None


class Raise(Fixed, frozen=True):
    """`<raise>` (SCXML 4.2)."""

    event: str


class LogContent(Fixed, frozen=True):
    """`<log>` (SCXML 4.7)."""

    label: str
    expr: str | None


class Assign(Fixed, frozen=True):
    """`<assign>` (SCXML 5.4)."""

    location: str
    expr: str | None
    content: Content | None


class Script(Fixed, frozen=True):
    """`<script>` (SCXML 5.8)."""

    source: str


class If(Fixed, frozen=True):
    """`<if>`, `<elseif>`, `<else>` (SCXML 4.3); `<else>` has no condition."""

    branches: tuple[tuple[str | None, Block], ...]


class Foreach(Fixed, frozen=True):
    """`<foreach>` (SCXML 4.6)."""

    array: str
    item: str
    index: str | None
    body: Block


class Send(Fixed, frozen=True):
    """`<send>` (SCXML 6.2)."""

    event: Value
    target: Value
    type: Value
    delay: Value
    id: str | None
    idlocation: str | None
    payload: Payload


class Cancel(Fixed, frozen=True):
    """`<cancel>` (SCXML 6.3)."""

    sendid: Value


class Custom(Fixed, frozen=True):
    """An executable element of another namespace."""

    element: Element


Executable = Raise | LogContent | Assign | Script | If | Foreach | Send | Cancel | Custom
Block = tuple[Executable, ...]


class Data(Fixed, frozen=True):
    """`<data>` (SCXML 5.3). `missing` when its `src` could not be had."""

    id: str
    expr: str | None
    content: Content | None
    missing: bool = False


class Invoke(Fixed, frozen=True):
    """`<invoke>` (SCXML 6.4). `document` is the inline one, already compiled."""

    id: str | None
    idlocation: str | None
    type: Value
    src: Value
    payload: Payload
    document: Document | DocumentError | None
    autoforward: bool
    finalize: Block | None


_MOST_MEANT = 2000


class Transition(Fixed, frozen=True):
    """`<transition>`, also that of `<initial>` and `<history>`; `targets` are state numbers."""

    source: int
    events: tuple[str, ...]
    cond: str | None
    targets: tuple[int, ...]
    internal: bool
    content: Block

    def matches(self, name: str) -> bool:
        """Whether an event of this name is meant (SCXML 3.12.1)."""
        return any(e == "*" or name == e or name.startswith(e + ".") for e in self.events)


class State(Fixed, frozen=True):
    """`<scxml>` (number 0), `<state>`, `<parallel>`, `<final>` or `<history>`."""

    index: int
    last: int
    id: str
    kind: Kind
    parent: int
    children: tuple[int, ...]
    histories: tuple[int, ...]
    transitions: tuple[Transition, ...]
    onentry: tuple[Block, ...]
    onexit: tuple[Block, ...]
    invokes: tuple[Invoke, ...]
    initial: Transition | None
    deep: bool
    data: tuple[Data, ...]
    donedata: Payload | None

    def contains(self, other: int) -> bool:
        """Whether the state with this number is a proper descendant."""
        return self.index < other <= self.last


class Document(Fixed, frozen=True):
    """One compiled SCXML document."""

    source: str
    resources: Mapping[str, str]
    name: str
    datamodel: str
    late_binding: bool
    states: tuple[State, ...]
    by_id: Mapping[str, int]
    scripts: tuple[Script, ...]
    paths: tuple[tuple[int, ...], ...]
    """For each state its proper ancestors, the nearest first, the root last."""
    known: dict[tuple[int, str | None], tuple[Transition, ...]]
    """What `meant` has found: charts are few, and the same events come to all their sessions."""

    @property
    def root(self) -> State:
        """The `<scxml>` element as a state."""
        return self.states[0]

    def ancestors(self, index: int) -> tuple[int, ...]:
        """Proper ancestors, the nearest first, the root last."""
        return self.paths[index]

    def meant(self, index: int, event: str | None) -> tuple[Transition, ...]:
        """The transitions of a state and its ancestors, in order, that an event (None: no event) is for."""
        found = self.known.get((index, event))
        if found is None:
            found = tuple(
                transition
                for state in (index, *self.paths[index])
                for transition in self.states[state].transitions
                if (not transition.events if event is None else transition.matches(event))
            )
            if len(self.known) >= _MOST_MEANT:
                self.known.clear()  # names come from outside
            self.known[index, event] = found
        return found
