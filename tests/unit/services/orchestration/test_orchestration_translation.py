"""How events of calls and decisions of the router look to an application."""

import pytest

from ringback.contracts.events import CallEvent
from ringback.contracts.routing import RouteResult
from ringback.services.orchestration.records import Asked
from ringback.services.orchestration.translation import (
    error_event,
    from_call,
    from_result,
    session_of,
)


def call(name: str, **fields: str) -> CallEvent:
    return CallEvent(id=name, time=1.0, tenant="demo", conn_id="c1", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "asked", "name"),
    [
        (call("EventTreatmentEnd", reason="finished"), ("dialog", "play"), "dialog.play.done"),
        (call("EventTreatmentEnd", reason="superseded"), ("dialog", "play"), "voice.treatmentend"),
        (call("EventTreatmentEnd", reason="routed"), ("dialog", "play"), "voice.treatmentend"),
        (call("EventTreatmentNotApplied"), ("dialog", "collect"), "error.dialog.collect"),
        (call("EventRouteUsed"), ("interaction", "redirect"), "interaction.redirect.done"),
        (call("EventError", reason="busy"), ("interaction", "redirect"), "error.interaction.redirect"),
        (call("EventEstablished"), ("interaction", "createcall"), "voice.createcall.done"),
        (call("EventError"), ("interaction", "createcall"), "error.voice.createcall"),
        (call("EventHeld"), ("interaction", "hold"), "interaction.hold.done"),
        (call("EventHeld"), ("interaction", "retrieve"), "voice.held"),
        (call("EventDTMFSent"), ("interaction", "senddtmf"), "interaction.senddtmf.done"),
        (call("EventReleased"), ("interaction", "singlesteptransfer"), "interaction.singlesteptransfer.done"),
        (call("EventEstablished"), ("interaction", "initiatetransfer"), "interaction.initiatetransfer.done"),
        (call("EventReleased"), ("interaction", "completetransfer"), "interaction.completetransfer.done"),
        (call("EventError"), ("interaction", "completeconference"), "error.interaction.completeconference"),
        (call("EventCallDeleted", previous_conn_id="c0"), None, "voice.calldeleted"),
        (call("EventEstablished"), None, "voice.established"),
        (call("EventCallDeleted"), None, "interaction.deleted"),
        (call("EventAbandoned", this_dn="8000"), None, "interaction.abandoned"),
        (call("EventAbandoned", agent_id="ann"), None, "voice.abandoned"),
    ],
)
def test_events_of_calls(event: CallEvent, asked: tuple[str, str] | None, name: str) -> None:
    assert from_call(event, Asked("s", *asked) if asked else None).name == name


def test_digits_are_verified() -> None:
    asked = Asked("s", "dialog", "playandverify", "1234")
    for digits, verified in (("1234", True), ("123", False), ("", False)):
        event = from_call(call("EventTreatmentEnd", reason="max", digits=digits), asked)
        assert (event.name, event.data["verified"]) == ("dialog.playandverify.done", verified)


def test_a_sound_is_done_when_it_has_begun() -> None:
    begun = call("EventTreatmentApplied")
    assert from_call(begun, Asked("s", "dialog", "playsound")).name == "dialog.playsound.done"
    assert from_call(begun, Asked("s", "dialog", "play")).name == "voice.treatmentapplied"


def test_digits_are_given_even_when_there_are_none() -> None:
    event = call("EventTreatmentEnd", reason="timeout")
    assert from_call(event, Asked("s", "dialog", "collect")).data["digits"] == ""


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        ("reserved", "queue.submit.done"),
        ("position", "queue.position"),
        ("timeout", "error.queue.submit"),
        ("rejected", "error.queue.submit"),
        ("cancelled", "queue.cancel.done"),
    ],
)
def test_every_outcome_of_the_router_is_an_event(outcome: str, name: str) -> None:
    result = RouteResult(request_id="s:1", tenant="demo", seq=1, outcome=outcome, agent_id="ann")  # type: ignore[arg-type]
    event = from_result(result)
    assert (event.name, event.data["requestid"], event.data["agent"]) == (name, "s:1", "ann")
    assert event.data["reason"] == outcome


@pytest.mark.parametrize(
    ("reference", "session"),
    [("cb-1-2:7", "cb-1-2"), ("ixn-A:10", "ixn-A"), ("", ""), ("x", ""), ("s:", ""), ("s:default", "")],
)
def test_a_reference_names_its_session(reference: str, session: str) -> None:
    assert session_of(reference) == session


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (("interaction", "createcall"), "error.voice.createcall"),
        (("interaction", "redirect"), "error.interaction.redirect"),
        (("queue", "submit"), "error.queue.submit"),
    ],
)
def test_a_failed_action_has_the_same_name_whoever_tells_of_it(asked: tuple[str, str], name: str) -> None:
    assert error_event(Asked("s", *asked), "refused", "s:1").name == name
