"""Session timers through a cluster node (RFC 4028); the clock is moved by calling what would be due."""

import asyncio
from typing import Any

from ringback.contracts import telephony as t
from ringback.services.sip_cluster.snapshot import LegSession
from ringback.sip.transport import Destination

TIMER = ("Supported", "timer")
ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")


def sdp(name: str) -> str:
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.7\r\ns={name}\r\nc=IN IP4 192.0.2.7\r\n"
    return f"{head}m=audio 6000 RTP/AVP 0\r\n"


def now() -> float:
    return asyncio.get_running_loop().time()


def sides(service: Any) -> tuple[Any, Any, Any]:
    """The sessions of a node, its one call, the legs by slot."""
    (live,) = service._driver.calls.values()
    legs = {live.call.data.legs[leg.id].slot.value: leg for leg in live.legs.values()}
    return service._outgoing.sessions, live, legs


async def talk(world: Any, *more: tuple[str, str], answer: tuple[tuple[str, str], ...] = ()) -> Any:
    """Phone 1001 talks to a number outside; (caller, callee, our answer to the caller)."""
    caller = world.near.call("+15550009", origin="dn=1001", caller="1001", more=more)
    callee = await world.far.leg("trunk=carrier")
    callee.reply(200, *answer, text=sdp("callee"))
    response = await world.near.answered(caller)
    return caller, callee, response


async def test_who_refreshes_is_agreed_on_and_done_by_update_or_invite(world: Any) -> None:
    """Sections 7 to 10."""
    refresher = ("Session-Expires", "600;refresher=uac")
    caller, callee, response = await talk(
        world, TIMER, ALLOW, ("Session-Expires", "900"), answer=(refresher, ALLOW)
    )
    assert (response.get("Session-Expires"), response.get("Require")) == ("900;refresher=uac", "timer")
    asked = callee.invite
    assert (asked.get("Session-Expires"), asked.get("Min-SE")) == ("1800", "90")
    assert "timer" in asked.values("Supported")
    sessions, live, legs = sides(world.harness["sip_cluster"])
    assert legs["origin"].session == LegSession(900, refreshes=False, by_update=True)
    assert legs["target"].session == LegSession(600, refreshes=True, by_update=True)

    guard = legs["target"].session_timer
    sessions._due(live, legs["target"])
    update = await callee.next("UPDATE")
    assert (update.get("Session-Expires"), update.body) == ("600;refresher=uac", b"")
    async with asyncio.timeout(20):
        while guard is legs["target"].session_timer or legs["target"].session_timer.when() - now() < 200:
            await asyncio.sleep(0.01)
    legs["target"].session = LegSession(600, refreshes=True, by_update=False)
    sessions._due(live, legs["target"])
    again = await callee.next("INVITE")
    assert (again.get("Session-Expires"), b"s=caller" in again.body) == ("600;refresher=uac", True)

    before = legs["origin"].session_timer
    refreshed = await caller.request("UPDATE", more=(TIMER, ("Session-Expires", "900;refresher=uac"))).final(
        5
    )
    assert (refreshed.status, refreshed.get("Session-Expires")) == (200, "900;refresher=uac")
    assert before.cancelled()
    sessions._due(live, legs["origin"])
    await asyncio.wait_for(callee.gone.wait(), 20)
    deleted = await world.event("EventCallDeleted")
    assert (deleted.reason, deleted.result_class) == ("session_expired", "upstream_error")
    assert live.legs["in1"].session_timer is None


async def test_an_interval_that_is_too_short_is_422_on_both_sides(world: Any) -> None:
    """Sections 6 and 7.3: Min-SE says what would do, and the INVITE comes again."""
    short = world.near.call("+15550009", origin="dn=1001", more=(TIMER, ("Session-Expires", "30")))
    refused = await world.near.answered(short)
    assert (refused.status, refused.get("Min-SE")) == (422, "90")
    torn = world.near.call("+15550009", origin="dn=1001", more=(TIMER, ("Session-Expires", "x")))
    assert (await world.near.answered(torn)).status == 400

    caller = world.near.call("+15550009", origin="dn=1001", caller="1001")
    callee = await world.far.leg("trunk=carrier")
    callee.reply(422, ("Min-SE", "3600"))
    second = await world.far.leg("trunk=carrier")
    sent = second.invite
    assert (sent.call_id, sent.cseq.number) == (callee.invite.call_id, 2)
    # A node that takes the call over now comes to this try under the same name (RFC 3261 17.2.3).
    assert sent.via.branch == f"{callee.invite.via.branch}-2"
    assert (sent.get("Session-Expires"), sent.get("Min-SE")) == ("3600", "3600")
    second.answer(sdp("callee"))
    assert (await world.near.answered(caller)).status == 200
    assert await caller.bye() == 200


async def test_a_taken_over_call_keeps_its_timers(world: Any) -> None:
    """The node that takes over refreshes at once, and ends what is not refreshed."""
    answer = (("Session-Expires", "600;refresher=uac"), ALLOW)
    _, callee, _ = await talk(world, TIMER, ("Session-Expires", "900"), answer=answer)
    conn_id = (await world.event("EventEstablished", this_dn="1001")).conn_id
    async with world.start_node("two") as second:
        first = world.harness["sip_cluster"]
        await first.ctx.cancel_tasks()
        await first.stop()
        world.near.toward = Destination("tcp", *second["sip_cluster"].ctx.listeners["sip"])
        update = await callee.next("UPDATE")
        assert update.get("Session-Expires") == "600;refresher=uac"
        _, _, legs = sides(second["sip_cluster"])
        assert legs["origin"].session == LegSession(900, refreshes=False, by_update=False)
        assert legs["origin"].session_timer is not None
        await world.ask(t.RequestClearCall(tenant="demo", conn_id=conn_id))
        await asyncio.wait_for(callee.gone.wait(), 20)
