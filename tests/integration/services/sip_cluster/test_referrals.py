"""Transfers that telephones make, through a cluster node: RFC 3515, 3891, 3892, 4488, 5589; 3xx."""

import asyncio
from typing import Any

from ringback.sip import Dialog, SipUri
from ringback.sip.transfer import Replaces


def sdp(name: str) -> str:
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.7\r\ns={name}\r\nc=IN IP4 192.0.2.7\r\n"
    return f"{head}m=audio 6000 RTP/AVP 0\r\n"


async def talk(world: Any, number: str = "1001", origin: str = "trunk=carrier", who: str = "") -> Any:
    """Somebody talks to telephone 1001, or a telephone to another; (caller, callee)."""
    caller = world.near.call(number, origin=origin, caller=who or "+15550001", body=sdp(who or "customer"))
    callee = await world.far.leg(f"dn={number}")
    callee.answer(sdp(f"phone{number}"))
    assert (await world.near.answered(caller)).status == 200
    await asyncio.wait_for(callee.acked, 20)
    return caller, callee


def refer(phone: Any, to: str, *more: tuple[str, str]) -> Any:
    return phone.request("REFER", more=(("Refer-To", to), *more))


async def progress(phone: Any) -> list[int]:
    """The statuses of all NOTIFYs up to the last."""
    found: list[int] = []
    while not found or found[-1] < 200:
        notify = await phone.next("NOTIFY")
        assert notify.content_type == "message/sipfrag"
        found.append(int(notify.body.split()[1]))
    assert "terminated" in (notify.get("Subscription-State") or "")
    return found


async def offered(leg: Any, name: str) -> None:
    """It is led to somebody; it may have heard music before."""
    async with asyncio.timeout(20):
        while name not in await leg.offers.get():
            pass


def named(phone: Any) -> Replaces:
    """A dialog of ours, as the node knows it."""
    return Replaces(phone.dialog.call_id, phone.dialog.remote_tag, phone.dialog.local_tag)


async def test_a_blind_transfer_and_those_that_are_refused(world: Any) -> None:
    """RFC 3515 2.4; RFC 3892: who asked for it is told to the new party."""
    caller, phone = await talk(world)
    assert (await refer(caller, "<sip:1002@demo.example>").final(20)).status == 403
    assert (await phone.request("REFER").final(20)).status == 400
    assert (await refer(phone, "<sip:4711@demo.example>").final(20)).status == 202
    assert await progress(phone) == [100, 404]

    assert (await refer(phone, "<sip:1002@demo.example>").final(20)).status == 202
    second = await world.far.leg("dn=1002")
    assert second.invite.get("Referred-By") == "<sip:1001@demo.example>"
    second.reply(180)
    second.answer(sdp("phone1002"))
    assert await progress(phone) == [100, 180, 200]
    await asyncio.wait_for(phone.gone.wait(), 20)
    await offered(caller, "s=phone1002")
    await caller.bye()
    await asyncio.wait_for(second.gone.wait(), 20)


async def test_a_blind_transfer_goes_on_when_the_telephone_hangs_up(world: Any) -> None:
    """RFC 5589 6.1; RFC 4488 4: no NOTIFY for who wants none."""
    caller, phone = await talk(world)
    answer = await refer(phone, "<sip:1002@demo.example>", ("Refer-Sub", "false")).final(20)
    assert (answer.status, answer.get("Refer-Sub")) == (202, "false")
    second = await world.far.leg("dn=1002")
    second.reply(180)
    assert await phone.bye() == 200
    second.answer(sdp("phone1002"))
    await world.event("EventEstablished", this_dn="1002")
    assert all(request.method != "NOTIFY" for request in _seen(phone))
    await caller.bye()
    await asyncio.wait_for(second.gone.wait(), 20)


def _seen(phone: Any) -> list[Any]:
    return [phone.requests.get_nowait() for _ in range(phone.requests.qsize())]


