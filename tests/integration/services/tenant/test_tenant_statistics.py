"""Statistics on real parts: streams in, figures out over the link and HTTP, the same after a restart."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from ringback.contracts.events import AgentEvent, CallEvent, agents_stream, calls_stream
from ringback.contracts.routing import CancelRequest, ConfirmRequest, SubmitRequest
from ringback.contracts.statistics import ObjectFigures
from ringback.domain.configuration import Configuration, Extension, Person, Skill, Tenant, VirtualQueue
from ringback.runtime import unread
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.link import LinkClient, LinkError
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import append
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.services.tenant.service import TenantService
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(34)
DEMO = Configuration(
    tenant=Tenant(id="demo", domain="demo.example", time_zone="Asia/Kolkata"),
    skills=(Skill(id="Loans"),),
    dns=(Extension(id="1001"), VirtualQueue(id="Loans", target="?:Loans>=1", service_level=30.0)),
    persons=(Person(id="kim", skills={"Loans": 2}, dn="1001"),),
)


class Desk:
    """A dashboard at the link, and the hand that makes things happen."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.ctx = harness.context()
        self.http = HttpClient(self.ctx, "tenant")
        self.rq = LinkClient(self.ctx, "rq", "link", connection="voice-30")
        self.link = LinkClient(self.ctx, "tenant", "stats", connection="voice-2")
        self.values: dict[str, Any] = {}
        self.changed = asyncio.Event()
        self.link.on("values", self._told)
        self.sequence = 0

    async def start(self) -> "Desk":
        await self.rq.start()
        await self.link.start()
        await self.link.wait_connected()
        await self.rq.wait_connected()
        async with asyncio.timeout(10):
            while not self.service.figures["demo"].ready or not self.service.leaders["demo"].queues_known:
                await asyncio.sleep(0.02)
        return self

    @property
    def service(self) -> TenantService:
        service = self.harness["tenant"]
        assert isinstance(service, TenantService)
        return service

    async def _told(self, params: dict[str, Any]) -> None:
        self.values |= {each["id"]: each["value"] for each in params["values"]}
        self.changed.set()

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(20):
            while not wanted(self.values):
                self.changed.clear()
                await self.changed.wait()

    async def open(self, **wishes: tuple[str, str, str]) -> dict[str, Any]:
        statistics = [
            {"id": id_, "object_type": kind, "object": name, "statistic": statistic}
            for id_, (kind, name, statistic) in wishes.items()
        ]
        reply = await self.link.call("open", {"tenant": "demo", "statistics": statistics})
        found = {each["id"]: each.get("value", each.get("error")) for each in reply["values"]}
        self.values |= found
        return found

    async def read(self, path: str, **query: str) -> dict[str, Any]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return (await self.http.get(f"/statistics/demo/{path}?{text}", ObjectFigures)).values

    async def submit(self, name: str, kind: Any = "call") -> None:
        await self.rq.call(
            "submit",
            SubmitRequest(
                request_id=name,
                tenant="demo",
                interaction_id=f"i-{name}",
                kind=kind,
                vq="Loans",
                target="?:Loans>=1",
                arrival_time=self.ctx.now(),
            ),
        )

    async def agent(self, state: str, status: str, **more: Any) -> None:
        self.sequence += 1
        event = AgentEvent(
            id="EventAgentChanged",
            time=self.ctx.now(),
            tenant="demo",
            agent_id="kim",
            state=state,
            sequence=self.sequence,
            extensions={"Status": status, "Groups": ["Team"], "Skills": {"Loans": 2}, **more},
        )
        await append(self.ctx.valkey, agents_stream("demo"), event)

    async def call(self, name: str, conn_id: str, **more: Any) -> None:
        event = CallEvent(id=name, time=self.ctx.now(), tenant="demo", conn_id=conn_id, **more)
        await append(self.ctx.valkey, calls_stream("demo"), event)


def harness(valkey_url: str, postgres_dsn: str) -> ServiceHarness:
    return ServiceHarness(
        "config", "rq", "tenant", valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST
    )


