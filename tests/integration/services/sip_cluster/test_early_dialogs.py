"""Early dialogs through a cluster node, on real sockets: RFC 3262, 3311, 3326, and RFC 3261 13 and 15."""

import asyncio
from typing import Any

from ringback.contracts.telephony import RequestMakeCall
from ringback.contracts.treatment import Play
from ringback.sip import Dialog, Response, response_to
from ringback.sip.reason_header import ELSEWHERE

RELIABLE = (("Supported", "100rel"),)


def sdp(name: str) -> str:
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.7\r\ns={name}\r\nc=IN IP4 192.0.2.7\r\n"
    return f"{head}m=audio 6000 RTP/AVP 0\r\n"


def dial(world: Any, *more: tuple[str, str], body: str | None = None) -> Any:
    """Phone 1001 dials a number outside."""
    return world.near.call("+15550009", origin="dn=1001", caller="1001", body=body, more=more)


def forked(agent: Any, status: int, tag: str, text: str = "", *more: tuple[str, str]) -> Response:
    """What another phone behind the same INVITE says."""
    headers = [("Contact", str(agent.side.contact)), *more]
    return response_to(agent.invite, status, to_tag=tag, headers=headers, body=text.encode())


async def test_early_media_goes_reliably_to_a_caller_who_can(world: Any) -> None:
    """RFC 3262 3, 4, 5: PRACK on both sides, the 200 waits for it, and is the same description."""
    caller = dial(world, *RELIABLE)
    callee = await world.far.leg("trunk=carrier")
    assert "100rel" in callee.invite.values("Supported")
    callee.reply(183, ("Require", "100rel"), ("RSeq", "7"), text=sdp("network"))
    prack = await callee.next("PRACK")
    assert prack.get("RAck") == f"7 {callee.invite.get('CSeq')}"

    early = await caller.provisional()
    assert (early.status, early.get("Require")) == (183, "100rel")
    assert b"s=network" in early.body
    callee.answer(sdp("network"))
    await asyncio.wait_for(callee.acked, 20)
    assert caller.client.response is None
    again = await caller.provisional()
    assert again.get("RSeq") == early.get("RSeq")
    assert (await caller.prack(early)).status == 200
    answer = await world.near.answered(caller)
    assert (answer.status, answer.to_tag, answer.body) == (200, early.to_tag, early.body)
    caller.dialog.local_cseq += 5
    assert (await caller.prack(early)).status == 481
    await caller.bye()
    bye = await callee.next("BYE")
    assert bye.cseq.number > prack.cseq.number


async def test_responses_out_of_order_are_not_acknowledged(world: Any) -> None:
    """RFC 3262 4."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    for number in (1, 3, 1, 2):
        callee.reply(183, ("Require", "100rel"), ("RSeq", str(number)), text=sdp(f"n{number}"))
    assert [(await callee.next("PRACK")).get("RAck") for _ in range(2)] == ["1 1 INVITE", "2 1 INVITE"]
    early = await caller.provisional()
    assert (early.get("Require"), b"s=n1" in early.body) == (None, True)
    caller.client.cancel([("Reason", str(ELSEWHERE))])
    await asyncio.wait_for(callee.cancelled.wait(), 20)
    assert callee.server.cancel_request.get("Reason") == str(ELSEWHERE)
    assert (await world.near.answered(caller)).status == 487


async def test_a_caller_who_requires_it_gets_even_ringing_reliably(world: Any) -> None:
    """RFC 3262 3; RFC 3311 5.2: UPDATE in the early dialog."""
    caller = dial(world, ("Require", "100rel"))
    callee = await world.far.leg("trunk=carrier")
    callee.reply(180)
    ringing = await caller.provisional()
    assert (ringing.status, ringing.get("Require"), "UPDATE" in ringing.values("Allow")) == (
        180,
        "100rel",
        True,
    )
    assert (await caller.prack(ringing)).status == 200
    update = await caller.request("UPDATE", sdp("moved").encode()).final(20)
    assert update.status == 491
    callee.answer(sdp("callee"))
    assert (await world.near.answered(caller)).status == 200
    caller.dialog.local_cseq += 5
    await caller.bye()
    await asyncio.wait_for(callee.gone.wait(), 20)


async def test_without_an_offer_nothing_is_said_reliably_before_the_200(world: Any) -> None:
    """RFC 3262 5: the first reliable response would have to bring the offer."""
    caller = dial(world, ("Require", "100rel"), body="")
    callee = await world.far.leg("trunk=carrier")
    assert callee.invite.body == b""
    assert "100rel" not in callee.invite.values("Supported")
    callee.reply(180)
    callee.answer(sdp("callee"))
    answer = await caller.client.final(20)
    seen = [response.status async for response in caller.client]
    assert [status for status in seen if 100 < status < 200] == []
    assert b"s=callee" in answer.body


async def test_bye_in_an_early_dialog_ends_the_invite(world: Any) -> None:
    """RFC 3261 15.1.2: the INVITE is answered 487; a second BYE finds nothing (481)."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    callee.reply(180)
    caller.dialog = Dialog.from_response(caller.invite, await caller.provisional())
    assert (await caller.request("BYE", more=(("Reason", "Q.850;cause=16"),)).final(20)).status == 200
    assert (await caller.client.final(20)).status == 487
    await asyncio.wait_for(callee.cancelled.wait(), 20)
    assert callee.server.cancel_request.get("Reason") == "Q.850;cause=16"
    assert await caller.bye() == 481


