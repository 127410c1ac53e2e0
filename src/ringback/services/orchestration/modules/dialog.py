"""What the caller on the route point hears and presses: prompts, sounds, digits, a beep, a recorded message,
a dialog in VoiceXML.

Events: `dialog.<element>.done` (`digits` of a collection; `verified` of `playandverify`),
`error.dialog.<element>`. A treatment that another one replaces, or that the routing of the call ends, has no
event. Of `start`: `dialog.start.done` with `reason` (finished, hangup, transferred), `result` (the variables
with which the dialog exited) and `value`; `error.dialog.start` (`reason`, `description`).
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import (
    VENDOR,
    emit,
    needed,
    number,
    params,
    prompts,
    text,
)

NAMESPACE = f"{VENDOR}/dialog"
VXML_TYPE = "application/voicexml+xml"
SOUNDS = {
    "music": "Music",
    "silence": "Silence",
    "ringback": "Ringback",
    "busy": "Busy",
    "fastbusy": "FastBusy",
}


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
    """`<playsound type="music|silence|ringback|busy|fastbusy">`: it goes on until something else begins."""
    kind = text(context, element, "type", "music")
    if kind not in SOUNDS:
        raise EvaluationError(f"<playsound> 'type' is one of {', '.join(SOUNDS)}")
    emit(context, element, {"treatment": SOUNDS[kind]})


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


def playandverify(element: Element, context: ActionContext) -> None:
    """`<playandverify digits …>`: as `collect`; whether the caller pressed just these digits."""
    expected = needed(context, element, "digits")
    payload = {
        "treatment": "PlayAnnouncementAndDigits",
        "prompts": prompts(context, element),
        "max_digits": int(number(context, element, "max_digits", len(expected))),
        "terminators": text(context, element, "term_digits", "#"),
        "timeout": number(context, element, "timeout", 5.0),
        "verify": expected,
    }
    emit(context, element, payload)


def createann(element: Element, context: ActionContext) -> None:
    """`<createann mailbox max_duration>`: greet as the mailbox does and record into it; seconds."""
    payload = {
        "treatment": "RecordUserAnnouncement",
        "mailbox": needed(context, element, "mailbox"),
        "max_duration": number(context, element, "max_duration", 120.0),
        "then_music": False,
    }
    emit(context, element, payload)


def beep(element: Element, context: ActionContext) -> None:
    """`<beep timeout>`: listen for the beep of an answering machine; `reason` is then finished or timeout."""
    payload = {"treatment": "BeepDetection", "timeout": number(context, element, "timeout", 15.0)}
    emit(context, element, payload)


def start(element: Element, context: ActionContext) -> None:
    """`<start src type namelist mailbox>` with children `<param name expr>`: a VoiceXML dialog.

    The variables of the list and the parameters are the dialog's `session.parameters`; the mailbox takes what
    it records.
    """
    kind = text(context, element, "type", VXML_TYPE)
    if kind not in (VXML_TYPE, "text/xml", "application/xml"):
        raise EvaluationError(f"<start> 'type' is {VXML_TYPE}")
    parameters = {name: context.evaluate(name) for name in text(context, element, "namelist").split()}
    payload = {
        "src": needed(context, element, "src"),
        "parameters": parameters | params(context, element),
        "mailbox": text(context, element, "mailbox"),
    }
    emit(context, element, payload)


def stop(element: Element, context: ActionContext) -> None:
    """`<stop>`: silence; a VoiceXML dialog is over."""
    emit(context, element, {"treatment": "Silence"})


def runtreatments(element: Element, context: ActionContext) -> None:
    """`<runtreatments>` with children `<play>` and `<playsound type>`, alone or in `<queue:submit>`: what the
    caller hears while waiting. The prompts of all, in their order, then music (or what the last sound says).
    """
    names = [name for child in element.elements() if child.name == "play" for name in prompts(context, child)]
    sounds = [text(context, each, "type", "music") for each in element.elements() if each.name == "playsound"]
    sound = sounds[-1] if sounds else "music"
    if sound not in SOUNDS:
        raise EvaluationError(f"<playsound> 'type' is one of {', '.join(SOUNDS)}")
    announcement = {"treatment": "PlayAnnouncement", "prompts": names, "then_music": sound == "music"}
    context.emit(NAMESPACE, "runtreatments", announcement if names else {"treatment": SOUNDS[sound]})


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "play"): play,
    (NAMESPACE, "playsound"): playsound,
    (NAMESPACE, "collect"): collect,
    (NAMESPACE, "playandcollect"): collect,
    (NAMESPACE, "playandverify"): playandverify,
    (NAMESPACE, "createann"): createann,
    (NAMESPACE, "beep"): beep,
    (NAMESPACE, "start"): start,
    (NAMESPACE, "stop"): stop,
    (NAMESPACE, "runtreatments"): runtreatments,
}
