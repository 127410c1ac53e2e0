"""What happens to calls when a node, Valkey or a peer does not do its part."""

import asyncio
from typing import Any

import pytest
from tests.integration.services.started import configured

from ringback.contracts import telephony as t
from ringback.contracts.calls import call_key, owner_key
from ringback.runtime.service import Service
from ringback.services.sip_cluster import audit
from ringback.sip.transport import Destination
from ringback.testing.servers import ValkeyForTests

from .conftest import Side

AUDIT = {"RINGBACK_SIP_CLUSTER_AUDIT_S": "0.2", "RINGBACK_SIP_CLUSTER_MEDIA_AUDIT_S": "0.1"}


def sdp(name: str) -> str:
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.7\r\ns={name}\r\nc=IN IP4 192.0.2.7\r\n"
    return f"{head}m=audio 6000 RTP/AVP 0\r\n"


async def talk(world: Any) -> tuple[Any, Any, str]:
    """Caller and agent 1001 talk; (caller, agent, ConnID)."""
    caller = world.near.call("8000")
    conn_id = (await world.event("EventRouteRequest")).conn_id
    request = t.RequestRouteCall(tenant="demo", conn_id=conn_id, reference_id="r", other_dn="1001")
    await world.ask(request)
    agent = await world.far.leg("dn=1001")
    agent.answer(sdp("agent"))
    await world.near.answered(caller)
    await world.event("EventEstablished", this_dn="1001")
    return caller, agent, conn_id


async def die(service: Service) -> None:
    """The node is gone without a word to its calls."""
    await service.ctx.cancel_tasks()
    await service.stop()


def toward(service: Service) -> Destination:
    return Destination("tcp", *service.ctx.listeners["sip"])


async def test_a_call_of_a_node_that_lives_is_its_own(world: Any) -> None:
    """Who has it is said; only of a node that sip_proxy cannot reach it is taken."""
    caller, agent, conn_id = await talk(world)
    async with world.start_node("two") as second:
        world.near.toward = toward(second["sip_cluster"])
        told = await caller.request("OPTIONS").final(20)
        assert (told.status, told.get("X-Ringback-Owner")) == (481, "one")
        silent = ("X-Ringback-Silent", "three, one")
        assert (await caller.request("BYE", more=(silent,)).final(20)).status == 200
        await asyncio.wait_for(agent.gone.wait(), 20)
        assert (await world.event("EventCallDeleted", conn_id=conn_id)).server == "two"


async def test_a_talk_goes_on_at_another_node_when_its_node_is_gone(world: Any) -> None:
    caller, agent, conn_id = await talk(world)
    async with world.start_node("two") as second:
        await die(world.harness["sip_cluster"])
        world.near.toward = toward(second["sip_cluster"])
        assert await caller.bye() == 200
        await asyncio.wait_for(agent.gone.wait(), 20)
        assert (await world.event("EventCallDeleted", conn_id=conn_id)).server == "two"


async def test_calls_of_a_dead_node_are_taken_over_when_its_lease_has_ended(world: Any) -> None:
    _, agent, conn_id = await talk(world)
    valkey = world.harness.process.valkey
    async with world.start_node("two"):
        await die(world.harness["sip_cluster"])
        async with asyncio.timeout(10):
            while await valkey.call("GET", owner_key("demo", conn_id)) != b"two":
                await asyncio.sleep(0.02)
        await world.ask(t.RequestClearCall(tenant="demo", conn_id=conn_id))
        await asyncio.wait_for(agent.gone.wait(), 20)
        assert (await world.event("EventCallDeleted", conn_id=conn_id)).reason == "cleared"


async def test_a_request_that_was_acknowledged_is_none_for_the_next_node(world: Any) -> None:
    """It went into the store with the step that it led to."""
    caller = world.near.call("8000")
    conn_id = (await world.event("EventRouteRequest")).conn_id
    route = t.RequestRouteCall(
        tenant="demo", conn_id=conn_id, reference_id="r", idempotency_key="k", other_dn="1001"
    )
    await world.ask(route)
    agent = await world.far.leg("dn=1001")
    agent.answer(sdp("agent"))
    await world.near.answered(caller)
    await world.event("EventEstablished", this_dn="1001")
    async with world.start_node("two"):
        await die(world.harness["sip_cluster"])
        async with asyncio.timeout(10):
            while await world.harness.process.valkey.call("GET", owner_key("demo", conn_id)) != b"two":
                await asyncio.sleep(0.02)
        assert (await world.ask(route)).node == "two"  # in this state it would be refused


