"""Campaigns on real stores and sockets; the line to the customers is in the test's hand."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from ringback.contracts import campaigns as told
from ringback.contracts.calls import call_key
from ringback.contracts.campaigns import CampaignEvent, CampaignStatus
from ringback.contracts.events import CallEvent, calls_stream
from ringback.contracts.telephony import (
    RequestAgentLogin,
    RequestAgentNotReady,
    RequestMakePredictiveCall,
    RequestReply,
    TelephonyRequest,
)
from ringback.domain.configuration import (
    CallingList,
    Campaign,
    Configuration,
    Extension,
    Person,
    RoutePoint,
    Skill,
    Tenant,
    VirtualQueue,
)
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpRequest, HttpServer
from ringback.runtime.link import LinkClient
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import append
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.platform import SECRET, ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(39)
NOON = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
"""A zone in which it is about noon now."""
DEMO = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="Loans"),),
    dns=(
        Extension(id="1001"),
        Extension(id="1002"),
        RoutePoint(id="8000", script="inbound"),
        VirtualQueue(id="Loans", target="?:Loans>=1"),
    ),
    persons=(
        Person(id="kim", skills={"Loans": 2}, dn="1001", wrap_up=0.1),
        Person(id="lee", skills={"Loans": 2}, dn="1002", wrap_up=0.1),
    ),
    calling_lists=(CallingList(id="spring", time_zone=NOON),),
    campaigns=(
        Campaign(
            id="offers",
            lists=("spring",),
            route_point="8000",
            queue="Loans",
            caller_id="+12025550100",
            retry_s=1.0,
            max_dials=2,
        ),
    ),
)
RUN = """
import asyncio, sys
from ringback.runtime.service import run_services, service_class
from ringback.runtime.settings import CommonSettings, load_settings
from ringback.services import REGISTRY
asyncio.run(run_services([service_class(REGISTRY[sys.argv[1]])], load_settings(CommonSettings, "common")))
"""


def number(n: int) -> str:
    return f"+120255501{n:02}"


class Line:
    """Stands for frontend and the cluster: dials each name once, and says what the test wants said."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.asked: list[RequestMakePredictiveCall] = []
        self.calls: dict[str, str] = {}
        self.dialled: asyncio.Queue[RequestMakePredictiveCall] = asyncio.Queue()
        self.server = HttpServer(Context(ctx._process, "frontend"))
        self.server.route("POST", "/requests", self._serve)
        self.silent = False

    async def _serve(self, request: HttpRequest) -> RequestReply:
        asked: Any = request.decode(TelephonyRequest)  # type: ignore[arg-type]
        assert isinstance(asked, RequestMakePredictiveCall)
        self.asked.append(asked)
        conn_id = self.calls.get(asked.idempotency_key)
        if conn_id is None:
            conn_id = self.calls[asked.idempotency_key] = f"{len(self.calls) + 1:016x}"
            await self._ctx.valkey.call("SET", call_key("demo", conn_id), "{}")
            if not self.silent:
                await self.say(asked, "EventDialing")
            self.dialled.put_nowait(asked)
        return RequestReply(reference_id=asked.reference_id, conn_id=conn_id, node="n1")

    async def next(self) -> RequestMakePredictiveCall:
        async with asyncio.timeout(10):
            return await self.dialled.get()

    async def say(self, asked: RequestMakePredictiveCall, name: str, **more: Any) -> None:
        """An event of the call; with the reference of the dial where it is the dial's."""
        if "agent_id" not in more and name != "EventCallDeleted":
            more["reference_id"] = asked.reference_id
        event = CallEvent(
            id=name,
            time=self._ctx.now(),
            tenant="demo",
            conn_id=self.calls[asked.idempotency_key],
            this_dn="8000",
            **more,
        )
        await append(self._ctx.valkey, calls_stream("demo"), event)

    async def hang_up(self, asked: RequestMakePredictiveCall) -> None:
        await self._ctx.valkey.call("DEL", call_key("demo", self.calls[asked.idempotency_key]))
        await self.say(asked, "EventCallDeleted")

    async def busy(self, asked: RequestMakePredictiveCall) -> None:
        await self.say(asked, "EventError", dial_result="BUSY", reason="busy")
        await self.hang_up(asked)

    async def answers(self, asked: RequestMakePredictiveCall) -> None:
        await self.say(asked, "EventEstablished", dial_result="PERSON")

    async def connected(self, asked: RequestMakePredictiveCall, agent: str) -> None:
        await self.say(asked, "EventEstablished", agent_id=agent)


