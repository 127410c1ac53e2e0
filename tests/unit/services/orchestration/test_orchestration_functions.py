"""Functions of the platform that scripts call in the midst of an expression."""

import json
from typing import Any

import pytest

from ringback.contracts.events import CallEvent
from ringback.domain.tables import special_days
from ringback.scxml import Event, Interpreter, compile_document
from ringback.services.orchestration import knowledge, turn
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.records import Input, Record

NOON = 1_798_200_000.0  # Friday, 2026-12-25, 12:00 UTC
HOURS = {
    "office": {"zone": "Asia/Tokyo", "hours": "Mon-Fri 09:00-23:00"},
    "odd": {"zone": "Moon", "hours": ""},
}
DAYS = {"xmas": {"hours": "*", "day": "12-25 closed"}, "eve": {"hours": "office", "day": "12-24 closed"}}
TEXT = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:ixn="www.genesyslab.com/modules/interaction">
  <datamodel><data id="value"/><data id="fault"/></datamodel>
  <state id="a">
    <transition event="ask"><assign location="value" expr="eval(_event.data)"/></transition>
    <transition event="both"><script>_genesys.ixn.setuData({first: 1})</script>
      <ixn:attach dataexpr="{second: 2}"/></transition>
    <transition event="open" cond="_genesys.session.isOpen('office')" target="b"/>
    <transition event="error.execution"><assign location="fault" expr="_event.data"/></transition>
    <transition event="leave" target="z"/>
    <onexit><script>_genesys.ixn.deleteuData()</script></onexit>
  </state>
  <state id="b"/>
  <final id="z"/>
