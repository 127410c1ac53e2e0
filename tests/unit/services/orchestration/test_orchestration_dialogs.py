"""A VoiceXML dialog inside a session, without anything around it; each turn in another process."""

from typing import Any

import msgspec
import pytest

from ringback.contracts.events import CallEvent
from ringback.scxml import Event, Interpreter, compile_document
from ringback.services.orchestration import turn
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.records import Input, Pending, Record
from ringback.services.orchestration.voice import PromptVoice, names_of, prompt_of
from ringback.vxml import DEFAULT_LIMITS, Audio, Mark, Text

CHART = compile_document("""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"
  datamodel="ecmascript" xmlns:dialog="www.genesyslab.com/modules/dialog">
  <datamodel><data id="got" expr="[]"/><data id="who" expr="'ann'"/><data id="request"/></datamodel>
  <state id="a">
    <onentry>
      <dialog:start src="survey" namelist="who" requestid="request">
        <param name="n" expr="2 + 3"/>
      </dialog:start>
    </onentry>
    <transition event="stop"><dialog:stop/></transition>
    <transition event="again"><dialog:start src="http://other/x.vxml"/></transition>
    <transition event="for.ever" target="b"/>
    <transition event="dialog.start.done">
      <script>got.push(_event.data.reason, _event.data.result, _event.data.requestid === request)</script>
    </transition>
    <transition event="error.dialog.start"><script>got.push(_event.data.reason)</script></transition>
    <transition event="interaction.deleted interaction.abandoned">
      <script>got.push('gone')</script>
    </transition>
  </state>
  <state id="b">
    <onentry><dialog:start src="survey"/></onentry>
    <transition event="error.dialog.start" target="b"/>
  </state>
</scxml>""")
PAGE = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1">{}</vxml>"""
SURVEY = PAGE.format("""<catch event="connection.disconnect"><log>bye</log><exit namelist="score"/></catch>
  <var name="score" expr="0"/>
  <form><block><audio src="prompt:welcome"/><assign name="score" expr="session.parameters.n"/></block>
    <field name="f" type="digits?maxlength=2"><prompt><audio src="prompt:number:7"/>42</prompt>
      <property name="interdigittimeout" value="2s"/>
      <filled>
        <assign name="score" expr="score + Number(f)"/><exit namelist="score"/>
      </filled></field></form>""")
SHARE = 1_000_000


