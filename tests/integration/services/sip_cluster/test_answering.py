"""Phones that answer by themselves, and phones that are made to answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ringback.contracts import telephony as t
from ringback.contracts.dialplan import dn_states_key
from ringback.domain.dialplan import DnState
from ringback.runtime.http import HttpFailure


async def ringing(world: Any, *allow_events: str) -> tuple[Any, Any, str]:
    """A call that rings at 1001: the caller, the phone, the ConnID."""
    caller = world.near.call("8000")
    conn_id = (await world.event("EventRouteRequest")).conn_id
    await world.ask(
        t.RequestRouteCall(tenant="demo", conn_id=conn_id, other_dn="1001", agent_id="anna", timeout=15.0)
    )
    phone = await world.far.leg("dn=1001")
    contact = ("Contact", str(world.far.contact))
    phone.server.reply(180, headers=[contact, *(("Allow-Events", each) for each in allow_events)])
    return caller, phone, conn_id


async def test_a_phone_whose_agent_has_auto_answer_is_told_to_answer_by_itself(
    world: Any, describe: Callable[..., str]
) -> None:
    _, phone, _ = await ringing(world)
    assert not {"Answer-Mode", "Call-Info", "Alert-Info"} & {name for name, _ in phone.invite.headers}
    phone.answer(describe("agent"))
    await world.event("EventEstablished", this_dn="1001")
    state = msgspec.json.encode(DnState(auto_answer=True))
    await world.harness.process.valkey.call("HSET", dn_states_key("demo"), "1001", state)
    _, phone, _ = await ringing(world)
    assert phone.invite.get("Answer-Mode") == "Auto"  # RFC 5373 4.3.1
    assert phone.invite.get("Call-Info").endswith(";answer-after=0")
    assert "info=alert-autoanswer" in phone.invite.get("Alert-Info")


async def test_a_desktop_makes_a_phone_answer_that_knows_how(
    world: Any, describe: Callable[..., str]
) -> None:
    _, phone, conn_id = await ringing(world, "hold, talk")
    wanted = t.RequestAnswerCall(tenant="demo", conn_id=conn_id, this_dn="1001")
    await world.ask(wanted)
    notify = await asyncio.wait_for(phone.notified.get(), 20)
    assert (notify.get("Event"), notify.to_tag) == ("talk", phone.server.to_tag)
    phone.answer(describe("agent"))
    await world.event("EventEstablished", this_dn="1001")
    with pytest.raises(HttpFailure) as late:
        await world.ask(wanted)
    assert (late.value.status, late.value.slug) == (409, "not_ringing")
    hold = t.RequestHoldCall(tenant="demo", conn_id=conn_id, this_dn="1001")
    await world.ask(hold)
    await world.event("EventHeld", this_dn="1001")


async def test_a_phone_that_cannot_be_made_to_answer_is_left_ringing(world: Any) -> None:
    _, phone, conn_id = await ringing(world)
    with pytest.raises(HttpFailure) as refused:
        await world.ask(t.RequestAnswerCall(tenant="demo", conn_id=conn_id, this_dn="1001"))
    assert (refused.value.status, refused.value.slug) == (409, "phone_cannot_answer")
    assert phone.notified.empty() and not phone.cancelled.is_set()
