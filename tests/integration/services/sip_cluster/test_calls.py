"""Calls through a cluster node, on real sockets and real stores."""

import asyncio
from typing import Any

import pytest

from ringback.contracts import telephony as t
from ringback.contracts.calls import call_key
from ringback.contracts.treatment import Collect, Music, Play, Record
from ringback.runtime.http import HttpFailure

_IDENTITY = ("P-Asserted-Identity", "Privacy")


def sdp(name: str, more: str = "") -> str:
    """An agent's or customer's description."""
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.7\r\ns={name}\r\nc=IN IP4 192.0.2.7\r\n"
    return f"{head}m=audio 6000 RTP/AVP 0\r\n{more}"


async def arrive(world: Any) -> tuple[Any, str]:
    """A caller on route point 8000; leg and ConnID."""
    caller = world.near.call("8000")
    event = await world.event("EventRouteRequest")
    return caller, event.conn_id


async def music(world: Any, conn_id: str, reference: str = "m1") -> Any:
    """Music for the caller; the media leg."""
    treat = t.RequestApplyTreatment(
        tenant="demo", conn_id=conn_id, reference_id=reference, treatment_type="Music"
    )
    await world.ask(treat)
    media = await world.far.leg("media")
    await world.event("EventTreatmentApplied", reference_id=reference)
    return media


def route(conn_id: str, reference: str = "r1", dn: str = "1001", timeout: float = 15.0) -> Any:
    return t.RequestRouteCall(
        tenant="demo",
        conn_id=conn_id,
        reference_id=reference,
        idempotency_key=f"{conn_id}-{reference}",
        other_dn=dn,
        agent_id="anna",
        timeout=timeout,
    )


async def talk(world: Any) -> tuple[Any, Any, str]:
    """Caller and agent 1001 talk; (caller, agent, ConnID)."""
    caller, conn_id = await arrive(world)
    await music(world, conn_id)
    await world.near.answered(caller)
    await world.ask(route(conn_id))
    agent = await world.far.leg("dn=1001")
    agent.reply(180)
    agent.answer(sdp("agent"))
    await world.event("EventEstablished", this_dn="1001")
    return caller, agent, conn_id


async def nothing_left(world: Any, conn_id: str) -> None:
    """The call is forgotten everywhere."""
    await world.event("EventCallDeleted", conn_id=conn_id)
    valkey = world.harness.process.valkey
    async with asyncio.timeout(20):
        while await valkey.call("EXISTS", call_key("demo", conn_id)):
            await asyncio.sleep(0.01)
    assert await valkey.call("SCARD", "{demo}:calls") == 0


