"""When the dial plan is asked, and when what it has said still holds."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ringback.contracts.dialplan import ResolvedMany, ResolveReply
from ringback.domain.calls.inputs import Input, Resolved
from ringback.domain.calls.outputs import AskDialplan
from ringback.runtime.http import HttpFailure
from ringback.runtime.outgoing import Outgoing
from ringback.services.sip_cluster.driver import new_call
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.questions import Questions


class Bench:
    """A dial plan, a clock and calls that a test plays."""

    def __init__(self, *replies: ResolveReply) -> None:
        self.now, self.asked, self.replies = 100.0, list[str](), list(replies)
        self.heard: list[Resolved] = []
        self.answering: asyncio.Event | None = None
        self.old = False
        """The dial plan does not know questions about several numbers."""
        context: Any = SimpleNamespace(
            url=lambda *_: "http://127.0.0.1:1",
            address=lambda *_: ("127.0.0.1", 1),
            common=SimpleNamespace(cluster_secret="s"),
            outgoing=Outgoing(),
            monotonic=lambda: self.now,
            spawn=lambda work, _name: asyncio.ensure_future(work),
        )
        self.questions = Questions(context)
        self.questions._dialplan = self  # type: ignore[assignment]

    async def post(self, path: str, wanted: Any, *_: object, **__: object) -> ResolveReply | ResolvedMany:
        if self.answering is not None:
            await self.answering.wait()
        if path == "/resolve":
            self.asked.append(wanted.to_number)
            return self.replies.pop(0)
        self.asked.append(",".join(each.to_number for each in wanted.questions))
        if self.old:
            raise HttpFailure(404, "not_found", "no such path")
        return ResolvedMany(answers=[self.replies.pop(0) for _ in wanted.questions])

    def told(self, _live: LiveCall, word: Input) -> None:
        assert isinstance(word, Resolved)
        self.heard.append(word)

    def begin(self, *numbers: str) -> None:
        """Ask for new calls without waiting."""
        for number in numbers:
            self.questions.ask(new_call("demo"), AskDialplan("a1", number, "+1", "trunk"), self.told)

    async def dns(self, count: int) -> list[str]:
        """The DNs where the calls are to go, when so many know it."""
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                await asyncio.sleep(0)
        return [word.destination.dn for word in self.heard]

    async def ask(self, number: str, origin: str = "trunk", tenant: str = "demo") -> str:
        """The DN where a new call's number leads."""
        before = len(self.heard)
        self.questions.ask(new_call(tenant), AskDialplan("a1", number, "+1", origin), self.told)
        async with asyncio.timeout(5):
            while len(self.heard) == before:
                await asyncio.sleep(0)
        return self.heard[-1].destination.dn


def route_point(dn: str, reuse_s: float) -> ResolveReply:
    return ResolveReply(kind="route_point", dn=dn, reuse_s=reuse_s)


async def test_an_answer_holds_as_long_as_it_says() -> None:
    bench = Bench(route_point("8000", 1.0), route_point("8001", 1.0))
    assert [await bench.ask("800"), await bench.ask("800")] == ["8000", "8000"]
    bench.now += 1.0
    assert await bench.ask("800") == "8001"
    assert bench.asked == ["800", "800"]


@pytest.mark.parametrize(
    "other", [("801", "trunk", "demo"), ("800", "dn", "demo"), ("800", "trunk", "second")]
)
async def test_it_holds_for_its_number_origin_and_tenant_alone(other: tuple[str, str, str]) -> None:
    bench = Bench(route_point("8000", 1.0), route_point("8001", 1.0))
    assert [await bench.ask("800"), await bench.ask(*other)] == ["8000", "8001"]


async def test_one_that_is_for_a_single_call_is_asked_for_again() -> None:
    bench = Bench(route_point("8000", 0.0), route_point("8001", 0.0))
    assert [await bench.ask("800"), await bench.ask("800")] == ["8000", "8001"]


async def test_what_is_asked_at_once_goes_in_one_request_and_the_same_question_once() -> None:
    bench = Bench(route_point("8000", 0.0), route_point("8001", 0.0))
    bench.begin("800", "801", "800")
    assert sorted(await bench.dns(3)) == ["8000", "8000", "8001"]
    assert bench.asked == ["800,801"]


async def test_two_numbers_to_be_shown_are_two_questions_where_they_decide_on_the_trunk() -> None:
    bench = Bench(*(ResolveReply(kind="trunk", number="900", trunk=name) for name in ("first", "second")))
    for shown in ("+1", "+2", "+1"):
        bench.questions.ask(new_call("demo"), AskDialplan("a1", "900", shown, "route_point"), bench.told)
    await bench.dns(3)
    targets = [word.destination.target for word in bench.heard]
    assert targets == ["trunk=first", "trunk=first", "trunk=second"]


async def test_two_trunks_to_be_taken_are_two_questions() -> None:
    bench = Bench(*(ResolveReply(kind="trunk", number="900", trunk=name) for name in ("first", "second")))
    for trunk in ("first", "second", "first"):
        ask = AskDialplan("a1", "900", "+1", "route_point", trunk)
        bench.questions.ask(new_call("demo"), ask, bench.told)
    await bench.dns(3)
    targets = [word.destination.target for word in bench.heard]
    assert targets == ["trunk=first", "trunk=first", "trunk=second"]


async def test_what_is_asked_while_an_answer_is_on_its_way_goes_together_behind_it() -> None:
    """The same number too: the answer that is on its way may be older than the question."""
    bench = Bench(*(route_point(f"800{n}", 0.0) for n in range(4)))
    bench.answering = asyncio.Event()
    bench.begin("800")
    for _ in range(5):
        await asyncio.sleep(0)
    bench.begin("800", "801")
    bench.answering.set()
    assert await bench.dns(3) == ["8000", "8001", "8002"]
    assert bench.asked == ["800", "800,801"]


async def test_a_question_does_not_wait_for_long_behind_another() -> None:
    bench = Bench(route_point("8000", 0.0), route_point("8001", 0.0))
    slow = bench.answering = asyncio.Event()
    bench.begin("800")
    for _ in range(5):
        await asyncio.sleep(0)
    bench.answering = None
    bench.begin("801")
    assert await bench.dns(1) == ["8000"]
    assert bench.asked == ["801"]
    slow.set()
    await bench.dns(2)


async def test_where_not_all_can_be_answered_each_is_asked_alone() -> None:
    bench = Bench(route_point("8000", 0.0), route_point("8001", 0.0))
    bench.old = True
    bench.begin("800", "801")
    assert await bench.dns(2) == ["8000", "8001"]
    assert bench.asked == ["800,801", "800", "801"]
