"""Runs the VoiceXML dialog of a scenario's step: orchestration's own part for it, a scripted caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ringback.contracts.events import CallEvent
from ringback.scxml import Action, Event
from ringback.services.orchestration.dialogs import NAMESPACE, Dialogs
from ringback.services.orchestration.records import Pending, Record
from ringback.vxml import DEFAULT_LIMITS

HANGUP = "hangup"
_HERE = "http://dialogs/"
_STEPS = 1_000
Say = Callable[[str], None]
"""Takes a line of what happens."""


class DialogMismatch(Exception):
    """The dialog wants more keys than the scenario has, or fewer."""


def rehearse_dialog(action: Action, keys: list[str], pages: Mapping[str, str], now: float, say: Say) -> Event:
    """The event with which the dialog ends. Raises DialogMismatch."""
    caller = _Caller(action, keys, pages, now, say)
    event = caller.run()
    if caller.keys:
        raise DialogMismatch(f"the dialog was over before {' '.join(map(repr, caller.keys))}")
    return event


class _Caller:
    """Answers what the dialog asks for, until it is over."""

    def __init__(
        self,
        action: Action,
        keys: list[str],
        pages: Mapping[str, str],
        now: float,
        say: Say,
    ) -> None:
        self.keys = list(keys)
        self._pages, self._now, self._say = pages, now, say
        self._record = Record(id=action.session, tenant="demo", kind="inbound", conn_id="c1")
        self._dialogs = Dialogs(self._record, DEFAULT_LIMITS)
        self._dialogs.begin(action, now)

    def run(self) -> Event:
        """Raises DialogMismatch."""
        for _ in range(_STEPS):
            told = self._dialogs.told()
            if told:
                return told[0][1]
            if not self._record.pending:
                break
            self._answer(self._record.pending.pop(0))
        raise DialogMismatch("the dialog does not come to its end")

    def _answer(self, asked: Pending) -> None:
        found = asked.payload
        if asked.namespace == NAMESPACE:
            self._serve(asked)
            return
        for prompt in found.get("prompts", ()):
            self._say(f"♪ {prompt}")
        if asked.name == "collect":
            self._press(asked)
        elif asked.name == "redirect":
            self._tell(asked, "EventRouteUsed")
        elif asked.name == "terminate":
            self._dialogs.hung_up(self._now)
        else:
            self._tell(asked, "EventTreatmentEnd", reason="finished")

    def _press(self, asked: Pending) -> None:
        if not self.keys:
            raise DialogMismatch("the dialog waits for keys, and the scenario has none left")
        keys = self.keys.pop(0)
        self._say(f"keys {keys!r}")
        if keys == HANGUP:
            self._dialogs.hung_up(self._now)
        else:
            reason = "finished" if keys else "timeout"
            self._tell(asked, "EventTreatmentEnd", reason=reason, digits=keys.removesuffix("#"))

    def _tell(self, asked: Pending, name: str, **fields: Any) -> None:
        reference = self._record.reference(asked.number)
        event = CallEvent(
            id=name, time=self._now, tenant="demo", conn_id="c1", reference_id=reference, **fields
        )
        self._dialogs.call_event(event, self._now)

    def _serve(self, asked: Pending) -> None:
        url = str(asked.payload["url"])
        name = url.removeprefix(_HERE)
        text = self._pages.get(name, self._pages.get(f"{name}.vxml"))
        self._say(f"{asked.payload['method']} {name} {asked.payload['form'] or ''}".rstrip())
        answer = {
            "status": 404 if text is None else 200,
            "type": "",
            "text": text or "",
            "url": url if "://" in url else _HERE + name,
            "requestid": self._record.reference(asked.number),
        }
        self._dialogs.action_event(Event("vxml.fetch.done", data=answer), self._now)
