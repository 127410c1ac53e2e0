"""Transfers whose two calls are at two cluster nodes (RFC 5589 7, RFC 3891)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.services.started import configured

from ringback.contracts import telephony as t
from ringback.contracts.calls import owner_key
from ringback.runtime.http import CLUSTER_HEADER, HttpClient, HttpFailure
from ringback.services.sip_cluster.store import owned_key

from .test_faults import die, toward
from .test_referrals import named, offered, progress, refer, sdp, talk


@pytest.fixture
async def two(world: Any) -> AsyncIterator[Any]:
    """A second node, to which calls from here on go."""
    async with world.start_node("two") as harness:
        await configured(harness["sip_cluster"])
        yield harness["sip_cluster"]


async def at(world: Any, node: Any, *talks: str) -> tuple[Any, Any]:
    """A talk whose INVITE came to this node."""
    one = world.near.toward
    world.near.toward = toward(node)
    try:
        return await talk(world, *talks)
    finally:
        world.near.toward = one


def to(dialog: object) -> str:
    return f"<sip:1002@demo.example?Replaces={dialog.escaped()}>"  # type: ignore[attr-defined]


async def outcome(phone: Any, dialog: object) -> list[int]:
    """What a telephone hears of an attended transfer."""
    assert (await refer(phone, to(dialog)).final(20)).status == 202
    return await progress(phone)


async def test_two_calls_at_two_nodes_are_joined_and_told_of_as_at_one(world: Any, two: Any) -> None:
    """The events are those of one node: nobody at a desktop sees where the calls were."""
    caller, phone = await talk(world)
    asking, second = await at(world, two, "1002", "dn=1001", "1001")
    one = world.harness["sip_cluster"]
    (ours,), (theirs,) = one._driver.calls, two._driver.calls
    wrong = named(asking)
    assert await outcome(phone, type(wrong)(wrong.call_id, "x", wrong.from_tag)) == [100, 481]
    assert list(two._driver.calls) == [theirs]

    assert await outcome(phone, named(asking)) == [100, 200]
    await asyncio.wait_for(phone.gone.wait(), 20)
    await asyncio.wait_for(asking.gone.wait(), 20)
    await offered(caller, "s=phone1002")
    await offered(second, "s=caller")
    released = [(event.conn_id, event.this_dn) for event in await events(world, "EventReleased", 2)]
    assert released == [(theirs, "1001"), (ours, "1001")]
    changed = await world.event("EventPartyChanged", this_dn="1002")
    assert (changed.conn_id, changed.previous_conn_id, changed.server) == (ours, theirs, "one")
    assert (list(one._driver.calls), list(two._driver.calls)) == ([ours], [])
    valkey = world.harness.process.valkey
    assert not await valkey.call("EXISTS", owned_key("two"), owner_key("demo", theirs))

    with pytest.raises(HttpFailure, match="503 call_moved"):
        await ask(two, t.RequestHoldCall(tenant="demo", conn_id=ours, this_dn="1002"))
    with pytest.raises(HttpFailure, match="404"):
        await ask(two, t.RequestHoldCall(tenant="demo", conn_id=theirs, this_dn="1002"))
    assert await second.bye() == 200
    await asyncio.wait_for(caller.gone.wait(), 20)
    assert (await world.event("EventCallDeleted", conn_id=ours)).reason == "target_hung_up"


async def ask(node: Any, request: t.CallRequest) -> None:
    """A request that frontend has sent to a node just before the call moved."""
    host, port = node._requests.server.address
    client = HttpClient(node.ctx, "sip_cluster", base_url=f"http://{host}:{port}")
    secret = {CLUSTER_HEADER: node.ctx.common.cluster_secret}
    await client.request("POST", "/requests", request, headers=secret)


async def events(world: Any, name: str, number: int) -> list[Any]:
    return [await world.event(name) for _ in range(number)]


async def test_a_talk_of_others_is_not_given_away_and_a_call_that_rings_is_made_anew(
    world: Any, two: Any
) -> None:
    caller, phone = await talk(world)
    strange, stranger = await at(world, two, "1002", "dn=1005", "1005")
    assert await outcome(phone, named(strange)) == [100, 403]
    assert not strange.gone.is_set() and not stranger.gone.is_set()

    world.near.toward, one = toward(two), world.near.toward
    asking = world.near.call("1002", origin="dn=1001", caller="1001", body=sdp("asking"))
    rings = await world.far.leg("dn=1002")
    rings.reply(180)
    provisional = await asking.provisional()
    world.near.toward = one
    dialog = type(named(strange))(asking.invite.call_id, provisional.to_tag, asking.invite.from_tag)
    assert (await refer(phone, to(dialog)).final(20)).status == 202
    await asyncio.wait_for(rings.cancelled.wait(), 20)
    assert (await world.near.answered(asking)).status == 487
    again = await world.far.leg("dn=1002")
    again.answer(sdp("phone1002"))
    assert await progress(phone) == [100, 180, 200]
    await offered(caller, "s=phone1002")


async def test_a_call_that_was_given_to_a_node_before_it_knew_is_given_on(world: Any, two: Any) -> None:
    """The reply was lost: who owns it by the store takes it up with the next word."""
    caller, phone = await talk(world)
    asking, _ = await at(world, two, "1002", "dn=1001", "1001")
    other, _ = await at(world, two, "1002", "dn=1005", "1005")
    for live in list(two._driver.calls.values()):
        two._driver.abandon(live)
    assert await outcome(phone, named(asking)) == [100, 200]
    await offered(caller, "s=phone1002")
    other.side.toward = toward(two)
    assert await other.bye() == 200


async def test_the_node_of_the_other_call_is_gone(world: Any, two: Any) -> None:
    """Its call is taken over, and joined."""
    caller, phone = await talk(world)
    asking, _ = await at(world, two, "1002", "dn=1001", "1001")
    await die(two)
    assert await outcome(phone, named(asking)) == [100, 200]
    await offered(caller, "s=phone1002")
    await asyncio.wait_for(asking.gone.wait(), 20)


async def test_an_invite_with_replaces_is_led_to_the_node_of_the_call(world: Any, two: Any) -> None:
    """RFC 3891 3; who may not take calls over does not hear where they are."""
    caller, phone = await talk(world)
    one, value = world.near.toward, str(named(phone))

    async def ask(origin: str, *more: tuple[str, str]) -> Any:
        headers = (("Replaces", value), *more)
        leg = world.near.call("1001", origin=origin, caller="1002", body=sdp("new"), more=headers)
        return leg, await world.near.answered(leg)

    world.near.toward = toward(two)
    _, told = await ask("dn=1002")
    assert (told.status, told.get("X-Ringback-Owner")) == (481, "one")
    _, told = await ask("trunk=carrier")
    assert (told.status, told.get("X-Ringback-Owner")) == (481, None)
    world.near.toward = one
    new, answer = await ask("dn=1002")
    assert answer.status == 200
    await asyncio.wait_for(phone.gone.wait(), 20)

    value = str(named(new))
    await die(world.harness["sip_cluster"])
    world.near.toward = toward(two)
    third, answer = await ask("dn=1005")
    assert answer.status == 200
    assert await third.bye() == 200
    await asyncio.wait_for(caller.gone.wait(), 20)
