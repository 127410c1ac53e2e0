"""The request queue on real sockets and a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ringback.contracts.routing import (
    CallDetails,
    CancelRequest,
    ConfirmRequest,
    ReturnRequest,
    RouteResult,
    SubmitRequest,
)
from ringback.contracts.rq import PriorityRequest, open_requests, requests_stream, results_stream
from ringback.runtime.link import LinkClient, LinkError
from ringback.services.rq.service import RqService
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(31)


@pytest.fixture
async def harness(valkey_url: str) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness("rq", valkey_url=valkey_url, host=HOST) as running:
        yield running


@pytest.fixture
async def client(harness: ServiceHarness) -> LinkClient:
    link = LinkClient(harness.context(), "rq", "link", connection="voice-30")
    await link.start()
    await link.wait_connected()
    return link


class Listener:
    """A subscriber of one direction."""

    def __init__(self, harness: ServiceHarness, role: str) -> None:
        self.role = role
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.link = LinkClient(harness.context(), "rq", "link", connection="voice-16")
        self.link.on("request" if role == "router" else "result", self.heard.put)

    async def start(self, cursor: str = "") -> "Listener":
        await self.link.start()
        await self.link.wait_connected()
        await self.link.call("subscribe", {"tenant": "demo", "role": self.role, "cursor": cursor})
        return self

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self.heard.get()


def request(name: str = "r1", **more: Any) -> SubmitRequest:
    fields: dict[str, Any] = {"vq": "Loans", "target": "?:English>=1", "arrival_time": 100.0, **more}
    return SubmitRequest(request_id=name, tenant="demo", interaction_id=f"i-{name}", **fields)


def result(seq: int, outcome: Any = "reserved", **more: Any) -> RouteResult:
    return RouteResult(request_id="r1", tenant="demo", seq=seq, outcome=outcome, **more)


class TestSubmit:
    async def test_the_router_hears_of_requests_in_their_order(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        router = await Listener(harness, "router").start()
        for name in ("r1", "r2", "r3"):
            await client.call("submit", request(name))
        heard = [await router.next() for _ in range(3)]
        assert [(h["type"], h["sequence"], h["request"]["request_id"]) for h in heard] == [
            ("submit", 1, "r1"),
            ("submit", 2, "r2"),
            ("submit", 3, "r3"),
        ]

    async def test_a_repeated_submit_is_one_request(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        assert await client.call("submit", request()) == {"sequence": 1, "new": True}
        assert await client.call("submit", request()) == {"sequence": 1, "new": False}
        assert len(await open_requests(harness.process.valkey, "demo")) == 1

    async def test_a_target_that_cannot_be_read_is_refused_at_once(self, client: LinkClient) -> None:
        with pytest.raises(LinkError, match="at 11: a skill level"):
            await client.call("submit", request(target="?:English>="))

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"steps": ({"targets": ["A.GA"]}, {"targets": ["?:x>"]})}, "step 2: at 4: a skill level"),
            ({"steps": ({"order": "by name"},)}, "step 1: no order 'by name'"),
            ({"steps": ({},) * 16}, "steps: 15 at most"),
            ({"media": "a b"}, "media: "),
            ({"growth": 1e9}, "growth: from -1e"),
            ({"target": "?:", "arrival_time": 1_700_000_000_000.0}, "arrival_time: from 0 to 1e"),
            ({"target": "?:", "arrival_time": -1e300}, "arrival_time: from 0 to 1e"),
        ],
    )
    async def test_what_the_router_could_not_work_with_is_refused(
        self, client: LinkClient, more: dict[str, Any], reason: str
    ) -> None:
        body = {
            "request_id": "r1",
            "tenant": "demo",
            "interaction_id": "i",
            "vq": "Loans",
            "arrival_time": 1.0,
        }
        with pytest.raises(LinkError, match=reason):
            await client.call("submit", {**body, **more})

    async def test_another_tenant_is_refused(self, client: LinkClient) -> None:
        with pytest.raises(LinkError, match="no tenant 'other' here"):
            await client.call("cancel", CancelRequest(request_id="r1", tenant="other"))

    async def test_a_request_that_is_refused_takes_no_other_along(self, client: LinkClient) -> None:
        others = [msgspec.structs.replace(request("r2"), tenant=name) for name in ("other", "")]
        first, *refused, last = await client.call_all("submit", [request("r1"), *others, request("r3")])
        assert (first["sequence"], last["sequence"]) == (1, 2)
        assert [type(each) for each in refused] == [LinkError, LinkError]


class TestResults:
    async def test_a_subscriber_gets_what_came_while_it_was_away(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        await client.call("submit", request())
        first = await Listener(harness, "orchestration").start()
        await client.call("decide", result(1, "position", position=3))
        cursor = (await first.next())["cursor"]
        await client.call("decide", result(2, agent_id="kim"))
        second = await Listener(harness, "orchestration").start(cursor)
        heard = await second.next()
        assert (heard["seq"], heard["agent_id"]) == (2, "kim")

    async def test_an_older_or_repeated_result_is_told_once(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        await client.call("submit", request())
        listener = await Listener(harness, "orchestration").start()
        assert await client.call("decide", result(2, agent_id="kim")) == {"accepted": True}
        assert await client.call("decide", result(2, agent_id="kim")) == {"accepted": True}
        assert await client.call("decide", result(2, agent_id="lee")) == {"accepted": False}
        assert await client.call("decide", result(1, agent_id="lee")) == {"accepted": False}
        assert await client.call("decide", result(3, "timeout")) == {"accepted": True}
        assert [(await listener.next())["seq"] for _ in range(2)] == [2, 3]

    async def test_a_final_result_closes_the_request(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        await client.call("submit", request())
        await client.call("decide", result(1, "timeout"))
        assert await open_requests(harness.process.valkey, "demo") == []
        assert await client.call("decide", result(2)) == {"accepted": False}
        assert await client.call("submit", request()) == {"sequence": 1, "new": False}

    async def test_a_cancel_is_answered_with_cancelled_after_the_last_result(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        await client.call("submit", request())
        await client.call("decide", result(4, agent_id="kim"))
        listener = await Listener(harness, "orchestration").start()
        cancel = CancelRequest(request_id="r1", tenant="demo", reason='a "seq":0 in it')
        assert await client.call("cancel", cancel) == {"open": True}
        heard = await listener.next()
        assert (heard["outcome"], heard["seq"], heard["reason"]) == ("cancelled", 5, 'a "seq":0 in it')
        assert await client.call("cancel", cancel) == {"open": False}


class TestFollowing:
    """What this node appends is told as it is stored; another node may append too."""

    async def test_what_this_node_appends_is_not_read_again(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        router = await Listener(harness, "router").start()
        await client.call("submit", request("first"))
        await router.next()
        rq = harness["rq"]
        assert isinstance(rq, RqService)
        before = rq.subscriptions.reads
        names = [f"r{number}" for number in range(50)]
        for name in names:
            await client.call("submit", request(name))
        assert [(await router.next())["request"]["request_id"] for _ in names] == names
        assert rq.subscriptions.reads - before < 10  # it looks once a second

    async def test_what_another_node_has_appended_is_told_in_its_place(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        router = await Listener(harness, "router").start()
        await client.call("submit", request("r1"))
        gone = msgspec.json.encode(CancelRequest(request_id="r0", tenant="demo"))
        await harness.process.valkey.call("XADD", requests_stream("demo"), "*", "type", "cancel", "e", gone)
        await client.call("submit", request("r2"))
        heard = [await router.next() for _ in range(3)]
        assert [each["request"]["request_id"] for each in heard] == ["r1", "r0", "r2"]
        await client.call("confirm", ConfirmRequest(request_id="r2", tenant="demo", agent_id="a1"))
        assert (await router.next())["type"] == "confirm"
        assert [each["tenant"] for each in heard] == ["demo"] * 3

    async def test_what_another_node_appends_is_told_without_anything_else(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        listener = await Listener(harness, "orchestration").start()
        body = msgspec.json.encode(result(1))
        await harness.process.valkey.call("XADD", results_stream("demo"), "*", "e", body)
        assert (await listener.next())["request_id"] == "r1"


class TestClosing:
    async def test_confirm_closes_without_a_result(self, harness: ServiceHarness, client: LinkClient) -> None:
        router = await Listener(harness, "router").start()
        await client.call("submit", request())
        await client.call("confirm", ConfirmRequest(request_id="r1", tenant="demo", agent_id="kim"))
        assert [(await router.next())["type"] for _ in range(2)] == ["submit", "confirm"]
        assert await open_requests(harness.process.valkey, "demo") == []

    async def test_a_returned_request_is_open_and_no_longer_reserved(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        await client.call("submit", request())
        await client.call("decide", result(1, agent_id="kim"))
        returned = ReturnRequest(request_id="r1", tenant="demo", agent_id="kim", reason="no_answer")
        assert await client.call("return", returned) == {"open": True}
        (kept,) = await open_requests(harness.process.valkey, "demo")
        assert (kept.result, kept.seq) == (None, 1)

    async def test_a_call_that_has_gone_takes_its_request_along(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        await client.call("submit", request(conn_id="00aa"))
        listener = await Listener(harness, "orchestration").start()
        gone = CallDetails(tenant="demo", conn_id="00aa", state="gone")
        assert await client.call("call_details", gone) == {"open": True}
        assert (await listener.next())["reason"] == "caller_gone"
        assert await client.call("call_details", gone) == {"open": False}

    async def test_a_caller_who_has_gone_before_the_request_came_is_not_queued(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        gone = CallDetails(tenant="demo", conn_id="00aa", state="gone")
        assert await client.call("call_details", gone) == {"open": False}
        listener = await Listener(harness, "orchestration").start()
        for _ in range(2):
            found = await client.call("submit", request(conn_id="00aa", session_id="s"))
            assert found == {"sequence": 0, "new": False}
        heard = await listener.next()
        assert (heard["outcome"], heard["reason"], heard["session_id"]) == ("cancelled", "caller_gone", "s")
        assert await open_requests(harness.process.valkey, "demo") == []
        callback = request("r2", conn_id="00aa", kind="callback")
        assert (await client.call("submit", callback))["new"]

    async def test_a_cancel_that_overtakes_its_submit_closes_it_beforehand(
        self, harness: ServiceHarness, client: LinkClient
    ) -> None:
        cancel = CancelRequest(request_id="r1", tenant="demo")
        assert await client.call("cancel", cancel) == {"open": False}
        assert await client.call("submit", request()) == {"sequence": 0, "new": False}
        assert await open_requests(harness.process.valkey, "demo") == []

    async def test_a_new_priority_is_kept(self, harness: ServiceHarness, client: LinkClient) -> None:
        await client.call("submit", request())
        wanted = PriorityRequest(request_id="r1", tenant="demo", priority=7, growth=0.5)
        await client.call("priority", wanted)
        (kept,) = await open_requests(harness.process.valkey, "demo")
        assert (kept.submit.priority, kept.submit.growth) == (7, 0.5)
        assert kept.at is not None and abs(kept.at - harness.context().now()) < 60
