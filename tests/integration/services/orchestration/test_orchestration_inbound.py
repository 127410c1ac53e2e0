"""The shipped application for inbound calls, on real services."""

import asyncio

import pytest

from ringback.contracts.telephony import RequestApplyTreatment, RequestClearCall, RequestRouteCall
from ringback.runtime.http import HttpClient, HttpError, HttpFailure

from .conftest import CONN, Stage, configure

SID = "ixn-U1"


async def arrive(stage: Stage, point: str = "8000") -> None:
    await stage.calls.tell("EventRouteRequest", this_dn=point, ani="+14155550100", dnis="8000", time=1000.0)


async def to_the_line(stage: Stage) -> dict:
    """The call is greeted and stands in line; the request for an agent."""
    await arrive(stage)
    greeting = await stage.calls.next()
    assert isinstance(greeting, RequestApplyTreatment)
    assert (greeting.treatment_type, greeting.prompts, greeting.conn_id) == (
        "PlayAnnouncement",
        ["welcome"],
        CONN,
    )
    assert greeting.then_music
    await stage.calls.tell("EventTreatmentEnd", reference_id=greeting.reference_id, reason="finished")
    return await stage.router.next("submit")


async def ring(stage: Stage, request: dict, agent: str) -> RequestRouteCall:
    await stage.router.reserve(request, agent)
    offer = await stage.calls.next()
    assert isinstance(offer, RequestRouteCall)
    assert (offer.agent_id, offer.other_dn, offer.reservation_id) == (agent, f"1{agent}", f"r-{agent}")
    return offer


async def test_a_call_is_greeted_queued_offered_and_connected(stage: Stage) -> None:
    request = await to_the_line(stage)
    assert request["arrival_time"] == 1000.0
    assert (request["vq"], request["target"], request["conn_id"]) == ("sales", "?:sales>=1", CONN)
    offer = await ring(stage, request, "ann")
    await stage.calls.tell("EventRouteUsed", reference_id=offer.reference_id, third_party_dn="1ann")
    confirm = await stage.router.next("confirm")
    assert (confirm["request_id"], confirm["agent_id"]) == (request["request_id"], "ann")
    await stage.calls.tell("EventCallDeleted", reason="caller_hung_up")
    await stage.until(lambda: stage.over(SID))
    assert len(stage.calls.requests) == 2


async def test_an_agent_who_does_not_answer_gives_the_call_back_to_its_place(stage: Stage) -> None:
    request = await to_the_line(stage)
    offer = await ring(stage, request, "ann")
    await stage.calls.tell("EventError", reference_id=offer.reference_id, reason="no_answer")
    back = await stage.router.next("return")
    assert (back["request_id"], back["agent_id"], back["reason"]) == (
        request["request_id"],
        "ann",
        "no_answer",
    )
    second = await ring(stage, request, "bob")
    assert second.reference_id != offer.reference_id
    await stage.calls.tell("EventRouteUsed", reference_id=second.reference_id, third_party_dn="1bob")
    assert (await stage.router.next("confirm"))["agent_id"] == "bob"


async def test_a_caller_who_hangs_up_leaves_the_line(stage: Stage) -> None:
    request = await to_the_line(stage)
    await stage.calls.tell("EventAbandoned", this_dn="8000")
    await stage.calls.tell("EventCallDeleted", reason="caller_hung_up")
    cancel = await stage.router.next("cancel")
    assert cancel["request_id"] == request["request_id"]
    await stage.until(lambda: stage.over(SID))
    assert not any(isinstance(found, RequestRouteCall) for found in stage.calls.requests)


async def test_with_nobody_logged_in_the_mailbox_takes_the_call(stage: Stage) -> None:
    stage.router.agents_logged_in = 0
    await arrive(stage)
    sorry = await stage.calls.next()
    assert sorry.prompts == ["no-agents"]
    await stage.calls.tell("EventTreatmentEnd", reference_id=sorry.reference_id, reason="finished")
    offer = await stage.calls.next()
    assert (offer.other_dn, offer.route_type) == ("8500", "mailbox")