class Session:
    """A session of which nothing but its record lives on from turn to turn."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.done = 0
        self.logs: list[str] = []
        self.record = Record(
            id="s", tenant="demo", kind="inbound", conn_id="c1", conns=["c1"], ani="+1", dnis="2"
        )
        interpreter = Interpreter(CHART, "s", actions=ACTIONS)
        interpreter.start(0.0)
        self._rest(interpreter, Dialogs(self.record, DEFAULT_LIMITS))

    def _rest(self, interpreter: Interpreter, dialogs: Dialogs) -> None:
        effects = turn.collect(self.record, interpreter, 1.0, dialogs)
        self.logs += [str(log.value) for log in effects.logs]
        self.texts.update(dialogs.texts)
        self.got: list[Any] = interpreter.evaluate("got")
        dialogs.sleep()
        self.record = msgspec.json.decode(msgspec.json.encode(self.record), type=Record)

    def feed(self, entry: Input) -> None:
        interpreter = Interpreter.restore(CHART, self.record.snapshot, actions=ACTIONS)
        dialogs = Dialogs(self.record, DEFAULT_LIMITS)
        for name in dialogs.missing:
            dialogs.texts[name] = self.texts[name]
        turn.feed(self.record, interpreter, entry, 1.0, dialogs)
        self._rest(interpreter, dialogs)

    def event(self, name: str, **data: Any) -> None:
        self.feed(Input(event=Event(name, data=data).to_json()))

    def call(self, name: str, action: Pending | None = None, **fields: Any) -> None:
        reference = "" if action is None else self.record.reference(action.number)
        event = CallEvent(id=name, time=1.0, tenant="demo", conn_id="c1", reference_id=reference, **fields)
        self.feed(Input(call=event))

    def next(self) -> Pending:
        """The next action that nobody has carried out."""
        action = self.record.pending[self.done]
        self.done += 1
        return action

    def served(self, text: str = SURVEY) -> None:
        """The document is there."""
        fetch = self.next()
        assert (fetch.namespace, fetch.name) == ("urn:ringback:vxml", "fetch")
        answer = {"status": 200, "type": "", "text": text, "url": "http://designer/apps/demo/survey.vxml"}
        self.event("vxml.fetch.done", requestid=self.record.reference(fetch.number), **answer)


def test_digits_of_the_caller_become_the_result_in_the_chart() -> None:
    session = Session()
    assert session.record.pending[0].payload["url"] == "survey"
    session.served()
    collect = session.next()
    assert collect.number == SHARE + 2 and collect.payload == {
        "treatment": "PlayAnnouncementAndDigits",
        "prompts": ["welcome", "number:7", "number:42"],
        "max_digits": 2,
        "terminators": "#",
        "timeout": 5.0,
        "interdigit_timeout": 2.0,
        "then_music": False,
    }
    session.call("EventTreatmentApplied", collect)
    session.call("EventTreatmentEnd", collect, reason="timeout", digits="")
    collect = session.next()
    assert collect.number == SHARE + 3
    session.call("EventTreatmentEnd", collect, reason="finished", digits="9")
    assert session.got == ["finished", {"score": 14}, True]
    assert session.record.dialog is None and session.record.asked == {}


def test_an_answer_that_comes_twice_counts_once() -> None:
    session = Session()
    session.served()
    collect = session.next()
    session.call("EventTreatmentEnd", collect, reason="timeout", digits="")
    session.call("EventTreatmentEnd", collect, reason="finished", digits="9")
    assert session.got == [] and len(session.record.pending) == 3


def test_stop_ends_the_dialog_and_what_answers_it_later_is_nobodys() -> None:
    session = Session()
    session.served()
    collect = session.next()
    session.event("stop")
    assert session.got == ["cancelled"] and session.next().payload == {"treatment": "Silence"}
    session.call("EventTreatmentEnd", collect, reason="superseded")
    session.call("EventTreatmentEnd", collect, reason="finished", digits="1")
    assert session.got == ["cancelled"]


def test_another_treatment_in_its_place_ends_the_dialog() -> None:
    session = Session()
    session.served()
    session.call("EventTreatmentEnd", session.next(), reason="superseded")
    assert session.got == ["superseded"]


@pytest.mark.parametrize("name", ["EventCallDeleted", "EventAbandoned"])
def test_when_the_caller_hangs_up_the_dialog_ends_before_the_chart_hears_of_it(name: str) -> None:
    session = Session()
    session.served()
    session.call(name)
    assert session.logs == ["bye"]
    assert session.got == ["hangup", {"score": 5}, True, "gone"]


def test_there_is_one_dialog_at_a_time() -> None:
    session = Session()
    session.served()
    session.event("again")
    assert session.got == ["invalidstate.treating"]
    assert session.record.dialog is not None and session.record.dialog.number == 1


def test_a_chart_that_begins_dialogs_for_ever_is_ended() -> None:
    session = Session()
    session.served()
    session.event("for.ever")
    assert (session.record.ended, session.record.failed) == (True, "microsteps")


def test_a_document_that_does_not_come_or_is_none_is_an_error() -> None:
    session = Session()
    fetch = session.next()
    session.event("error.vxml.fetch", requestid=session.record.reference(fetch.number), reason="not_allowed")
    assert session.got == ["error.badfetch"]
    session = Session()
    session.served("<html/>")
    assert session.got == ["error.badfetch"]


def test_words_are_an_error_since_nothing_speaks() -> None:
    session = Session()
    session.served(PAGE.format("<form><block>Hello</block></form>"))
    assert session.got == ["error.noresource.speech"]


def test_a_treatment_that_cannot_be_had_is_an_event_of_the_dialog() -> None:
    caught = '<catch event="error.noresource"><exit expr="\'caught\'"/></catch>'
    session = Session()
    session.served(SURVEY.replace("<var", f"{caught}<var", 1))
    session.call("EventTreatmentNotApplied", session.next(), reason="media_unavailable")
    assert session.got[0] == "finished"
    session = Session()
    session.served()
    request = session.record.reference(session.next().number)
    session.event("error.dialog.collect", requestid=request, reason="unavailable")
    assert session.got == ["error.noresource"]


TRANSFER = PAGE.format(
    '<form><transfer name="t" dest="tel:8500" connecttimeout="9s"{}>'
    '<filled><exit namelist="t"/></filled></transfer></form>'
)


def test_a_blind_transfer_routes_the_call() -> None:
    session = Session()
    session.served(TRANSFER.format(""))
    redirect = session.next()
    assert (
        redirect.name == "redirect"
        and redirect.payload["to"] == "8500"
        and redirect.payload["timeout"] == 9.0
    )
    session.call("EventRouteUsed", redirect)
    assert session.got == ["transferred", {}, True] and session.record.routed


def test_a_transfer_that_fails_goes_on_in_the_dialog_and_a_bridge_is_not_had() -> None:
    session = Session()
    session.served(TRANSFER.format(""))
    session.call("EventError", session.next(), reason="busy")
    assert session.got == ["finished", {"t": "busy"}, True]
    session = Session()
    session.served(TRANSFER.format(' bridge="true"'))
    assert session.got == ["error.unsupported.transfer.bridge"]


def test_a_recording_needs_a_mailbox() -> None:
    session = Session()
    session.served(PAGE.format('<form><record name="r"/></form>'))
    assert session.got == ["error.unsupported.record"]


def test_a_document_that_was_lost_ends_the_dialog() -> None:
    session = Session()
    session.served()
    collect = session.next()
    session.texts = dict.fromkeys(session.texts, "")
    session.call("EventTreatmentEnd", collect, reason="finished", digits="9")
    assert session.got == ["error.lost"]


def test_what_can_be_heard_is_the_prompts_and_whole_numbers() -> None:
    voice = PromptVoice()
    assert (
        voice.plays("prompt:welcome") and voice.plays("prompt:number:99") and voice.plays("prompt:wait:130")
    )
    for none in (
        "prompt:nothing",
        "prompt:number:100",
        "prompt:number:x",
        "http://h/welcome.wav",
        "prompt:../x",
    ):
        assert prompt_of(none) is None
    assert voice.says(Text("12 7")) and not voice.says(Text("twelve")) and not voice.says(Text("1.5"))
    parts = (Audio("prompt:welcome"), Mark("m"), Text("42"), Text("42", say_as="digits"), Text("1234"))
    assert names_of(parts) == [
        "welcome",
        "number:42",
        "number:4",
        "number:2",
        *(f"number:{n}" for n in "1234"),
    ]
