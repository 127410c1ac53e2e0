"""What a campaign hears of its dials, in the words of a real node."""

import uuid
from typing import Any

import msgspec
import pytest

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
        if news is not None and news.heard is not None:
            assert news.attempt == dialled.id
            progress = heard(progress, news.heard)
    return progress


@pytest.mark.parametrize(
    ("status", "result"),
    [(486, DialResult.BUSY), (480, DialResult.NO_ANSWER), (404, DialResult.ERROR_TONE)],
)
async def test_a_customer_who_is_not_reached(world: Any, status: int, result: DialResult) -> None:
    dialled = attempt()
    await world.ask(request_for("demo", SPRING, dialled))
    (await world.far.leg("trunk=carrier")).reply(status)
    progress = await progress_of(world, dialled)
    assert (progress.stage, progress.result) == (Stage.OVER, result)


async def test_a_customer_who_hangs_up_before_an_agent_is_there(world: Any, describe: Any) -> None:
    dialled = attempt()
    await world.ask(request_for("demo", SPRING, dialled))
    customer = await world.far.leg("trunk=carrier")
    customer.answer(describe("customer"))
    await world.event("EventRouteRequest")
    await customer.bye()
    assert (await progress_of(world, dialled)).abandoned


async def test_a_customer_who_talks_to_an_agent(world: Any, describe: Any) -> None:
    dialled = attempt()
    reply = await world.ask(request_for("demo", SPRING, dialled))
    customer = await world.far.leg("trunk=carrier")
    customer.answer(describe("customer"))
    await world.event("EventRouteRequest")
    routed = t.RequestRouteCall(tenant="demo", conn_id=reply.conn_id, other_dn="1001", agent_id="anna")
    await world.ask(msgspec.structs.replace(routed, idempotency_key="r1"))
    (await world.far.leg("dn=1001")).answer(describe("agent"))
    await world.event("EventEstablished", agent_id="anna")
    await customer.bye()
    progress = await progress_of(world, dialled)
    assert (progress.result, progress.agent) == (DialResult.CONNECTED, "anna")
    assert 0 < progress.answered_at <= progress.connected_at <= progress.ended_at


class TestFromTheAgentsPhone:
    async def test_the_customer_is_rung_after_the_agent_has_answered(self, world: Any, describe: Any) -> None:
        dialled = attempt("1001")
        await world.ask(request_for("demo", SPRING, dialled))
        (await world.far.leg("dn=1001")).answer(describe("agent"))
        customer = await world.far.leg("trunk=carrier")
        customer.answer(describe("customer"))
        await world.event("EventEstablished", this_dn="1001")
        await customer.bye()
        progress = await progress_of(world, dialled)
        assert (progress.result, progress.agent) == (DialResult.CONNECTED, "anna")

    async def test_a_busy_customer(self, world: Any, describe: Any) -> None:
        dialled = attempt("1001")
        await world.ask(request_for("demo", SPRING, dialled))
        (await world.far.leg("dn=1001")).answer(describe("agent"))
        (await world.far.leg("trunk=carrier")).reply(486)
        assert (await progress_of(world, dialled)).result is DialResult.BUSY

    async def test_an_agent_whose_phone_refuses_has_dialled_nobody(self, world: Any) -> None:
        dialled = attempt("1001")
        await world.ask(request_for("demo", SPRING, dialled))
        (await world.far.leg("dn=1001")).reply(603)
        progress = await progress_of(world, dialled)
        assert (progress.stage, progress.result) == (Stage.OVER, None)
        assert world.far.queue("trunk=carrier").empty()
