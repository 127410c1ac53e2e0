import pytest

from ringback.scxml import (
    Action,
    ActionContext,
    Element,
    Ended,
    Event,
    Fetch,
    HttpPost,
    Interpreter,
    Limits,
    Log,
    ScxmlError,
    compile_document,
)

DEMO = "urn:demo"


def machine(body: str, **options: object) -> Interpreter:
    text = (
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:demo="urn:demo" version="1.0" '
        f'datamodel="ecmascript">{body}</scxml>'
    )
    return Interpreter(compile_document(text), "s1", **options)  # type: ignore[arg-type]


def ended(session: Interpreter) -> Ended:
    found = [output for output in session.outputs() if isinstance(output, Ended)]
    assert len(found) == 1
    return found[0]


class TestTime:
    BODY = (
        '<state id="a"><onentry><send event="late" delay="5s" id="x"/><send event="soon" delay="200ms"/>'
        '</onentry><transition event="soon" target="b"/></state>'
        '<state id="b"><transition event="late" target="end"/>'
        '<transition event="stop"><cancel sendid="x"/></transition></state><final id="end"/>'
    )

    def test_delayed_events_leave_when_they_are_due(self) -> None:
        session = machine(self.BODY)
        session.start(100.0)
        assert session.next_timer() == 100.2
        session.handle_timer(100.1)
        assert session.configuration == ("a",)
        session.handle_timer(100.2)
        assert session.configuration[-1] == "b"
        assert session.next_timer() == 105.0
        session.handle_timer(105.0)
        assert ended(session).final == "end"
        assert session.next_timer() is None

    def test_a_cancelled_event_never_comes(self) -> None:
        session = machine(self.BODY)
        session.start(0.0)
        session.handle_timer(1.0)
        session.feed(Event("stop"), 1.0)
        assert session.next_timer() is None


class TestLimits:
    def test_a_runaway_script_ends_the_session_with_an_error(self) -> None:
        session = machine(
            '<state id="a"><transition event="go"><script>while (true) {}</script></transition></state>',
            limits=Limits(script_seconds=0.05),
        )
        session.start(0.0)
        session.feed(Event("go"), 1.0)
        assert ended(session).error == "script_time"
        assert not session.running
        session.feed(Event("go"), 2.0)
        assert session.outputs() == []

    @pytest.mark.parametrize(
        "loop",
        [
            "<transition/>",
            '<onentry><send event="x"/></onentry><transition event="x" target="a"/>',
            '<onentry><raise event="x"/></onentry><transition event="x" target="a"/>',
        ],
    )
    def test_an_application_that_does_not_come_to_rest_is_ended(self, loop: str) -> None:
        session = machine(f'<state id="a">{loop}</state>', limits=Limits(microsteps=50))
        session.start(0.0)
        assert ended(session).error == "microsteps"

    def test_an_application_that_floods_its_queue_is_ended(self) -> None:
        flood = '<foreach array="new Array(99)" item="i"><raise event="x"/></foreach>'
        session = machine(
            f'<state id="a"><onentry>{flood}</onentry></state>', limits=Limits(queued_events=50)
        )
        session.start(0.0)
        assert ended(session).error == "queue"

    def test_sessions_that_invoke_each_other_for_ever_are_ended(self) -> None:
        body = '<state id="a"><invoke src="self"/></state>'
        session = machine(body, limits=Limits(sessions=5))
        session.start(0.0)
        text = f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">{body}</scxml>'
        for _ in range(5):
            for output in session.outputs():
                if isinstance(output, Fetch):
                    session.fetched(output.session, output.invokeid, text, 0.0)
        assert not session.running


class TestErrors:
    def test_an_error_ends_its_block_only_and_is_an_event(self) -> None:
        """SCXML 4.2 and 5.9.4."""
        session = machine(
            '<state id="a"><onentry><log expr="nosuch"/><log expr="1"/></onentry>'
            '<onentry><log expr="2"/></onentry>'
            '<transition event="error.execution" target="end"/></state><final id="end"/>'
        )
        session.start(0.0)
        outputs = session.outputs()
        assert [output.value for output in outputs if isinstance(output, Log)] == [2]
        assert isinstance(outputs[-1], Ended) and outputs[-1].final == "end"

    def test_an_unknown_data_model_is_refused(self) -> None:
        text = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="x"><state/></scxml>'
        with pytest.raises(ScxmlError, match="unknown data model"):
            Interpreter(compile_document(text), "s1")

    def test_a_document_that_cannot_be_fetched_is_an_event(self) -> None:
        session = machine(
            '<state id="a"><invoke src="http://nowhere/x.scxml"/>'
            '<transition event="error.communication" target="end"/></state><final id="end"/>'
        )
        session.start(0.0)
        (fetch,) = session.outputs()
        assert isinstance(fetch, Fetch) and fetch.url == "http://nowhere/x.scxml"
        session.fetched(fetch.session, fetch.invokeid, None, 1.0)
        assert ended(session).final == "end"

    def test_event_data_that_cannot_be_held_is_an_error_event(self) -> None:
        session = machine('<state id="a"><transition event="error" target="end"/></state><final id="end"/>')
        session.start(0.0)
        session.feed(Event("x", data=object()), 0.0)
        assert ended(session).final == "end"


class TestOutside:
    def test_a_foreign_element_becomes_an_action_with_a_number(self) -> None:
        def play(element: Element, context: ActionContext) -> None:
            number = context.emit(DEMO, "play", {"what": context.attribute(element, "what")})
            context.assign("id", number)

        body = (
            '<datamodel><data id="id"/></datamodel><state id="a"><onentry><demo:play what="one"/>'
            "<demo:play whatexpr=\"'t' + 'wo'\"/></onentry></state>"
        )
        session = machine(body, actions={(DEMO, "play"): play})
        session.start(0.0)
        assert session.outputs() == [
            Action("s1", 1, DEMO, "play", {"what": "one"}),
            Action("s1", 2, DEMO, "play", {"what": "two"}),
        ]
        assert session.evaluate("id") == 2

    def test_an_unknown_foreign_element_is_an_execution_error(self) -> None:
        session = machine(
            '<state id="a"><onentry><demo:play/></onentry>'
            '<transition event="error.execution" target="end"/></state><final id="end"/>'
        )
        session.start(0.0)
        assert ended(session).final == "end"

    def test_http_events_to_others_are_left_to_the_shell(self) -> None:
        body = (
            '<state id="a"><onentry><send type="basichttp" target="http://there/x" event="hi">'
            '<param name="n" expr="1"/></send></onentry></state>'
        )
        session = machine(body, http_location="http://here")
        session.start(0.0)
        (post,) = session.outputs()
        assert isinstance(post, HttpPost)
        assert (post.url, post.body) == ("http://there/x", "_scxmleventname=hi&n=1")

    def test_start_data_and_bindings_are_seen(self) -> None:
        body = '<datamodel><data id="n" expr="1"/></datamodel><state id="a"/>'
        session = machine(body, data={"n": 7, "unknown": 1}, bindings={"_genesys": {"tenant": "demo"}})
        session.start(0.0)
        assert session.evaluate("[n, _genesys.tenant, typeof unknown]") == [7, "demo", "undefined"]

    def test_terminate_runs_the_exit_handlers(self) -> None:
        session = machine('<state id="a"><onexit><log label="bye"/></onexit></state>')
        session.start(0.0)
        session.terminate(1.0)
        log, end = session.outputs()
        assert isinstance(log, Log) and log.label == "bye"
        assert end == Ended("s1", None)
        assert not session.running
