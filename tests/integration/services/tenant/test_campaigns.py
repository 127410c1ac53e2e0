"""Campaigns on real stores and sockets; the line to the customers is in the test's hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.integration.services.started import import_into, process_of

from ringback.contracts import campaigns as told
from ringback.contracts.callbacks import BookCallback, CallbackBooked
from ringback.contracts.calls import call_key
from ringback.contracts.campaigns import (
    CampaignEvent,
    CampaignPicture,
    CampaignPictures,
    CampaignStatus,
    CustomersPage,
)
from ringback.contracts.events import TOPIC_OUTBOUND, CallEvent, calls_stream
from ringback.contracts.statistics import ObjectFigures
from ringback.contracts.telephony import (
    RequestAgentLogin,
    RequestAgentNotReady,
    RequestAgentReady,
    RequestMakeCall,
    RequestMakePredictiveCall,
    RequestReply,
    TelephonyRequest,
)
from ringback.domain.configuration import (
    CallingList,
    Campaign,
    Configuration,
    Extension,
    Gateway,
    Person,
    RoutePoint,
    Skill,
    Tenant,
    Trunk,
    VirtualQueue,
)
from ringback.runtime.context import Context, Process
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpRequest, HttpServer
from ringback.runtime.kafka import KafkaConsumer, KafkaMessage
from ringback.runtime.link import LinkClient, LinkError
from ringback.runtime.migrate import migrate
from ringback.runtime.settings import CommonSettings
from ringback.runtime.streams import append
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import KafkaForTests, run_host

HOST = run_host(39)
NOON = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"
"""A zone in which it is about noon now."""
NIGHT = f"Etc/GMT{12 - (13 - time.gmtime().tm_hour) % 24:+d}"
"""A zone in which it is about one in the night now."""
DEMO = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="Loans"),),
    dns=(
        Extension(id="1001"),
        Extension(id="1002"),
        RoutePoint(id="8000", script="inbound"),
        VirtualQueue(id="Loans", target="?:Loans>=1"),
        Trunk(id="carrier", gateways=(Gateway("192.0.2.1"),), numbers=("+!",)),
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
            trunk="carrier",
            retry_s=1.0,
            max_dials=2,
            outcomes={"NOT_NOW": "again", "SOLD": "done"},
            retries={"NOT_NOW": 0.2},
            callback_service="CB_Sales",
            callback_agent_s=900.0,
        ),
        Campaign(id="choice", lists=("spring",), route_point="8000", queue="Loans", mode="preview"),
    ),
)
Dial = RequestMakeCall | RequestMakePredictiveCall


def number(n: int) -> str:
    return f"+120255501{n:02}"


class Line:
    """Stands for frontend and the cluster: dials each name once, and says what the test wants said."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.asked: list[Dial] = []
        self.calls: dict[str, str] = {}
        self.dialled: asyncio.Queue[Dial] = asyncio.Queue()
        self.server = HttpServer(Context(ctx._process, "frontend"))
        self.server.route("POST", "/requests", self._serve)
        self.refusing = False
        """Nobody can be dialled now."""
        self.held: asyncio.Event | None = None
        """While it is not set, what is asked is done, but not answered."""

    async def _serve(self, request: HttpRequest) -> RequestReply:
        asked: Any = request.decode(TelephonyRequest)  # type: ignore[arg-type]
        assert isinstance(asked, RequestMakeCall | RequestMakePredictiveCall)
        self.asked.append(asked)
        if self.refusing:
            raise HttpError(503, "no_node", "no cluster node takes calls now")
        conn_id = self.calls.get(asked.idempotency_key)
        if conn_id is None:
            conn_id = self.calls[asked.idempotency_key] = f"{len(self.calls) + 1:016x}"
            await self._ctx.valkey.call("SET", call_key("demo", conn_id), "{}")
            if isinstance(asked, RequestMakePredictiveCall):
                await self.say(asked, "EventDialing")
            self.dialled.put_nowait(asked)
        if self.held is not None:
            await self.held.wait()
        return RequestReply(reference_id=asked.reference_id, conn_id=conn_id, node="n1")

    async def next(self) -> Dial:
        async with asyncio.timeout(10):
            return await self.dialled.get()

    async def say(self, asked: Dial, name: str, **more: Any) -> None:
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

    async def hang_up(self, asked: Dial, agent: str = "") -> None:
        if agent:
            await self.say(asked, "EventReleased", agent_id=agent)
        await self._ctx.valkey.call("DEL", call_key("demo", self.calls[asked.idempotency_key]))
        await self.say(asked, "EventCallDeleted")

    async def busy(self, asked: Dial) -> None:
        await self.say(asked, "EventError", dial_result="BUSY", reason="busy")
        await self.hang_up(asked)

    async def answers(self, asked: Dial) -> None:
        await self.say(asked, "EventEstablished", dial_result="PERSON")

    async def connected(self, asked: Dial, agent: str) -> None:
        await self.say(asked, "EventEstablished", agent_id=agent)


