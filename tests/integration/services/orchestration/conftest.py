"""Orchestration with the real config, designer and rq; the test plays the calls, the router and
engagement.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from ringback.contracts.callbacks import STREAM, CallbackStep, CallbackStepReply
from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.events import AgentEvent, CallEvent, calls_stream, private_stream
from ringback.contracts.routing import QueueView, RouteResult
from ringback.contracts.statistics import Closed, Figure, Figures, OpenStatistics
from ringback.contracts.telephony import (
    RequestReply,
    TelephonyRequest,
)
from ringback.domain.configuration import DN, RoutePoint, Tenant, VirtualQueue
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpError, HttpRequest, HttpServer
from ringback.runtime.link import LinkClient, LinkServer, LinkSession
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import append, append_fields
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

TENANT = "demo"
CONN = "00000000000000A1"
PATIENCE_S = 10.0


class Calls:
    """Stands at frontend's place: takes requests, each once, and lets the test tell what came of them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.requests: list[TelephonyRequest] = []
        self.refuse: dict[str, HttpError] = {}
        self._keys: set[str] = set()
        self._fresh: asyncio.Queue[TelephonyRequest] = asyncio.Queue()
        self.server = HttpServer(ctx)
        self.server.route("POST", "/requests", self._take)

    async def _take(self, request: HttpRequest) -> RequestReply:
        wanted = request.decode(TelephonyRequest)
        error = self.refuse.get(type(wanted).__name__)
        if error is not None:
            raise error
        if wanted.idempotency_key not in self._keys:
            self._keys.add(wanted.idempotency_key)
            self.requests.append(wanted)
            self._fresh.put_nowait(wanted)
        return RequestReply(reference_id=wanted.reference_id, conn_id=getattr(wanted, "conn_id", CONN))

    async def next(self) -> Any:
        """The next request that was not seen before."""
        return await asyncio.wait_for(self._fresh.get(), PATIENCE_S)

    async def tell(self, name: str, **fields: Any) -> None:
        """An event of the call."""
        common = {"id": name, "time": self._ctx.now(), "tenant": TENANT, "conn_id": CONN, "call_uuid": "U1"}
        await append(self._ctx.valkey, calls_stream(TENANT), CallEvent(**{**common, **fields}))


class Engagement:
    """Stands at engagement's place: takes the steps of attempts."""

    def __init__(self, ctx: Context) -> None:
        self.go_on: Callable[[CallbackStep], bool] = lambda _step: True
        self.down = False
        self.refused = asyncio.Event()
        self.steps: list[CallbackStep] = []
        self._fresh: asyncio.Queue[CallbackStep] = asyncio.Queue()
        self.server = HttpServer(ctx)
        self.server.route("POST", "/internal/callbacks/{tenant}/{id}/steps", self._take)

    async def _take(self, request: HttpRequest) -> CallbackStepReply:
        if self.down:
            self.refused.set()
            raise HttpError(503, "unavailable", "down")
        step = request.decode(CallbackStep)
        if (step.session_id, step.step) not in {(known.session_id, known.step) for known in self.steps}:
            self.steps.append(step)
            self._fresh.put_nowait(step)
        return CallbackStepReply(state=step.state, go_on=self.go_on(step))

    async def next(self) -> CallbackStep:
        """The next step."""
        return await asyncio.wait_for(self._fresh.get(), PATIENCE_S)


