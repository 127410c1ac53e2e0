"""`<queue:submit route="true">`: the platform rings, confirms and gives back; the chart hears the end."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.contracts.events import CallEvent
from ringback.contracts.routing import RouteResult
from ringback.scxml import Event, Interpreter, compile_document
from ringback.services.orchestration import turn
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.records import Input, Record
from ringback.vxml import DEFAULT_LIMITS

CHART = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:queue="www.genesyslab.com/modules/queue">
  <datamodel><data id="request"/><data id="events" expr="[]"/><data id="last"/></datamodel>
  <state id="line">
    <onentry>
      <queue:submit requestid="request" queue="sales" target="?:a" timeout="30" route="{route}"/>
    </onentry>
    <transition event="*">
      <script>events.push(_event.name); if (/submit/.test(_event.name)) last = _event.data;</script>
    </transition>
  </state>
</scxml>"""


class Chart:
    """A session whose every step goes through the store, as after a crash between any two."""

    def __init__(self, route: str = "true", conn_id: str = "c1") -> None:
        self.record = Record(id="s", tenant="demo", kind="inbound", conn_id=conn_id, call_uuid="U1")
        self._document = compile_document(CHART.format(route=route))
        self._interpreter = Interpreter(self._document, "s", actions=ACTIONS)
        self._interpreter.start(100.0)
        self.now = 100.0
        self._store()
        assert self.asked() == ["queue.submit"]

    def _store(self) -> None:
        turn.collect(self.record, self._interpreter, self.now, self._dialogs())
        self._interpreter.close()
        self.record = msgspec.json.decode(msgspec.json.encode(self.record), type=Record)
        self._interpreter = Interpreter.restore(self._document, self.record.snapshot, actions=ACTIONS)

    def _dialogs(self) -> Dialogs:
        return Dialogs(self.record, DEFAULT_LIMITS)

    def feed(self, entry: Input) -> None:
        turn.feed(self.record, self._interpreter, entry, self.now, self._dialogs())
        self._store()

    def result(self, outcome: Any, agent: str = "") -> None:
        fields = {"agent_id": agent, "dn": f"1{agent}", "reservation_id": f"r-{agent}"}
        common = {"request_id": "s:1", "tenant": "demo", "seq": 1, "vq": "sales", "session_id": "s"}
        self.feed(Input(result=RouteResult(outcome=outcome, **common, **fields)))

    def call(self, name: str, number: int = 0, reason: str = "") -> None:
        reference = f"s:{number}" if number else ""
        event = CallEvent(
            id=name, time=1.0, tenant="demo", conn_id="c1", reference_id=reference, reason=reason
        )
        self.feed(Input(call=event))

    def later(self, seconds: float) -> None:
        self.now += seconds
        turn.handle_timer(self.record, self._interpreter, self.now)
        self._store()

    def asked(self) -> list[str]:
        """What is new to be done; the numbers are kept in `numbers`."""
        found, self.record.pending = self.record.pending, []
        self.numbers = [action.number for action in found]
        self.payloads = [action.payload for action in found]
        return [f"{action.namespace.rpartition('/')[2]}.{action.name}" for action in found]

    def ring(self, agent: str) -> int:
        self.result("reserved", agent)
        assert self.asked() == ["interaction.redirect"]
        assert (self.payloads[0]["to"], self.payloads[0]["agent_id"]) == (f"1{agent}", agent)
        return self.numbers[0]

    @property
    def events(self) -> list[str]:
        return list(self._interpreter.evaluate("events"))

    @property
    def last(self) -> dict[str, Any]:
        return dict(self._interpreter.evaluate("last"))


def test_who_answers_is_confirmed_and_the_chart_hears_of_it_once() -> None:
    chart = Chart()
    ringing = chart.ring("ann")
    assert chart.events == []
    chart.call("EventRouteUsed", ringing)
    assert (chart.asked(), chart.payloads) == (["queue.confirm"], [{"request_id": "s:1", "agent_id": "ann"}])
    assert chart.events == ["queue.submit.done"] and chart.record.routed
    wanted = {
        "requestid": "s:1",
        "targetselected": "ann@ringback.A",
        "targetcomponentselected": "ann@ringback.A",
        "targetobjectselected": "ann",
        "vqselected": "sales",
        "interactionid": "U1",
        "resource": {"dn": "1ann", "agent": "ann"},
    }
    assert {name: chart.last[name] for name in wanted} == wanted
    chart.result("reserved", "bob")
    chart.call("EventRouteUsed", ringing)
    chart.later(500.0)
    assert (chart.asked(), chart.events) == ([], ["queue.submit.done"])
    chart.call("EventHeld", ringing)
    assert chart.events == ["queue.submit.done", "voice.held"]


