"""One step of a session, without anything around it."""

import msgspec

from ringback.contracts.events import CallEvent
from ringback.scxml import Event, Interpreter, compile_document
from ringback.services.orchestration import turn
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.records import Asked, Input, Record

TEXT = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:queue="www.genesyslab.com/modules/queue" xmlns:dialog="www.genesyslab.com/modules/dialog"
  xmlns:ixn="www.genesyslab.com/modules/interaction" xmlns:callback="urn:ringback:callback">
  <datamodel><data id="request"/><data id="broken" expr="0"/></datamodel>
  <state id="a">
    <transition event="submit">
      <queue:submit requestid="request" queue="sales" priority="5" timeout="30">
        <queue:targets><queue:target nameexpr="'?:a' + '=1'"/></queue:targets>
      </queue:submit>
    </transition>
    <transition event="play">
      <dialog:play prompts="one two"><dialog:prompt nameexpr="'number:' + 7"/></dialog:play>
    </transition>
    <transition event="bad"><ixn:redirect/></transition>
    <transition event="worse"><queue:submit queue="sales" priority="high"/></transition>
    <transition event="error.execution"><assign location="broken" expr="broken + 1"/></transition>
    <transition event="report">
      <callback:report state="QUEUED"/><callback:report state="ROUTING"/>
    </transition>
    <transition event="dial"><ixn:createcall from="8000" to="+1"/></transition>
    <transition event="end" target="z"/>
  </state>
  <final id="z"/>
</scxml>"""


def begun() -> tuple[Record, Interpreter]:
    record = Record(id="s", tenant="demo", kind="inbound", conn_id="c1", conns=["c1"])
    interpreter = Interpreter(compile_document(TEXT), "s", actions=ACTIONS)
    interpreter.start(0.0)
    turn.collect(record, interpreter, 1.0)
    return record, interpreter


def told(record: Record, interpreter: Interpreter, name: str) -> None:
    turn.feed(record, interpreter, Input(event=Event(name).to_json()), 1.0)
    turn.collect(record, interpreter, 1.0)


def test_an_action_is_in_the_record_with_what_the_element_says() -> None:
    record, interpreter = begun()
    told(record, interpreter, "submit")
    told(record, interpreter, "play")
    submit, play = record.pending
    assert submit.payload == {
        "vq": "sales",
        "target": "?:a=1",
        "priority": 5,
        "timeout_s": 30.0,
        "arrival_time": 0.0,
        "interaction_id": "",
    }
    assert interpreter.evaluate("request") == record.reference(submit.number) == "s:1"
    assert play.payload["prompts"] == ["one", "two", "number:7"]
    assert record.asked["2"] == Asked("s", "dialog", "play", since=1.0)


def test_an_element_with_missing_or_wrong_attributes_is_an_error_event() -> None:
    record, interpreter = begun()
    told(record, interpreter, "bad")
    told(record, interpreter, "worse")
    assert (record.pending, interpreter.evaluate("broken")) == ([], 2)


def test_reports_are_numbered_from_one() -> None:
    record, interpreter = begun()
    told(record, interpreter, "submit")
    told(record, interpreter, "report")
    assert [action.step for action in record.pending] == [0, 1, 2]


def test_a_call_that_the_session_made_becomes_its_call() -> None:
    record, interpreter = begun()
    told(record, interpreter, "dial")
    dialling = CallEvent(id="EventDialing", time=1.0, tenant="demo", conn_id="c2", reference_id="s:1")
    turn.feed(record, interpreter, Input(call=dialling), 1.0)
    assert (record.conn_id, record.conns) == ("c2", ["c1", "c2"])
    over = CallEvent(id="EventCallDeleted", time=2.0, tenant="demo", conn_id="c1")
    turn.feed(record, interpreter, Input(call=over), 2.0)
    assert not record.gone


def test_the_record_survives_being_stored() -> None:
    record, interpreter = begun()
    told(record, interpreter, "submit")
    stored = msgspec.json.encode(record)
    again = msgspec.json.decode(stored, type=Record)
    assert again == record
    restored = Interpreter.restore(compile_document(TEXT), again.snapshot, actions=ACTIONS)
    told(again, restored, "play")
    assert [action.number for action in again.pending] == [1, 2]


def test_the_end_of_the_application_is_the_end_of_the_record() -> None:
    record, interpreter = begun()
    told(record, interpreter, "end")
    assert record.ended and record.snapshot is None and not record.failed
