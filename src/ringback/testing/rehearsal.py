"""Runs an application against a scenario: the real interpreter and modules, a scripted world, a moved clock.

Nothing else of the platform is needed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from ringback.domain.tables import BUSINESS_HOURS, SPECIAL_DAYS
from ringback.scxml import Action, Document, Ended, Event, Interpreter
from ringback.services.orchestration import knowledge, routing
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.performer import module_of
from ringback.services.orchestration.records import Asked, Record
from ringback.services.orchestration.translation import alias, done_event, error_event
from ringback.testing.rehearsal_dialog import DialogMismatch, rehearse_dialog
from ringback.testing.scenario_file import Scenario, Step

ATTRIBUTES = {
    "agent": "agent_id",
    "arrivaltime": "arrival_time",
    "callerid": "ani",
    "connid": "conn_id",
    "data": "user_data",
    "dialresult": "dial_result",
    "interactionid": "interaction_id",
    "queue": "vq",
    "requestid": "request_id",
    "reservation": "reservation_id",
    "src": "url",
    "term_digits": "terminators",
    "timeout": "timeout_s",
    "type": "route_type",
}
"""An attribute of an element, where the action that it becomes calls it otherwise."""

_GONE = ("interaction.deleted", "interaction.abandoned")

# A script sees the clock of the scenario; `instanceof Date` and every method stay what they are.
_CLOCK = """(function () {
  const Real = Date;
  let milliseconds = 0;
  class Moved extends Real {
    constructor(...given) { if (given.length) super(...given); else super(milliseconds); }
    static now() { return milliseconds; }
  }
  globalThis.Date = Moved;
  Object.defineProperty(globalThis, '$move', { value: (to) => { milliseconds = to; } });
})()"""


class Mismatch(Exception):
    """The application did something else than the scenario says."""


class Rehearsal:
    """One run of one scenario; `log` is what happened, a line for each thing."""

    def __init__(
        self, document: Document, scenario: Scenario, dialogs: Mapping[str, str] | None = None
    ) -> None:
        """`dialogs` are the VoiceXML documents that lie beside the application, by their file names."""
        self._scenario = scenario
        self._pages = {**(dialogs or {}), **scenario.pages}
        self._scripted = document.datamodel == "ecmascript"
        self._now = scenario.start
        self._asked: deque[Action] = deque()
        self._last: dict[str, int] = {}
        self._ended: Ended | None = None
        self.log: list[str] = []
        bindings = {"_genesys": platform_data(scenario)}
        call = bindings["_genesys"].get("interaction", {})
        self._record = Record(
            id="s1",
            tenant="demo",
            kind=scenario.kind,
            conn_id=call.get("connid", ""),
            call_uuid=call.get("id", ""),
        )
        """What the platform itself does of the routing."""
        self._uses = knowledge.uses_of([document.source, *document.resources.values()])
        library = knowledge.LIBRARY if self._uses.any else ""
        self._session = Interpreter(document, "s1", actions=ACTIONS, bindings=bindings, library=library)

    def run(self) -> None:
        """Raises Mismatch at the first thing that is not as it should be."""
        try:
            if self._scripted:
                self._session.evaluate(_CLOCK)
            self._set_clock()
            self._session.start(self._now)
            self._take_outputs()
            for number, step in enumerate(self._scenario.steps, 1):
                self._step(number, step)
            if self._asked:
                raise Mismatch(f"at the end nobody expected {self._shown(self._asked[0])}")
        finally:
            self._session.close()

    def _step(self, number: int, step: Step) -> None:
        try:
            if step.expect:
                self._expect(step)
            elif step.event:
                self._event(step)
            elif step.wait is not None:
                self._wait(step.wait)
            else:
                self._check(step)
        except Mismatch as error:
            raise Mismatch(f"step {number}: {error}") from None

    def _expect(self, step: Step) -> None:
        found = self._asked[0] if self._asked else None
        if found is None or _name(found) != step.expect:
            if step.optional:
                return
            what = self._shown(found) if found else f"nothing, in {' '.join(self._session.configuration)}"
            raise Mismatch(f"expected {step.expect}, found {what}")
        self._asked.popleft()
        for name, value in step.attributes.items():
            self._compare(found, name, value)
        asked = Asked(found.session, module_of(found.namespace), found.name)
        request_id = f"s1:{found.number}"
        if step.keys is not None:
            self._talk(found, step.keys)
        elif step.error is not None:
            event = error_event(asked, step.error, request_id)
            self._feed(Event(event.name, data={**event.data, **step.data}))
        elif step.done is not None:
            # The one element whose answer bears another module's name (see `translation`).
            name = "voice.createcall.done" if step.expect == "interaction.createcall" else ""
            event = done_event(asked, step.done, request_id)
            self._record.conn_id = self._record.conn_id or ("dialled" if name else "")
            self._feed(Event(name or event.name, data=event.data))

    def _talk(self, action: Action, keys: list[str]) -> None:
        """Run a VoiceXML dialog whose caller presses these keys."""
        try:
            event = rehearse_dialog(action, keys, self._pages, self._now, self._say)
        except DialogMismatch as error:
            raise Mismatch(str(error)) from None
        self._feed(event)

    def _say(self, line: str) -> None:
        self.log.append(f"{self._at()}       {line}")

    def _compare(self, action: Action, name: str, wanted: object) -> None:
        # `timeout` is `timeout` in some and `timeout_s` in others.
        key = name if name in action.payload else ATTRIBUTES.get(name, name)
        if key not in action.payload:
            raise Mismatch(f"{_name(action)} has no {name!r}; it has {', '.join(action.payload)}")
        if action.payload[key] != wanted:
            raise Mismatch(f"{_name(action)} {name} is {action.payload[key]!r}, expected {wanted!r}")

    def _event(self, step: Step) -> None:
        data = dict(step.data)
        if step.answers:
            if step.answers not in self._last:
                raise Mismatch(f"no {step.answers} has been asked for")
            data["requestid"] = f"s1:{self._last[step.answers]}"
        self._feed(Event(step.event, data=data or None))

    def _wait(self, seconds: float) -> None:
        until = self._now + seconds
        while (due := self._next_timer()) is not None and due <= until:
            self._now = max(self._now, due)
            self._set_clock()
            self.log.append(f"{self._at()}  (timer)")
            self._session.handle_timer(self._now)
            for _, event in routing.handle_timer(self._record, self._now):
                self._feed_chart(event)
            self._take_outputs()
        self._now = until
        self._set_clock()

    def _next_timer(self) -> float | None:
        due = self._session.next_timer()
        return min([*routing.dues(self._record), *([] if due is None else [due])], default=None)

    def _check(self, step: Step) -> None:
        active = self._session.configuration if self._session.running else ()
        missing = [state for state in step.states or () if state not in active]
        if missing:
            raise Mismatch(f"not in {' '.join(missing)} but in {' '.join(active) or 'no state: it is over'}")
        if step.ended and self._session.running:
            raise Mismatch(f"not over, but in {' '.join(active)}")

    def _feed(self, event: Event) -> None:
        self.log.append(f"{self._at()}  {event.name} {event.data or ''}")
        self._record.gone = self._record.gone or event.name in _GONE
        told = routing.take(self._record, event, self._now)
        if told is None:
            self._feed_chart(event)
        else:
            for _, each in told:
                self.log.append(f"{self._at()}  {each.name} {each.data}")
                self._feed_chart(each)
        self._take_outputs()

    def _feed_chart(self, event: Event) -> None:
        self._session.feed(event, self._now)
        other = alias(event)
        if other is not None:
            self._session.feed(other, self._now)

    def _ask(self, action: Action) -> None:
        self._asked.append(action)
        self._last[_name(action)] = action.number
        self.log.append(f"{self._at()}    -> {self._shown(action)}")

    def _take_outputs(self) -> None:
        while self._record.pending:
            own = self._record.pending.pop(0)
            self._ask(Action(own.session, own.number, own.namespace, own.name, own.payload))
        for output in self._session.outputs():
            if isinstance(output, Action):
                self._ask(output)
                routing.begin(self._record, output)
            elif isinstance(output, Ended):
                self._ended = output
                if output.error:
                    raise Mismatch(f"the application broke: {output.error} {output.data}")
        self.log.append(f"{self._at()}    in {' '.join(self._session.configuration) or '(over)'}")

    def _set_clock(self) -> None:
        for name, text in self._known().items():
            self._session.know(name, text)
        if self._scripted and self._session.running:
            self._session.evaluate(f"$move({self._now * 1000})")

    def _known(self) -> dict[str, str]:
        """What functions of scripts answer from: the scenario's clock, tables and statistics."""
        if not self._uses.any:
            return {}
        tables = self._scenario.tables
        hours, days = tables.get(BUSINESS_HOURS, {}), tables.get(SPECIAL_DAYS, {})
        known = {"now": self._now, "tables": tables, "figures": self._scenario.statistics}
        return {
            **{name: json.dumps(value) for name, value in known.items()},
            "zones": knowledge.zones(self._now),
            "offices": knowledge.offices(hours, days, self._now),
        }

    def _at(self) -> str:
        return f"{self._now - self._scenario.start:8.1f}"

    def _shown(self, action: Action) -> str:
        given = {name: value for name, value in action.payload.items() if value not in ("", 0, {}, [])}
        return f"{_name(action)} {given}"


def _name(action: Action) -> str:
    return f"{module_of(action.namespace)}.{action.name}"


def platform_data(scenario: Scenario) -> Mapping[str, Any]:
    """What the application sees as `_genesys`."""
    common = {"arrivaltime": scenario.start, "routepoint": "8000", "udata": {}}
    call = {"id": "U1", "connid": "00000000000000A1", "ani": "+14155550100", "dnis": "8000"}
    callback = {
        "id": "c1",
        "attempt": 1,
        "service": "sales",
        "number": "+14155550100",
        "desiredtime": 0.0,
        "priority": 0,
        "target": "?:sales>=1",
        "callerid": "",
        "expiresat": 0.0,
    }
    key, about = ("interaction", call) if scenario.kind == "inbound" else ("callback", callback)
    return {
        "tenant": "demo",
        "session": "s1",
        "parameters": scenario.parameters,
        key: {**common, **about, **scenario.about},
        **scenario.platform,
    }
