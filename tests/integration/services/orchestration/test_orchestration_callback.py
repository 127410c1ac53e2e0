"""The shipped application for callbacks, on real services."""

import asyncio

import pytest

from ringback.contracts.callbacks import NO_AGENT
from ringback.contracts.telephony import (
    RequestApplyTreatment,
    RequestClearCall,
    RequestDistributeUserEvent,
    RequestMakeCall,
    RequestRouteCall,
)
from ringback.runtime.http import HttpClient

from .conftest import CONN, Stage, configure

SID = "cb-c1-1"


async def to_the_reservation(stage: Stage) -> dict:
    """The customer waits in line and an agent is found; the request for the agent."""
    await stage.request_callback()
    queued = await stage.engagement.next()
    assert (queued.state, queued.attempt, queued.step, queued.session_id) == ("QUEUED", 1, 1, SID)
    request = await stage.router.next("submit")
    assert (request["kind"], request["arrival_time"]) == ("callback", 1000.5)
    assert (request["interaction_id"], request["session_id"]) == ("c1", SID)
    await stage.router.reserve(request, "ann")
    routing, dialling = await stage.engagement.next(), await stage.engagement.next()
    assert (routing.state, routing.step, routing.agent_id) == ("ROUTING", 2, "ann")
    assert (dialling.state, dialling.step) == ("DIALLING", 3)
    return request


async def dial(stage: Stage) -> RequestMakeCall:
    call = await stage.calls.next()
    assert isinstance(call, RequestMakeCall)
    assert (call.other_dn, call.this_dn, call.user_data) == ("+14155550100", "8000", {"name": "value"})
    return call


async def answer(stage: Stage, call: RequestMakeCall, result: str = "PERSON") -> None:
    await stage.calls.tell("EventDialing", this_dn="8000", reference_id=call.reference_id)
    await stage.calls.tell(
        "EventEstablished", this_dn="8000", reference_id=call.reference_id, dial_result=result
    )


async def test_a_customer_is_dialled_and_talks_to_the_reserved_agent(stage: Stage) -> None:
    request = await to_the_reservation(stage)
    call = await dial(stage)
    await answer(stage, call)
    offer = await stage.calls.next()
    reached = await stage.engagement.next()
    assert (reached.state, reached.step, reached.dial_result) == ("CUSTOMER", 4, "PERSON")
    assert isinstance(offer, RequestRouteCall)
    assert (offer.conn_id, offer.other_dn, offer.agent_id) == (CONN, "1ann", "ann")
    await stage.calls.tell("EventRouteUsed", reference_id=offer.reference_id, third_party_dn="1ann")
    assert (await stage.router.next("confirm"))["request_id"] == request["request_id"]
    talking = await stage.engagement.next()
    assert (talking.state, talking.step, talking.conn_id) == ("PROCESSING", 5, CONN)
    await stage.calls.tell("EventCallDeleted", reason="target_hung_up")
    done = await stage.engagement.next()
    assert (done.state, done.reason, done.step) == ("COMPLETED", "AGENT_CONNECTED", 6)
    await stage.until(lambda: stage.over(SID))


async def test_an_agent_who_gives_the_customer_to_a_route_point_has_completed_the_callback(
    stage: Stage,
) -> None:
    await to_the_reservation(stage)
    await answer(stage, await dial(stage))
    offer = await stage.calls.next()
    await stage.calls.tell("EventRouteUsed", reference_id=offer.reference_id, third_party_dn="1ann")
    await stage.router.next("confirm")
    assert [(await stage.engagement.next()).state for _ in range(2)] == ["CUSTOMER", "PROCESSING"]
    await stage.calls.tell("EventRouteRequest", this_dn="8000", ani="+14155550100")
    done = await stage.engagement.next()
    assert (done.state, done.reason) == ("COMPLETED", "AGENT_CONNECTED")
    await stage.until(lambda: stage.over(SID))
    assert isinstance(await stage.calls.next(), RequestApplyTreatment)