class Office:
    """The supervisor's end of 5050, the agents, and the processes."""

    def __init__(self, harness: ServiceHarness, valkey_url: str, postgres_dsn: str) -> None:
        self.harness = harness
        self.ctx = harness.context()
        self.env = {"RINGBACK_VALKEY_URL": valkey_url, "RINGBACK_POSTGRES_DSN": postgres_dsn}
        self.agents = HttpClient(self.ctx, "agent_state")
        self.link = LinkClient(self.ctx, "tenant", "campaigns", connection="voice-1")
        self.events: asyncio.Queue[CampaignEvent] = asyncio.Queue()
        self.link.on("event", self._event, CampaignEvent)
        self.link.on_connect(self._subscribe)
        self.line = Line(self.ctx)

    async def _event(self, event: CampaignEvent) -> None:
        self.events.put_nowait(event)

    async def _subscribe(self) -> None:
        await self.link.call("subscribe", {"tenant": "demo"})

    async def call(self, method: str, **params: Any) -> Any:
        return await self.link.call(method, {"tenant": "demo", **params})

    async def add(self, *records: dict[str, Any]) -> Any:
        return await self.call("add_records", list="spring", records=records)

    async def command(self, name: str) -> CampaignStatus:
        return msgspec.convert(await self.call(name, campaign="offers"), CampaignStatus)

    async def status(self) -> CampaignStatus:
        (found,) = await self.call("status", campaign="offers")
        return msgspec.convert(found, CampaignStatus)

    async def begin(self) -> None:
        await self.command("load")
        await self.command("start")

    async def until(self, name: str, **fields: Any) -> CampaignEvent:
        async with asyncio.timeout(15):
            while True:
                event = await self.events.get()
                if event.id == name and all(getattr(event, key) == value for key, value in fields.items()):
                    return event

    async def login(self, agent: str, dn: str) -> None:
        request = RequestAgentLogin(tenant="demo", agent_id=agent, this_dn=dn, agent_work_mode="AutoIn")
        await self.agents.post("/requests", request, RequestReply)

    async def away(self, agent: str) -> None:
        await self.agents.post("/requests", RequestAgentNotReady(tenant="demo", agent_id=agent), RequestReply)

    @asynccontextmanager
    async def tenant(self, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The tenant service as a process that can be killed."""
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "RINGBACK_HOST": HOST,
            "RINGBACK_NODE": "apart",
            "RINGBACK_CLUSTER_SECRET": SECRET,
            "RINGBACK_LOG_LEVEL": "error",
            **self.env,
            **more,
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, "tenant", env=env)
        try:
            await self.link.wait_connected(20.0)
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
async def office(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Office]:
    await migrate(postgres_dsn, ["tenant"])
    names = ("config", "rq", "agent_state")
    async with ServiceHarness(
        *names, valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST, node="others"
    ) as running:
        await running.process.postgres.start()
        await ConfigurationStore(running.context("tenant"), "demo").import_(DEMO)
        async with asyncio.timeout(5):
            while not running["config"].checks()["configuration"]:
                await asyncio.sleep(0.01)
        office = Office(running, valkey_url, postgres_dsn)
        await office.line.server.start()
        await office.link.start()
        yield office
        await office.line.server.stop()


async def test_a_record_is_dialled_when_an_agent_is_ready_and_connected_and_reported(office: Office) -> None:
    async with office.tenant():
        added = await office.add({"key": "a", "number": "(202) 555-0101", "data": {"name": "Ann"}})
        assert (added["added"], added["refused"]) == (1, [])
        await office.begin()
        assert office.line.asked == []
        await office.login("kim", "1001")
        dial = await office.line.next()
        assert (dial.this_dn, dial.other_dn, dial.ani) == ("8000", number(1), "+12025550100")
        assert dial.user_data == {
            "name": "Ann",
            "GSW_CAMPAIGN_NAME": "offers",
            "GSW_CALLING_LIST": "spring",
            "GSW_RECORD_HANDLE": "a",
            "GSW_ATTEMPTS": 1,
        }
        await office.line.answers(dial)
        await office.line.connected(dial, "kim")
        await office.line.hang_up(dial)
        ended = await office.until(told.ATTEMPT_ENDED)
        assert (ended.record, ended.dial_result, ended.agent_id, ended.attempt) == (
            "a",
            "CONNECTED",
            "kim",
            1,
        )
        assert ended.asked_at <= ended.answered_at <= ended.connected_at <= ended.time
        await office.until(told.RECORD_COMPLETED, record="a")
        await office.until(told.EXHAUSTED)
        status = await office.status()
        assert (status.state, status.answered, status.abandoned) == ("running", 1, 0)
        assert status.counts.results == {"CONNECTED": 1}