class Office:
    """The supervisor's end of 5050, the agents, and the processes."""

    def __init__(self, harness: ServiceHarness, valkey_url: str, postgres_dsn: str) -> None:
        self.harness = harness
        self.ctx = harness.context()
        self.stores = {"valkey_url": valkey_url, "postgres_dsn": postgres_dsn}
        self.agents = HttpClient(self.ctx, "agent_state")
        self.link = LinkClient(self.ctx, "tenant", "campaigns", connection="voice-1")
        self.events: asyncio.Queue[CampaignEvent] = asyncio.Queue()
        self.link.on("event", self._event, CampaignEvent)
        self.link.on_connect(self._subscribe)
        self.line = Line(self.ctx)
        self.others: list[HttpServer] = []

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

    async def customers(self, query: str, campaign: str = "offers") -> CustomersPage:
        http = HttpClient(self.ctx, "tenant", connection="voice-8")
        return await http.get(f"/campaigns/demo/{campaign}/customers?{query}", CustomersPage)

    async def begin(self) -> None:
        await self.command("load")
        await self.command("start")

    async def until(self, name: str, **fields: Any) -> CampaignEvent:
        async with asyncio.timeout(15):
            while True:
                event = await self.events.get()
                if event.id == name and all(getattr(event, key) == value for key, value in fields.items()):
                    return event

    async def records_once(self, name: str, met: Callable[[Any], bool]) -> list[Any]:
        """The records of a list, as soon as each of them meets the condition."""
        async with asyncio.timeout(10):
            while True:
                found: list[Any] = (await self.call("read_records", list=name))["records"]
                if all(map(met, found)):
                    return found
                await asyncio.sleep(0.05)

    async def login(self, agent: str, dn: str) -> None:
        request = RequestAgentLogin(tenant="demo", agent_id=agent, this_dn=dn, agent_work_mode="AutoIn")
        await self.agents.post("/requests", request, RequestReply)

    async def away(self, agent: str) -> None:
        await self.agents.post("/requests", RequestAgentNotReady(tenant="demo", agent_id=agent), RequestReply)

    @asynccontextmanager
    async def tenant(self, kafka_bootstrap: str = "") -> AsyncIterator[None]:
        """The tenant service in this process."""
        async with ServiceHarness(
            "tenant", **self.stores, kafka_bootstrap=kafka_bootstrap, host=HOST, node="here"
        ):
            await self.link.wait_connected(20.0)
            yield

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """The tenant service as a process that can be killed."""
        process = await process_of("tenant", HOST, "apart", **self.stores)
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
        await import_into(running, DEMO)
        office = Office(running, valkey_url, postgres_dsn)
        await office.line.server.start()
        await office.link.start()
        yield office
        for server in (office.line.server, *office.others):
            await server.stop()


async def test_a_record_is_dialled_when_an_agent_is_ready_and_connected_and_reported(
    office: Office, kafka: KafkaForTests
) -> None:
    await kafka.server.start()
    async with office.tenant(kafka.bootstrap):
        added = await office.add({"key": "a", "number": "(202) 555-0101", "data": {"name": "Ann"}})
        assert (added["added"], added["refused"]) == (1, [])
        await office.begin()
        assert office.line.asked == []
        await office.login("kim", "1001")
        dial = await office.line.next()
        assert (dial.this_dn, dial.other_dn, dial.ani) == ("8000", number(1), "+12025550100")
        assert dial.trunk == "carrier"
        assert dial.user_data == {
            "name": "Ann",
            "GSW_CAMPAIGN_NAME": "offers",
            "GSW_CALLING_LIST": "spring",
            "GSW_RECORD_HANDLE": "a",
            "GSW_ATTEMPTS": 1,
        }
        await office.line.answers(dial)
        await office.line.connected(dial, "kim")
        await office.line.hang_up(dial, "kim")
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
        reports = await reported(kafka, told.EXHAUSTED)
        assert [each.id for each in reports] == [
            told.LOADED,
            told.STARTED,
            told.ATTEMPT_STARTED,
            told.ATTEMPT_ENDED,
            told.RECORD_COMPLETED,
            told.EXHAUSTED,
        ]
        assert ended in reports