@pytest.mark.parametrize("result", ["BUSY", "NO_ANSWER", "ERROR_TONE"])
async def test_a_customer_who_is_not_reached_fails_the_attempt_and_frees_the_agent(
    stage: Stage, result: str
) -> None:
    request = await to_the_reservation(stage)
    call = await dial(stage)
    await stage.calls.tell("EventError", reference_id=call.reference_id, reason="x", dial_result=result)
    await stage.calls.tell("EventCallDeleted")
    assert (await stage.router.next("cancel"))["request_id"] == request["request_id"]
    failed = await stage.engagement.next()
    assert (failed.state, failed.dial_result) == ("FAILED", result)
    await stage.until(lambda: stage.over(SID))
    assert stage.calls.requests == [call]


async def test_a_machine_is_let_go(stage: Stage) -> None:
    await to_the_reservation(stage)
    await answer(stage, await dial(stage), "ANSWERING_MACHINE")
    assert isinstance(await stage.calls.next(), RequestClearCall)
    assert (await stage.engagement.next()).dial_result == "ANSWERING_MACHINE"


async def test_without_leave_nobody_is_dialled(stage: Stage) -> None:
    stage.engagement.go_on = lambda step: step.state != "DIALLING"
    request = await to_the_reservation(stage)
    assert (await stage.router.next("cancel"))["request_id"] == request["request_id"]
    await stage.until(lambda: stage.over(SID))
    assert stage.calls.requests == []


async def test_a_callback_cancelled_in_line_leaves_it(stage: Stage) -> None:
    await stage.request_callback()
    await stage.engagement.next()
    request = await stage.router.next("submit")
    await stage.control.post(f"/scxml/session/{SID}/event/callback.cancel", {})
    assert (await stage.router.next("cancel"))["request_id"] == request["request_id"]
    await stage.until(lambda: stage.over(SID))
    assert [step.state for step in stage.engagement.steps] == ["QUEUED"]


async def test_a_callback_cancelled_while_the_phone_rings_is_let_go(stage: Stage) -> None:
    await to_the_reservation(stage)
    await dial(stage)
    await stage.control.post(f"/scxml/session/{SID}/event/callback.cancel", {})
    cleared = await stage.calls.next()
    assert isinstance(cleared, RequestClearCall) and cleared.conn_id == CONN
    await stage.until(lambda: stage.over(SID))


async def test_a_customer_whose_agent_does_not_answer_waits_for_the_next_one(stage: Stage) -> None:
    request = await to_the_reservation(stage)
    await answer(stage, await dial(stage))
    offer = await stage.calls.next()
    await stage.calls.tell("EventError", reference_id=offer.reference_id, reason="no_answer")
    assert (await stage.router.next("return"))["agent_id"] == "ann"
    await stage.router.reserve(request, "bob")
    assert (await stage.calls.next()).agent_id == "bob"
    assert sum(isinstance(found, RequestMakeCall) for found in stage.calls.requests) == 1


async def test_a_customer_who_hangs_up_before_the_agent_is_there_fails_the_attempt(stage: Stage) -> None:
    await to_the_reservation(stage)
    await answer(stage, await dial(stage))
    await stage.calls.next()
    await stage.calls.tell("EventAbandoned", this_dn="8000")
    await stage.calls.tell("EventCallDeleted", reason="caller_hung_up")
    assert (await stage.engagement.next()).state == "CUSTOMER"
    failed = await stage.engagement.next()
    assert (failed.state, failed.reason, failed.dial_result) == ("FAILED", "customer_gone", "PERSON")


async def test_a_customer_who_hangs_up_after_waiting_for_an_agent_was_left_alone_by_us(stage: Stage) -> None:
    """As when a process was killed while the phone rang, and the agent's phone is not rung in time."""
    await configure(stage.harness.process.valkey, agent_wait="0")
    await stage.until(lambda: is_configured(stage))
    await to_the_reservation(stage)
    await answer(stage, await dial(stage))
    assert isinstance(await stage.calls.next(), RequestRouteCall)
    await stage.calls.tell("EventAbandoned", this_dn="8000")
    await stage.calls.tell("EventCallDeleted", reason="caller_hung_up")
    assert (await stage.engagement.next()).state == "CUSTOMER"
    failed = await stage.engagement.next()
    assert (failed.state, failed.reason, failed.dial_result) == ("FAILED", NO_AGENT, "PERSON")