async def test_each_description_has_an_early_dialog_of_its_own(world: Any) -> None:
    """RFC 3261 12.1, 13.2.1; RFC 3262 5: PRACK with an offer. The first number plays something and moves."""
    caller = world.near.call("1001", origin="dn=1005", caller="1005", more=RELIABLE)
    first = await world.far.leg("dn=1001")
    first.reply(183, text=sdp("first"))
    early = await caller.provisional()
    assert (await caller.prack(early)).status == 200
    dialogs = [caller.dialog]
    first.server.reply(302, headers=[("Contact", "<sip:1002@demo.example>")])

    second = await world.far.leg("dn=1002")
    second.reply(180)
    ringing = await caller.provisional()
    assert (ringing.status, ringing.to_tag, ringing.body) == (180, early.to_tag, b"")
    second.reply(183, text=sdp("second"))
    later = await caller.provisional()
    assert b"s=second" in later.body
    assert later.to_tag != early.to_tag
    dialogs.append(Dialog.from_response(caller.invite, later))
    caller.dialog = dialogs[1]
    changed = await caller.prack(later, sdp("moved"))
    assert (changed.status, b"s=second" in changed.body) == (200, True)
    caller.dialog = dialogs[0]
    assert (await caller.request("OPTIONS").final(20)).status == 200

    second.answer(sdp("second"))
    answer = await world.near.answered(caller)
    assert (answer.to_tag, b"s=second" in answer.body) == (later.to_tag, True)
    assert "s=moved" in await asyncio.wait_for(second.offers.get(), 20)
    caller.dialog = dialogs[0]
    assert (await caller.request("OPTIONS").final(20)).status == 481
    caller.dialog = dialogs[1]
    assert await caller.bye() == 200
    await asyncio.wait_for(second.gone.wait(), 20)


async def test_several_phones_answer_one_invite(world: Any) -> None:
    """RFC 3261 13.2.2.4: the first is kept; any other gets ACK and one BYE, however often it answers."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    callee.server.respond(forked(callee, 183, "one", sdp("one")))
    assert b"s=one" in (await caller.provisional()).body
    callee.server.respond(forked(callee, 183, "two", sdp("two"), ("Require", "100rel"), ("RSeq", "5")))
    callee.dialog.local_tag = "two"
    assert (await callee.next("PRACK")).to_tag == "two"
    heard = await caller.provisional()
    assert b"s=two" in heard.body
    callee.server.respond(forked(callee, 200, "two", sdp("two")))
    answer = await world.near.answered(caller)
    assert (answer.status, answer.to_tag, answer.body) == (200, heard.to_tag, heard.body)
    callee.dialog = callee.dialog.from_request(callee.invite, "one")
    for _ in range(3):
        callee.server.respond(forked(callee, 200, "one", sdp("one")))
    bye = await callee.next("BYE")
    assert (bye.to_tag, bye.get("Reason")) == ("one", str(ELSEWHERE))
    callee.dialog = callee.dialog.from_request(callee.invite, "two")
    assert callee.requests.empty()
    assert await caller.bye() == 200
    assert (await callee.next("BYE")).to_tag == "two"
    callee.server.respond(forked(callee, 200, "three", sdp("three")))  # the call is over
    callee.dialog = callee.dialog.from_request(callee.invite, "three")
    assert (await callee.next("BYE")).to_tag == "three"
    node = world.harness["sip_cluster"]._endpoint
    repeated = node.counters.repeated
    callee.server.respond(forked(callee, 200, "two", sdp("two")))  # its ACK was lost: it comes again
    async with asyncio.timeout(20):
        while node.counters.repeated == repeated:
            await asyncio.sleep(0.01)
    assert callee.requests.empty()


async def test_another_description_than_the_early_one_is_another_dialog(world: Any) -> None:
    """RFC 3261 13.2.1: within one dialog the first answer counts; 12.1.1."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    callee.reply(183, text=sdp("announcement"))
    early = await caller.provisional()
    callee.answer(sdp("person"))
    answer = await world.near.answered(caller)
    assert b"s=person" in answer.body
    assert answer.to_tag != early.to_tag
    assert await caller.bye() == 200
    await asyncio.wait_for(callee.gone.wait(), 20)


