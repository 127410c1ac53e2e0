"""Treatments of the caller on the route point: `play`, `playsound`, `collect`, `beep`, `stop`.

Events: `dialog.<element>.done` (`digits` of a collection), `error.dialog.<element>`. A treatment that another
one replaces, or that the routing of the call ends, has no event.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element
from ringback.services.orchestration.modules.reading import VENDOR, emit, number, prompts, text

NAMESPACE = f"{VENDOR}/dialog"


def play(element: Element, context: ActionContext) -> None:
    """`<play prompts then="music|silence">` with children `<prompt name>`."""
    music = text(context, element, "then", "music") == "music"
    payload = {
        "treatment": "PlayAnnouncement",
        "prompts": prompts(context, element),
        "then_music": music,
    }
    emit(context, element, payload)


def playsound(element: Element, context: ActionContext) -> None:
    """`<playsound type="music|silence">`."""
    kind = text(context, element, "type", "music")
    emit(context, element, {"treatment": "Silence" if kind == "silence" else "Music"})


def collect(element: Element, context: ActionContext) -> None:
    """`<collect prompts max_digits term_digits timeout>`; `timeout` in seconds without a digit."""
    payload = {
        "treatment": "PlayAnnouncementAndDigits",
        "prompts": prompts(context, element),
        "max_digits": int(number(context, element, "max_digits", 1)),
        "terminators": text(context, element, "term_digits", "#"),
        "timeout": number(context, element, "timeout", 5.0),
    }
    emit(context, element, payload)


def beep(element: Element, context: ActionContext) -> None:
    """`<beep timeout>`: listen for the beep of an answering machine; `reason` is then finished or timeout."""
    payload = {"treatment": "BeepDetection", "timeout": number(context, element, "timeout", 15.0)}
    emit(context, element, payload)


def stop(element: Element, context: ActionContext) -> None:
    """`<stop>`: silence."""
    emit(context, element, {"treatment": "Silence"})


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "play"): play,
    (NAMESPACE, "playsound"): playsound,
    (NAMESPACE, "collect"): collect,
    (NAMESPACE, "playandcollect"): collect,
    (NAMESPACE, "beep"): beep,
    (NAMESPACE, "stop"): stop,
}