@pytest.mark.parametrize("name", ["callback", "callback-scheduled", "callback-agent-first"])
async def test_a_callback_that_an_agent_has_promised_waits_for_that_agent_first(
    stage: Stage, name: str
) -> None:
    app = f"{stage.ctx.url('designer')}/apps/demo/{name}.scxml"
    await stage.request_callback(app=app, dial='{"preferredagent": "kim", "preferredtimeout": 900}')
    request = await stage.router.next("submit")
    assert (request["preferred_agent"], request["preferred_s"]) == ("kim", 900.0)


async def is_configured(stage: Stage) -> bool:
    point = await HttpClient(stage.ctx, "config").get("/tenants/demo/dns/8000")
    return "agent_wait" in point["parameters"]


async def test_an_agent_found_anew_while_the_phone_rings_takes_the_place_of_the_first(stage: Stage) -> None:
    request = await to_the_reservation(stage)
    call = await dial(stage)
    await stage.router.reserve(request, "bob")
    state = await stage.until(lambda: queried(stage, "bob"))
    assert state
    await answer(stage, call)
    assert (await stage.calls.next()).agent_id == "bob"


async def queried(stage: Stage, agent: str) -> bool:
    """Whether the stored data of the session name this agent."""
    state = await stage.ctx.valkey.call("HGET", f"{{demo}}:orch:session:{SID}", "state")
    return agent.encode() in state


async def test_the_same_entry_twice_makes_one_attempt(stage: Stage) -> None:
    await to_the_reservation(stage)
    await stage.request_callback()
    call = await dial(stage)
    await stage.calls.tell("EventError", reference_id=call.reference_id, dial_result="BUSY")
    await stage.until(lambda: stage.over(SID))
    await stage.request_callback()
    await stage.request_callback(callback_id="c2")
    await stage.until(lambda: stage.over(SID))
    assert [found.session_id for found in stage.engagement.steps].count(SID) == 4
    assert stage.calls.requests == [call]


async def test_steps_wait_for_an_engagement_that_is_away(stage: Stage) -> None:
    stage.engagement.down = True
    await stage.request_callback()
    await asyncio.wait_for(stage.engagement.refused.wait(), 10)
    told = await stage.control.get(f"/scxml/session/{SID}/query")
    assert (told["pending"], told["ended"]) == (["1:report"], False), (
        "what engagement looks for when it is back"
    )
    stage.engagement.down = False
    assert (await stage.engagement.next()).state == "QUEUED"


async def test_a_broken_application_reports_a_failed_attempt(stage: Stage) -> None:
    broken = (
        b'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="nosuch"><state/></scxml>'
    )
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", broken)
    await stage.request_callback(app=f"{stage.ctx.url('designer')}/apps/demo/broken.scxml")
    failed = await stage.engagement.next()
    assert (failed.state, failed.dial_result) == ("FAILED", "CREATE_CALL_ERROR")
    await stage.until(lambda: stage.over(SID))


async def test_an_entry_that_is_no_callback_is_passed_over(stage: Stage) -> None:
    await stage.request_callback(attempt="often")
    await stage.request_callback(tenant="nobody", callback_id="c9")
    await stage.request_callback(callback_id="c3")
    assert (await stage.engagement.next()).session_id == "cb-c3-1"


async def test_a_callback_that_cannot_be_dialled_for_want_of_a_route_point_fails_and_frees_the_agent(
    stage: Stage,
) -> None:
    await stage.request_callback(route_point="")
    assert (await stage.engagement.next()).state == "QUEUED"
    request = await stage.router.next("submit")
    await stage.router.reserve(request, "ann")
    assert [(await stage.engagement.next()).state for _ in range(2)] == ["ROUTING", "DIALLING"]
    assert (await stage.router.next("cancel"))["request_id"] == request["request_id"]
    failed = await stage.engagement.next()
    assert (failed.state, failed.reason, failed.dial_result) == (
        "FAILED",
        "application_error",
        "CREATE_CALL_ERROR",
    )
    await stage.until(lambda: stage.over(SID))


