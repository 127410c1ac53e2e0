"""Engagement and auth on real stores; the tests play their peers, orchestration and the router."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import msgspec
import pytest

from ringback.contracts.auth import ApiKeyReply
from ringback.contracts.callbacks import STREAM, session_id
from ringback.contracts.campaigns import (
    CampaignPicture,
    CampaignPictures,
    CampaignStatus,
    CustomersPage,
    CustomerView,
)
from ringback.contracts.routing import QueueView
from ringback.contracts.statistics import ObjectFigures
from ringback.domain.callbacks.settings import kind_of
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpError, HttpRequest, HttpServer
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import PostgresForTests, ValkeyForTests

from .ground import Ground, new_ground

SETTINGS = {
    "sales": {"_max_dial_attempts": "2", "_dial_retry_timeout": "60", "_route_point": "8010"},
    "closed": {"_business_hours_service": "never", "_route_point": "8010"},
    "never": {"_timezone": "UTC"},
}


class Peers:
    """The parts of orchestration and of the router that engagement talks to."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.ended: set[str] = set()
        self.reporting: set[str] = set()
        self.events: list[tuple[str, str]] = []
        self.waits: dict[str, dict[str, float]] = {}
        self.logged_in: dict[str, int] = {}
        self.asked: list[dict[str, str]] = []
        self.prioritized: list[tuple[str, int]] = []
        self.campaigns: list[CampaignPicture] = []
        self.customers: list[CustomerView] = []
        self.ordered: list[tuple[str, str, dict[str, str]]] = []
        self.views: list[QueueView] = []
        self.figures: dict[str, dict[str, float | None]] | None = {}
        self._servers: list[HttpServer] = []

    async def start(self, harness: ServiceHarness) -> None:
        control = HttpServer(Context(harness.process, "orchestration"), "control")
        control.route("POST", "/scxml/session/{sid}/event/{name}", self._event)
        control.route("GET", "/scxml/session/{sid}/query", self._query)
        ewt = HttpServer(Context(harness.process, "tenant"), "ewt")
        ewt.route("GET", "/urs/call/{ixn}/lvq/{vq}", self._wait)
        queues = HttpServer(Context(harness.process, "tenant"))
        queues.route("GET", "/queues/{tenant}", self._queues)
        queues.route("POST", "/interactions/{tenant}/{id}/priority", self._prioritize)
        queues.route("GET", "/statistics/{tenant}/vq", self._figures_of_queues)
        queues.route("GET", "/statistics/{tenant}/group/{group}", self._figures_of_agents)
        queues.route("GET", "/campaigns/{tenant}", self._campaigns)
        queues.route("POST", "/campaigns/{tenant}/{campaign}/{command}", self._ordered)
        queues.route("GET", "/campaigns/{tenant}/{campaign}/customers", self._customers)
        self._servers = [control, ewt, queues]
        for server in self._servers:
            await server.start()

    async def stop(self) -> None:
        for server in self._servers:
            await server.stop()

    async def _event(self, request: HttpRequest) -> dict[str, str]:
        self.events.append((request.path_param("sid"), request.path_param("name")))
        if request.path_param("sid") not in self.sessions:
            raise HttpError(404, "unknown_session", "no such session")
        return {}

    async def _query(self, request: HttpRequest) -> dict[str, object]:
        sid = request.path_param("sid")
        if sid not in self.sessions or request.query["tenant"] != "demo":
            raise HttpError(404, "unknown_session", "no such session")
        pending = ["7:report"] if sid in self.reporting else []
        return {"session": sid, "ended": sid in self.ended, "pending": pending}

    async def _wait(self, request: HttpRequest) -> dict[str, Any]:
        ixn, queue = request.path_param("ixn"), request.path_param("vq")
        self.asked.append(dict(request.query))
        found = self.waits.get(queue if ixn == "max" else f"{ixn}@{queue}")
        if found is None:
            raise HttpError(404, "unknown", "no such queue or interaction")
        whole: dict[str, Any] = {
            "time": 0,
            "wt": 0,
            "calls": 0,
            "wcalls": 0,
            "pos": 0,
            "wpos": 0,
            "aqt": 0,
            "ewt": -1,
            "hit": 0,
        }
        given = {**whole, **found}
        if given["ewt"] == -1 and request.query.get("aqt") != "ringback":
            staffed = self.logged_in.get(queue, 0)
            given.setdefault("reason", "no_interactions" if staffed else "no_agents")
        return given

    async def _queues(self, _request: HttpRequest) -> Any:
        if self.views:
            return self.views
        rest = {"waiting": 0, "calls": 0, "callbacks": 0, "ewt": -1, "agents_ready": 0, "longest_wait": 0}
        return [
            {"queue": queue, "agents_logged_in": agents, **rest} for queue, agents in self.logged_in.items()
        ]

    async def _figures_of_queues(self, request: HttpRequest) -> list[ObjectFigures]:
        names = sorted(name for name in self._known() if name > request.query.get("after", ""))
        queues = [name for name in names if name != "*"]
        return [self._figures(request, "vq", name) for name in queues[:200]]

    async def _figures_of_agents(self, request: HttpRequest) -> ObjectFigures:
        return self._figures(request, "group", request.path_param("group"))

    def _known(self) -> dict[str, dict[str, float | None]]:
        if self.figures is None:
            raise HttpError(503, "statistics_not_ready", "the statistics are being rebuilt")
        return self.figures

    def _figures(self, request: HttpRequest, kind: str, name: str) -> ObjectFigures:
        window, known = request.query.get("window", "growing"), self._known().get(name, {})
        values = {each: known.get(f"{window}/{each}", 0) for each in request.query["names"].split(",")}
        return ObjectFigures("demo", kind, name, time.time(), 1_800_000_000.0, window, {**values})

    async def _prioritize(self, request: HttpRequest) -> dict[str, bool]:
        if request.path_param("id") not in self.sessions:
            raise HttpError(404, "unknown_interaction", "no such interaction is in a queue")
        self.prioritized.append((request.path_param("id"), request.decode(dict)["priority"]))
        return {"open": True}

    async def _campaigns(self, _request: HttpRequest) -> CampaignPictures:
        return CampaignPictures(at=time.time(), campaigns=self.campaigns)

    async def _customers(self, request: HttpRequest) -> CustomersPage:
        """Two pages of the customers that fit; the second one is behind the first customer."""
        if all(each.status.campaign != request.path_param("campaign") for each in self.campaigns):
            raise HttpError(404, "unknown_campaign", "no such campaign is configured")
        wanted, after = request.query.get("outcome", ""), request.query.get("after_key", "")
        found = [each for each in self.customers if wanted in ("", each.outcome) and each.key > after]
        outcomes = dict(Counter(each.outcome for each in self.customers if each.outcome))
        return CustomersPage(
            customers=found[:1] if not after else found,
            more=not after and len(found) > 1,
            outcomes=None if after else outcomes,
        )

    async def _ordered(self, request: HttpRequest) -> CampaignStatus:
        name, command = request.path_param("campaign"), request.path_param("command")
        for place, each in enumerate(self.campaigns):
            if each.status.campaign == name:
                if command == "pause" and each.status.state != "running":
                    raise HttpError(409, "campaign_state", f"{each.status.state} cannot pause")
                state = {"start": "running", "pause": "paused", "stop": "stopping"}[command]
                self.ordered.append((name, command, request.decode(dict)))
                after = msgspec.structs.replace(each.status, state=state)
                self.campaigns[place] = msgspec.structs.replace(each, status=after)
                return after
        raise HttpError(404, "unknown_campaign", "no such campaign is configured")


