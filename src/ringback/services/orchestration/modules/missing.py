"""Elements of the original that this platform has nothing to do with: each answers with its error event.

A chart that was written for the original compiles, and goes on by its transition for the error
(`error.resource.setstate` and so on, `reason`: unsupported).
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element
from ringback.services.orchestration.modules.reading import VENDOR, emit

NAMES = {
    "dialog": ("remote", "deleteann", "pause"),
    "interaction": ("accept", "associate"),
    "resource": ("setstate",),
}
"""By module."""


def unsupported(element: Element, context: ActionContext) -> None:
    """What this platform has not got, whatever its attributes: the answer is the element's error."""
    emit(context, element, {})


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (f"{VENDOR}/{module}", name): unsupported for module, names in NAMES.items() for name in names
}
