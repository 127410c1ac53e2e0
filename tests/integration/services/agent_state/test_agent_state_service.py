"""Agent state on a real Valkey: requests, calls, phones, leases."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.integration.services.started import import_into

from ringback.contracts.dialplan import dn_states_key
from ringback.contracts.events import (
    TOPIC_AGENT_REQUESTS,
    TOPIC_AGENTS,
    AgentEvent,
    CallEvent,
    DnEvent,
    agents_stream,
    calls_stream,
    dns_stream,
    private_stream,
)
from ringback.contracts.telephony import (
    AgentRequest,
    RequestAgentLogin,
    RequestAgentLogout,
    RequestAgentNotReady,
    RequestAgentReady,
    RequestCallForwardCancel,
    RequestCallForwardSet,
    RequestDistributeUserEvent,
    RequestPrivateService,
    RequestReply,
    RequestSetDNDOff,
    RequestSetDNDOn,
)
from ringback.contracts.views import AgentView
from ringback.domain.agents.session import Reserve
from ringback.domain.configuration import AgentGroup, Configuration, Extension, Person, Place, Skill, Tenant
from ringback.domain.dialplan import DnState
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import StreamEntry, StreamTail, append, append_command, parse_entries
from ringback.services.agent_state.service import AgentStateService
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import KafkaForTests, run_host

HOST = run_host(32)
DEMO = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="English"),),
    dns=(Extension(id="1001"), Extension(id="1002")),
    persons=(
        Person(id="kim", skills={"English": 3}, dn="1001", wrap_up=0.3),
        Person(
            id="lee", skills={"English": 5}, dn="1002", auto_login=True, auto_answer=True, login_ids=("5002",)
        ),
        Person(id="off", enabled=False),
    ),
    places=(Place(id="desk-1", dn="1001"),),
    agent_groups=(AgentGroup(id="Fluent", expression="English>=5"), AgentGroup(id="Team", members=("kim",))),
)


class World:
    """A running agent_state, and what it says."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.ctx: Context = harness.context()
        self.http = HttpClient(self.ctx, "agent_state")
        self.heard: asyncio.Queue[AgentEvent] = asyncio.Queue()
        StreamTail(self.ctx, [agents_stream("demo")], self._hear, from_id="0").start()

    @property
    def service(self) -> AgentStateService:
        service = self.harness["agent_state"]
        assert isinstance(service, AgentStateService)
        return service

    async def _hear(self, entry: StreamEntry) -> None:
        await self.heard.put(entry.json(AgentEvent))

    async def until(self, name: str, state: str = "") -> AgentEvent:
        async with asyncio.timeout(20):
            while True:
                event = await self.heard.get()
                if event.id == name and state in ("", event.state):
                    return event

    async def login(self, agent: str = "kim", dn: str = "1001") -> None:
        request = RequestAgentLogin(tenant="demo", agent_id=agent, this_dn=dn, agent_work_mode="AutoIn")
        await self.http.post("/requests", request, RequestReply)

    async def view(self, agent: str = "kim") -> AgentView:
        return await self.http.get(f"/agents/demo/{agent}", AgentView)

    async def call(self, name: str, **more: Any) -> None:
        fields = {"conn_id": "00aa", "agent_id": "kim", **more}
        event = CallEvent(id=name, time=1.0, tenant="demo", **fields)
        await append(self.ctx.valkey, calls_stream("demo"), event)

    async def phone(self, name: str, dn: str = "1002") -> None:
        await append(
            self.ctx.valkey, dns_stream("demo"), DnEvent(id=name, time=1.0, tenant="demo", this_dn=dn)
        )

    async def answers_by_itself(self, dn: str, on: bool) -> None:
        """Wait until the phone at a DN is, or is not, to answer by itself."""
        async with asyncio.timeout(10):
            while True:
                kept = await self.ctx.valkey.call("HGET", dn_states_key("demo"), dn)
                if kept and msgspec.json.decode(kept, type=DnState).auto_answer == on:
                    return
                await asyncio.sleep(0.01)

    async def reserve(self, lease: float = 10.0) -> None:
        happening = Reserve("r1:1", "ixn-1", "Loans", lease)
        await self.service.sessions["demo"].apply("kim", happening, self.ctx.now())

    async def dn_state(self, dn: str) -> DnState:
        return msgspec.json.decode(
            await self.ctx.valkey.call("HGET", dn_states_key("demo"), dn), type=DnState
        )

    async def live(self) -> None:
        await self.ctx.valkey.call("SET", "{demo}:call:00aa", "{}")


