"""What a dialog is at rest: plain data, so that it can be kept and go on elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ringback.sandbox import Json

from .events import Part

Step = Literal["document", "entered", "select", "visit", "filled", "caught", "exit"]
"""What comes when nothing is left to execute."""
WaitKind = Literal["play", "collect", "record", "transfer", "document", "root", "data", "script"]
FETCHED: frozenset[WaitKind] = frozenset({"document", "root", "data", "script"})


class Thrown(Exception):
    """An event (5.2), on its way to the element that catches it."""

    def __init__(self, name: str, message: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.message = message


@dataclass(slots=True)
class Item:
    """A form item, or a menu; `events` counts by name and by each of its beginnings."""

    node: int
    name: str
    prompts: int = 1
    events: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Frame:
    """The children `at` to `end` of an element are to be executed."""

    node: int
    at: int
    end: int
    outer: bool = False
    """The element stands in the application root document."""
    init: bool = False
    """The children are those of a document or form that is entered."""
    scope: int = 0
    """The anonymous scope that ends with it."""
    position: int = 0
    length: int = 0
    """Of `<foreach>`."""


@dataclass(slots=True)
class Context:
    """A document with its application, and the dialog in it; a subdialog has one of its own (2.3.4)."""

    document: str
    outer: str
    """Keys of the document and of its root document; empty: it has none."""
    roots: int
    """The scope of the names `session`, `application`, `document`, `dialog`."""
    application: int
    own: int
    """The scope of the document; the same as `application` when it has no root document."""
    target: str = ""
    """Id of the dialog that is entered first."""
    dialog_scope: int = 0
    dialog: int = -1
    items: list[Item] = field(default_factory=list)
    form: Item = field(default_factory=lambda: Item(0, ""))
    active: int = -1
    anonymous: list[int] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    step: Step = "document"
    filled: list[int] = field(default_factory=list)
    """Elements `<filled>` that are to be executed."""
    form_level: bool = False
    """Whether one of the form is executed: its events are counted with the form."""
    silent: bool = False
    """The item that is visited next says nothing: a catch has ended without `<reprompt>`."""
    reprompt: bool = False
    next_item: str = ""
    params: dict[str, Json] = field(default_factory=dict)
    """Of a subdialog, until its form has taken them."""


@dataclass(slots=True)
class Wait:
    """What the dialog waits for."""

    number: int
    kind: WaitKind
    due: float | None = None
    """When it is given up, seconds."""
    info: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queued:
    """A part of a prompt that waits to be played."""

    part: Part
    bargein: bool


Values = Mapping[str, Json]