class TestInbound:
    async def test_a_caller_hears_music_talks_to_an_agent_and_hangs_up(self, world: Any) -> None:
        caller, conn_id = await arrive(world)
        media = await music(world, conn_id)
        assert await media.commands.get() == Music(reference="m1")
        answer = await world.near.answered(caller)
        assert answer.status == 200
        assert b"s=media" in answer.body
        await world.ask(route(conn_id))
        ringing = await world.event("EventRinging")
        assert (ringing.this_dn, ringing.agent_id, ringing.this_queue, ringing.reference_id) == (
            "1001",
            "anna",
            "8000",
            "r1",
        )
        agent = await world.far.leg("dn=1001")
        assert b"s=caller" in agent.invite.body
        assert agent.invite.get("X-Genesys-CallUUID") == ringing.call_uuid
        assert agent.invite.uri.host == "demo.example"
        agent.reply(180)
        agent.answer(sdp("agent"))
        assert "s=agent" in await asyncio.wait_for(caller.offers.get(), 20)
        await world.event("EventRouteUsed", third_party_dn="1001", reference_id="r1")
        await world.event("EventEstablished", this_dn="1001", agent_id="anna")
        await asyncio.wait_for(media.gone.wait(), 20)
        assert await caller.bye() == 200
        await asyncio.wait_for(agent.gone.wait(), 20)
        released = await world.event("EventReleased", this_dn="1001")
        assert released.result_class == "success"
        await nothing_left(world, conn_id)

    async def test_an_unknown_number_is_404(self, world: Any) -> None:
        answer = await world.near.answered(world.near.call("4711"))
        assert answer.status == 404
        assert (await world.event("EventCallDeleted")).reason == "unknown_number"

    async def test_a_tenant_that_is_not_ours_is_404(self, world: Any) -> None:
        answer = await world.near.answered(world.near.call("8000", tenant="other"))
        assert answer.status == 404

    async def test_an_offer_that_is_none_is_488(self, world: Any) -> None:
        answer = await world.near.answered(world.near.call("8000", body="not a description"))
        assert answer.status == 488

    async def test_an_agent_who_does_not_answer_is_cancelled_and_the_music_goes_on(self, world: Any) -> None:
        caller, conn_id = await arrive(world)
        media = await music(world, conn_id)
        await world.near.answered(caller)
        await world.ask(route(conn_id, timeout=0.2))
        agent = await world.far.leg("dn=1001")
        agent.reply(180)
        await asyncio.wait_for(agent.cancelled.wait(), 20)
        released = await world.event("EventReleased", this_dn="1001")
        assert (released.call_state, released.reason) == (7, "no_answer")
        await world.event("EventError", this_dn="8000", reference_id="r1", reason="no_answer")
        assert not media.gone.is_set()
        await world.ask(route(conn_id, "r2", dn="1002"))
        second = await world.far.leg("dn=1002")
        second.reply(603)
        await world.event("EventError", reference_id="r2", reason="rejected")
        await caller.bye()
        await asyncio.wait_for(media.gone.wait(), 20)
        await nothing_left(world, conn_id)

    async def test_a_caller_who_hangs_up_while_the_agent_rings_cancels_the_agent(self, world: Any) -> None:
        caller, conn_id = await arrive(world)
        await music(world, conn_id)
        await world.near.answered(caller)
        await world.ask(route(conn_id))
        agent = await world.far.leg("dn=1001")
        agent.reply(180)
        await caller.bye()
        await asyncio.wait_for(agent.cancelled.wait(), 20)
        await world.event("EventAbandoned", this_dn="1001", agent_id="anna")
        await world.event("EventAbandoned", this_dn="8000")
        await nothing_left(world, conn_id)

    async def test_a_cancel_before_the_answer_is_487(self, world: Any) -> None:
        caller, conn_id = await arrive(world)
        caller.client.cancel()
        assert (await world.near.answered(caller)).status == 487
        await nothing_left(world, conn_id)

    async def test_rfc3261_13_3_1_an_invitation_that_has_expired_is_487_and_one_that_was_taken_stands(
        self, world: Any
    ) -> None:
        ringing = world.near.call("1001", more=(("Expires", "1"),))
        agent = await world.far.leg("dn=1001")
        agent.reply(180)
        assert (await world.near.answered(ringing)).status == 487
        await asyncio.wait_for(agent.cancelled.wait(), 5)
        taken = world.near.call("1001", more=(("Expires", "600"),))
        agent = await world.far.leg("dn=1001")
        (live,) = world.harness["sip_cluster"]._driver.calls.values()
        assert live.legs["in1"].patience is not None
        agent.answer(sdp("agent"))
        assert (await world.near.answered(taken)).status == 200
        assert live.legs["in1"].patience is None
        await taken.bye()

    async def test_rfc3325_7_a_trunk_is_told_who_calls_unless_that_is_nobodys_business(
        self, world: Any
    ) -> None:
        for more, sender, names in (
            ((), "1002", {"P-Asserted-Identity": "<sip:1002@demo.example>"}),
            ((("Privacy", "id"),), "anonymous", {"Privacy": "id"}),
        ):
            caller = world.near.call("+15550009", origin="dn=1002", caller="1002", more=more)
            invite = (leg := await world.far.leg("trunk=carrier")).invite
            assert invite.from_.uri.user == sender
            assert {name: value for name, value in invite.headers if name in _IDENTITY} == names
            leg.reply(486)
            assert (await world.near.answered(caller)).status == 486

    async def test_collected_digits_come_as_an_event(self, world: Any) -> None:
        _, conn_id = await arrive(world)
        ask = t.RequestApplyTreatment(
            tenant="demo",
            conn_id=conn_id,
            reference_id="c1",
            treatment_type="PlayAnnouncementAndDigits",
            prompts=["menu"],
            max_digits=1,
            timeout=4.0,
        )
        await world.ask(ask)
        media = await world.far.leg("media")
        command = await asyncio.wait_for(media.commands.get(), 20)
        assert command == Collect(reference="c1", prompts=("menu",), timeout_s=4.0, then="music")
        assert await media.ended("c1", "max", "7") == 200
        end = await world.event("EventTreatmentEnd")
        assert (end.digits, end.reason, end.treatment_type) == ("7", "max", "PlayAnnouncementAndDigits")

    async def test_hold_and_retrieve_from_the_agents_phone(self, world: Any) -> None:
        caller, agent, _ = await talk(world)
        await asyncio.wait_for(caller.offers.get(), 20)
        held = await agent.reinvite(sdp("agent", "a=sendonly\r\n"))
        assert held.status == 200
        assert b"a=recvonly" in held.body
        await world.event("EventHeld", this_dn="1001", agent_id="anna")
        media = await world.far.leg("media")
        assert "s=media" in await asyncio.wait_for(caller.offers.get(), 20)
        assert isinstance(await asyncio.wait_for(media.commands.get(), 20), Music)
        back = await agent.reinvite(sdp("agent"))
        assert b"s=caller" in back.body
        await world.event("EventRetrieved", this_dn="1001")
        await asyncio.wait_for(media.gone.wait(), 20)

    async def test_hold_and_retrieve_by_request(self, world: Any) -> None:
        caller, agent, conn_id = await talk(world)
        await world.ask(t.RequestHoldCall(tenant="demo", conn_id=conn_id, this_dn="1001"))
        assert "a=inactive" in await asyncio.wait_for(agent.offers.get(), 20)
        await world.event("EventHeld", this_dn="1001")
        await world.ask(t.RequestRetrieveCall(tenant="demo", conn_id=conn_id, this_dn="1001"))
        await world.event("EventRetrieved", this_dn="1001")
        await world.ask(t.RequestReleaseCall(tenant="demo", conn_id=conn_id, this_dn="1001"))
        await asyncio.wait_for(asyncio.gather(agent.gone.wait(), caller.gone.wait()), 5)
        await nothing_left(world, conn_id)