async def start(valkey_url: str, postgres_dsn: str, kafka_bootstrap: str = "") -> AsyncIterator[World]:
    await migrate(postgres_dsn, ["tenant"])
    env = {"RINGBACK_AGENT_STATE_RECONCILE_S": "0.05", "RINGBACK_AGENT_STATE_SWEEP_S": "0.1"}
    async with ServiceHarness(
        "config",
        "agent_state",
        valkey_url=valkey_url,
        postgres_dsn=postgres_dsn,
        kafka_bootstrap=kafka_bootstrap,
        host=HOST,
        env=env,
    ) as running:
        await import_into(running, DEMO)
        yield World(running)


@pytest.fixture
async def world(valkey_url: str, postgres_dsn: str) -> AsyncIterator[World]:
    async for world in start(valkey_url, postgres_dsn):
        yield world


class TestRequests:
    async def test_login_brings_skills_and_groups_of_the_configuration(self, world: World) -> None:
        await world.login()
        event = await world.until("EventAgentReady")
        assert (event.this_dn, event.state) == ("1001", "ready")
        assert (event.extensions["Skills"], event.extensions["Groups"]) == ({"English": 3}, ["Team"])

    async def test_not_ready_with_a_reason_and_ready_again(self, world: World) -> None:
        await world.login()
        request = RequestAgentNotReady(tenant="demo", agent_id="kim", reason_code="lunch")
        await world.http.post("/requests", request, RequestReply)
        assert ((await world.view()).state, (await world.view()).reason) == ("not_ready", "lunch")
        await world.http.post("/requests", RequestAgentReady(tenant="demo", agent_id="kim"), RequestReply)
        assert (await world.view()).state == "ready"

    async def test_a_login_id_names_the_person(self, world: World) -> None:
        await world.login("5002", "1002")
        assert (await world.view("lee")).dn == "1002"

    @pytest.mark.parametrize(
        ("agent", "dn", "status", "slug"),
        [
            ("nobody", "1002", 404, "unknown_agent"),
            ("off", "1002", 404, "unknown_agent"),
            ("lee", "1001", 409, "dn_taken"),
        ],
    )
    async def test_a_login_that_cannot_be_is_refused(
        self, world: World, agent: str, dn: str, status: int, slug: str
    ) -> None:
        await world.login()
        with pytest.raises(HttpFailure) as failure:
            await world.login(agent, dn)
        assert (failure.value.status, failure.value.slug) == (status, slug)

    async def test_ready_without_login_is_a_conflict(self, world: World) -> None:
        with pytest.raises(HttpFailure) as failure:
            await world.http.post("/requests", RequestAgentReady(tenant="demo", agent_id="kim"))
        assert (failure.value.status, failure.value.slug) == (409, "wrong_state")

    async def test_an_idempotency_key_is_carried_out_once(self, world: World) -> None:
        await world.login()
        away = RequestAgentNotReady(tenant="demo", agent_id="kim", idempotency_key="k1")
        await world.http.post("/requests", away)
        await world.http.post("/requests", RequestAgentReady(tenant="demo", agent_id="kim"))
        await world.http.post("/requests", away)
        assert (await world.view()).state == "ready"