async def test_a_caller_who_was_not_answered_is_given_up_with_its_node(world: Any) -> None:
    world.near.call("8000")
    conn_id = (await world.event("EventRouteRequest")).conn_id
    async with world.start_node("two"):
        await die(world.harness["sip_cluster"])
        deleted = await world.event("EventCallDeleted", conn_id=conn_id)
        assert deleted.reason == "caller_hung_up"


async def dial(world: Any) -> tuple[Any, str]:
    """A customer's phone rings; (customer, ConnID)."""
    made = t.RequestMakeCall(
        tenant="demo", reference_id="m", idempotency_key="m", this_dn="8000", other_dn="+15550009"
    )
    conn_id = (await world.ask(made)).conn_id
    customer = await world.far.leg("trunk=carrier")
    customer.reply(180)
    await world.event("EventNetworkReached", conn_id=conn_id)
    return customer, conn_id


@pytest.mark.parametrize("name", ["one", "two"])
async def test_a_customer_who_is_being_dialled_is_taken_over_and_rings_on(world: Any, name: str) -> None:
    """RFC 3261 17.2.3: the INVITE comes again, and is no second one."""
    customer, conn_id = await dial(world)
    await die(world.harness["sip_cluster"])
    async with world.start_node(name):
        async with asyncio.timeout(10):
            while await world.harness.process.valkey.call("GET", owner_key("demo", conn_id)) != name.encode():
                await asyncio.sleep(0.02)
        customer.answer(sdp("customer"))
        established = await world.event("EventEstablished", conn_id=conn_id, this_dn="8000")
        assert (established.reference_id, established.server) == ("m", name)
        assert await asyncio.wait_for(customer.acked, 20) is not None
        assert world.far.queue("trunk=carrier").empty()
        await world.ask(t.RequestClearCall(tenant="demo", conn_id=conn_id))
        await asyncio.wait_for(customer.gone.wait(), 20)


async def owned_by(world: Any, conn_id: str, name: str) -> None:
    async with asyncio.timeout(10):
        while await world.harness.process.valkey.call("GET", owner_key("demo", conn_id)) != name.encode():
            await asyncio.sleep(0.02)


async def rings_at_agent(world: Any) -> tuple[Any, str]:
    """A caller hears music and agent 1001's phone rings; (phone, ConnID)."""
    caller = world.near.call("8000")
    conn_id = (await world.event("EventRouteRequest")).conn_id
    await world.ask(
        t.RequestApplyTreatment(tenant="demo", conn_id=conn_id, reference_id="t", treatment_type="Music")
    )
    await world.near.answered(caller)
    await world.ask(t.RequestRouteCall(tenant="demo", conn_id=conn_id, reference_id="r", other_dn="1001"))
    return await world.far.leg("dn=1001"), conn_id


async def test_an_agents_phone_is_rung_once_by_three_nodes_of_which_two_die(world: Any) -> None:
    """RFC 3261 17.2.3: each goes on with the one INVITE, under the name of the node that sent it first."""
    phone, conn_id = await rings_at_agent(world)
    phone.reply(180)
    async with world.start_node("two") as second:
        await die(world.harness["sip_cluster"])
        await owned_by(world, conn_id, "two")
        phone.reply(180)
        async with world.start_node("three"):
            await die(second["sip_cluster"])
            await owned_by(world, conn_id, "three")
            phone.answer(sdp("agent"))
            assert (await world.event("EventEstablished", this_dn="1001")).server == "three"
            assert await asyncio.wait_for(phone.acked, 20) is not None
            assert world.far.queue("dn=1001").empty()


async def test_a_customer_who_answers_while_nobody_is_there_is_connected_all_the_same(world: Any) -> None:
    customer, conn_id = await dial(world)
    await die(world.harness["sip_cluster"])
    customer.answer(sdp("customer"))
    async with world.start_node("two"):
        assert (await world.event("EventEstablished", conn_id=conn_id)).server == "two"
        assert await asyncio.wait_for(customer.acked, 10) is not None


