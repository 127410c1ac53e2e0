"""Questions that are answered in the turn that asks them."""

from prometheus_client import CollectorRegistry

from ringback.runtime.tally import Durations
from ringback.scxml import Interpreter, compile_document
from ringback.services.orchestration.at_hand import MOST, AtHand
from ringback.services.orchestration.ending import Ending
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.records import Asked, Json, Pending, Record

ASKS = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:queue="www.genesyslab.com/modules/queue" xmlns:dialog="www.genesyslab.com/modules/dialog">
  <state id="a">
    <onentry>{before}<queue:query queue="sales"/></onentry>
    <transition event="queue.query.done" cond="_event.data.waiting == 3" target="{after}"/>
  </state>
  <state id="b"><onentry><dialog:play prompts="one"/></onentry></state>
</scxml>"""
PLAY = '<dialog:play prompts="first"/>'


def collected(
    known: bool = True, busy: bool = False, before: str = "", after: str = "b"
) -> tuple[Record, float]:
    """What a session has come to, and how often it was answered."""
    record = Record(id="s", tenant="demo", kind="inbound", conn_id="c1", conns=["c1"])
    text = ASKS.format(before=before, after=after)
    interpreter = Interpreter(compile_document(text), "s", actions=ACTIONS)
    interpreter.start(0.0)
    registry = CollectorRegistry()
    took = Durations("took", "", ("module", "element"), registry=registry)

    def answer(_record: Record, action: Pending) -> dict[str, Json] | None:
        return {"waiting": 3} if known and action.name == "query" else None

    AtHand(answer, took).collect(record, interpreter, 1.0, busy=busy)
    labels = {"module": "queue", "element": "query"}
    return record, registry.get_sample_value("took_count", labels) or 0.0


def test_what_is_known_is_answered_before_anything_is_stored() -> None:
    record, answered = collected()
    assert ([action.name for action in record.pending], answered) == (["play"], 1.0)
    assert record.snapshot["sessions"][0]["configuration"] == ["b"]
    assert list(record.asked) == ["2"]
    assert [step.name for step in record.recent] == [
        *("queue.query", "a", "queue.query.done", "dialog.play", "b"),
    ]


def test_what_is_not_known_is_asked() -> None:
    record, answered = collected(known=False)
    assert ([action.name for action in record.pending], answered) == (["query"], 0.0)


def test_nothing_overtakes_an_action_that_came_before() -> None:
    for busy, before in ((True, ""), (False, PLAY)):
        record, answered = collected(busy=busy, before=before)
        assert (record.pending[-1].name, answered) == ("query", 0.0)


def test_an_application_that_asks_at_each_answer_rests_all_the_same() -> None:
    record, answered = collected(after="a")
    assert ([action.name for action in record.pending], answered) == (["query"], MOST)


def test_a_session_owes_what_it_has_left_behind() -> None:
    def ended(**fields: object) -> Record:
        return Record(id="s", tenant="demo", conn_id="c1", ended=True, **{"kind": "inbound", **fields})  # type: ignore[arg-type]

    submit = {"1": Asked("s", "queue", "submit")}
    confirm = {**submit, "2": Asked("s", "queue", "confirm")}
    redirect = {"3": Asked("s", "interaction", "redirect")}
    assert Ending.owes(ended())  # the call stands on its route point
    assert not Ending.owes(ended(gone=True))
    assert not Ending.owes(ended(routed=True))
    assert not Ending.owes(ended(asked=redirect))
    assert Ending.owes(ended(asked=redirect, failed="x"))
    assert Ending.owes(ended(gone=True, asked=submit))  # a place in line
    assert not Ending.owes(ended(gone=True, asked=confirm))
    assert Ending.owes(ended(gone=True, asked=confirm, failed="x"))
    assert Ending.owes(ended(kind="callback", gone=True, failed="x"))
