"""What a campaign hears of its dials, in the words of a real node."""

import uuid
from typing import Any

from ringback.contracts import telephony as t
from ringback.contracts.events import calls_stream
from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Progress, Stage, heard
from ringback.domain.campaigns.permission import Customer
from ringback.domain.configuration import Campaign
from ringback.runtime.streams import parse_entries
from ringback.services.tenant.campaigns.asking import request_for
from ringback.services.tenant.campaigns.hearing import CallTold, Ear
from ringback.services.tenant.campaigns.store import Attempt

SPRING = Campaign(id="spring", lists=("spring",), route_point="8000", queue="Sales", ring_s=5.0)


def attempt(dn: str = "") -> Attempt:
    return Attempt(
        id=uuid.uuid4(),
        campaign="spring",
        list="spring",
        key="a",
        number=1,
        asked_at=0.0,
        customer=Customer("+12025550123"),
        data={},
        progress=Progress(Stage.TAKEN, agent="anna") if dn else Progress(),
        dn=dn,
    )


async def progress_of(world: Any, dialled: Attempt) -> Progress:
    """How the attempt stands after everything that was said of its call."""
    await world.event("EventCallDeleted")
    rows = await world.harness.process.valkey.call("XRANGE", calls_stream("demo"), "-", "+")
    ear, progress = Ear(), dialled.progress
    for entry in parse_entries("calls", rows):
        news = ear.news(entry.json(CallTold))
        if news is not None and news.heard is not None and news.attempt == dialled.id:
            progress = heard(progress, news.heard)
    return progress


async def test_a_customer_who_is_not_reached(world: Any) -> None:
    for status, result in ((486, DialResult.BUSY), (480, DialResult.NO_ANSWER), (404, DialResult.ERROR_TONE)):
        dialled = attempt()
        await world.ask(request_for("demo", SPRING, dialled))
        (await world.far.leg("trunk=carrier")).reply(status)
        progress = await progress_of(world, dialled)
        assert (progress.stage, progress.result) == (Stage.OVER, result)


async def test_a_customer_who_answers_talks_to_an_agent_or_was_abandoned(world: Any, describe: Any) -> None:
    for agent in ("", "anna"):
        dialled = attempt()
        reply = await world.ask(request_for("demo", SPRING, dialled))
        customer = await world.far.leg("trunk=carrier")
        customer.answer(describe("customer"))
        await world.event("EventRouteRequest", conn_id=reply.conn_id)
        if agent:
            routed = t.RequestRouteCall(
                tenant="demo", conn_id=reply.conn_id, other_dn="1001", agent_id=agent, idempotency_key="r1"
            )
            await world.ask(routed)
            (await world.far.leg("dn=1001")).answer(describe("agent"))
            await world.event("EventEstablished", agent_id=agent)
        await customer.bye()
        progress = await progress_of(world, dialled)
        assert (progress.abandoned, progress.agent) == (not agent, agent)
    assert progress.result is DialResult.CONNECTED
    assert 0 < progress.answered_at <= progress.connected_at <= progress.ended_at


async def test_a_dial_from_the_agents_phone(world: Any, describe: Any) -> None:
    # The agent's phone refuses: nobody was dialled.
    dialled = attempt("1001")
    await world.ask(request_for("demo", SPRING, dialled))
    (await world.far.leg("dn=1001")).reply(603)
    progress = await progress_of(world, dialled)
    assert (progress.stage, progress.result) == (Stage.OVER, None)
    assert world.far.queue("trunk=carrier").empty()
    # The customer is busy.
    dialled = attempt("1001")
    await world.ask(request_for("demo", SPRING, dialled))
    (await world.far.leg("dn=1001")).answer(describe("agent"))
    (await world.far.leg("trunk=carrier")).reply(486)
    assert (await progress_of(world, dialled)).result is DialResult.BUSY
    # Both talk.
    dialled = attempt("1001")
    await world.ask(request_for("demo", SPRING, dialled))
    (await world.far.leg("dn=1001")).answer(describe("agent"))
    customer = await world.far.leg("trunk=carrier")
    customer.answer(describe("customer"))
    await world.event("EventEstablished", this_dn="1001")
    await customer.bye()
    progress = await progress_of(world, dialled)
    assert (progress.result, progress.agent) == (DialResult.CONNECTED, "anna")
