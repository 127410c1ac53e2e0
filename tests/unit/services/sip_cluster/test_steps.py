"""What of a call is stored before its messages leave, and what need not wait for it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ringback.contracts.dialplan import ResolveReply, ResolveRequest
from ringback.contracts.events import CallEvent
from ringback.domain.calls import inputs as i
from ringback.domain.calls.outputs import Answer, Bye, LegCommand, Provisional
from ringback.runtime.outgoing import Outgoing
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.sip_cluster.driver import Driver, new_call
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.questions import Questions

OFFER = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"


class Bench:
    """A driver whose store, dial plan and SIP side a test plays."""

    connected = True

    def __init__(self) -> None:
        self.saved: list[list[str]] = []
        self.answers: list[asyncio.Future[list[Any]]] = []
        self.sent: list[LegCommand] = []
        self.asked = 0
        self.plan: asyncio.Future[ResolveReply] = asyncio.get_running_loop().create_future()
        log = SimpleNamespace(exception=lambda *_, **__: None, warning=lambda *_, **__: None)
        context: Any = SimpleNamespace(
            url=lambda *_: "http://127.0.0.1:1",
            address=lambda *_: ("127.0.0.1", 1),
            common=SimpleNamespace(cluster_secret="s"),
            outgoing=Outgoing(),
            node="n",
            now=lambda: 1000.0,
            monotonic=lambda: 100.0,
            spawn=lambda work, _name: asyncio.ensure_future(work),
            log=log,
            valkey=SimpleNamespace(connected=True),
        )
        hears: Any = SimpleNamespace(event=lambda _: None)
        questions = Questions(context)
        questions._dialplan = self  # type: ignore[assignment]
        metrics = ClusterMetrics(CollectorRegistry())
        self.driver = Driver(context, self.save, metrics, hears, questions)
        self.driver.perform = lambda _live, command: self.sent.append(command)

    async def post(self, _path: str, _wanted: ResolveRequest, *_: object, **__: object) -> ResolveReply:
        self.asked += 1
        return await asyncio.shield(self.plan)

    def save(self, _live: LiveCall, events: list[CallEvent], *_: bool) -> asyncio.Future[list[Any]]:
        self.saved.append([event.id for event in events])
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]

    def incoming(self) -> LiveCall:
        live = new_call("demo")
        live.unsaid = True
        self.driver.open(live)
        self.driver.feed(live, i.Incoming("in1", "+1", "1001", OFFER))
        return live

    async def stored(self) -> None:
        self.answers[-1].set_result([])
        await turns()

    def done(self) -> list[type]:
        sent, self.sent = self.sent, []
        return [type(command) for command in sent]

    async def ringing(self) -> LiveCall:
        """A call whose destination is about to ring."""
        live = self.incoming()
        self.plan.set_result(ResolveReply(kind="dn", dn="1001"))
        await turns()
        await self.stored()
        self.done()
        return live


async def turns() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_a_new_call_is_stored_with_the_dial_plans_answer_and_nothing_is_said_before() -> None:
    bench = Bench()
    bench.incoming()
    await turns()
    assert (bench.asked, bench.saved, bench.sent) == (1, [], [])
    bench.plan.set_result(ResolveReply(kind="dn", dn="1001"))
    await turns()
    assert bench.saved == [["EventCallCreated", "EventRinging"]]
    assert bench.sent == []
    await bench.stored()
    assert [type(command).__name__ for command in bench.sent] == ["Invite"]


async def test_a_caller_who_goes_while_the_dial_plan_is_asked_is_stored_and_told_of() -> None:
    bench = Bench()
    live = bench.incoming()
    await turns()
    bench.driver.feed(live, i.HungUp("in1"))
    await turns()
    assert bench.saved == [["EventCallCreated", "EventCallDeleted"]]


async def test_a_later_question_does_not_wait_for_the_store_and_its_call_is_stored_meanwhile() -> None:
    """A request that is to route a call was acknowledged: it is in the store whatever the dial plan does."""
    bench = Bench()
    live = bench.incoming()
    bench.plan.set_result(ResolveReply(kind="route_point", dn="8000"))
    await turns()
    await bench.stored()
    bench.plan = asyncio.get_running_loop().create_future()
    bench.driver.feed(live, i.RequestRouteCall("r", "1001"))
    await turns()
    assert (bench.asked, len(bench.saved)) == (2, 2)
    bench.plan.set_result(ResolveReply(kind="dn", dn="1001"))
    await turns()
    assert len(bench.saved) == 2  # one step after the other
    await bench.stored()
    assert bench.saved[2] == ["EventRinging"]


async def test_ringing_is_passed_on_at_once_and_the_answer_is_stored_first() -> None:
    bench = Bench()
    live = await bench.ringing()
    leg = next(leg.id for leg in live.call.data.legs.values() if not leg.incoming)
    bench.driver.feed(live, i.Progress(leg, 180))
    await turns()
    assert (bench.done(), len(bench.saved)) == ([Provisional], 1)
    bench.driver.feed(live, i.Answered(leg, OFFER))
    await turns()
    assert (bench.done(), bench.saved[1:]) == ([], [["EventEstablished"]])
    await bench.stored()
    assert Answer in bench.done()


async def test_ringing_that_comes_with_something_that_lasts_waits_with_it() -> None:
    bench = Bench()
    live = await bench.ringing()
    leg = next(leg.id for leg in live.call.data.legs.values() if not leg.incoming)
    bench.driver.feed(live, i.Progress(leg, 180))
    bench.driver.feed(live, i.RequestAttachUserData("r", {"k": "v"}))
    await turns()
    assert (bench.done(), len(bench.saved)) == ([], 2)
    await bench.stored()
    assert bench.done() == [Provisional]


async def test_ringing_with_a_description_is_stored_first() -> None:
    """Which description the caller has in an early dialog another node must know."""
    bench = Bench()
    live = await bench.ringing()
    leg = next(leg.id for leg in live.call.data.legs.values() if not leg.incoming)
    bench.driver.feed(live, i.Progress(leg, 183, OFFER))
    await turns()
    assert (bench.done(), len(bench.saved)) == ([], 2)


async def test_who_waits_for_the_store_hears_when_the_last_step_is_there_or_is_not() -> None:
    bench = Bench()
    live = await bench.ringing()
    await bench.driver.stored(live)  # nothing is under way
    bench.driver.feed(live, i.RequestAttachUserData("r", {"k": "v"}))
    first = asyncio.ensure_future(bench.driver.stored(live))
    await turns()
    bench.driver.feed(live, i.RequestAttachUserData("s", {"k": "w"}))
    second = asyncio.ensure_future(bench.driver.stored(live))
    await bench.stored()
    assert not first.done()
    await bench.stored()
    await asyncio.gather(first, second)
    bench.driver.feed(live, i.RequestAttachUserData("t", {"k": "x"}))
    third = asyncio.ensure_future(bench.driver.stored(live))
    await turns()
    bench.answers[-1].cancel()
    with pytest.raises(ValkeyUnavailable):
        await third


async def test_ringing_that_leads_to_more_than_ringing_is_stored_first() -> None:
    bench = Bench()
    live = await bench.ringing()
    bench.driver.carry_on(live, [Provisional("in1", 180), Bye("target1")], lasts=False)
    await turns()
    assert (bench.done(), len(bench.saved)) == ([], 2)