@dataclass
class World:
    """One running engagement service, as a client, a session and an operator see it."""

    harness: ServiceHarness
    dsn: str
    peers: Peers
    postgres: PostgresForTests
    valkey: ValkeyForTests
    auth: ServiceHarness
    key: str = ""
    host: str = ""
    others: list[ServiceHarness] = field(default_factory=list)

    @property
    def context(self) -> Context:
        return self.harness.context()

    @property
    def base(self) -> str:
        return self.context.url("engagement")

    def now(self) -> float:
        return self.context.now()

    def move_clock(self, seconds: float) -> None:
        before = self.harness.process.now
        self.harness.process.now = self.auth.process.now = lambda: before() + seconds

    async def publish(self, table: dict[str, dict[str, str]]) -> None:
        """Publish settings; a service gets a route point where the test names none."""
        rows = {
            name: {"_route_point": "8010", **row} if kind_of(row) == "service" else row
            for name, row in table.items()
        }
        designer = HttpClient(self.context, "engagement", connection="ges-14")
        await designer.post("/internal/settings/demo", rows)

    async def api(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if (key := self.key if key is None else key) != "":
            sent["x-api-key"] = key
        data = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        session = self.context.http_session()
        url = f"{self.base}/engagement/v3/{path}"
        async with session.request(method, url, data=data, headers=sent) as reply:
            return reply.status, msgspec.json.decode(await reply.read())

    async def book(self, **fields: object) -> str:
        body = {"serviceName": "sales", "phoneNumber": "+12025550123", **fields}
        status, envelope = await self.api("POST", "callbacks/create", body)
        assert status == 200, envelope
        return str(envelope["data"]["id"])

    async def retrieve(self, callback_id: str) -> dict[str, Any]:
        status, envelope = await self.api("POST", "callbacks/retrieve", {"id": callback_id})
        assert status == 200, envelope
        found: dict[str, Any] = envelope["data"]
        return found

    async def cancel(self, callback_id: str) -> tuple[int, dict[str, Any]]:
        return await self.api("POST", "callbacks/cancel", {"id": callback_id})

    async def step(
        self, callback_id: str, step: int, state: str, attempt: int = 1, **more: object
    ) -> dict[str, Any]:
        body = {
            "attempt": attempt,
            "step": step,
            "session_id": session_id(callback_id, attempt),
            "state": state,
            "time": self.now(),
            **more,
        }
        client = HttpClient(self.context, "engagement", connection="ges-12")
        reply: dict[str, Any] = await client.post(f"/internal/callbacks/demo/{callback_id}/steps", body)
        return reply

    async def entries(self) -> list[dict[str, str]]:
        rows = await self.harness.process.valkey.call("XRANGE", STREAM, "-", "+")
        return [
            {name.decode(): value.decode() for name, value in zip(row[1][::2], row[1][1::2], strict=True)}
            for row in rows
        ]

    async def entry(self, callback_id: str, attempt: int = 1) -> dict[str, str]:
        """Wait for the entry that starts an attempt."""

        async def found() -> dict[str, str] | None:
            for entry in await self.entries():
                if (entry["callback_id"], entry["attempt"]) == (callback_id, str(attempt)):
                    return entry
            return None

        return await until(found)

    async def becomes(self, callback_id: str, state: str) -> dict[str, Any]:
        async def found() -> dict[str, Any] | None:
            seen = await self.retrieve(callback_id)
            return seen if seen["callbackState"] == state else None

        return await until(found)

    async def query(self, sql: str, *args: object) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()


async def until(found: Callable[[], Awaitable[Any]], timeout: float = 10.0) -> Any:
    """What `found` returns, as soon as it is true."""
    async with asyncio.timeout(timeout):
        while not (result := await found()):
            await asyncio.sleep(0.02)
        return result


@pytest.fixture
def engagement_env() -> dict[str, str]:
    """More settings for engagement; rooms of tests that need some have their own fixture of this name."""
    return {}


@pytest.fixture(scope="module")
async def ground(valkey: ValkeyForTests, postgres: PostgresForTests) -> AsyncIterator[Ground]:
    """What the tests of a module share; a module that stops the servers has its own fixture of this name."""
    async with new_ground(valkey, postgres) as shared:
        yield shared


@pytest.fixture
async def own_ground(valkey: ValkeyForTests, postgres: PostgresForTests) -> AsyncIterator[Ground]:
    """A ground for one test only."""
    async with new_ground(valkey, postgres) as own:
        yield own


@pytest.fixture
async def world(
    ground: Ground,
    valkey_url: str,
    postgres: PostgresForTests,
    valkey: ValkeyForTests,
    engagement_env: dict[str, str],
) -> AsyncIterator[World]:
    """A new engagement service beside auth, with an API key and published settings."""
    env = {"RINGBACK_ENGAGEMENT_SCHEDULER_S": "0.05", "RINGBACK_ENGAGEMENT_STATUS_S": "0.05"}
    env |= engagement_env
    peers = Peers()
    async with ServiceHarness(
        "engagement", valkey_url=valkey_url, postgres_dsn=ground.dsn, host=ground.host, env=env
    ) as harness:
        await peers.start(harness)
        world = World(harness, ground.dsn, peers, postgres, valkey, auth=ground.auth, host=ground.host)
        environment = HttpClient(world.context, "auth", "environment")
        body = {"tenant": "demo", "name": "test"}
        world.key = (await environment.post("/environment/v3/api-keys", body, ApiKeyReply)).key
        designer = HttpClient(world.context, "engagement", connection="ges-14")
        await designer.post("/internal/settings/demo", SETTINGS)
        yield world
        await peers.stop()
    ground.auth.process.now = time.time
    await ground.clean()