async def test_a_supervisor_sees_why_nobody_is_dialled_and_what_came_of_each_hour(
    office: Office, postgres_dsn: str
) -> None:
    http = HttpClient(office.ctx, "tenant", connection="voice-8")

    async def picture(why: str) -> CampaignPicture:
        async with asyncio.timeout(10):
            while True:
                try:
                    found = await http.get("/campaigns/demo", CampaignPictures)
                except HttpFailure as failure:
                    assert failure.slug == "routing_not_ready"  # said while the routing begins
                else:
                    (offers,) = (each for each in found.campaigns if each.status.campaign == "offers")
                    if offers.why == why:
                        return offers
                await asyncio.sleep(0.1)

    async with office.tenant():
        await picture("not-running")
        by = {"who": "ann", "source": "10.0.0.1"}
        status = await http.post("/campaigns/demo/offers/start", by, CampaignStatus)
        assert status.state == "running"
        await picture("nothing-left")
        await office.add({"key": "a", "number": number(1)}, {"key": "b", "number": number(2)})
        await picture("no-agent-ready")
        await office.login("kim", "1001")
        dial = await office.line.next()
        seen = await picture("agents-have-customers")
        assert (seen.ready, seen.under_way, seen.queue) == (1, 1, "Loans")
        await office.line.answers(dial)
        await office.line.hang_up(dial)
        second = await office.line.next()
        await office.line.say(second, "EventError", dial_result="ERROR_TONE", reason="unknown-number")
        await office.line.hang_up(second)
        seen = await picture("nothing-left")
        found = await http.get("/statistics/demo/campaign/offers", ObjectFigures)
        wanted = {"TotalDialled": 2, "TotalDialsAbandoned": 1, "TotalNotReached": 1, "TotalConnected": 0}
        assert {name: found.values[name] for name in wanted} == wanted
        assert found.values["DialsAbandonedPercent"] == 100.0
        assert found.values["CurrNumberDialling"] == 0
        assert found.values["CurrNumberAgentsIdle"] == 1.0
        assert found.values["CurrNumberRecordsLeft"] in (0.0, 1.0)  # counted every few seconds
        counted = [
            sum(getattr(hour, name) for hour in seen.hours) for name in ("dialled", "abandoned", "other")
        ]
        assert counted == [2, 1, 1]
        assert seen.per_minute == pytest.approx(2 / 5)
        assert (await http.post("/campaigns/demo/offers/pause", by, CampaignStatus)).state == "paused"
        async with asyncio.timeout(10):  # what the last look found does not stand on as if it were now
            while (await picture("not-running")).ready:
                await asyncio.sleep(0.1)
        found = await http.get("/statistics/demo/campaign/offers", ObjectFigures)
        assert found.values.get("CurrNumberAgentsIdle") is None
        for path, refused in (("nothing/start", 404), ("offers/unload", 404), ("offers/pause", 200)):
            try:
                await http.post(f"/campaigns/demo/{path}", by)
            except HttpFailure as failure:
                assert failure.status == refused
            else:
                assert refused == 200
    rows = await read(postgres_dsn, "SELECT who, source, action, subject, before, after FROM audit.entries")
    assert [tuple(row) for row in rows] == [
        ("ann", "10.0.0.1", "campaign.start", "offers", '"unloaded"', '"running"'),
        ("ann", "10.0.0.1", "campaign.pause", "offers", '"running"', '"paused"'),
    ]