async def test_for_a_customer_who_answered_and_went_while_nobody_was_there_nothing_more_is_done(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked at once, not with the next round of questions: an agent would be rung meanwhile."""
    monkeypatch.setattr(audit, "SOON_S", 60.0)
    customer, conn_id = await dial(world)
    await die(world.harness["sip_cluster"])
    customer.answer(sdp("customer"))
    customer.lost = True
    async with world.start_node("two"):
        assert (await world.event("EventCallDeleted", conn_id=conn_id)).server == "two"


async def test_a_customer_whose_phone_nobody_knows_any_more_counts_as_dialled(world: Any) -> None:
    _, conn_id = await dial(world)
    await die(world.harness["sip_cluster"])
    world.far.forget()
    async with world.start_node("two"):
        error = await world.event("EventError", conn_id=conn_id)
        assert (error.reference_id, error.dial_result) == ("m", "UNKNOWN")
        await world.event("EventCallDeleted", conn_id=conn_id)


async def test_a_dial_that_is_lost_with_the_proxy_counts_as_one(world: Any) -> None:
    _, conn_id = await dial(world)
    again = Side(world.far.toward)
    again.forgetful = True
    await restart(world, again)
    error = await world.event("EventError", conn_id=conn_id)
    assert (error.reason, error.dial_result) == ("node_lost", "UNKNOWN")
    await again.endpoint.close()


async def restart(world: Any, again: Side) -> None:
    """What stands at the place of sip_proxy dies, and something else begins there."""
    port = world.far.contact.uri.port
    await world.far.endpoint.close()
    await again.listen(port)


async def test_a_dial_goes_on_when_the_proxy_has_been_restarted(world: Any) -> None:
    customer, conn_id = await dial(world)
    again = Side(world.far.toward)
    await restart(world, again)
    resumed = await again.leg("trunk=carrier")
    assert resumed.invite.via.branch == customer.invite.via.branch
    assert (resumed.invite.call_id, resumed.invite.body) == (customer.invite.call_id, customer.invite.body)
    assert resumed.invite.raw_uri == customer.invite.raw_uri
    resumed.answer(sdp("customer"))
    await world.event("EventEstablished", conn_id=conn_id, this_dn="8000")
    assert await asyncio.wait_for(resumed.acked, 20) is not None
    await again.endpoint.close()


async def test_a_dial_that_the_proxy_never_took_is_none(world: Any) -> None:
    await world.far.endpoint.close()
    made = t.RequestMakeCall(tenant="demo", reference_id="m", this_dn="8000", other_dn="+15550009")
    conn_id = (await world.ask(made)).conn_id
    error = await world.event("EventError", conn_id=conn_id)
    assert (error.reason, error.dial_result) == ("network", "CREATE_CALL_ERROR")


async def test_a_customer_who_answered_before_the_node_died_is_acknowledged_by_the_next(world: Any) -> None:
    customer, conn_id = await dial(world)
    world.far.silent_media = True
    customer.answer(sdp("customer"))
    await world.event("EventEstablished", conn_id=conn_id)
    media = await world.far.leg("media")
    await die(world.harness["sip_cluster"])
    async with world.start_node("two"):
        media.answer(sdp("media"))
        assert await asyncio.wait_for(customer.acked, 10) is not None


async def test_a_draining_node_takes_no_calls_and_waits_for_those_it_has(world: Any) -> None:
    caller, _, _ = await talk(world)
    drain = asyncio.create_task(world.harness["sip_cluster"].drain())
    await asyncio.sleep(0)
    refused = await world.near.answered(world.near.call("8000"))
    assert (refused.status, refused.get("Retry-After")) == (503, "5")
    assert not drain.done()
    await caller.bye()
    await asyncio.wait_for(drain, 20)


async def test_beyond_its_capacity_a_node_refuses_and_its_calls_go_on(world: Any) -> None:
    async with world.start_node("small", RINGBACK_SIP_CLUSTER_CAPACITY="1") as small:
        await configured(small["sip_cluster"])
        world.near.toward = toward(small["sip_cluster"])
        caller, agent, _ = await talk(world)
        refused = await world.near.answered(world.near.call("8000"))
        assert (refused.status, refused.get("Retry-After")) == (503, "5")
        await caller.bye()
        await asyncio.wait_for(agent.gone.wait(), 20)


async def test_without_valkey_calls_go_on_and_their_events_come_later(
    world: Any, valkey: ValkeyForTests
) -> None:
    caller, agent, conn_id = await talk(world)
    await valkey.server.stop()
    async with asyncio.timeout(20):
        while world.harness.process.valkey.connected:
            await asyncio.sleep(0.01)
    assert await caller.bye() == 200
    await asyncio.wait_for(agent.gone.wait(), 20)
    await valkey.server.start()
    async with asyncio.timeout(10):
        while not world.harness.process.valkey.connected:
            await asyncio.sleep(0.01)
    await world.event("EventReleased", conn_id=conn_id)
    await world.event("EventCallDeleted", conn_id=conn_id)
    async with asyncio.timeout(20):
        while await world.harness.process.valkey.call("EXISTS", call_key("demo", conn_id)):
            await asyncio.sleep(0.01)


async def test_a_request_for_a_dialog_that_nobody_knows_is_481(world: Any) -> None:
    """RFC 3261 12.2.2"""
    caller, _, _ = await talk(world)
    caller.dialog.call_id = "nobody-knows-this"
    assert await caller.bye() == 481


async def test_an_info_of_no_known_type_is_415_and_nonsense_400(world: Any) -> None:
    """RFC 3261 21.4.13"""
    caller, agent, _ = await talk(world)
    relay, kind = "application/dtmf-relay", "application/vnd.ringback.treatment+json"
    for told in ("text/plain", "application/sdp"):
        refused = await caller.request("INFO", b"x", told).final(20)
        assert (refused.status, refused.get("Accept")) == (415, f"application/dtmf, {relay}, {kind}")
    assert (await caller.request("UPDATE", b"5", "application/dtmf").final(20)).status == 415
    for told in (kind, relay, "application/dtmf"):
        assert (await caller.request("INFO", b"{", told).final(20)).status == 400
    assert (await caller.request("INFO").final(20)).status == 200
    assert agent.requests.empty()


async def test_what_the_node_cannot_do_is_refused(world: Any) -> None:
    """RFC 3261 8.2.1: 405 with Allow."""
    caller, _, _ = await talk(world)
    refused = await caller.request("MESSAGE").final(20)
    assert refused.status == 405
    assert "INVITE" in (refused.get("Allow") or "")


async def test_a_party_that_is_gone_without_bye_is_found_out(world: Any) -> None:
    """RFC 3261 12.2.1.2: 481 to the question inside the dialog."""
    async with world.start_node("curious", **AUDIT) as curious:
        await configured(curious["sip_cluster"])
        world.near.toward = toward(curious["sip_cluster"])
        caller, agent, conn_id = await talk(world)
        agent.lost = True
        await asyncio.wait_for(caller.gone.wait(), 20)
        await world.event("EventReleased", this_dn="1001")
        await world.event("EventCallDeleted", conn_id=conn_id)


async def test_a_node_that_starts_again_under_its_name_goes_on_with_its_calls(world: Any) -> None:
    caller, agent, conn_id = await talk(world)
    await die(world.harness["sip_cluster"])
    async with world.start_node("one") as again:
        world.near.toward = toward(again["sip_cluster"])
        await world.ask(t.RequestHoldCall(tenant="demo", conn_id=conn_id, this_dn="1001"))
        await world.event("EventHeld", conn_id=conn_id)
        assert await caller.bye() == 200
        await asyncio.wait_for(agent.gone.wait(), 20)


async def test_a_waiting_caller_whose_media_is_lost_hears_music_from_another(world: Any) -> None:
    async with world.start_node("curious", **AUDIT) as curious:
        await configured(curious["sip_cluster"])
        world.near.toward = toward(curious["sip_cluster"])
        caller = world.near.call("8000")
        conn_id = (await world.event("EventRouteRequest")).conn_id
        music = t.RequestApplyTreatment(tenant="demo", conn_id=conn_id, treatment_type="Music")
        await world.ask(music)
        first = await world.far.leg("media")
        await world.near.answered(caller)
        await first.commands.get()
        first.lost = True
        second = await world.far.leg("media")
        assert "s=media" in await asyncio.wait_for(caller.offers.get(), 20)
        await asyncio.wait_for(second.commands.get(), 20)
        assert not caller.gone.is_set()