async def test_a_greeting_that_cannot_be_played_does_not_stop_the_call(stage: Stage) -> None:
    await arrive(stage)
    greeting = await stage.calls.next()
    await stage.calls.tell("EventTreatmentNotApplied", reference_id=greeting.reference_id, reason="refused")
    assert (await stage.calls.next()).treatment_type == "Music"
    await stage.router.next("submit")


async def test_the_same_route_request_twice_starts_one_session(stage: Stage) -> None:
    request = await to_the_line(stage)
    await arrive(stage)
    offer = await ring(stage, request, "ann")
    assert offer.reference_id.startswith(f"{SID}:")
    state = await stage.control.get(f"/scxml/session/{SID}/query")
    assert state["states"][-1] == "ringing"


@pytest.mark.parametrize("point", ["8001", "8003"])
async def test_a_call_whose_application_is_broken_or_missing_goes_to_the_default(
    stage: Stage, point: str
) -> None:
    broken = (
        b'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="nosuch"><state/></scxml>'
    )
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", broken)
    await arrive(stage, point)
    request = await stage.calls.next()
    if point == "8001":
        assert isinstance(request, RequestRouteCall) and request.other_dn == "1900"
    else:
        assert isinstance(request, RequestClearCall)
    await stage.until(lambda: stage.over(SID))
    metrics = (await stage.data.request("GET", "/metrics")).body.decode()
    assert f"orsnode_default_routes {float(point == '8001')}" in metrics
    assert "orsnode_load_errors 1.0" in metrics


async def test_a_runaway_application_ends_and_its_call_goes_to_the_default(stage: Stage) -> None:
    runaway = (
        b'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">'
        b"<state><onentry><script>while (true) {}</script></onentry></state></scxml>"
    )
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", runaway)
    await arrive(stage, "8001")
    request = await stage.calls.next()
    assert isinstance(request, RequestRouteCall) and request.other_dn == "1900"


async def test_a_mailbox_that_refuses_leads_to_the_default(stage: Stage) -> None:
    stage.router.agents_logged_in = 0
    await arrive(stage)
    sorry = await stage.calls.next()
    await stage.calls.tell("EventTreatmentEnd", reference_id=sorry.reference_id, reason="finished")
    offer = await stage.calls.next()
    await stage.calls.tell("EventError", reference_id=offer.reference_id, reason="unknown_number")
    assert (await stage.calls.next()).other_dn == "1900"


async def test_another_agent_found_while_the_first_rings_is_kept_for_the_case_of_need(stage: Stage) -> None:
    """The router's reservation ran out; the caller is never offered to two agents at a time."""
    request = await to_the_line(stage)
    offer = await ring(stage, request, "ann")
    await stage.router.reserve(request, "bob")
    await stage.calls.tell("EventError", reference_id=offer.reference_id, reason="no_answer")
    assert (await stage.calls.next()).agent_id == "bob"


async def test_media_is_told_about_the_call(stage: Stage) -> None:
    await to_the_line(stage)
    told = await stage.data.get(f"/calls/{CONN}")
    assert (told["session_id"], told["ani"], told["kind"]) == (SID, "+14155550100", "inbound")
    with pytest.raises(HttpFailure) as caught:
        await stage.data.get("/calls/none")
    assert caught.value.status == 404


async def test_a_call_that_ended_while_nobody_listened_is_not_queued(stage: Stage) -> None:
    stage.calls.refuse["RequestApplyTreatment"] = HttpError(404, "unknown_call", "gone")
    await arrive(stage)
    await stage.until(lambda: stage.over(SID))
    assert stage.calls.requests == []


async def test_a_phone_that_refuses_again_and_again_is_not_rung_in_a_loop(stage: Stage) -> None:
    request = await to_the_line(stage)
    stage.calls.refuse["RequestRouteCall"] = HttpError(409, "rejected", "no")
    started = stage.ctx.monotonic()
    for _ in range(3):
        await stage.router.reserve(request, "ann")
        assert (await stage.router.next("return"))["reason"] == "rejected"
    assert stage.ctx.monotonic() - started > 2.9