async def read(dsn: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def reported(kafka: KafkaForTests, last: str) -> list[CampaignEvent]:
    """What has come to Kafka, up to an event of this name."""
    process = Process(CommonSettings(node="reader", kafka_bootstrap=kafka.bootstrap))
    found: asyncio.Queue[CampaignEvent] = asyncio.Queue()

    async def take(message: KafkaMessage) -> None:
        assert message.key == "demo:offers"
        found.put_nowait(msgspec.json.decode(message.value, type=CampaignEvent))

    KafkaConsumer(process, [TOPIC_OUTBOUND], "campaigns-test", take, connection="voice-11").start()
    reports: list[CampaignEvent] = []
    try:
        async with asyncio.timeout(20):
            while not reports or reports[-1].id != last:
                reports.append(await found.get())
    finally:
        await process.stop()
    return reports


async def test_a_predictive_campaign_is_progressive_until_it_has_learned_and_then_dials_ahead(
    office: Office, postgres_dsn: str
) -> None:
    predictive = msgspec.structs.replace(DEMO.campaigns[0], mode="predictive", retry_s=3600.0)
    async with office.tenant():
        await ConfigurationStore(office.harness.context("tenant"), "demo").save([("campaigns", predictive)])
        await office.add(*({"key": f"r{n}", "number": number(n)} for n in range(20)))
        await office.login("kim", "1001")
        await office.begin()
        first = await office.line.next()
        await office.line.busy(first)
        await office.until(told.ATTEMPT_ENDED)
        await office.line.next()
        assert len(office.line.asked) == 2  # one agent, one customer
        # An hour of dials, as it would have been lived through.
        await read(postgres_dsn, HOUR_OF_DIALS.format(now=office.ctx.now()))
        more = [await office.line.next() for _ in range(2)]
        assert len({each.other_dn for each in more}) == 2


HOUR_OF_DIALS = """
WITH dials AS (
    INSERT INTO tenant.campaign_attempts (id, tenant, campaign, list, key, number, stage, asked_at, check_at,
        result, answered_at, connected_at, ended_at)
    SELECT gen_random_uuid(), 'demo', 'offers', 'spring', 'past', n, 'over', at, 0,
        CASE WHEN talked THEN 'CONNECTED' ELSE 'NO_ANSWER' END,
        CASE WHEN talked THEN at + 12 ELSE 0 END, CASE WHEN talked THEN at + 12 ELSE 0 END, at + 100
    FROM (SELECT n, {now} - 3000 + n AS at, n % 50 = 0 AS talked FROM generate_series(1, 2000) AS n) AS past
    RETURNING 1
)
UPDATE tenant.campaign_states SET answered = 400 WHERE tenant = 'demo' AND campaign = 'offers' RETURNING 1
"""


async def test_what_an_agent_enters_decides_what_follows_and_is_reported(office: Office) -> None:
    booked: asyncio.Queue[BookCallback] = asyncio.Queue()
    refusals = ["", "unavailable", "outside-hours"]

    async def book(request: HttpRequest) -> CallbackBooked:
        why = refusals.pop()
        if why:
            raise HttpError(503 if why == "unavailable" else 400, why, "not now")
        booked.put_nowait(request.decode(BookCallback))
        return CallbackBooked(id="cb-1")

    async def talked(key: str) -> Dial:
        dial = await office.line.next()
        assert dial.user_data["GSW_RECORD_HANDLE"] == key
        await office.line.answers(dial)
        await office.line.connected(dial, "kim")
        return dial

    engagement = HttpServer(Context(office.ctx._process, "engagement"))
    engagement.route("POST", "/internal/callbacks/{tenant}", book)
    await engagement.start()
    office.others.append(engagement)
    desktop = LinkClient(office.ctx, "tenant", "telephony", connection="voice-4")
    in_an_hour = office.ctx.now() + 3600
    soon = datetime.fromtimestamp(in_an_hour, UTC).isoformat()

    async def says(kind: str, key: str, **more: str) -> None:
        data = {"GSW_AGENT_REQ_TYPE": kind, "GSW_CALLING_LIST": "spring", "GSW_RECORD_HANDLE": key, **more}
        params = {"Tenant": "demo", "AgentID": "kim", "UserData": data}
        await desktop.call("RequestDistributeUserEvent", params)

    async with office.tenant():
        await desktop.start()
        await desktop.wait_connected(10.0)
        await office.add(*({"key": key, "number": number(n)} for n, key in enumerate("abc")))
        await office.add({"key": "d", "number": number(3), "others": [{"number": number(9)}]})
        await office.login("kim", "1001")
        await office.begin()
        # During the talk; the record is dialled once more.
        dial = await talked("a")
        entered = {"reference": dial.reference_id, "outcome": "NOT_NOW", "agent": "kim"}
        for _ in range(2):
            assert await office.call("outcome", **entered) == {"entered": True, "next_at": 0.0}
        await office.line.hang_up(dial, "kim")
        ended = await office.until(told.ATTEMPT_ENDED, record="a")
        assert (ended.dial_result, ended.outcome) == ("CONNECTED", "NOT_NOW")
        assert ended.next_at == pytest.approx(ended.time + 0.2, abs=2.0)
        # After the talk, from the desktop: a personal callback, which engagement refuses, so that we dial.
        await office.away("kim")
        await office.agents.post("/requests", RequestAgentReady(tenant="demo", agent_id="kim"), RequestReply)
        dial = await talked("b")
        await office.command("pause")
        await office.line.hang_up(dial, "kim")
        await office.until(told.RECORD_COMPLETED, record="b")
        with pytest.raises(LinkError, match="another agent"):
            await office.call("outcome", reference=dial.reference_id, outcome="SOLD", agent="lee")
        await says("RecordReschedule", "b", GSW_DATE_TIME=soon)
        refused = await office.until(told.CALLBACK_REFUSED)
        assert (refused.record, refused.reason) == ("b", "outside-hours")
        assert refused.next_at == pytest.approx(in_an_hour)
        (record,) = (await office.call("read_records", list="spring", keys=["b"]))["records"]
        assert (record["state"], record["outcome"]) == ("waiting", "CALLBACK")
        with pytest.raises(LinkError, match="has its result"):
            await says("RecordProcessed", "b", GSW_CALL_RESULT="SOLD")
        # The same, while engagement is away at first.
        await office.command("start")
        dial = await talked("c")
        await office.call("outcome", reference=dial.reference_id, outcome="DO_NOT_CALL", agent="kim")
        await office.command("pause")
        await says("RecordReschedule", "c", GSW_DATE_TIME=soon)
        await office.line.hang_up(dial, "kim")
        made = await office.until(told.CALLBACK_BOOKED)
        assert (made.record, made.callback_id, made.call_at) == ("c", "cb-1", pytest.approx(in_an_hour))
        wanted = booked.get_nowait()
        assert (wanted.service, wanted.number) == ("CB_Sales", number(2))
        assert wanted.desired_at == pytest.approx(in_an_hour)
        assert (wanted.agent, wanted.agent_s) == ("kim", 900.0), "kept for the agent who has promised it"
        # Never again; what is no result is refused.
        await office.command("start")
        dial = await talked("d")
        with pytest.raises(LinkError, match="AGAIN, CALLBACK, DO_NOT_CALL, NOT_NOW, SOLD"):
            await office.call("outcome", reference=dial.reference_id, outcome="MAYBE")
        await says("DoNotCall", "d")
        await office.line.hang_up(dial, "kim")
        assert (await office.until(told.RECORD_COMPLETED, record="d")).outcome == "DO_NOT_CALL"
        everywhere = [number(2), number(3), number(9)]
        assert (await office.call("check_do_not_call", numbers=everywhere))["numbers"] == 2
        # What a supervisor sees of it.
        page = await office.customers("outcome=DO_NOT_CALL")
        assert page.outcomes == {"CALLBACK": 2, "DO_NOT_CALL": 1, "NOT_NOW": 1}
        [customer] = page.customers
        assert (customer.key, customer.state, customer.agent) == ("d", "done", "kim")
        assert (customer.number, customer.result) == ("+12•••••••03", "CONNECTED")
        assert customer.at > 0
        everybody = await office.customers("")
        assert ([each.key for each in everybody.customers], everybody.more) == ([*"abcd"], False)
        rest = await office.customers("after_list=spring&after_key=b&state=done")
        assert ([each.key for each in rest.customers], rest.outcomes) == (["c", "d"], None)
        with pytest.raises(HttpFailure):
            await office.customers("", campaign="nothing")


async def test_a_busy_customer_is_dialled_again_and_no_more_often_than_allowed(office: Office) -> None:
    async with office.tenant():
        await office.add({"key": "a", "number": number(1)})
        await office.login("kim", "1001")
        await office.begin()
        first = await office.line.next()
        before = office.ctx.now()
        await office.line.busy(first)
        ended = await office.until(told.ATTEMPT_ENDED)
        assert (ended.dial_result, ended.dials) == ("BUSY", 1)
        assert before + 1.0 <= ended.next_at <= office.ctx.now() + 1.0
        second = await office.line.next()
        assert second.idempotency_key != first.idempotency_key
        assert second.user_data["GSW_ATTEMPTS"] == 2
        await office.line.busy(second)
        done = await office.until(told.RECORD_COMPLETED)
        assert (done.attempt, done.dials, done.dial_result, done.next_at) == (2, 2, "BUSY", 0.0)
        assert len(office.line.asked) == 2


async def test_a_customer_with_several_numbers_is_tried_at_one_after_the_other(office: Office) -> None:
    always = msgspec.structs.replace(
        DEMO.campaigns[0], max_dials=4, retry_s=3600.0, caller_ids={number(3): "+12025550199"}
    )
    async with office.tenant():
        await ConfigurationStore(office.harness.context("tenant"), "demo").save([("campaigns", always)])
        others = [
            {"number": number(2), "kind": "mobile"},
            {"number": number(3), "kind": "work"},
            {"number": number(4), "kind": "asleep", "hours": ["Mon-Sun 17:00-18:00"]},
        ]
        await office.add({"key": "a", "number": number(1), "kind": "home", "others": others})
        await office.call("add_do_not_call", numbers=[number(2)])
        await office.login("kim", "1001")
        await office.begin()
        first = await office.line.next()
        assert (first.other_dn, first.ani) == (number(1), "+12025550100")
        await office.line.busy(first)
        ended = await office.until(told.ATTEMPT_ENDED)
        assert (ended.number_kind, ended.dial_result) == ("home", "BUSY")
        assert ended.next_at == pytest.approx(ended.time, abs=5.0)
        second = await office.line.next()  # the mobile is forbidden
        assert (second.other_dn, second.ani) == (number(3), "+12025550199")
        await office.line.busy(second)
        assert (await office.until(told.ATTEMPT_ENDED)).number_kind == "work"
        (record,) = await office.records_once("spring", lambda each: each["due_at"] > office.ctx.now() + 1800)
        assert (record["state"], record["dials"]) == ("waiting", 2)
        assert {each.other_dn for each in office.line.asked} == {number(1), number(3)}


async def test_who_must_not_be_called_or_sleeps_is_not_dialled(office: Office) -> None:
    async with office.tenant():
        await office.add(
            {"key": "a-forbidden", "number": number(1), "priority": 3},
            {"key": "b-asleep", "number": number(2), "priority": 2, "time_zone": NIGHT},
            {"key": "c-later", "number": number(3), "priority": 1, "not_before": office.ctx.now() + 3600},
            {"key": "d", "number": number(4)},
        )
        # Forbidden after the list was made, and written as people write it.
        reply = await office.call("add_do_not_call", numbers=["202-555-0101", "no number"], reason="asked")
        assert reply == {"numbers": 1, "refused": [1]}
        await office.begin()
        await office.login("kim", "1001")
        dial = await office.line.next()
        assert dial.user_data["GSW_RECORD_HANDLE"] == "d"
        await office.line.busy(dial)
        await office.until(told.ATTEMPT_ENDED)
        page = await office.call("read_records", list="spring")
        seen = {each["key"]: each for each in page["records"]}
        assert (seen["a-forbidden"]["state"], seen["a-forbidden"]["reason"]) == ("done", "do-not-call")
        assert seen["a-forbidden"]["number"] == "+12•••••••01"
        assert (seen["b-asleep"]["state"], seen["b-asleep"]["attempts"]) == ("waiting", 0)
        assert seen["b-asleep"]["due_at"] > office.ctx.now() + 3600
        assert {each.other_dn for each in office.line.asked} == {number(4)}


async def test_two_agents_have_two_calls_and_an_agent_who_leaves_gets_none(office: Office) -> None:
    async with office.tenant():
        await office.add(*({"key": f"r{n}", "number": number(n)} for n in range(6)))
        await office.begin()
        await office.login("kim", "1001")
        await office.login("lee", "1002")
        one, two = await office.line.next(), await office.line.next()
        await office.command("pause")
        await office.line.busy(one)
        await office.until(told.ATTEMPT_ENDED)
        status = await office.status()
        assert (status.state, status.counts.open, len(office.line.asked)) == ("paused", 1, 2)
        await office.away("lee")
        await office.command("start")
        await office.line.busy(two)
        three = await office.line.next()
        await office.command("stop")
        assert (await office.status()).state == "stopping"
        await office.line.busy(three)
        await office.until(told.STOPPED)
        assert (await office.status()).state == "loaded"
        await office.command("unload")
        assert len(office.line.asked) == 3


async def test_a_campaign_whose_customers_find_nobody_pauses_itself(office: Office) -> None:
    strict = msgspec.structs.replace(DEMO.campaigns[0], abandon_cap=0.0)
    async with office.tenant():
        await ConfigurationStore(office.harness.context("tenant"), "demo").save([("campaigns", strict)])
        await office.add(*({"key": f"r{n}", "number": number(n)} for n in range(3)))
        await office.begin()
        await office.login("kim", "1001")
        dial = await office.line.next()
        await office.line.answers(dial)
        await office.line.hang_up(dial)
        paused = await office.until(told.PAUSED)
        assert paused.reason == "abandon-cap"
        status = await office.status()
        assert (status.answered, status.abandoned, len(office.line.asked)) == (1, 1, 1)


async def test_each_customer_is_dialled_once_over_kill_9(office: Office) -> None:
    line, numbers = office.line, [number(n) for n in range(5)]
    await office.login("kim", "1001")
    async with office.process() as process:
        await office.add(*({"key": f"r{n}", "number": each} for n, each in enumerate(numbers)))
        line.refusing = True
        await office.begin()
        async with asyncio.timeout(10):
            while not line.asked:
                await asyncio.sleep(0.01)
        process.kill()  # written down, and nobody was dialled
    line.refusing, line.held = False, asyncio.Event()
    async with office.process() as process:
        first = await line.next()
        assert first.idempotency_key == line.asked[0].idempotency_key
        await line.answers(first)
        process.kill()  # dialled, and nobody heard of it
    line.held.set()
    await line.connected(first, "kim")
    await line.hang_up(first, "kim")
    async with office.process() as process:
        second = await line.next()
        process.kill()
    async with office.process():
        await line.answers(second)
        await line.connected(second, "kim")
        await line.hang_up(second, "kim")
        for _ in numbers[2:]:
            dial = await line.next()
            await line.answers(dial)
            await line.connected(dial, "kim")
            await line.hang_up(dial, "kim")
        await office.until(told.EXHAUSTED)
        assert (await office.status()).counts.results == {"CONNECTED": 5}
        page = await office.call("events", after="0", limit=1000)
        events = [each["event"] for each in page["events"]]
        ended = {
            (each["Record"], each["Attempt"], each["DialResult"], each["AgentID"])
            for each in events
            if each["id"] == told.ATTEMPT_ENDED
        }
        assert ended == {(f"r{n}", 1, "CONNECTED", "kim") for n in range(5)}
        later = await office.call("events", after=page["events"][-2]["cursor"])
        assert later["events"] == page["events"][-1:]
    assert sorted(numbers) == sorted({each.idempotency_key: each.other_dn for each in line.asked}.values())


async def test_an_agent_sees_a_record_and_has_it_dialled_from_their_phone_or_gives_it_back(
    office: Office,
) -> None:
    line = office.line
    async with office.tenant():
        await office.add(*({"key": f"r{n}", "number": number(n), "data": {"n": str(n)}} for n in range(3)))
        for name in ("load", "start"):
            await office.call(name, campaign="choice")
        with pytest.raises(LinkError, match="logged in nowhere"):
            await office.call("preview", campaign="choice", agent="kim")
        await office.login("kim", "1001")
        await office.login("lee", "1002")
        first = (await office.call("preview", campaign="choice", agent="kim"))["offer"]
        again = (await office.call("preview", campaign="choice", agent="kim"))["offer"]
        other = (await office.call("preview", campaign="choice", agent="lee"))["offer"]
        assert again == first
        assert (first["key"], first["number"], first["data"]) == ("r0", number(0), {"n": "0"})
        assert other["key"] == "r1"
        assert line.asked == []
        # The first is dialled, and talks.
        await office.call("dial", reference=first["reference"])
        dial = await line.next()
        assert isinstance(dial, RequestMakeCall)
        assert (dial.this_dn, dial.other_dn) == ("1001", number(0))
        await line.say(dial, "EventDialing")
        await line.say(dial, "EventEstablished")
        await line.hang_up(dial)
        ended = await office.until(told.ATTEMPT_ENDED)
        assert (ended.record, ended.dial_result, ended.agent_id) == ("r0", "CONNECTED", "kim")
        # The second is given back, the third is not dialled because the agent's phone is silent.
        await office.call("reject", reference=other["reference"], reason="knows me")
        ended = await office.until(told.ATTEMPT_ENDED)
        assert (ended.record, ended.dial_result, ended.reason, ended.dials) == ("r1", "", "knows me", 0)
        third = (await office.call("preview", campaign="choice", agent="kim"))["offer"]
        await office.call("dial", reference=third["reference"])
        dial = await line.next()
        await line.say(dial, "EventError", dial_result="NO_ANSWER", reason="no_answer")
        await line.hang_up(dial)
        ended = await office.until(told.ATTEMPT_ENDED)
        assert (ended.record, ended.dial_result, ended.reason, ended.dials) == ("r2", "", "no_answer", 0)
        for method in ("dial", "reject"):
            with pytest.raises(LinkError, match="before no agent"):
                await office.call(method, reference=third["reference"])
        assert (await office.call("preview", campaign="choice", agent="kim"))["offer"] is None
        assert len({each.idempotency_key for each in line.asked}) == 2


async def test_a_record_before_an_agent_is_not_dialled_against_the_customers_wish(office: Office) -> None:
    async with office.tenant():
        await office.add({"key": "a", "number": number(1)})
        for name in ("load", "start"):
            await office.call(name, campaign="choice")
        await office.login("kim", "1001")
        offer = (await office.call("preview", campaign="choice", agent="kim"))["offer"]
        await office.call("add_do_not_call", numbers=[number(1)])
        with pytest.raises(LinkError, match="may not be called"):
            await office.call("dial", reference=offer["reference"])
        assert (await office.until(told.ATTEMPT_ENDED)).reason == "not-permitted"
        # Nor after the campaign was stopped.
        await office.add({"key": "b", "number": number(2)})
        offer = (await office.call("preview", campaign="choice", agent="kim"))["offer"]
        await office.call("stop", campaign="choice")
        assert (await office.until(told.ATTEMPT_ENDED)).reason == "stopped"
        await office.until(told.STOPPED)
        with pytest.raises(LinkError, match="before no agent"):
            await office.call("dial", reference=offer["reference"])
        assert office.line.asked == []


class TestTheLink:
    async def test_what_is_wrong_is_refused_and_what_is_asked_twice_is_done_once(
        self, office: Office
    ) -> None:
        async with office.tenant():
            for method, params, words in (
                ("load", {"campaign": "nothing"}, "no such campaign"),
                ("start", {"campaign": "offers"}, "unloaded cannot start"),
                ("add_records", {"list": "nothing", "records": []}, "no such calling list"),
                ("add_records", {"list": "spring", "records": [{"key": "a"}]}, "number"),
                ("add_records", {"list": "spring", "records": [{}] * 1001}, "at once|key"),
                ("remove_records", {"list": "spring", "keys": ["a"] * 1001}, "at once"),
                ("status", {"tenant": "other"}, "no tenant"),
                ("preview", {"campaign": "offers", "agent": "kim"}, "without agents looking"),
                ("preview", {"campaign": "choice", "agent": "nobody"}, "logged in nowhere"),
                ("dial", {"reference": "campaign-guess"}, "before no agent"),
                ("stop", {"campaign": "nothing"}, "no such campaign"),
                ("stop", {"campaign": "a\0"}, "such a character"),
                ("events", {"after": "$"}, "a cursor"),
            ):
                with pytest.raises(LinkError, match=words):
                    await office.call(method, **params)
            good, bad = {"key": "a", "number": number(1)}, {"key": "b", "number": "12"}
            reply = await office.add(good, good, bad)
            assert (reply["added"], reply["known"]) == (1, 1)
            assert [each["reason"] for each in reply["refused"]] == ["number-impossible"]
            assert (await office.add(good))["known"] == 1
            for name in ("load", "load", "start", "start", "pause", "pause"):
                status = await office.command(name)
            assert (status.state, status.counts.waiting) == ("paused", 1)
            with pytest.raises(LinkError, match="paused cannot unload"):
                await office.command("unload")
            assert await office.call("remove_records", list="spring", keys=["a", "x"]) == {"removed": 1}
            await office.add(good)
            assert await office.call("clear_list", list="spring") == {"removed": 1}
            assert (await office.call("check_do_not_call", numbers=[number(1)]))["numbers"] == 0

    async def test_who_does_not_know_the_secret_gets_nothing(self, office: Office) -> None:
        async with office.tenant():
            reader, writer = await asyncio.open_connection(*office.ctx.address("tenant", "campaigns"))
            for secret in ("", "guess"):
                hello = {"id": 1, "method": "hello", "params": {"secret": secret}}
                start = {"id": 2, "method": "status", "params": {"tenant": "demo"}}
                for line in (hello, start):
                    writer.write(msgspec.json.encode(line) + b"\n")
                await reader.readline()
                assert "secret" in msgspec.json.decode(await reader.readline())["error"]["message"]
            writer.close()