async def test_what_a_called_phone_has_changed_before_it_answers_counts(world: Any) -> None:
    """RFC 3311 5.2, RFC 3261 13.2.1: the description in its 200 is the one that it has told first."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    callee.reply(183, ("Require", "100rel"), ("RSeq", "1"), text=sdp("early"))
    assert b"s=early" in (await caller.provisional()).body
    await callee.next("PRACK")
    updated = await callee.request("UPDATE", sdp("changed").encode()).final(20)
    assert (updated.status, b"s=caller" in updated.body) == (200, True)
    callee.answer(sdp("early"))
    assert b"s=changed" in (await world.near.answered(caller)).body
    assert await caller.bye() == 200


async def both_update(world: Any) -> tuple[Any, Any]:
    """Caller and callee, each with early media that it has acknowledged, and both take UPDATE."""
    caller = dial(world, *RELIABLE, ("Allow", "INVITE, UPDATE"))
    callee = await world.far.leg("trunk=carrier")
    callee.reply(183, ("Require", "100rel"), ("RSeq", "1"), ("Allow", "UPDATE"), text=sdp("early"))
    await callee.next("PRACK")
    assert (await caller.prack(await caller.provisional())).status == 200
    return caller, callee


async def test_an_update_before_the_answer_reaches_the_other_side_at_once(world: Any) -> None:
    """RFC 3311 5.1, 5.2: in both directions; the 200 says what was said last."""
    caller, callee = await both_update(world)
    changed = await caller.request("UPDATE", sdp("moved").encode()).final(20)
    passed = await callee.next("UPDATE")
    assert (b"s=moved" in passed.body, passed.cseq.number > 2, passed.has("Contact")) == (True, True, True)
    assert (changed.status, b"s=trunk=carrier" in changed.body) == (200, True)

    updated = await callee.request("UPDATE", sdp("person").encode()).final(20)
    passed = await caller.next("UPDATE")
    assert b"s=person" in passed.body
    assert (updated.status, b"s=caller" in updated.body) == (200, True)
    callee.reply(183, text=sdp("early"))
    callee.answer(sdp("early"))
    answer = await world.near.answered(caller)
    assert (answer.to_tag, b"s=person" in answer.body) == (passed.from_tag, True)
    await asyncio.wait_for(callee.acked, 20)
    assert callee.offers.empty()
    caller.dialog.local_cseq += 5
    assert await caller.bye() == 200


async def test_a_refused_update_before_the_answer_ends_nothing(world: Any) -> None:
    """RFC 3311 5.2: 488 is passed back; of a dialog that is gone nobody hears."""
    caller, callee = await both_update(world)
    callee.refuses = 488
    assert (await caller.request("UPDATE", sdp("moved").encode()).final(20)).status == 488
    callee.refuses = 481
    assert (await caller.request("UPDATE", sdp("moved").encode()).final(20)).status == 500
    callee.answer(sdp("early"))
    assert (await world.near.answered(caller)).status == 200
    caller.dialog.local_cseq += 5
    assert await caller.bye() == 200


async def test_a_call_that_has_no_hops_left_ends_here(world: Any) -> None:
    """RFC 3261 8.1.1.6, RFC 7332: the next leg has fewer."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    assert callee.invite.max_forwards == 69
    caller.client.cancel()
    request = caller.invite.copy()
    request.remove("Via")
    request.set("Max-Forwards", "0")
    request.set("Call-ID", "another")
    sent = world.near.endpoint.send_request(request, world.near.toward)
    assert (await sent.final(20)).status == 483


async def test_update_refreshes_and_offers(world: Any) -> None:
    """RFC 3311 5: in a confirmed dialog; RFC 3261 12.2.2: a number that is not higher is 500."""
    caller = dial(world)
    callee = await world.far.leg("trunk=carrier")
    callee.answer(sdp("callee"))
    assert (await world.near.answered(caller)).status == 200
    empty = await caller.request("UPDATE").final(20)
    assert (empty.status, empty.body, empty.has("Contact")) == (200, b"", True)
    changed = await caller.request("UPDATE", sdp("moved").encode()).final(20)
    assert changed.status == 200
    assert "s=moved" in await asyncio.wait_for(callee.offers.get(), 20)
    caller.dialog.local_cseq -= 2
    late = await caller.request("UPDATE").final(20)
    assert (late.status, 0 <= int(late.get("Retry-After") or -1) <= 10) == (500, True)
    caller.dialog.local_cseq += 2
    assert await caller.bye() == 200


async def test_click_to_dial_lets_the_first_party_hear_the_network(world: Any) -> None:
    """RFC 3960 2; RFC 3725 4.1: our ringing until there is early media, and nobody is moved twice."""
    made = await world.ask(RequestMakeCall(tenant="demo", this_dn="1001", other_dn="+15550009"))
    own = await world.far.leg("dn=1001")
    own.answer(sdp("own"))
    media, callee = await world.far.leg("media"), await world.far.leg("trunk=carrier")
    assert b"s=own" in callee.invite.body
    assert await asyncio.wait_for(media.commands.get(), 20) == Play(
        reference="ringback", prompts=("ringback",), loop=True
    )
    callee.reply(183, ("Require", "100rel"), ("RSeq", "1"), text=sdp("network"))
    assert "s=network" in await asyncio.wait_for(own.offers.get(), 20)
    await asyncio.wait_for(media.gone.wait(), 20)
    callee.answer(sdp("network"))
    established = await world.event("EventEstablished", this_dn="1001")
    assert (established.conn_id, established.other_dn) == (made.conn_id, "+15550009")
    assert own.offers.empty()
    await own.bye()
    await asyncio.wait_for(callee.gone.wait(), 20)
