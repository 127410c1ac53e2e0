"""A node knows all names of a call: by any of them the whole of it is followed."""

import asyncio
from typing import Any

import msgspec
from tests.integration.services.sip_cluster.conftest import sdp

from ringback.contracts.sip_trace import NAMES, STREAM, WANTED, TracedMessage
from ringback.sip import parse_message

LIMIT = 20.0


async def follow(world: Any, word: str) -> None:
    """Wish to see what a word names, and wait until the node listens."""
    await world.harness.process.valkey.call("DEL", NAMES, STREAM)
    await world.harness.process.valkey.call("SET", WANTED, msgspec.json.encode([word]), "EX", 30)
    endpoint = world.harness["sip_cluster"]._endpoint
    async with asyncio.timeout(LIMIT):
        while endpoint.listener is None:
            await asyncio.sleep(0.02)


async def seen(world: Any, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Call-ID and first word of what has been told, as soon as all that is wanted is there."""
    async with asyncio.timeout(LIMIT):
        while True:
            rows = await world.harness.process.valkey.call("XRANGE", STREAM, "-", "+")
            told = [msgspec.json.decode(fields[1], type=TracedMessage).data for _, fields in rows]
            found = {(parse_message(data).call_id, data.split(b" ")[0].decode()) for data in told}
            if found >= wanted:
                return found
            await asyncio.sleep(0.02)


async def test_a_call_is_followed_by_what_only_one_leg_says_from_its_first_message(world: Any) -> None:
    """The word comes with the last leg; the INVITE of the first one has passed long before."""
    await follow(world, "telltale")
    caller, other = (world.near.call("1001") for _ in range(2))
    callee = await world.far.leg("dn=1001")
    await world.far.leg("dn=1001")
    callee.reply(180, ("Server", "telltale"))
    legs = (callee.invite.call_id, await call_id_of_caller(world, callee, caller, other))
    found = await seen(world, {(leg, said) for leg in legs for said in ("INVITE", "SIP/2.0")})
    assert {leg for leg, _ in found} == set(legs)
    caller.client.cancel()
    other.client.cancel()


async def call_id_of_caller(world: Any, callee: Any, *callers: Any) -> str:
    """Which caller rings this phone."""
    live, _ = world.harness["sip_cluster"]._index.legs[callee.invite.call_id]
    (leg,) = (
        caller.invite.call_id for caller in callers if caller.invite.call_id == live.legs["in1"].call_id
    )
    return str(leg)


async def test_a_call_that_stands_is_followed_by_its_conn_id(world: Any) -> None:
    caller = world.near.call("1001")
    callee = await world.far.leg("dn=1001")
    callee.answer(sdp("callee"))
    assert (await world.near.answered(caller)).status == 200
    conn_id = callee.invite.get("X-Ringback-Conn-Id")
    await follow(world, conn_id)
    assert await caller.bye() == 200
    await asyncio.wait_for(callee.gone.wait(), LIMIT)
    legs = (caller.invite.call_id, callee.invite.call_id)
    assert {leg for leg, _ in await seen(world, {(leg, "BYE") for leg in legs})} == set(legs)
    names = await world.harness.process.valkey.call("SMEMBERS", NAMES)
    assert {leg.encode() for leg in legs} <= set(names)