class TestDesk:
    async def ask(self, world: World, request: AgentRequest) -> None:
        await world.http.post("/requests", request, RequestReply)

    async def test_a_place_brings_its_phone_and_queues_come_and_go(self, world: World) -> None:
        login = RequestAgentLogin(tenant="demo", agent_id="kim", place="desk-1", queues=("Loans",))
        await self.ask(world, login)
        view = await world.view()
        assert (view.dn, view.place, view.queues, view.status) == (
            "1001",
            "desk-1",
            ("Loans",),
            "NotReadyForNextCall",
        )
        more = RequestAgentLogin(tenant="demo", agent_id="kim", this_dn="1001", this_queue="Cards")
        await self.ask(world, more)
        await self.ask(world, RequestAgentLogout(tenant="demo", agent_id="kim", this_queue="Loans"))
        event = await world.until("EventQueueLogout")
        assert (event.this_queue, event.extensions["Queues"]) == ("Loans", ["Cards"])

    @pytest.mark.parametrize(
        ("request_", "status", "slug"),
        [
            (RequestAgentLogin(tenant="demo", agent_id="kim", place="nowhere"), 404, "unknown_place"),
            (RequestAgentLogin(tenant="demo", agent_id="kim", queues=("q",) * 999 + ("x" * 101,)), 422, ""),
            (RequestSetDNDOn(tenant="demo", this_dn="4711"), 404, "unknown_dn"),
            (RequestSetDNDOn(tenant="demo", agent_id="kim"), 404, "unknown_dn"),
            (RequestCallForwardSet(tenant="demo", this_dn="1001", other_dn="sip:x@y"), 422, "wrong_number"),
            (RequestCallForwardSet(tenant="demo", this_dn="1001", other_dn="1001"), 422, "wrong_number"),
        ],
    )
    async def test_what_cannot_be_is_refused(
        self, world: World, request_: AgentRequest, status: int, slug: str
    ) -> None:
        with pytest.raises(HttpFailure) as failure:
            await self.ask(world, request_)
        assert (failure.value.status, failure.value.slug) == (status, slug or failure.value.slug)

    async def test_after_call_work_is_extended_by_request(self, world: World) -> None:
        await world.live()
        await world.login()
        await world.call("EventEstablished", this_dn="1001", call_type=2)
        talking = await world.until("EventEstablished", "talking")
        assert talking.extensions["Status"] == "CallInbound"
        longer = RequestAgentNotReady(
            tenant="demo", agent_id="kim", agent_work_mode="AfterCallWork", wrap_up_time=60.0
        )
        await self.ask(world, longer)
        await world.call("EventReleased", this_dn="1001")
        acw = await world.until("EventAgentNotReady", "acw")
        assert acw.extensions["LeaseUntil"] > world.ctx.now() + 50

    async def test_do_not_disturb_and_forwarding_reach_the_dial_plan(self, world: World) -> None:
        await world.login()
        await self.ask(world, RequestSetDNDOn(tenant="demo", agent_id="kim"))
        assert (await world.until("EventDNDOn")).agent_id == "kim"
        await self.ask(world, RequestCallForwardSet(tenant="demo", this_dn="1001", other_dn="1002"))
        assert await world.dn_state("1001") == DnState(dnd=True, forward_to="1002")
        await self.ask(world, RequestCallForwardCancel(tenant="demo", this_dn="1001"))
        await self.ask(world, RequestSetDNDOff(tenant="demo", this_dn="1001"))
        assert await world.dn_state("1001") == DnState(dnd=False, forward_to="")
        rows = await world.ctx.valkey.call("XRANGE", dns_stream("demo"), "-", "+")
        said = [msgspec.json.decode(row[1][1], type=DnEvent) for row in rows]
        assert [(each.id, each.other_dn) for each in said] == [
            ("EventForwardSet", "1002"),
            ("EventForwardCancel", ""),
        ]

    async def test_who_logs_in_at_a_phone_that_is_not_to_ring_is_not_given_calls(self, world: World) -> None:
        await self.ask(world, RequestSetDNDOn(tenant="demo", this_dn="1001"))
        await world.login()
        assert (await world.view()).dnd


class TestDevices:
    """Differences that no event has told are mended at the second look."""

    async def looked(self, world: World, times: int = 2) -> None:
        for _ in range(times):
            await world.service.device_sweep.compare("demo")

    async def test_a_phone_that_is_gone_logs_its_agent_out(self, world: World) -> None:
        await world.phone("EventDNBackInService")
        await world.until("EventAgentReady")
        await self.looked(world, 1)
        assert (await world.view("lee")).state == "ready"
        await self.looked(world, 1)
        assert (await world.view("lee")).state == "logged_out"
        assert world.service.reconciler.repairs.labels("demo", "logged_out")._value.get() == 1

    async def test_a_call_that_nobody_reported_makes_busy(self, world: World) -> None:
        await world.login()
        await world.ctx.valkey.call("SADD", "{demo}:calls", "00aa")
        legs = {"origin1": {"dn": "", "state": "up"}, "target2": {"dn": "1001", "state": "up"}}
        snapshot = msgspec.json.encode({"node": "n", "call": {"legs": legs}})
        await world.ctx.valkey.call("SET", "{demo}:call:00aa", snapshot)
        await self.looked(world)
        assert (await world.view()).state == "talking"

    async def test_a_call_that_the_agents_device_has_left_is_no_longer_theirs(self, world: World) -> None:
        await world.live()
        await world.login()
        await world.call("EventEstablished", this_dn="1001")
        await world.until("EventEstablished", "talking")
        legs = {"origin1": {"dn": "", "state": "up"}, "target2": {"dn": "1002", "state": "up"}}
        await world.ctx.valkey.call("SET", "{demo}:call:00aa", msgspec.json.encode({"call": {"legs": legs}}))
        await world.until("EventAgentReady")