@pytest.fixture
async def desk(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Desk]:
    await migrate(postgres_dsn, ["tenant"])
    async with harness(valkey_url, postgres_dsn) as running:
        await ConfigurationStore(running.context("tenant"), "demo").import_(DEMO)
        yield await Desk(running).start()


async def busy_quarter_of_an_hour(desk: Desk) -> None:
    """A call that is answered, one that is abandoned, one that waits, and kim's work."""
    for name in ("r1", "r2", "r3"):
        await desk.submit(name)
    await desk.agent("ready", "WaitForNextCall")
    await desk.agent("talking", "CallInbound", Queue="Loans", CallType=2)
    await desk.rq.call("confirm", ConfirmRequest(request_id="r1", tenant="demo", agent_id="kim"))
    await desk.rq.call("cancel", CancelRequest(request_id="r2", tenant="demo", reason="caller_gone"))
    await desk.agent("acw", "AfterCallWork", Queue="Loans")
    await desk.agent("ready", "WaitForNextCall")
    await desk.call("EventRouteRequest", "00aa", this_dn="8000")
    await desk.call("EventRouteRequest", "00bb", this_dn="8000")
    await desk.call("EventRouteUsed", "00aa", this_dn="8000")
    await desk.call("EventAbandoned", "00bb", this_dn="8000")
    await desk.call("EventReleased", "00cc", this_dn="1001", agent_id="kim", reason="no_answer")


WISHES = {
    "waiting": ("vq", "Loans", "CurrNumberWaitingCalls"),
    "answered": ("vq", "Loans", "StatCallsAnswered"),
    "abandoned": ("vq", "Loans", "TotalCallsAbandoned"),
    "factor": ("vq", "Loans", "ServiceFactor"),
    "handled": ("group", "Team", "TotalCallsHandled"),
    "status": ("agent", "kim", "CurrentStatus"),
    "missed": ("group", "*", "TotalCallsMissed"),
    "at_point": ("queue", "8000", "TotalCallsAnswered"),
    "left_point": ("queue", "8000", "TotalCallsAbandoned"),
}
AFTER = {
    "waiting": 1,
    "answered": 1,
    "abandoned": 1,
    "factor": 100.0,
    "handled": 1,
    "status": "WaitForNextCall",
    "missed": 1,
    "at_point": 1,
    "left_point": 1,
}


async def test_figures_are_told_as_they_change_and_are_the_same_after_a_restart(
    desk: Desk, valkey_url: str, postgres_dsn: str
) -> None:
    first = await desk.open(**WISHES)
    assert (first["waiting"], first["factor"], first["status"]) == (0, None, "NotMonitored")
    await busy_quarter_of_an_hour(desk)
    await desk.until(lambda values: values == AFTER)

    reply = await desk.link.call("close", {"ids": ["waiting", "nothing"]})
    assert reply == {"closed": 1}
    figures = await desk.read("vq/Loans", window="sliding:600", names="TotalCallsEntered,CurrAgentsLoggedIn")
    assert figures == {"TotalCallsEntered": 3, "CurrAgentsLoggedIn": 1}
    assert (await desk.read("agent/kim"))["TotalCallsInbound"] == 1

    every = await desk.http.get("/statistics/demo/vq?names=TotalCallsEntered", list[ObjectFigures])
    assert [(each.object, each.values) for each in every] == [("Loans", {"TotalCallsEntered": 3})]
    assert await desk.http.get("/statistics/demo/vq?after=Loans", list[ObjectFigures]) == []

    await desk.harness.__aexit__(None, None, None)
    async with harness(valkey_url, postgres_dsn) as again:
        other = await Desk(again).start()
        assert await other.open(**WISHES) == AFTER
        # The day of Kolkata began at half past six in the evening, UTC.
        assert (other.service.figures["demo"].floor.clock.midnight - 66_600) % 86_400 == 0