async def test_a_refused_offer_gives_the_agent_back(stage: Stage) -> None:
    request = await to_the_line(stage)
    stage.calls.refuse["RequestRouteCall"] = HttpError(409, "invalid_state", "not now")
    await stage.router.reserve(request, "ann")
    assert (await stage.router.next("return"))["reason"] == "invalid_state"


async def test_a_caller_is_greeted_at_once_when_routing_is_away(stage: Stage) -> None:
    stage.router.away = True
    await arrive(stage)
    assert isinstance(await stage.calls.next(), RequestApplyTreatment)
    assert stage.router.asked == 1


async def test_what_was_known_of_the_queues_stands_in_while_routing_is_away(stage: Stage) -> None:
    stage.router.agents_logged_in = 0
    await arrive(stage)
    assert (await stage.calls.next()).prompts == ["no-agents"]
    stage.router.away = True
    await asyncio.sleep(0.6)  # what is known is no longer fresh
    await stage.calls.tell("EventRouteRequest", conn_id="A2", call_uuid="U2", this_dn="8000", time=1000.0)
    assert (await stage.calls.next()).prompts == ["no-agents"]


async def test_a_route_point_without_a_queue_leads_to_the_default(stage: Stage) -> None:
    await configure(stage.harness.process.valkey, queue="")
    await stage.until(lambda: has_no_queue(stage))
    await arrive(stage)
    routed = await stage.calls.next()
    assert isinstance(routed, RequestRouteCall)
    assert routed.other_dn == "1900"
    await stage.until(lambda: stage.over(SID))


async def has_no_queue(stage: Stage) -> bool:
    point = await HttpClient(stage.ctx, "config").get("/tenants/demo/dns/8000")
    return not point["parameters"]["queue"]


async def test_music_that_is_missing_leaves_the_caller_in_line(stage: Stage) -> None:
    stage.calls.refuse["RequestApplyTreatment"] = HttpError(409, "no_media", "no media now")
    await arrive(stage)
    request = await stage.router.next("submit")
    offer = await ring(stage, request, "ann")
    assert offer.other_dn == "1ann"


async def test_an_application_gives_a_call_away_and_hears_what_came_of_it(stage: Stage) -> None:
    document = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
        xmlns:ixn="www.genesyslab.com/modules/interaction">
      <state id="answer"><onentry><ixn:answer/></onentry>
        <transition event="interaction.answer.done" target="route"/></state>
      <state id="route"><onentry><ixn:redirect to="1001"/></onentry>
        <transition event="voice.established" target="away"/></state>
      <state id="away"><onentry><ixn:singlesteptransfer from="1001" to="1002" timeout="7"/></onentry>
        <transition event="error.interaction.singlesteptransfer" target="again"/></state>
      <state id="again"><onentry><ixn:singlesteptransfer from="1001" to="1003"/></onentry>
        <transition event="interaction.singlesteptransfer.done" target="note"/></state>
      <state id="note"><onentry><ixn:udata dataexpr="{given: 'away'}"/></onentry>
        <transition event="interaction.udata.done" target="over"/></state>
      <final id="over"/></scxml>"""
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", document)
    await arrive(stage, "8001")
    answer = await stage.calls.next()
    assert answer.treatment_type == "Silence"
    await stage.calls.tell("EventTreatmentApplied", reference_id=answer.reference_id)
    route = await stage.calls.next()
    await stage.calls.tell("EventRouteUsed", reference_id=route.reference_id)
    await stage.calls.tell("EventEstablished", reference_id=route.reference_id, this_dn="1001")
    first = await stage.calls.next()
    assert (type(first).__name__, first.this_dn, first.other_dn) == (
        "RequestSingleStepTransfer",
        "1001",
        "1002",
    )
    assert first.timeout == 7
    await stage.calls.tell("EventError", reference_id=first.reference_id, reason="no_answer")
    second = await stage.calls.next()
    assert second.other_dn == "1003"
    await stage.calls.tell("EventReleased", reference_id=second.reference_id, this_dn="1001", call_state=1)
    assert (await stage.calls.next()).user_data == {"given": "away"}
    await stage.until(lambda: stage.over(SID))