def test_who_refuses_is_given_back_without_a_word_and_the_timeout_ends_it() -> None:
    chart = Chart()
    chart.call("EventError", chart.ring("ann"), "no_answer")
    back = {"request_id": "s:1", "agent_id": "ann", "reason": "no_answer"}
    assert (chart.asked(), chart.payloads) == (["queue.return"], [back])
    refused = {"reason": "busy", "requestid": f"s:{chart.ring('bob')}"}
    chart.feed(Input(event=Event("error.interaction.redirect", data=refused).to_json()))
    assert chart.asked() == [] and turn.next_timer(chart.record) == 101.0
    chart.later(1.0)
    assert chart.asked() == ["queue.return"]
    chart.result("timeout")
    assert (chart.events, chart.last["reason"], chart.last["error"]) == (
        ["error.queue.submit"],
        "timeout",
        "timeout",
    )
    chart.result("reserved", "late")
    assert (chart.asked(), chart.events) == ([], ["error.queue.submit"])


def test_what_the_router_says_while_a_telephone_rings_waits_for_it() -> None:
    chart = Chart()
    first = chart.ring("ann")
    chart.result("reserved", "bob")
    assert chart.asked() == []
    chart.call("EventError", first, "no_answer")
    assert chart.asked() == ["interaction.redirect"] and chart.payloads[0]["agent_id"] == "bob"
    (second,) = chart.numbers
    chart.call("EventError", first, "no_answer")
    chart.result("cancelled")
    assert (chart.asked(), chart.events) == ([], [])
    chart.call("EventError", second, "no_answer")
    assert (chart.asked(), chart.events) == ([], ["queue.cancel.done"])


def test_an_agent_found_besides_is_let_go_when_the_first_answers() -> None:
    chart = Chart()
    first = chart.ring("ann")
    chart.result("reserved", "bob")
    chart.call("EventRouteUsed", first)
    assert (chart.asked(), chart.payloads[0]["reason"]) == (["queue.cancel"], "answered")
    assert chart.last["agent"] == "ann"


def test_nobody_is_rung_for_a_caller_who_has_gone() -> None:
    chart = Chart()
    chart.call("EventAbandoned")
    chart.result("reserved", "ann")
    assert (chart.asked(), chart.payloads[0]["reason"]) == (["queue.cancel"], "caller_gone")
    assert chart.events == ["interaction.abandoned"]
    other = Chart()
    ringing = other.ring("ann")
    other.call("EventAbandoned")
    other.call("EventError", ringing, "abandoned")
    assert other.asked() == ["queue.cancel"]


def test_a_redirect_that_nobody_answers_for_is_a_refusal() -> None:
    chart = Chart()
    chart.ring("ann")
    chart.later(60.0)
    assert (chart.asked(), chart.payloads[0]["reason"]) == (["queue.return"], "timeout")
    assert chart.events == []
    chart.later(100.0)
    assert (chart.events, chart.last["reason"]) == (["error.queue.submit"], "timeout")
    assert (chart.asked(), turn.next_timer(chart.record)) == (["queue.cancel"], None)


def test_a_device_that_refuses_what_is_diverted_to_it_ends_the_request() -> None:
    chart = Chart()
    chart.result("diverted")
    assert chart.asked() == ["interaction.redirect"]
    chart.call("EventError", chart.numbers[0], "busy")
    assert (chart.asked(), chart.events, chart.last["error"]) == ([], ["error.queue.submit"], "busy")


@pytest.mark.parametrize(("route", "conn_id"), [("false", "c1"), ("", "c1"), ("true", "")])
def test_otherwise_the_chart_has_the_reservation(route: str, conn_id: str) -> None:
    chart = Chart(route, conn_id)
    chart.result("reserved", "ann")
    assert (chart.asked(), chart.events) == ([], ["queue.submit.done"])


NOBODYS = 999
CAME = st.sampled_from(["reserved", "timeout", "cancelled", "used", "error", "again", "gone", "wait"])


@given(st.lists(CAME, max_size=12))
def test_never_two_telephones_at_a_time_and_one_end(steps: list[str]) -> None:
    chart, ringing, over, confirmed = Chart(), 0, 0, 0
    for step in steps:
        if step == "gone":
            chart.call("EventAbandoned")
        elif step == "wait":
            chart.later(2.0)
        elif step in ("used", "error"):
            if ringing:
                chart.call("EventRouteUsed" if step == "used" else "EventError", ringing)
                ringing, over = 0, ringing
        elif step == "again":
            chart.call("EventError", over or NOBODYS)
        else:
            chart.result(step, "ann" if step == "reserved" else "")
        names = chart.asked()
        for name, number in zip(names, chart.numbers, strict=True):
            assert name != "interaction.redirect" or not ringing
            ringing = number if name == "interaction.redirect" else ringing
        confirmed += names.count("queue.confirm")
    assert sum("submit" in name for name in chart.events) <= 1 and confirmed <= 1