class TestCalls:
    async def test_an_agent_follows_a_call_through_after_call_work_to_ready(self, world: World) -> None:
        await world.live()
        await world.login()
        await world.reserve()
        await world.call("EventRinging", this_dn="1001")
        await world.until("EventRinging", "ringing")
        await world.call("EventEstablished", this_dn="1001")
        await world.until("EventEstablished", "talking")
        await world.call("EventReleased", this_dn="1001")
        acw = await world.until("EventAgentNotReady", "acw")
        assert acw.agent_work_mode == "AfterCallWork"
        await world.until("EventReleased", "acw")
        await world.until("EventAgentReady", "ready")

    @pytest.mark.parametrize("named", [True, False])
    async def test_the_calls_of_several_agents_in_one_moment(self, world: World, named: bool) -> None:
        await world.ctx.valkey.call("SET", "{demo}:call:00bb", "{}")
        await world.login()
        await world.login("lee", "1002")
        happened = [
            CallEvent(
                id=name, time=1.0, tenant="demo", conn_id=conn, this_dn=dn, agent_id=agent if named else ""
            )
            for name in ("EventRinging", "EventEstablished", "EventRouteUsed", "EventReleased")
            for agent, dn, conn in (("kim", "1001", "00aa"), ("lee", "1002", "00bb"))
        ]
        await world.ctx.valkey.post([append_command(calls_stream("demo"), event) for event in happened[:-1]])
        await world.until("EventReleased")
        async with asyncio.timeout(20):
            while (await world.view("lee")).state != "talking":
                await asyncio.sleep(0.01)
        rows = await world.ctx.valkey.call("XRANGE", agents_stream("demo"), "-", "+")
        heard = [entry.json(AgentEvent) for entry in parse_entries("", rows)]
        told = ["EventRinging", "EventEstablished", "EventReleased"]
        assert [event.id for event in heard if event.conn_id == "00aa" and event.id in told] == told
        assert [event.id for event in heard if event.conn_id == "00bb"] == told[:2]

    async def test_an_agent_who_does_not_answer_is_not_ready(self, world: World) -> None:
        await world.live()
        await world.login()
        await world.reserve()
        await world.call("EventRinging", this_dn="1001")
        await world.call("EventReleased", this_dn="1001", call_state=7, reason="no_answer")
        assert (await world.until("EventAgentNotReady")).reason_code == "no_answer"

    async def test_who_consults_in_vain_has_missed_nothing_and_talks_on(self, world: World) -> None:
        await world.live()
        await world.login()
        await world.reserve()
        await world.call("EventRinging", this_dn="1001")
        await world.call("EventEstablished", this_dn="1001", call_type=2)
        await world.until("EventEstablished", "talking")
        consult = {"conn_id": "00cc", "call_type": 4, "this_dn_role": 1, "this_dn": "1001"}
        await world.call("EventDialing", **consult)
        await world.until("EventAgentChanged", "talking")
        await world.call("EventReleased", reason="no_answer", call_state=7, **consult)
        await world.until("EventAgentChanged", "talking")
        await world.call("EventReleased", this_dn="1001")
        assert (await world.until("EventAgentNotReady", "acw")).agent_work_mode == "AfterCallWork"

    async def test_a_call_is_known_by_the_dn_alone(self, world: World) -> None:
        await world.live()
        await world.login()
        event = CallEvent(id="EventDialing", time=1.0, tenant="demo", conn_id="00aa", this_dn="1001")
        await append(world.ctx.valkey, calls_stream("demo"), event)
        await world.until("EventOffHook", "talking")


