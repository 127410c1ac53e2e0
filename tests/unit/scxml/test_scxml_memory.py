"""The memory of data models comes back when it is asked for, not when the garbage collector comes by."""

import gc

import pytest

from ringback.scxml import Event, Interpreter, compile_document

CHART = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
  <datamodel><data id="list" expr="[1, 2]"/><data id="sum" expr="0"/></datamodel>
  <script>var made = 1;</script>
  <state id="a">
    <invoke><content>
      <scxml version="1.0" datamodel="ecmascript"><script>made = 2;</script><state id="inner"/></scxml>
    </content></invoke>
    <transition event="add">
      <foreach array="list" item="each"><assign location="sum" expr="sum + each"/></foreach>
    </transition>
    <transition event="leave" target="b"/>
  </state>
  <state id="b"/>
</scxml>"""


def started() -> Interpreter:
    session = Interpreter(compile_document(CHART), "s")
    session.start(0.0)
    return session


@pytest.mark.parametrize("leaves", [False, True])
def test_closing_lets_go_of_every_script_engine_also_of_sessions_that_are_over(leaves: bool) -> None:
    session = started()
    engines = [each.datamodel._engine._engine for each in session._tree.sessions.values()]
    assert len(engines) == 2
    if leaves:
        session.feed(Event("leave"), 1.0)
    assert all(hasattr(engine, "_context") for engine in engines)
    session.close()
    assert not any(hasattr(engine, "_context") or engine._js for engine in engines)
    assert not session.running


def test_what_not_every_session_uses_is_compiled_when_it_is_used() -> None:
    session = started()
    engine = session._root.datamodel._engine._engine
    assert engine._parts == {"graph", "store"}
    session.feed(Event("add"), 1.0)
    assert session.evaluate("sum") == 3
    assert engine._parts == {"lists", "graph", "store"}
    session.feed(Event("xml", data={"$xml": "<a b='1'/>"}), 2.0)
    assert engine._parts == {"lists", "graph", "store", "xml"}
    assert session.evaluate("_event.data.getAttribute('b')") == "1"


PLAIN = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
  <datamodel><data id="told" expr="{ names: [] }"/></datamodel>
  <state id="a"><transition event="say" cond="_event.data.name != ''" target="b"/></state>
  <state id="b"><onentry><assign location="told" expr="_event.data"/></onentry></state>
</scxml>"""


@pytest.mark.parametrize("chart", [PLAIN, CHART])
def test_a_closed_session_leaves_the_garbage_collector_nothing_to_find(chart: str) -> None:
    document = compile_document(chart)

    def life() -> None:
        session = Interpreter(document, "s")
        session.start(0.0)
        for name in ("say", "add", "leave"):
            session.feed(Event(name, data={"name": "n"}), 1.0)
            session.outputs()
            session.snapshot()
        session.close()

    life()  # what is remembered for ever is made now
    gc.collect()
    gc.disable()
    try:
        life()
        assert gc.collect() == 0
    finally:
        gc.enable()
