"""Events that no active state waits for: nothing is done for them, and nothing can tell that it was not."""

import pytest

from ringback.scxml import Event, Interpreter, compile_document

CHART = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
  <datamodel><data id="seen" expr="''"/></datamodel>
  <state id="a">
    {content}
    <onexit><log label="left" expr="_event.name"/></onexit>
  </state>
  <state id="b"/>
</scxml>"""


def running(content: str = "") -> Interpreter:
    interpreter = Interpreter(compile_document(CHART.format(content=content)), "s")
    interpreter.start(0.0)
    interpreter.outputs()
    interpreter.snapshot()
    return interpreter


@pytest.mark.parametrize("content", ["", '<transition event="others" target="b"/>'])
def test_an_event_that_nothing_waits_for_moves_nothing_but_is_the_last_one(content: str) -> None:
    interpreter = running(content)
    before = interpreter.snapshot()
    interpreter.feed(Event("other", data={"n": 1}), 1.0)
    assert not interpreter.moved
    assert (interpreter.outputs(), interpreter.snapshot()) == ([], before)
    interpreter.terminate(2.0)
    assert interpreter.moved
    assert [output.value for output in interpreter.outputs()[:1]] == ["other"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "content",
    [
        '<transition event="other" cond="false" target="b"/>',
        '<transition event="*" cond="_event.data.n == 2" target="b"/>',
        '<transition event="oth other.more other" target="b"/>',
        '<transition cond="_event &amp;&amp; _event.name == \'other\'" target="b"/>',
        '<invoke><content><scxml version="1.0"><state/></scxml></content></invoke>',
    ],
)
def test_where_a_transition_or_a_child_may_want_it_the_event_is_looked_at(content: str) -> None:
    interpreter = running(content)
    interpreter.feed(Event("other", data={"n": 1}), 1.0)
    assert interpreter.moved


def test_an_event_that_cannot_be_read_is_an_error_event_all_the_same() -> None:
    interpreter = running('<transition event="error.execution" target="b"/>')
    interpreter.feed(Event("other", data=object()), 1.0)
    assert interpreter.configuration == ("b",)


def test_a_transition_without_event_is_taken_after_a_changed_variable_of_the_platform() -> None:
    interpreter = running('<transition cond="typeof _p !== \'undefined\' &amp;&amp; _p" target="b"/>')
    interpreter.bind("_p", True)
    assert interpreter.moved
    interpreter.feed(Event("other"), 1.0)
    assert interpreter.configuration == ("b",)


def test_names_from_outside_do_not_fill_the_memory() -> None:
    interpreter = running()
    for n in range(5000):
        interpreter.feed(Event(f"other{n}"), 1.0)
    document = interpreter._tree.root.document  # type: ignore[union-attr]
    assert len(document.known) <= 2000