class Router:
    """Stands at the router's place at the link of rq."""

    def __init__(self, ctx: Context) -> None:
        self._link = LinkClient(ctx, "rq", "link")
        self._link.on("request", self._request)
        self._fresh: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self.agents_logged_in = 2
        self.away = False
        self.asked = 0
        self.server = HttpServer(ctx)
        self.server.route("GET", "/queues/{tenant}", self._queues)
        self.stats = LinkServer(ctx, "stats")
        self.stats.method("open", self._figures)
        self.stats.method("peek", self._figures)
        self.stats.method("close", self._close)
        self.opened: dict[str, LinkSession] = {}

    async def start(self) -> None:
        await self.server.start()
        await self.stats.start()
        await self._link.start()
        await self._link.call("subscribe", {"tenant": TENANT, "role": "router", "cursor": "0"})

    async def _figures(self, session: LinkSession, params: dict[str, Any]) -> Figures:
        wishes = msgspec.convert(params, OpenStatistics).statistics
        for wish in wishes:
            self.opened[wish.id] = session
        unknown = [wish.statistic == "Unknown" for wish in wishes]
        values = [
            Figure(wish.id, error="no such thing") if bad else Figure(wish.id, 4.0)
            for wish, bad in zip(wishes, unknown, strict=True)
        ]
        return Figures(TENANT, 0.0, values)

    async def _close(self, session: LinkSession, params: dict[str, Any]) -> Closed:
        return Closed(sum(self.opened.pop(name, None) is not None for name in params["ids"]))

    def tell(self, name: str, value: float) -> None:
        """A figure that somebody has subscribed to has changed."""
        self.opened[name].notify("values", Figures(TENANT, 0.0, [Figure(name, value)]))

    async def _request(self, params: dict[str, Any]) -> None:
        self._fresh.put_nowait({"type": params["type"], **params["request"]})

    async def _queues(self, _request: HttpRequest) -> list[QueueView]:
        self.asked += 1
        if self.away:
            raise HttpError(503, "not_routing", "nobody routes now")
        staff = self.agents_logged_in
        view = QueueView(
            queue="sales",
            waiting=0,
            calls=0,
            callbacks=0,
            ewt=0.0,
            agents_logged_in=staff,
            agents_ready=staff,
            longest_wait=0.0,
        )
        return [view]

    async def next(self, kind: str) -> dict[str, Any]:
        """The next request, which must be of this kind."""
        found = await asyncio.wait_for(self._fresh.get(), PATIENCE_S)
        assert found["type"] == kind, found
        return found

    async def decide(self, request: dict[str, Any], outcome: str, **fields: Any) -> None:
        """Answer a request."""
        result = RouteResult(
            request_id=request["request_id"],
            tenant=TENANT,
            seq=next(self._numbers),
            outcome=outcome,  # type: ignore[arg-type]
            vq="sales",
            session_id=request["session_id"],
            **fields,
        )
        await self._link.call("decide", result)

    async def reserve(self, request: dict[str, Any], agent: str) -> None:
        """Give the agent, whose device is `1` and the name."""
        await self.decide(request, "reserved", agent_id=agent, dn=f"1{agent}", reservation_id=f"r-{agent}")


