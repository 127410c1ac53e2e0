"""A session that is put away and taken up again goes on as if nothing had happened."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.scxml import Event, Fetch, Interpreter, Output, ScxmlError, compile_document

TEXT = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
  <datamodel><data id="seen" expr="[]"/><data id="box" expr="{when: new Date(0)}"/></datamodel>
  <script>function note(what) { seen.push(what); return seen.length }</script>
  <parallel id="p">
    <state id="left" initial="l1">
      <history id="h" type="deep"><transition target="l2"/></history>
      <onentry><send event="tick" delay="2s" id="t"/></onentry>
      <state id="l1"><transition event="a" target="l2"/></state>
      <state id="l2" initial="l21">
        <state id="l21"><transition event="a" target="l22"/></state>
        <state id="l22"><transition event="b" target="l1"/></state>
      </state>
      <transition event="away" target="out"/>
    </state>
    <state id="right">
      <invoke id="kid">
        <param name="base" expr="seen.length"/>
        <content>
          <scxml version="1.0" datamodel="ecmascript">
            <datamodel><data id="base" expr="0"/><data id="n" expr="0"/></datamodel>
            <state id="k">
              <transition event="ping"><assign location="n" expr="n + 1"/>
                <send target="#_parent" event="pong" delay="1s"><param name="n" expr="base + n"/></send>
              </transition>
            </state>
          </scxml>
        </content>
      </invoke>
      <transition event="b"><send target="#_kid" event="ping"/></transition>
      <transition event="pong"><script>note('pong' + _event.data.n)</script></transition>
      <transition event="tick"><script>note('tick')</script><send event="tick" delay="2s"/></transition>
    </state>
  </parallel>
  <state id="out"><transition event="back" target="h"/></state>
</scxml>"""
DOCUMENT = compile_document(TEXT)


def put_away(session: Interpreter) -> Interpreter:
    return Interpreter.restore(DOCUMENT, json.loads(json.dumps(session.snapshot())))


def drive(session: Interpreter, name: str, now: float) -> list[Output]:
    due = session.next_timer()
    while due is not None and due <= now:
        session.handle_timer(due)
        due = session.next_timer()
    session.feed(Event(name), now)
    return session.outputs()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "away", "back", "other"]), max_size=12))
def test_interrupted_or_not_the_session_comes_to_the_same(names: list[str]) -> None:
    steady, broken = Interpreter(DOCUMENT, "s"), Interpreter(DOCUMENT, "s")
    for session in (steady, broken):
        session.start(0.0)
    for step, name in enumerate(names, 1):
        broken = put_away(broken)
        assert drive(steady, name, step * 0.7) == drive(broken, name, step * 0.7)
        assert steady.configuration == broken.configuration
        assert steady.next_timer() == broken.next_timer()
    assert steady.evaluate("seen") == broken.evaluate("seen")


def test_functions_of_the_document_and_dates_are_there_again() -> None:
    session = Interpreter(DOCUMENT, "s")
    session.start(0.0)
    again = put_away(session)
    assert again.evaluate("[note('x'), note('y'), seen.join(), box.when.getTime()]") == [1, 2, "x,y", 0]


def test_ids_and_action_numbers_go_on_counting() -> None:
    session = Interpreter(DOCUMENT, "s")
    session.start(0.0)
    before = session.snapshot()["ids_made"]
    assert before > 0
    assert put_away(session).snapshot()["ids_made"] == before


def test_a_document_that_was_being_fetched_is_asked_for_again() -> None:
    text = (
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><invoke src="x.scxml"/>'
        '<transition event="done.invoke" target="end"/></state><final id="end"/></scxml>'
    )
    document = compile_document(text)
    session = Interpreter(document, "s")
    session.start(0.0)
    session.outputs()
    again = Interpreter.restore(document, session.snapshot())
    (fetch,) = again.outputs()
    assert isinstance(fetch, Fetch)
    child = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><final id="f"/></scxml>'
    again.fetched(fetch.session, fetch.invokeid, child, 1.0)
    assert not again.running


def test_a_snapshot_of_another_document_is_refused() -> None:
    session = Interpreter(DOCUMENT, "s")
    session.start(0.0)
    other = compile_document(
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="z"/></scxml>'
    )
    with pytest.raises(ScxmlError):
        Interpreter.restore(other, session.snapshot())


@pytest.mark.parametrize(
    "kept", sorted((Path(__file__).parent / "kept").glob("version_*.json")), ids=lambda path: path.stem
)
def test_a_snapshot_of_every_version_so_far_is_read_and_goes_on(kept: Path) -> None:
    """Written by the engine of that version in the midst of a run; the files are never written anew."""
    found = json.loads(kept.read_text("utf-8"))
    session = Interpreter.restore(compile_document(found["document"]), found["snapshot"])
    assert session.configuration == ("p", "left", "l2", "l22", "right")
    drive(session, "b", 6.0)
    assert session.configuration == ("p", "left", "l1", "right")
    assert session.evaluate("seen.slice(0, 3)") == ["tick", "pong1", "tick"]
    assert session.evaluate("note('once more')") > 3