@pytest.mark.parametrize(("result", "dial_result"), [("server_error", "UNKNOWN"), ("client_error", "PERSON")])
async def test_a_customer_whom_the_platform_lost_is_dialled_again_one_who_hung_up_is_not(
    stage: Stage, result: str, dial_result: str
) -> None:
    await to_the_reservation(stage)
    await answer(stage, await dial(stage))
    assert isinstance(await stage.calls.next(), RequestRouteCall)
    assert (await stage.engagement.next()).state == "CUSTOMER"
    await stage.calls.tell("EventCallDeleted", reason="x", result_class=result)
    failed = await stage.engagement.next()
    assert (failed.state, failed.dial_result) == ("FAILED", dial_result)


async def test_an_error_while_the_customer_is_there_ends_the_call_and_counts(stage: Stage) -> None:
    request = await to_the_reservation(stage)
    await answer(stage, await dial(stage))
    assert isinstance(await stage.calls.next(), RequestRouteCall)
    await stage.control.post(f"/scxml/session/{SID}/event/error.anything", {})
    assert (await stage.router.next("cancel"))["request_id"] == request["request_id"]
    assert isinstance(await stage.calls.next(), RequestClearCall)
    assert (await stage.engagement.next()).state == "CUSTOMER"
    failed = await stage.engagement.next()
    assert (failed.state, failed.dial_result) == ("FAILED", "UNKNOWN")


AGENT_FIRST = '{"first": "AGENT", "number": "914155550100", "attached": {"order": 7}}'


async def test_agent_first_the_agent_answers_before_the_customer_is_dialled(stage: Stage) -> None:
    app = f"{stage.ctx.url('designer')}/apps/demo/callback-agent-first.scxml"
    await stage.request_callback(app=app, dial=AGENT_FIRST)
    assert (await stage.engagement.next()).state == "QUEUED"
    request = await stage.router.next("submit")
    await stage.router.reserve(request, "ann")
    assert (await stage.engagement.next()).state == "ROUTING"
    ring = await stage.calls.next()
    assert isinstance(ring, RequestMakeCall)
    assert (ring.other_dn, ring.agent_id, ring.customer) == ("1ann", "ann", "+14155550100")
    assert ring.user_data == {"order": 7}
    await stage.calls.tell("EventRinging", this_dn="1ann", agent_id="ann")
    await stage.calls.tell("EventEstablished", this_dn="1ann", agent_id="ann", reference_id=ring.reference_id)
    assert (await stage.engagement.next()).state == "DIALLING"
    dialled = await stage.calls.next()
    assert isinstance(dialled, RequestRouteCall)
    assert (dialled.other_dn, dialled.agent_id, dialled.conn_id) == ("914155550100", "", CONN)
    await stage.calls.tell("EventRouteUsed", reference_id=dialled.reference_id, third_party_dn="x")
    assert (await stage.router.next("confirm"))["agent_id"] == "ann"
    assert [(await stage.engagement.next()).state for _ in range(2)] == ["CUSTOMER", "PROCESSING"]


async def test_an_agent_is_asked_before_anybody_is_dialled(stage: Stage) -> None:
    await stage.request_callback(dial='{"preview": true, "previewtimeout": 20, "rejectpause": 0}')
    assert (await stage.engagement.next()).state == "QUEUED"
    await stage.router.reserve(await stage.router.next("submit"), "ann")
    assert (await stage.engagement.next()).state == "ROUTING"
    asked = await stage.calls.next()
    assert isinstance(asked, RequestDistributeUserEvent)
    assert (asked.agent_id, asked.user_data["CallbackId"]) == ("ann", "c1")
    await stage.answer_preview(asked, "ann", "reject")
    assert (await stage.router.next("cancel"))["reason"] == "preview_rejected"
    assert (await stage.engagement.next()).state == "QUEUED"
    again = await stage.router.next("submit")
    assert again["arrival_time"] == 1000.5
    await stage.router.reserve(again, "bob")
    assert (await stage.engagement.next()).agent_id == "bob"
    await stage.answer_preview(await stage.calls.next(), "bob", "accept")
    assert (await stage.engagement.next()).state == "DIALLING"
    assert isinstance(await stage.calls.next(), RequestMakeCall)