class Stage:
    """Everything that a test of orchestration works with."""

    OUTSIDE_PORT = 8099

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self.outside_host = str(arguments["host"])
        self.harness = ServiceHarness("config", "designer", "rq", "orchestration", **arguments)

    async def start(self, nodes: tuple[str, ...] = ("config", "designer", "rq", "orchestration")) -> None:
        await self.harness.process.valkey.start()
        await configure(self.harness.process.valkey)
        await self.harness.__aenter__()
        process = self.harness.process
        self.ctx = Context(process, "test")
        self.calls = Calls(Context(process, "frontend"))
        self.engagement = Engagement(Context(process, "engagement"))
        self.router = Router(Context(process, "tenant"))
        await self.calls.server.start()
        await self.engagement.server.start()
        await self.router.start()
        self.control = HttpClient(self.ctx, "orchestration", "control")
        self.data = HttpClient(self.ctx, "orchestration")
        self.designer = HttpClient(self.ctx, "designer")

    async def stop(self) -> None:
        await self.router.stats.stop()
        for server in (self.calls.server, self.engagement.server, self.router.server):
            await server.stop()
        await self.harness.__aexit__(None, None, None)

    async def other_node(self, name: str) -> ServiceHarness:
        """Another process that runs orchestration, on other ports; the caller stops it."""
        env = {"RINGBACK_ORCHESTRATION_PORT": "0", "RINGBACK_ORCHESTRATION_CONTROL_PORT": "0"}
        arguments = {**self._arguments, "node": name, "env": {**self._arguments["env"], **env}}
        other = ServiceHarness("orchestration", **arguments)
        await other.__aenter__()
        return other

    async def request_callback(self, **fields: str) -> str:
        """Engagement starts an attempt; the session's id."""
        entry = {
            "tenant": TENANT,
            "callback_id": "c1",
            "service": "sales",
            "attempt": "1",
            "number": "+14155550100",
            "arrival_time": "1000.5",
            "desired_time": "0",
            "priority": "0",
            "app": "",
            "route_point": "8000",
            "target": "?:sales>=1",
            "caller_id": "",
            "user_data": '{"name": "value"}',
            "expires_at": "0",
        }
        await append_fields(self.ctx.valkey, STREAM, {**entry, **fields})
        return f"cb-{fields.get('callback_id', 'c1')}-{fields.get('attempt', '1')}"

    async def answer_preview(self, asked: Any, agent: str, answer: str) -> None:
        """The agent's desktop answers what it was asked."""
        event = AgentEvent(
            id="EventPrivateInfo",
            time=self.ctx.now(),
            tenant=TENANT,
            agent_id=agent,
            state="reserved",
            reference_id=asked.reference_id,
            extensions={"Service": "callback.preview", "answer": answer},
        )
        await append(self.ctx.valkey, private_stream(TENANT), event)

    async def until(self, check: Callable[[], Any]) -> Any:
        """Await that something becomes true."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await check()):
                await asyncio.sleep(0.02)
        return found

    async def over(self, sid: str) -> bool:
        """Whether a session has ended."""
        key = f"{{{TENANT}}}:orch:session:{sid}"
        return await self.ctx.valkey.call("HGET", key, "owner") == b""


async def configure(valkey: Any, **parameters: str) -> None:
    """A tenant with one queue and the route point 8000."""
    given = {"queue": "sales", "mailbox": "8500", **parameters}
    dns: list[DN] = [
        VirtualQueue(id="sales", target="?:sales>=1"),
        RoutePoint(id="8000", script="inbound", default_dn="1900", parameters=given),
        RoutePoint(id="8001", script="broken", default_dn="1900"),
        RoutePoint(id="8002", script="nosuch", default_dn=""),
        RoutePoint(
            id="8004",
            script="menu",
            default_dn="1900",
            parameters={"menu": "main", "hours": "office", "welcome": "@hello", "mailbox": "8500"},
        ),
    ]
    await valkey.call(
        "HSET", kind_key(TENANT, "tenant"), TENANT, msgspec.json.encode(Tenant(id=TENANT, domain="d"))
    )
    for dn in dns:
        await valkey.call("HSET", kind_key(TENANT, "dns"), dn.id, msgspec.json.encode(dn))
    await valkey.call("INCR", version_key(TENANT))


@pytest.fixture
async def stage(valkey_url: str, postgres_dsn: str, tmp_path: Any) -> AsyncIterator[Stage]:
    await migrate(postgres_dsn, ["designer"])
    host = private_host()
    env = {
        "RINGBACK_ORCHESTRATION_LEASE_S": os.environ.get("RINGBACK_TEST_LEASE_S", "0.6"),
        "RINGBACK_ORCHESTRATION_RETRY_S": "1.0",
        "RINGBACK_ORCHESTRATION_AWAKE": "3",
        "RINGBACK_DESIGNER_FETCH_ALLOW": f"http://{host}:{Stage.OUTSIDE_PORT}",
    }
    running = Stage(
        {
            "valkey_url": valkey_url,
            "postgres_dsn": postgres_dsn,
            "host": host,
            "data": str(tmp_path),
            "node": "one",
            "env": env,
        }
    )
    await running.start()
    yield running
    await running.stop()