class TestPhones:
    async def test_a_registered_phone_logs_its_agent_in_and_out(self, world: World) -> None:
        await world.phone("EventDNBackInService")
        event = await world.until("EventAgentReady")
        assert (event.agent_id, event.extensions["Groups"]) == ("lee", ["Fluent"])
        await world.answers_by_itself("1002", True)
        await world.phone("EventDNOutOfService")
        gone = await world.until("EventAgentLogout")
        assert (gone.agent_id, gone.this_dn) == ("lee", "1002")
        await world.answers_by_itself("1002", False)

    async def test_a_phone_without_automatic_login_logs_nobody_in(self, world: World) -> None:
        await world.phone("EventDNBackInService", "1001")
        await world.phone("EventDNBackInService", "1002")
        assert (await world.until("EventAgentReady")).agent_id == "lee"
        with pytest.raises(HttpFailure):
            await world.view("kim")


class TestLeases:
    async def test_a_reservation_that_nobody_follows_up_ends_by_itself(self, world: World) -> None:
        await world.login()
        await world.until("EventAgentReady")
        await world.reserve(lease=0.2)
        await world.until("EventAgentReady")
        repairs = world.service.reconciler.repairs.labels("demo", "reserved")
        async with asyncio.timeout(20):
            while repairs._value.get() != 1:
                await asyncio.sleep(0.01)

    async def test_an_agent_whose_call_is_gone_is_released(self, world: World) -> None:
        await world.live()
        await world.login()
        await world.until("EventAgentReady")
        await world.call("EventEstablished", this_dn="1001")
        await world.until("EventEstablished")
        await world.ctx.valkey.call("DEL", "{demo}:call:00aa")
        await world.until("EventAgentReady")


async def test_kafka_carries_states_out_and_requests_in(
    valkey_url: str, postgres_dsn: str, kafka: KafkaForTests
) -> None:
    await kafka.server.start()
    seen: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def see(message: Any) -> None:
        await seen.put((message.key, message.value))

    async for world in start(valkey_url, postgres_dsn, kafka.bootstrap):
        world.ctx.consume_kafka([TOPIC_AGENTS], f"test-{world.ctx.now()}", see, connection="voice-55")
        await world.login()
        request = RequestAgentNotReady(tenant="demo", agent_id="kim", reason_code="by-kafka")
        await world.ctx.kafka.publish(TOPIC_AGENT_REQUESTS, "demo:kim", request, connection="voice-48")
        async with asyncio.timeout(60):
            while True:
                key, value = await seen.get()
                if b'"by-kafka"' in value:
                    break
        assert key == "demo:kim"
        assert b'"id":"EventAgentNotReady"' in value
        assert b'"AgentID":"kim"' in value


async def test_an_agents_desktop_is_asked_and_only_the_reserved_agent_may_answer(world: World) -> None:
    await world.login()
    ready = await world.until("EventAgentReady")
    asking = RequestDistributeUserEvent(
        tenant="demo", agent_id="kim", reference_id="cb-1-1:4", user_data={"Service": "callback.preview"}
    )
    await world.http.post("/requests", asking, RequestReply)
    event = await world.until("EventUserEvent")
    assert (event.reference_id, event.state, event.sequence) == ("cb-1-1:4", "ready", ready.sequence)
    assert event.extensions == {"Service": "callback.preview"}

    answer = RequestPrivateService(
        tenant="demo",
        agent_id="kim",
        reference_id="cb-1-1:4",
        service="callback.preview",
        user_data={"answer": "accept"},
    )
    with pytest.raises(HttpFailure) as refused:
        await world.http.post("/requests", answer, RequestReply)
    assert (refused.value.status, refused.value.slug) == (409, "not_asked")
    await world.service.sessions["demo"].apply(
        "kim", Reserve("cb-1-1:2:1", "c1", "sales", 30.0), world.ctx.now()
    )
    await world.http.post("/requests", answer, RequestReply)
    rows = await world.ctx.valkey.call("XRANGE", private_stream("demo"), "-", "+")
    told = [entry.json(AgentEvent) for entry in parse_entries("", rows)]
    assert [(each.id, each.reference_id, each.extensions["answer"]) for each in told] == [
        ("EventPrivateInfo", "cb-1-1:4", "accept")
    ]