async def test_an_attended_transfer_joins_two_calls(world: Any) -> None:
    """RFC 5589 7, RFC 3891: the customer and the second telephone talk, the first one is let go."""
    caller, phone = await talk(world)
    asking, second = await talk(world, "1002", "dn=1001", "1001")
    stranger = Replaces("nobody", "a", "b")
    await refer(phone, f"<sip:1002@demo.example?Replaces={stranger.escaped()}>").final(20)
    assert await progress(phone) == [100, 481]

    sent = refer(phone, f"<sip:1002@demo.example?Replaces={named(asking).escaped()}>")
    assert (await sent.final(20)).status == 202
    assert await progress(phone) == [100, 200]
    await asyncio.wait_for(phone.gone.wait(), 20)
    await asyncio.wait_for(asking.gone.wait(), 20)
    await offered(caller, "s=phone1002")
    await offered(second, "s=caller")
    changed = await world.event("EventPartyChanged", this_dn="1002")
    assert changed.previous_conn_id not in ("", changed.conn_id)
    assert world.harness["sip_cluster"]._driver.calls.keys() == {changed.conn_id}
    assert await second.bye() == 200
    await asyncio.wait_for(caller.gone.wait(), 20)
    deleted = await world.event("EventCallDeleted", conn_id=changed.conn_id)
    assert deleted.reason == "target_hung_up"


async def test_another_telephone_takes_the_call_over(world: Any) -> None:
    """RFC 3891 3: an INVITE with Replaces, and its refusals."""
    caller, phone = await talk(world)
    wanted = str(named(phone))

    async def ask(value: str, origin: str = "dn=1002") -> Any:
        leg = world.near.call(
            "1001", origin=origin, caller="1002", body=sdp("new"), more=(("Replaces", value),)
        )
        return leg, await world.near.answered(leg)

    assert (await ask("nobody;to-tag=1;from-tag=2"))[1].status == 481
    assert (await ask(wanted.replace("to-tag=", "to-tag=x")))[1].status == 481
    assert (await ask("torn"))[1].status == 400
    assert (await ask(f"{wanted};early-only"))[1].status == 486
    assert (await ask(wanted, "trunk=carrier"))[1].status == 403
    new, answer = await ask(f"{wanted}")
    assert (answer.status, b"s=customer" in answer.body) == (200, True)
    await asyncio.wait_for(phone.gone.wait(), 20)
    await offered(caller, "s=new")
    assert await new.bye() == 200
    await asyncio.wait_for(caller.gone.wait(), 20)
    assert (await ask(wanted))[1].status in (481, 603)  # 603 while it ends


async def test_a_telephone_that_rings_is_picked_up_by_another(world: Any) -> None:
    """RFC 3891 3: an early dialog that we began; the CANCEL says that it was answered elsewhere."""
    caller = world.near.call("1001", body=sdp("customer"))
    phone = await world.far.leg("dn=1001")
    phone.reply(180)
    await caller.provisional()
    early = Replaces(phone.invite.call_id, phone.invite.from_tag, phone.server.to_tag, early_only=True)
    picks = world.near.call("1001", origin="dn=1002", body=sdp("new"), more=(("Replaces", str(early)),))
    assert (await world.near.answered(picks)).status == 200
    answer = await world.near.answered(caller)
    assert b"s=new" in answer.body
    await asyncio.wait_for(phone.cancelled.wait(), 20)
    assert "cause=200" in phone.server.cancel_request.get("Reason")
    await caller.bye()
    await asyncio.wait_for(picks.gone.wait(), 20)


async def test_a_redirected_call_is_dialled_anew_by_the_dial_plan(world: Any) -> None:
    """RFC 3261 8.1.3.4: the number counts, not the address; the network is not followed."""
    caller = world.near.call("1001", origin="dn=1005", caller="1005")
    phone = await world.far.leg("dn=1001")
    phone.server.reply(302, headers=[("Contact", "<sip:1002@evil.example>")])
    second = await world.far.leg("dn=1002")
    assert second.invite.uri.host == "demo.example"
    second.answer(sdp("phone1002"))
    assert (await world.near.answered(caller)).status == 200
    await caller.bye()

    outside = world.near.call("+15550009", origin="dn=1001", caller="1001")
    carrier = await world.far.leg("trunk=carrier")
    carrier.server.reply(302, headers=[("Contact", "<sip:1002@demo.example>")])
    assert (await world.near.answered(outside)).status >= 400
    assert world.far.queue("dn=1002").empty()


def test_a_dialog_is_named_by_the_tag_of_who_is_asked() -> None:
    """RFC 3891 6.1."""
    dialog = Dialog("c", "<sip:a@b>;tag=1", "<sip:c@d>;tag=2", "1", "2", str(SipUri.parse("sip:c@d")))
    phone = type("Phone", (), {"dialog": dialog})
    assert str(named(phone)) == "c;to-tag=2;from-tag=1"
