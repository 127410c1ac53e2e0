"""Every action that waits for somebody else ends in an event, also when nobody tells."""

import json
from typing import Any

import pytest

from ringback.contracts.events import CallEvent
from ringback.contracts.routing import RouteResult
from ringback.scxml import Event, Interpreter, compile_document
from ringback.services.orchestration import turn
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.patience import GRACE_S, patience
from ringback.services.orchestration.records import Input, Record
from ringback.services.orchestration.translation import alias

CHART = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:queue="www.genesyslab.com/modules/queue" xmlns:ixn="www.genesyslab.com/modules/interaction">
  <datamodel><data id="seen" expr="[]"/></datamodel>
  <state id="a"><onentry>{element}</onentry>
    <transition event="interaction voice queue error">
      <script>seen.push(_event.name + ' ' + (_event.data.error || ''))</script></transition>
  </state></scxml>"""
HOLD = '<ixn:hold from="1001"/>'
REDIRECT = '<ixn:redirect to="1001" timeout="10"/>'
SUBMIT = '<queue:submit queue="sales" timeout="30" requestid="seen.last"/>'


def begun(element: str) -> tuple[Record, Interpreter]:
    record = Record(id="s", tenant="demo", kind="inbound", conn_id="c1", conns=["c1"])
    session = Interpreter(compile_document(CHART.format(element=element)), "s", actions=ACTIONS)
    session.start(100.0)
    turn.collect(record, session, 100.0)
    return record, session


def seen(session: Interpreter) -> Any:
    return session.evaluate("seen.map(String)")


def call_event(record: Record, session: Interpreter, name: str, **fields: Any) -> None:
    event = CallEvent(id=name, time=1.0, tenant="demo", conn_id="c1", reference_id="s:1", **fields)
    turn.feed(record, session, Input(call=event), 101.0)
    turn.collect(record, session, 101.0)


def until_overdue(record: Record, session: Interpreter) -> None:
    while (due := turn.next_timer(record)) is not None:
        turn.handle_timer(record, session, due)
        turn.collect(record, session, due)


@pytest.mark.parametrize(
    ("element", "limit", "events"),
    [
        (HOLD, GRACE_S, ["error.interaction.hold timeout", "error.voice.hold timeout"]),
        (REDIRECT, 10 + GRACE_S, ["error.interaction.redirect timeout"]),
        (SUBMIT, 30 + GRACE_S, ["error.queue.submit timeout"]),
        (
            '<ixn:createcall from="8000" to="+1" detect="4"/>',
            34 + GRACE_S,
            ["error.voice.createcall timeout"],
        ),
    ],
)
def test_an_answer_that_never_comes_is_an_error_in_the_end(
    element: str, limit: float, events: list[str]
) -> None:
    record, _ = begun(element)
    assert turn.next_timer(record) == 100.0 + limit
    stored = json.loads(json.dumps(record.snapshot))
    again = Interpreter.restore(compile_document(CHART.format(element=element)), stored, actions=ACTIONS)
    until_overdue(record, again)
    assert seen(again) == events
    assert record.asked == {}


@pytest.mark.parametrize(
    ("element", "name", "events"),
    [
        (HOLD, "EventHeld", ["interaction.hold.done ", "voice.hold.done "]),
        (REDIRECT, "EventRouteUsed", ["interaction.redirect.done "]),
        (HOLD, "EventError", ["error.interaction.hold refused", "error.voice.hold refused"]),
    ],
)
def test_an_answer_that_has_come_is_not_overdue(element: str, name: str, events: list[str]) -> None:
    record, session = begun(element)
    call_event(record, session, name, reason="refused" if name == "EventError" else "")
    until_overdue(record, session)
    assert seen(session) == events


def test_a_phone_that_rings_is_waited_for_on() -> None:
    record, session = begun(REDIRECT)
    call_event(record, session, "EventRinging")
    assert turn.next_timer(record) == 110.0 + GRACE_S


def test_a_place_in_line_is_not_overdue_once_an_agent_was_reserved() -> None:
    record, session = begun(SUBMIT)
    for seq, outcome in enumerate(("position", "reserved")):
        assert turn.next_timer(record) == 130.0 + GRACE_S
        result = RouteResult(request_id="s:1", tenant="demo", seq=seq, outcome=outcome)  # type: ignore[arg-type]
        turn.feed(record, session, Input(result=result), 101.0)
        turn.collect(record, session, 101.0)
    assert turn.next_timer(record) is None


def test_the_end_of_the_call_tells_what_did_not_come() -> None:
    record, session = begun(HOLD)
    call_event(record, session, "EventCallDeleted")
    until_overdue(record, session)
    assert seen(session) == ["interaction.deleted "]


def test_prompts_and_lines_without_a_limit_take_as_long_as_they_take() -> None:
    assert patience("dialog", "play", {}) == patience("queue", "submit", {"timeout_s": 0.0}) == 0.0


def test_only_telephony_has_a_second_name() -> None:
    assert alias(Event("interaction.completetransfer.done")) == Event("voice.completetransfer.done")
    assert alias(Event("error.interaction.senddtmf")) == Event("error.voice.senddtmf")
    for name in (
        "interaction.udata.done",
        "interaction.redirect.done",
        "interaction.holding.done",
        "voice.held",
    ):
        assert alias(Event(name)) is None


def test_treatments_of_a_queue_are_one_announcement_and_no_event() -> None:
    element = """<queue:submit queue="sales" requestid="seen.last">
      <queue:targets><queue:targetid expr="'kim@s.A'"/>
      </queue:targets><dialog:runtreatments xmlns:dialog="www.genesyslab.com/modules/dialog">
      <dialog:play prompts="welcome"/><dialog:play prompts="please-hold"/><dialog:playsound type="silence"/>
      </dialog:runtreatments></queue:submit>"""
    record, session = begun(element)
    treated, submitted = record.pending
    assert (treated.name, submitted.payload["target"]) == ("runtreatments", "kim@s.A")
    assert treated.payload["prompts"] == ["welcome", "please-hold"]
    assert treated.payload["then_music"] is False
    call_event(record, session, "EventTreatmentEnd", reason="finished")
    assert seen(session) == ["voice.treatmentend "]