class TestMailbox:
    async def test_a_phone_that_does_not_answer_falls_back_to_its_mailbox(self, world: Any) -> None:
        caller = world.near.call("1001", origin="dn=1002", caller="1002")
        agent = await world.far.leg("dn=1001")
        agent.reply(486)
        media = await world.far.leg("media")
        assert (await world.near.answered(caller)).status == 200
        command = await asyncio.wait_for(media.commands.get(), 20)
        assert isinstance(command, Record)
        assert command.mailbox == "8500"
        await world.event("EventTreatmentApplied")
        await media.ended(command.reference)
        await asyncio.wait_for(caller.gone.wait(), 20)
        assert (await world.event("EventCallDeleted")).reason == "message_left"


class TestMakeCall:
    def request(self, key: str = "k1") -> t.RequestMakeCall:
        return t.RequestMakeCall(
            tenant="demo",
            reference_id="d1",
            idempotency_key=key,
            this_dn="8000",
            other_dn="+12025550123",
            ani="+12025550100",
            timeout=5,
            prompts=["callback"],
        )

    async def test_the_customer_is_dialled_hears_the_prompt_and_is_routed(self, world: Any) -> None:
        reply = await world.ask(self.request())
        customer = await world.far.leg("trunk=carrier")
        assert customer.invite.body == b""
        assert customer.invite.uri.user == "+12025550123"
        assert customer.invite.from_.uri.user == "+12025550100"
        await world.event("EventDialing", this_dn="8000", other_dn="+12025550123")
        customer.reply(180)
        await world.event("EventNetworkReached")
        customer.answer(sdp("customer"))
        established = await world.event("EventEstablished", reference_id="d1")
        assert (established.conn_id, established.dial_result) == (reply.conn_id, "PERSON")
        media = await world.far.leg("media")
        assert b"s=customer" in media.invite.body
        ack = await asyncio.wait_for(customer.acked, 20)
        assert b"s=media" in ack.body
        assert await media.commands.get() == Play(reference="d1", prompts=("callback",), then="music")
        await world.ask(route(reply.conn_id))
        agent = await world.far.leg("dn=1001")
        assert agent.invite.from_.uri.user == "+12025550123"
        agent.answer(sdp("agent"))
        await world.event("EventEstablished", agent_id="anna")
        assert "s=agent" in await asyncio.wait_for(customer.offers.get(), 20)
        await customer.bye()
        await nothing_left(world, reply.conn_id)

    async def test_a_person_whom_a_predictive_call_reaches_is_routed_like_a_caller(self, world: Any) -> None:
        predictive = t.RequestMakePredictiveCall(
            tenant="demo",
            reference_id="p1",
            this_dn="8000",
            other_dn="+12025550123",
            user_data={"campaign": "spring"},
        )
        reply = await world.ask(predictive)
        customer = await world.far.leg("trunk=carrier")
        customer.answer(sdp("customer"))
        established = await world.event("EventEstablished", reference_id="p1")
        assert established.dial_result == "PERSON"
        asked = await world.event("EventRouteRequest", this_dn="8000", conn_id=reply.conn_id)
        assert (asked.other_dn, asked.user_data) == ("+12025550123", {"campaign": "spring"})
        await world.far.leg("media")
        await world.ask(route(reply.conn_id))
        agent = await world.far.leg("dn=1001")
        agent.answer(sdp("agent"))
        used = await world.event("EventRouteUsed", this_dn="8000", third_party_dn="1001")
        assert used.conn_id == reply.conn_id
        await world.event("EventEstablished", agent_id="anna")
        await customer.bye()
        await nothing_left(world, reply.conn_id)

    async def test_the_same_request_twice_dials_once(self, world: Any) -> None:
        first, second = await asyncio.gather(world.ask(self.request()), world.ask(self.request()))
        assert first.conn_id == second.conn_id
        customer = await world.far.leg("trunk=carrier")
        customer.reply(486)
        await world.event("EventDestinationBusy", reference_id="d1")
        error = await world.event("EventError", reference_id="d1")
        assert (error.reason, error.dial_result) == ("busy", "BUSY")
        await nothing_left(world, first.conn_id)
        assert (await world.ask(self.request())).conn_id == first.conn_id
        assert world.far.queue("trunk=carrier").empty()