</scxml>"""
DOCUMENT = compile_document(TEXT)


def known(at: float = NOON, **more: Any) -> dict[str, str]:
    tables = {"PRICES": {"gold": {"price": "7"}}}
    told = {"now": at, "tables": tables, "figures": {"sales@ss.Q CallsWaiting": 3.0}, **more}
    texts = {name: json.dumps(value) for name, value in told.items()}
    return {**texts, "zones": knowledge.zones(at), "offices": knowledge.offices(HOURS, DAYS, at)}


def begun() -> tuple[Record, Interpreter]:
    about = {"id": "U1", "connid": "c1", "ani": "+1", "dnis": "8000", "udata": {"known": "yes"}}
    data = {"tenant": "demo", "session": "s", "parameters": {}, "interaction": about}
    record = Record(id="s", tenant="demo", kind="inbound", conn_id="c1", conns=["c1"], data=data)
    session = Interpreter(
        DOCUMENT,
        "s",
        actions=ACTIONS,
        bindings={"_genesys": data},
        library=knowledge.LIBRARY,
        knowledge=known(),
    )
    session.start(NOON)
    turn.collect(record, session, NOON)
    return record, session


def told(record: Record, session: Interpreter, name: str, data: Any = None) -> None:
    turn.feed(record, session, Input(event=Event(name, data=data).to_json()), NOON)
    turn.collect(record, session, NOON)


def answer(expression: str) -> Any:
    record, session = begun()
    told(record, session, "ask", expression)
    assert session.evaluate("fault") is None, session.evaluate("fault")
    return session.evaluate("value")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("_genesys.session.timeInZone('Europe/Berlin')", "13:00:00"),
        ("_genesys.session.dateInZone('Pacific/Auckland')", "2026-12-26"),
        ("_genesys.session.dayInZone('PST') === _genesys.session.day.Friday", True),
        ("_genesys.session.isSpecialDay('office')", True),
        ("_genesys.session.isSpecialDay('office', 'eve')", False),
        ("_genesys.session.opening('office').open", False),
        ("_genesys.session.getListItemValue('PRICES', 'gold', 'price')", "7"),
        ("_genesys.session.listLookupValue('PRICES', 'gold')", {"price": "7"}),
        ("_genesys.session.listLookupValue('PRICES', 'lead', 'price') === undefined", True),
        ("_genesys.session.listItems('PRICES')", ["gold"]),
        ("_genesys.statistic.sData('sales@ss.Q', 'CallsWaiting')", 3),
        ("_genesys.ixn.getuData('known')", "yes"),
        ("_genesys.ixn.interactions['U1'].voice", {"connid": "c1", "ani": "+1", "dnis": "8000"}),
        ("[_genesys.session + '', _genesys.session.tenant]", ["s", "demo"]),
    ],
)
def test_a_function_answers_at_once(expression: str, value: Any) -> None:
    assert answer(expression) == value


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("_genesys.session.timeInZone('Moon')", "no time zone named 'Moon'"),
        ("_genesys.session.isOpen('odd')", "no business hours named 'odd'"),
        ("_genesys.session.listItems('constructor')", "no published table 'constructor'"),
        ("_genesys.ixn.setuData({}, 'U9')", "no interaction 'U9'"),
        ("_genesys.ixn.setuData((function () { let a = {}; a.a = a; return a; })())", "circular"),
    ],
)
def test_what_nobody_knows_is_an_error_of_the_script(expression: str, fault: str) -> None:
    record, session = begun()
    told(record, session, "ask", expression)
    assert fault in str(session.evaluate("fault"))
    assert record.pending == []


def test_a_condition_may_ask_and_the_answer_follows_the_clock() -> None:
    record, session = begun()
    told(record, session, "open")
    assert session.configuration == ("a",)
    monday = NOON + 3 * 86400 - 3600
    for name, text in known(monday).items():
        session.know(name, text)
    told(record, session, "open")
    assert session.configuration == ("b",)


def test_user_data_that_is_set_is_seen_at_once_asked_for_in_order_and_kept() -> None:
    record, session = begun()
    told(record, session, "both")
    asked = [(action.name, action.payload["user_data"]) for action in record.pending]
    assert asked == [("udata", {"first": 1}), ("attach", {"second": 2})]
    snapshot = json.loads(json.dumps(record.snapshot))
    again = Interpreter.restore(
        DOCUMENT, snapshot, actions=ACTIONS, library=knowledge.LIBRARY, knowledge=known()
    )
    assert again.evaluate("_genesys.interaction.udata") == {"known": "yes", "first": 1, "second": 2}
    told(record, again, "ask", "_genesys.ixn.deleteuData('known'); _genesys.ixn.getuData('first')")
    assert again.evaluate("value") == 1
    assert again.evaluate("_genesys.interaction.udata") == {"first": 1, "second": 2}
    assert record.pending[-1].payload == {"keys": ["known"]}


def test_what_others_change_of_the_user_data_is_seen() -> None:
    record, session = begun()
    event = CallEvent(
        id="EventAttachedDataChanged", time=NOON, tenant="demo", conn_id="c1", user_data={"other": "new"}
    )
    turn.feed(record, session, Input(call=event), NOON)
    assert (
        session.evaluate("_genesys.ixn.getuData('other') + _genesys.ixn.getuData('known')") == "newundefined"
    )
    assert record.data["interaction"]["udata"] == {"other": "new"}


def test_what_a_script_wants_on_the_way_out_is_done() -> None:
    record, session = begun()
    told(record, session, "leave")
    assert [action.name for action in record.pending] == ["detach"]
    assert record.ended


def test_an_unknown_figure_is_asked_for_once_and_there_the_next_time() -> None:
    record, session = begun()
    told(record, session, "ask", "_genesys.statistic.sData('q', 'X'); _genesys.statistic.sData('q', 'X')")
    (asked,) = record.pending
    assert (asked.name, asked.payload) == ("sdata", {"object": "q", "statistic": "X"})
    told(record, session, "statistic.sdata.done", {"object": "q", "statistic": "X", "value": 5})
    told(record, session, "ask", "_genesys.statistic.sData('q', 'X')")
    assert session.evaluate("value") == 5
    assert record.figures == {"q X": 5}


def test_an_application_without_functions_gets_none() -> None:
    assert not knowledge.uses_of(["<data expr='_genesys.parameters.queue'/>"]).any
    assert not knowledge.uses_of(["function isOpen() { return true; }"]).any


def test_what_is_named_literally_is_found_in_markup_too() -> None:
    text = """<if cond="_genesys.session.getListItemValue(&quot;A&quot;, x, 'y') == 1"/>
      <data expr="_genesys.statistic.sData('q@ss.Q', 'S') + _genesys.statistic.sData(name, 'T')"/>"""
    uses = knowledge.uses_of([text])
    assert (uses.lists, uses.figures, uses.zones, uses.offices) == (("A",), (("q@ss.Q", "S"),), False, False)
    assert knowledge.lists_of(uses, {"list": "B", "tablet": "", "welcome": "C"}) == ("A", "B")


def test_special_days_go_by_the_date_at_the_office() -> None:
    evening = NOON - 20 * 3600  # 24 December, 16:00 UTC: the 25th in Tokyo
    assert special_days("office", HOURS, DAYS, evening) == ["xmas"]
    assert special_days("office", HOURS, DAYS, evening - 3600 * 2) == ["eve"]
