"""When the dial plan is asked, and when what it has said still holds."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ringback.contracts.dialplan import ResolveReply, ResolveRequest
from ringback.domain.calls.inputs import Input, Resolved
from ringback.domain.calls.outputs import AskDialplan
from ringback.runtime.outgoing import Outgoing
from ringback.services.sip_cluster.driver import new_call
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.questions import Questions


class Bench:
    """A dial plan, a clock and calls that a test plays."""

    def __init__(self, *replies: ResolveReply) -> None:
        self.now, self.asked, self.replies = 100.0, list[str](), list(replies)
        self.heard: list[Resolved] = []
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

    async def post(self, _path: str, wanted: ResolveRequest, *_: object, **__: object) -> ResolveReply:
        self.asked.append(wanted.to_number)
        return self.replies.pop(0)

    def told(self, _live: LiveCall, word: Input) -> None:
        assert isinstance(word, Resolved)
        self.heard.append(word)

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