class TestRequests:
    async def test_a_request_for_a_call_that_is_not_there_is_404(self, world: Any) -> None:
        with pytest.raises(HttpFailure) as refused:
            await world.ask(route("00000000deadbeef"))
        assert refused.value.status == 404

    async def test_a_request_in_the_wrong_state_is_409_also_when_repeated(self, world: Any) -> None:
        _, conn_id = await arrive(world)
        request = t.RequestHoldCall(tenant="demo", conn_id=conn_id, this_dn="1001", idempotency_key="h")
        for _ in range(2):
            with pytest.raises(HttpFailure) as refused:
                await world.ask(request)
            assert (refused.value.status, refused.value.slug) == (409, "invalid_state")

    async def test_a_route_asked_for_twice_rings_once(self, world: Any) -> None:
        _, conn_id = await arrive(world)
        replies = await asyncio.gather(*(world.ask(route(conn_id)) for _ in range(3)))
        assert {reply.reference_id for reply in replies} == {"r1"}
        await world.far.leg("dn=1001")
        assert world.far.queue("dn=1001").empty()

    async def test_a_treatment_that_does_not_exist_is_400(self, world: Any) -> None:
        _, conn_id = await arrive(world)
        request = t.RequestApplyTreatment(tenant="demo", conn_id=conn_id, treatment_type="Juggling")
        with pytest.raises(HttpFailure) as refused:
            await world.ask(request)
        assert refused.value.status == 400

    async def test_attached_data_reach_the_agents_event(self, world: Any) -> None:
        _, conn_id = await arrive(world)
        data = {"Language": "de"}
        await world.ask(t.RequestAttachUserData(tenant="demo", conn_id=conn_id, user_data=data))
        await world.event("EventAttachedDataChanged")
        await world.ask(route(conn_id))
        assert (await world.event("EventRinging")).user_data == data