async def test_what_cannot_be_asked_for_is_refused_and_the_rest_is_told(desk: Desk) -> None:
    answers = await desk.open(
        good=("vq", "Loans", "CurrNumberWaitingCalls"),
        name=("vq", "Loans", "Nonsense"),
        kind=("agent", "kim", "ServiceFactor"),
    )
    assert answers == {
        "good": 0,
        "name": "no statistic is called 'Nonsense'",
        "kind": "ServiceFactor is a figure of: queue, vq",
    }
    wish = {
        "id": "x",
        "object_type": "vq",
        "object": "Loans",
        "statistic": "ServiceFactor",
        "window": "sliding:1",
    }
    reply = await desk.link.call("peek", {"tenant": "demo", "statistics": [wish]})
    assert "a window has 5 to 3600 seconds" in reply["values"][0]["error"]
    for params, word in (
        ({"tenant": "nobody", "statistics": []}, "no tenant"),
        ({"tenant": "demo", "statistics": [wish] * 10_001}, "at most"),
        ({"tenant": "demo"}, "statistics"),
    ):
        with pytest.raises(LinkError, match=word):
            await desk.link.call("open", params)
    for path, status in (("vq/Loans?names=Nonsense", 400), ("vq/Loans?window=x", 400), ("thing/x", 404)):
        with pytest.raises(HttpFailure) as failure:
            await desk.http.get(f"/statistics/demo/{path}")
        assert failure.value.status == status
    names = {each["name"] for each in await desk.http.get("/statistics/definitions")}
    assert {"ServiceFactor", "Occupancy"} <= names
    assert names == {each["name"] for each in await desk.link.call("definitions", {})}


async def test_a_reader_who_sleeps_gets_the_last_value_and_holds_nobody_up(desk: Desk) -> None:
    """Its subscriptions end with it."""
    host, port = desk.ctx.address("tenant", "stats")
    reader, writer = await asyncio.open_connection(host, port, limit=2**24)
    wishes = [
        {"id": f"{number}", "object_type": "vq", "object": "Loans", "statistic": "CurrNumberWaitingCalls"}
        for number in range(2000)
    ]
    line = {"jsonrpc": "2.0", "id": 1, "method": "open", "params": {"tenant": "demo", "statistics": wishes}}
    writer.write(msgspec.json.encode(line) + b"\n")
    await reader.readline()
    watch = desk.service.figures["demo"].watch
    assert len(watch) == 2000
    await desk.open(waiting=WISHES["waiting"])
    await desk.submit("r1")
    await desk.until(lambda values: values["waiting"] == 1)
    await desk.rq.call("cancel", CancelRequest(request_id="r1", tenant="demo", reason="caller_gone"))
    await desk.until(lambda values: values["waiting"] == 0)
    writer.close()
    async with asyncio.timeout(20):
        while len(watch) != 1:
            await asyncio.sleep(0.01)


async def test_a_subscriber_that_never_reads_is_cut_off_with_a_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded, and its subscriptions end with it."""
    monkeypatch.setattr(unread, "UNREAD_S", 0.3)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, desk.ctx.address("tenant", "stats"))
    wishes = [
        {"id": f"{number}", "object_type": "vq", "object": "Loans", "statistic": "CurrNumberWaitingCalls"}
        for number in range(10_000)
    ]
    line = {"jsonrpc": "2.0", "id": 1, "method": "open", "params": {"tenant": "demo", "statistics": wishes}}
    await asyncio.get_running_loop().sock_sendall(sock, msgspec.json.encode(line) + b"\n")
    watch = desk.service.figures["demo"].watch
    service = desk.service.ctx
    async with asyncio.timeout(10):
        while not len(watch):
            await asyncio.sleep(0.01)
        (session,) = (each for each in desk.service._statistics.server.sessions if each.state)
        while len(watch):
            assert session.backlog < 2 * 1024 * 1024
            await asyncio.sleep(0.01)
    assert service.cut_off == {("stats", "does_not_read"): 1}
    sock.close()
