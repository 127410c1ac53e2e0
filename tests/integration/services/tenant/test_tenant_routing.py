"""Routing on real parts: rq, agent_state and config in this process, the tenant service here or in its
own.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.integration.services.started import import_into, process_of

from ringback.contracts.events import CallEvent, DnEvent, calls_stream, dns_stream
from ringback.contracts.routing import (
    CancelRequest,
    ConfirmRequest,
    QueueView,
    ReturnRequest,
    RouteResult,
    SubmitRequest,
    WaitTime,
)
from ringback.contracts.rq import OpenRequest
from ringback.contracts.telephony import RequestAgentLogin, RequestAgentNotReady, RequestReply
from ringback.contracts.views import AgentView
from ringback.domain.configuration import (
    AgentGroup,
    Configuration,
    Extension,
    Person,
    Skill,
    Tenant,
    VirtualQueue,
)
from ringback.domain.routing.log import replay
from ringback.domain.routing.messages import AgentReady
from ringback.domain.routing.waiting.promises import Record
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.link import LinkClient, LinkUnavailable
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import append
from ringback.services.tenant.router import TenantRouter
from ringback.services.tenant.service import TenantService
from ringback.services.tenant.settings import TenantSettings
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

HOST = run_host(33)
DEMO = Configuration(
    tenant=Tenant(id="demo", domain="demo.example"),
    skills=(Skill(id="English"), Skill(id="Loans"), Skill(id="Cards")),
    dns=(
        Extension(id="1001"),
        Extension(id="1002"),
        VirtualQueue(id="Loans", target="?:Loans>=1"),
        VirtualQueue(id="Cards", target="?:Cards>=1"),
    ),
    agent_groups=(AgentGroup(id="Bank", queues=("Loans", "Cards")),),
    persons=(
        Person(id="kim", skills={"English": 3, "Loans": 2}, dn="1001", wrap_up=0.2),
        Person(
            id="lee",
            skills={"English": 5, "Loans": 1},
            dn="1002",
            wrap_up=0.2,
            capacity="voice:1, chat:2 unless voice>=1",
        ),
    ),
)
VANISHED = "tenant_reserved_phones_vanished_total"


class Floor:
    """What orchestration, agents and phones do, from the test's hand."""

    def __init__(self, harness: ServiceHarness, valkey_url: str, postgres_dsn: str) -> None:
        self.harness = harness
        self.ctx = harness.context()
        self.valkey_url = valkey_url
        self.postgres_dsn = postgres_dsn
        self.rq = LinkClient(self.ctx, "rq", "link", connection="voice-30")
        self.agents = HttpClient(self.ctx, "agent_state")
        self.routing = HttpClient(self.ctx, "tenant", connection="voice-8")
        self.ewt = HttpClient(self.ctx, "tenant", "ewt", connection="ges-13")
        self.results: asyncio.Queue[RouteResult] = asyncio.Queue()
        self.cursor = "0-0"
        self._processes: list[asyncio.subprocess.Process] = []
        self.rq.on("result", self._result)

    async def start(self) -> "Floor":
        self.rq.on_connect(self._subscribe)
        await self.rq.start()
        await self.rq.wait_connected()
        return self

    async def until_rq(self) -> None:
        """Wait until the request queue answers."""
        async with asyncio.timeout(15):
            while True:
                try:
                    await self.rq.call("hello", {})
                    return
                except LinkUnavailable:
                    await asyncio.sleep(0.02)

    async def _subscribe(self) -> None:
        params = {"tenant": "demo", "role": "orchestration", "cursor": self.cursor}
        await self.rq.call("subscribe", params)

    async def _result(self, params: dict[str, Any]) -> None:
        self.cursor = params["cursor"]
        await self.results.put(msgspec.convert(params, RouteResult))

    async def result(self, outcome: str) -> RouteResult:
        async with asyncio.timeout(15):
            while True:
                result = await self.results.get()
                if result.outcome == outcome:
                    return result

    async def submit(self, name: str, arrival: float, **more: Any) -> None:
        fields: dict[str, Any] = {"vq": "Loans", "target": "?:Loans>=1", "conn_id": f"c-{name}", **more}
        request = SubmitRequest(
            request_id=name, tenant="demo", interaction_id=f"i-{name}", arrival_time=arrival, **fields
        )
        await self.rq.call("submit", request)

    async def login(self, agent: str, dn: str) -> None:
        request = RequestAgentLogin(tenant="demo", agent_id=agent, this_dn=dn, agent_work_mode="AutoIn")
        await self.agents.post("/requests", request, RequestReply)

    async def call(self, name: str, conn_id: str, agent: str, **more: Any) -> None:
        event = CallEvent(
            id=name, time=self.ctx.now(), tenant="demo", conn_id=conn_id, agent_id=agent, **more
        )
        await self.ctx.valkey.call("SET", f"{{demo}}:call:{conn_id}", "{}")
        await append(self.ctx.valkey, calls_stream("demo"), event)

    async def until_agent(self, agent: str, state: str) -> AgentView:
        async with asyncio.timeout(15):
            while True:
                view = await self.agents.get(f"/agents/demo/{agent}", AgentView)
                if view.state == state:
                    return view
                await asyncio.sleep(0.01)

    async def until_routing(self, waiting: int = 0, calls: int | None = None) -> QueueView:
        """Wait until somebody routes and so many wait in the queue, and it has so many in all."""
        async with asyncio.timeout(20):
            while True:
                try:
                    for view in await self.routing.get("/queues/demo", list[QueueView]):
                        if view.queue != "Loans" or view.waiting != waiting:
                            continue
                        if calls is None or view.calls == calls:
                            return view
                except (HttpFailure, ConnectionError):
                    pass
                await asyncio.sleep(0.02)

    async def until_staffed(self, agents: int) -> QueueView:
        async with asyncio.timeout(15):
            while True:
                view = (await self.routing.get("/queues/demo", list[QueueView]))[-1]
                if view.agents_logged_in == agents:
                    return view
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def tenant_here(self) -> AsyncIterator[TenantService]:
        """The tenant service in this process."""
        async with ServiceHarness(
            "tenant", valkey_url=self.valkey_url, postgres_dsn=self.postgres_dsn, host=HOST, node="here"
        ) as running:
            service = running["tenant"]
            assert isinstance(service, TenantService)
            await self.until_routing()
            yield service

    async def process(self, service: str, node: str = "apart", **more: str) -> asyncio.subprocess.Process:
        """A service as a process that can be killed."""
        process = await process_of(
            service, HOST, node, valkey_url=self.valkey_url, postgres_dsn=self.postgres_dsn, **more
        )
        self._processes.append(process)
        return process

    async def close(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Hall:
    """Callers who come and are done with as soon as an agent has been found for them."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._open = True
        self._served = asyncio.Event()
        self.coming = asyncio.create_task(self._come())
        self._going = asyncio.create_task(self._go())
        self.submitted = 0
        self.reserved: list[str] = []

    async def _patiently(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Again and again, as orchestration does it: rq knows a request that it has seen."""
        while True:
            try:
                await ask()
                return
            except LinkUnavailable:
                await asyncio.sleep(0.02)

    async def _come(self) -> None:
        while self._open:
            name = f"r{self.submitted}"
            await self._patiently(partial(self._floor.submit, name, 100.0 + self.submitted))
            self.submitted += 1
            await asyncio.sleep(0.005)

    async def _go(self) -> None:
        while True:
            result = await self._floor.results.get()
            if result.outcome != "reserved":
                continue
            self.reserved.append(result.request_id)
            self._served.set()
            gone = CancelRequest(request_id=result.request_id, tenant="demo", reason="caller_gone")
            await self._patiently(partial(self._floor.rq.call, "cancel", gone))

    async def leave(self) -> None:
        for task in (self.coming, self._going):
            task.cancel()
        await asyncio.gather(self.coming, self._going, return_exceptions=True)

    async def serves(self, number: int) -> None:
        async with asyncio.timeout(20):
            while len(self.reserved) < number:
                self._served.clear()
                await self._served.wait()

    async def closes(self) -> None:
        """Nobody comes any more; who has come is served yet."""
        self._open = False
        async with asyncio.timeout(10):
            await self.coming


@asynccontextmanager
async def served(floor: Floor) -> AsyncIterator[Hall]:
    hall = Hall(floor)
    yield hall
    await hall.leave()


@pytest.fixture
async def floor(valkey_url: str, postgres_dsn: str) -> AsyncIterator[Floor]:
    await migrate(postgres_dsn, ["tenant"])
    env = {"RINGBACK_AGENT_STATE_RECONCILE_S": "0.05"}
    async with ServiceHarness(
        "config",
        "rq",
        "agent_state",
        valkey_url=valkey_url,
        postgres_dsn=postgres_dsn,
        host=HOST,
        node="others",
        env=env,
    ) as running:
        await import_into(running, DEMO)
        floor = await Floor(running, valkey_url, postgres_dsn).start()
        yield floor
        await floor.close()


class TestJourney:
    async def test_a_call_waits_is_reserved_rings_talks_and_leaves(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.submit("r1", 100.0)
            waiting = await floor.result("position")
            assert (waiting.position, waiting.vq) == (1, "Loans")
            await floor.login("kim", "1001")
            reserved = await floor.result("reserved")
            assert (reserved.agent_id, reserved.dn, reserved.seq) == ("kim", "1001", 2)
            await floor.call("EventRinging", "c-r1", "kim")
            await floor.until_agent("kim", "ringing")
            await floor.call("EventEstablished", "c-r1", "kim")
            view = await floor.until_agent("kim", "talking")
            assert view.interaction_id == "i-r1"
            confirm = ConfirmRequest(request_id="r1", tenant="demo", agent_id="kim")
            await floor.rq.call("confirm", confirm)
            await floor.until_routing(waiting=0)
            await floor.call("EventReleased", "c-r1", "kim")
            await floor.until_agent("kim", "ready")
            await floor.submit("r2", 200.0)
            assert (await floor.result("reserved")).request_id == "r2"

    async def test_an_agent_who_does_not_answer_loses_the_call_to_another(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.login("kim", "1001")
            await floor.submit("r1", 100.0)
            assert (await floor.result("reserved")).agent_id == "kim"
            await floor.login("lee", "1002")
            await floor.call("EventRinging", "c-r1", "kim")
            await floor.call("EventReleased", "c-r1", "kim", reason="no_answer", call_state=7)
            returned = ReturnRequest(request_id="r1", tenant="demo", agent_id="kim", reason="no_answer")
            await floor.rq.call("return", returned)
            assert (await floor.result("reserved")).agent_id == "lee"
            assert (await floor.until_agent("kim", "not_ready")).reason == "no_answer"

    async def test_a_caller_who_hangs_up_frees_the_reserved_agent(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.login("kim", "1001")
            await floor.submit("r1", 100.0)
            await floor.result("reserved")
            cancel = CancelRequest(request_id="r1", tenant="demo", reason="caller_gone")
            await floor.rq.call("cancel", cancel)
            assert (await floor.result("cancelled")).reason == "caller_gone"
            await floor.until_agent("kim", "ready")
            await floor.submit("r2", 101.0)
            assert (await floor.result("reserved")).agent_id == "kim"

    async def test_a_callback_is_served_at_the_place_of_the_customers_request(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.submit("early", 100.0)
            await floor.submit("late", 300.0)
            await floor.submit("callback", 200.0, kind="callback", conn_id="")
            await floor.until_routing(waiting=3)
            order = []
            for agent, dn in (("kim", "1001"), ("lee", "1002")):
                await floor.login(agent, dn)
                order.append((await floor.result("reserved")).request_id)
            assert order == ["early", "callback"]

    async def test_a_wait_that_is_too_long_ends(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.submit("r1", 100.0, timeout_s=0.2)
            assert (await floor.result("timeout")).request_id == "r1"
            await floor.until_routing(waiting=0)


class TestTargets:
    async def test_the_search_widens_moves_on_and_ends_at_a_device(self, floor: Floor) -> None:
        async with floor.tenant_here():
            steps = (
                {"targets": ["kim.A"], "timeout_s": 0.2},
                {"targets": ["Bank.GQ"], "vq": "Cards", "timeout_s": 0.3},
                {"targets": ["8001.DN"]},
            )
            await floor.submit("r1", 100.0, target="", steps=steps)
            moved = await floor.result("position")
            while moved.vq != "Cards":
                moved = await floor.result("position")
            diverted = await floor.result("diverted")
            assert (diverted.dn, diverted.agent_id, diverted.vq) == ("8001", "", "Cards")
            await floor.login("lee", "1002")
            await floor.until_staffed(1)
            await floor.submit("r2", 100.0, target="", steps=steps)
            assert (await floor.result("reserved")).agent_id == "lee"


class TestRestart:
    async def test_a_router_that_begins_anew_knows_the_groups_before_the_requests(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.submit("r1", 100.0, target="Bank.GQ")
            await floor.until_routing(waiting=1)
        await floor.harness["config"].stop()
        async with ServiceHarness(
            "tenant", valkey_url=floor.valkey_url, postgres_dsn=floor.postgres_dsn, host=HOST, node="next"
        ) as running:
            service = running["tenant"]
            assert isinstance(service, TenantService)
            async with asyncio.timeout(10):
                while (router := service.leaders["demo"].router) is None:
                    await asyncio.sleep(0.02)
            assert [line.index.key for line in router.core.interactions["r1"].lines] == ["Cards>=1|Loans>=1"]

    async def test_kill_9_of_the_request_queue_loses_nothing(self, floor: Floor) -> None:
        await floor.harness["rq"].stop()
        process = await floor.process("rq")
        await floor.until_rq()
        async with floor.tenant_here():
            await floor.submit("r1", 100.0)
            await floor.result("position")
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await floor.login("kim", "1001")
            await floor.process("rq")
            await floor.until_rq()
            assert (await floor.result("reserved")).agent_id == "kim"
            await floor.submit("r2", 200.0)
            assert (await floor.result("position")).request_id == "r2"

    async def test_kill_9_of_the_active_request_queue_under_load_lets_the_standby_go_on(
        self, floor: Floor, record_property: Callable[[str, object], None]
    ) -> None:
        """Calls come and are served all the while: none is lost, none is given to two agents."""
        await floor.harness["rq"].stop()
        active = await floor.process("rq", "first", RINGBACK_RQ_ACTIVE_LEASE_S="1")
        await floor.until_rq()
        standby = {"RINGBACK_RQ_ACTIVE_LEASE_S": "1", "RINGBACK_RQ_PORT": "0"}
        await floor.process("rq", "second", **standby)
        async with floor.tenant_here(), served(floor) as hall:
            await floor.login("kim", "1001")
            await floor.login("lee", "1002")
            await hall.serves(20)
            active.send_signal(signal.SIGKILL)
            killed = floor.ctx.monotonic()
            await active.wait()
            async with asyncio.timeout(15):
                while await floor.ctx.valkey.call("GET", "ringback:rq:active") != b"second":
                    await asyncio.sleep(0.005)
            before = len(hall.reserved) + floor.results.qsize()  # what the dead one has still said
            await hall.serves(before + 1)
            seconds = floor.ctx.monotonic() - killed
            record_property("seconds_to_the_first_decision", round(seconds, 2))
            print(f"the first decision came {seconds:.2f} s after the kill")
            assert before < hall.submitted
            await hall.serves(before + 20)
            await hall.closes()
            await hall.serves(hall.submitted)
            assert Counter(hall.reserved) == Counter(f"r{number}" for number in range(hall.submitted))
            await floor.until_routing(waiting=0, calls=0)  # the last one's confirmation is on its way

    async def test_a_standby_answers_what_the_leader_knows_and_refuses_while_nobody_leads(
        self, floor: Floor
    ) -> None:
        other, near = run_host(34), {f"RINGBACK_{name}_HOST": HOST for name in ("RQ", "CONFIG")}
        stores = {"valkey_url": floor.valkey_url, "postgres_dsn": floor.postgres_dsn}
        async with AsyncExitStack() as stack:
            leader = await stack.enter_async_context(floor.tenant_here())
            apart = ServiceHarness("tenant", host=other, node="standby", env=near, **stores)
            standby = (await stack.enter_async_context(apart))["tenant"]
            assert isinstance(standby, TenantService)
            async with asyncio.timeout(15):
                while not all(standby.checks().values()):
                    await asyncio.sleep(0.02)
            assert standby.leaders["demo"].router is None
            routing, ewt = HttpClient(apart.context(), "tenant"), HttpClient(apart.context(), "tenant", "ewt")
            await floor.submit("r1", 100.0)
            await floor.until_routing(waiting=1)
            assert (await routing.get("/queues/demo"))[-1]["waiting"] == 1
            assert (await routing.get("/interactions/demo/r1"))["position"] == 1
            assert await routing.post("/interactions/demo/r1/priority", {"priority": 7}) == {"open": True}
            assert (await ewt.get("/urs/call/max/lvq/Loans?tenant=demo"))["wcalls"] == 1
            with pytest.raises(HttpFailure, match="404 unknown_interaction"):
                await routing.get("/interactions/demo/nobody")
            leader.leaders["demo"].queues_known = False
            with pytest.raises(HttpFailure, match="503 routing_not_ready"):
                await routing.get("/queues/demo")

    async def test_kill_9_with_10_000_waiting_is_back_soon_with_every_place_kept(self, floor: Floor) -> None:
        names = [f"r{number}" for number in range(10_000)]
        for start in range(0, len(names), 500):
            await asyncio.gather(*(floor.submit(n, 1000.0 + int(n[1:])) for n in names[start : start + 500]))
        process = await floor.process("tenant")
        await floor.until_routing(waiting=10_000)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        began = floor.ctx.monotonic()
        await floor.process("tenant")
        await floor.until_routing(waiting=10_000)
        took = floor.ctx.monotonic() - began
        for place in (1, 2, 5_000, 10_000):
            assert (await floor.routing.get(f"/interactions/demo/r{place - 1}"))["position"] == place
        # About one second on a machine of its own, Python's start included; the tests share theirs.
        print(f"back after {took:.2f} s")
        assert took < 20.0

    async def test_kill_9_with_requests_waiting_keeps_every_place(self, floor: Floor) -> None:
        process = await floor.process("tenant")
        await floor.until_routing()
        for number, arrival in enumerate((300.0, 100.0, 200.0)):
            await floor.submit(f"r{number}", arrival)
        await floor.until_routing(waiting=3)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await floor.submit("r3", 150.0)
        await floor.rq.call("cancel", CancelRequest(request_id="r2", tenant="demo"))
        await floor.process("tenant")
        await floor.until_routing(waiting=3)
        await floor.login("kim", "1001")
        first = await floor.result("reserved")
        await floor.login("lee", "1002")
        second = await floor.result("reserved")
        assert (first.request_id, second.request_id) == ("r1", "r3")

    async def test_kill_9_with_an_agent_reserved_goes_on_with_that_agent(self, floor: Floor) -> None:
        process = await floor.process("tenant")
        await floor.until_routing()
        await floor.login("kim", "1001")
        await floor.submit("r1", 100.0, kind="callback", conn_id="")
        reserved = await floor.result("reserved")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        async with floor.tenant_here() as tenant:
            router = tenant.leaders["demo"].router
            assert router is not None
            assert router.core.interactions["r1"].agent == "kim"
            returned = ReturnRequest(request_id="r1", tenant="demo", agent_id="kim", reason="rejected")
            await floor.rq.call("return", returned)
            await floor.login("lee", "1002")
            again = await floor.result("reserved")
            assert (again.agent_id, again.seq > reserved.seq) == ("lee", True)

    async def test_an_agent_held_for_a_request_that_is_gone_is_let_go(self, floor: Floor) -> None:
        process = await floor.process("tenant")
        await floor.until_routing()
        await floor.login("kim", "1001")
        await floor.submit("r1", 100.0, kind="callback", conn_id="")
        await floor.result("reserved")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await floor.rq.call("cancel", CancelRequest(request_id="r1", tenant="demo"))
        async with floor.tenant_here():
            await floor.until_agent("kim", "ready")


async def test_valkey_away_for_a_while_loses_no_place(floor: Floor, valkey: ValkeyForTests) -> None:
    async with floor.tenant_here() as tenant:
        await floor.submit("r1", 100.0)
        await floor.submit("r2", 50.0)
        await floor.until_routing(waiting=2)
        await valkey.server.stop()
        async with asyncio.timeout(10):
            while tenant.leaders["demo"].router is not None:
                await asyncio.sleep(0.01)
        await valkey.server.start()
        await floor.until_routing(waiting=2)
        await floor.login("kim", "1001")
        assert (await floor.result("reserved")).request_id == "r2"


async def test_valkey_restarted_under_a_reservation_loses_and_doubles_nothing(
    floor: Floor, valkey: ValkeyForTests
) -> None:
    async with floor.tenant_here() as tenant:
        await floor.login("kim", "1001")
        await floor.submit("held", 10.0, kind="callback", conn_id="")
        assert (await floor.result("reserved")).request_id == "held"
        for number in range(120):
            await floor.submit(f"r{number}", 1000.0 - number)
        await floor.until_routing(waiting=120)
        await valkey.server.stop()
        with pytest.raises(LinkUnavailable):
            await floor.submit("late", 5.0)
        async with asyncio.timeout(10):
            while tenant.leaders["demo"].router is not None:
                await asyncio.sleep(0.01)
        await valkey.server.start()
        view = await floor.until_routing(waiting=120)
        assert view.calls == 121
        await floor.submit("late", 5.0)
        await floor.submit("r0", 1000.0)
        await floor.until_routing(waiting=121)
        confirm = ConfirmRequest(request_id="held", tenant="demo", agent_id="kim")
        await floor.rq.call("confirm", confirm)
        await floor.login("lee", "1002")
        assert (await floor.result("reserved")).request_id == "late"
        assert (await floor.until_routing(waiting=120)).calls == 121


class TestFaultsAtTheDesk:
    async def test_a_phone_that_vanishes_while_its_agent_is_reserved_sends_the_call_on(
        self, floor: Floor
    ) -> None:
        async with floor.tenant_here() as tenant:
            await floor.login("kim", "1001")
            await floor.submit("r1", 100.0)
            first = await floor.result("reserved")
            await floor.login("lee", "1002")
            await floor.until_staffed(2)
            gone = DnEvent(id="EventDNOutOfService", time=floor.ctx.now(), tenant="demo", this_dn="1001")
            await append(floor.ctx.valkey, dns_stream("demo"), gone)
            assert (await floor.until_agent("kim", "not_ready")).reason == "dn_out_of_service"
            again = await floor.result("reserved")
            assert (again.request_id, again.agent_id, again.seq > first.seq) == ("r1", "lee", True)
            assert again.lease_until - 10.0 < first.lease_until, "it did not wait for the lease"
            counted = tenant.ctx.metrics.get_sample_value(VANISHED, {"tenant": "demo"})
            assert counted == 1.0
            returned = ReturnRequest(request_id="r1", tenant="demo", agent_id="kim", reason="unreachable")
            await floor.rq.call("return", returned)  # the application, which has seen it too
            await floor.submit("r2", 200.0)
            assert (await floor.result("position")).request_id == "r2"

    async def test_what_agents_have_done_is_known_to_the_next_router(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.login("kim", "1001")
            await floor.submit("r1", 100.0)
            await floor.result("reserved")
            for name in ("EventRinging", "EventEstablished"):
                await floor.call(name, "c-r1", "kim", this_dn="1001")
            await floor.until_agent("kim", "talking")
        async with floor.tenant_here() as tenant:
            router = tenant.leaders["demo"].router
            assert router is not None
            agent = router.core.pool.agents["kim"]
            assert (agent.calls, agent.status) == (1, "busy")
            assert 0 < agent.logged_in < floor.ctx.now()

    async def test_an_agent_who_logs_in_twice_is_one_agent_with_one_call(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.login("kim", "1001")
            await floor.login("kim", "1001")
            with pytest.raises(HttpFailure) as elsewhere:
                await floor.login("kim", "1002")
            with pytest.raises(HttpFailure) as taken:
                await floor.login("lee", "1001")
            assert (elsewhere.value.status, taken.value.status) == (409, 409)
            assert (await floor.until_staffed(1)).agents_ready == 1
            await floor.submit("r1", 100.0)
            await floor.submit("r2", 200.0)
            assert (await floor.result("reserved")).request_id == "r1"
            view = await floor.until_routing(waiting=1)
            assert (view.calls, view.agents_logged_in, view.agents_ready) == (2, 1, 0)


async def test_two_routers_at_once_never_give_one_agent_twice(floor: Floor) -> None:
    await floor.login("kim", "1001")
    await floor.login("lee", "1002")
    routers = []
    for number in range(2):
        sessions = floor.harness["agent_state"].sessions["demo"]  # type: ignore[attr-defined]
        router = TenantRouter(floor.ctx, "demo", TenantSettings(), floor.rq, sessions, 1 + 1000 * number)
        for agent in ("kim", "lee"):
            router.feed(AgentReady(agent, 1, 0.0, {"Loans": 2}))
        routers.append(router)
    for number in range(4):
        await floor.submit(f"r{number}", 100.0 + number)
    submits = [
        SubmitRequest(
            request_id=f"r{n}",
            tenant="demo",
            interaction_id=f"i-r{n}",
            vq="Loans",
            target="Loans>0",
            arrival_time=1.0,
        )
        for n in range(4)
    ]
    for number, submit in enumerate(submits):
        routers[number % 2].submit(OpenRequest(submit, number))
    given = {(await floor.result("reserved")).agent_id for _ in range(2)}
    assert given == {"kim", "lee"}
    async with asyncio.timeout(20):
        while _states(routers) != ["reserved", "reserved", "waiting", "waiting"]:
            await asyncio.sleep(0.01)
    left = [floor.results.get_nowait().outcome for _ in range(floor.results.qsize())]
    assert "reserved" not in left
    for router in routers:
        router.close()


def _states(routers: list[TenantRouter]) -> list[str]:
    return sorted(one.state for router in routers for one in router.core.interactions.values())


class TestFigures:
    async def test_wait_times_are_those_of_the_field(self, floor: Floor) -> None:
        async with floor.tenant_here():
            unknown = await floor.ewt.get("/urs/call/max/lvq/Loans?tenant=demo&aqt=urs2", WaitTime)
            assert (unknown.ewt, unknown.pos, unknown.wpos) == (-1.0, 1, 1)
            await floor.submit("r1", 100.0)
            await floor.submit("r2", 200.0)
            await floor.until_routing(waiting=2)
            await floor.login("kim", "1001")
            await floor.result("reserved")
            await floor.until_staffed(1)
            mine = await floor.ewt.get("/urs/call/c-r2/lvq/Loans?tenant=demo&aqt=urs2", WaitTime)
            assert (mine.calls, mine.wcalls, mine.pos, mine.ewt) == (2, 1, 1, 90.0)
            new = await floor.ewt.get("/urs/call/max/lvq/Loans?aqt=urs2", WaitTime)
            assert (new.pos, new.wpos, new.ewt) == (3, 2, 180.0)
            behind = await floor.ewt.get("/urs/call/max/lvq/Loans?aqt=urs2&hold=true", WaitTime)
            assert (behind.wpos, behind.ewt) == (3, 270.0)
            assert new.p90 is msgspec.UNSET

    async def test_a_group_of_queues_is_answered_as_one_and_every_form_of_the_address(
        self, floor: Floor
    ) -> None:
        async with floor.tenant_here():
            await floor.login("lee", "1002")
            await floor.submit("r1", 100.0)
            await floor.result("reserved")
            await floor.submit("card", 150.0, vq="Cards", target="?:Cards>=1")
            await floor.submit("r2", 200.0)
            await floor.until_routing(waiting=1)
            whole = await floor.ewt.get("/urs/call/max/lvq/Bank.GQ?aqt=urs2", WaitTime)
            assert (whole.calls, whole.wcalls, whole.pos, whole.wpos) == (3, 2, 4, 3)
            assert whole.ewt == 270.0, "one agent serves the group, 90 seconds a call"
            mine = await floor.ewt.get("/urs/call/c-r2/lvq/Bank@any.GQ?aqt=stat", WaitTime)
            assert (mine.pos, mine.ewt) == (2, 180.0)
            own = await floor.ewt.get("/urs/call/c-r2/query?aqt=stat", WaitTime)
            assert (own.pos, own.ewt) == (1, 90.0)
            named = await floor.ewt.get("/urs/call/max/lvq?name=Loans&tenant=demo&aqt=urs2", WaitTime)
            assert (named.calls, named.wpos) == (2, 2)
            ours = await floor.ewt.get("/urs/call/max/lvq/Bank.GQ?aqt=ringback", WaitTime)
            assert ours.reason == "no_interactions"

    async def test_a_group_of_queues_without_calls_yet_has_agents_or_it_has_none(self, floor: Floor) -> None:
        async with floor.tenant_here():
            path = "/urs/call/max/lvq/Bank.GQ?aqt=urs2"
            nobody = await floor.ewt.get(path, WaitTime)
            assert (nobody.ewt, nobody.reason) == (-1.0, "no_agents")
            await floor.login("kim", "1001")
            async with asyncio.timeout(20):
                while (new := await floor.ewt.get(path, WaitTime)).reason != "no_interactions":
                    await asyncio.sleep(0.02)
            assert new.ewt == -1.0

    async def test_our_own_prediction_says_why_it_knows_nothing(self, floor: Floor) -> None:
        async with floor.tenant_here():
            path = "/urs/call/max/lvq/Loans?aqt=ringback"
            nobody = await floor.ewt.get(path, WaitTime)
            assert (nobody.ewt, nobody.method, nobody.reason) == (-1.0, "ringback", "no_agents")
            await floor.login("kim", "1001")
            queue = await floor.until_staffed(1)
            assert (queue.agents_ready, queue.agents_working, queue.p50, queue.p90) == (1, 1, 0.0, 0.0)
            free = await floor.ewt.get(path, WaitTime)
            assert (free.ewt, free.p50, free.p90) == (0.0, 0.0, 0.0)
            await floor.submit("r1", 100.0)
            await floor.result("reserved")
            await floor.submit("r2", 200.0)
            queue = await floor.until_routing(waiting=1)
            assert (queue.agents_ready, queue.agents_working, queue.p50, queue.p90) == (0, 1, -1.0, -1.0)
            young = await floor.ewt.get("/urs/call/c-r2/lvq/Loans?aqt=ringback", WaitTime)
            assert (young.ewt, young.wpos, young.reason) == (-1.0, 1, "no_interactions")

    async def test_what_was_learned_of_waits_survives_a_restart(self, floor: Floor) -> None:
        async with floor.tenant_here() as tenant:
            predictor = tenant.leaders["demo"].experience.predictor
            line = predictor.floor.line("Loans", 0)
            for _ in range(100):
                predictor.learn(predictor.promise(line, 0.0, 2, 1), 240.0)
            line.queue.served = 100
            tenant.leaders["demo"].experience.records["Loans"] = Record(100, 90, 100, 1.0, 2.0, 1.0, 2.0)
        async with floor.tenant_here() as tenant:
            experience = tenant.leaders["demo"].experience
            assert experience.records["Loans"].kept == 90
            await floor.login("kim", "1001")
            await floor.until_staffed(1)
            for number in (1, 2, 3):
                await floor.submit(f"r{number}", 100.0 * number)
            await floor.until_routing(waiting=2)
            path = "/urs/call/max/lvq/Loans?aqt=ringback"
            told = await floor.ewt.get(path, WaitTime)
            assert told.method == "ringback"
            assert isinstance(told.p90, float)
            assert 120 < told.ewt < 480

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("max/lvq/Loans?aqt=mode9", 400),
            ("max/lvq/Loans?tenant=other", 404),
            ("max/lvq/Nothing", 404),
            ("nobody/lvq/Loans", 404),
            ("nobody/query", 404),
            ("max/query", 400),
            ("max/lvq", 400),
            ("max/lvq/Nothing.GQ", 404),
        ],
    )
    async def test_a_wrong_question_is_refused(self, floor: Floor, path: str, status: int) -> None:
        async with floor.tenant_here():
            with pytest.raises(HttpFailure) as failure:
                await floor.ewt.get(f"/urs/call/{path}")
            assert failure.value.status == status

    async def test_an_interaction_explains_itself_and_takes_a_priority(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.submit("r1", 100.0)
            await floor.submit("r2", 200.0)
            await floor.until_routing(waiting=2)
            view = await floor.routing.get("/interactions/demo/i-r2")
            assert (view["position"], view["explanation"]["targets"]) == (2, ["Loans>=1"])
            assert await floor.routing.post("/interactions/demo/i-r2/priority", {"priority": 5}) == {
                "open": True
            }
            async with asyncio.timeout(20):
                while (await floor.routing.get("/interactions/demo/r2"))["position"] != 1:
                    await asyncio.sleep(0.02)

    async def test_who_has_left_can_still_be_asked_about_and_the_log_replayed(self, floor: Floor) -> None:
        async with floor.tenant_here():
            await floor.login("kim", "1001")
            await floor.submit("r1", 100.0)
            await floor.result("reserved")
            await floor.submit("r2", 100.0)
            await floor.rq.call("cancel", CancelRequest(request_id="r1", tenant="demo"))
            assert (await floor.result("reserved")).request_id == "r2"
            view = await floor.routing.get("/interactions/demo/c-r1")
            story = view["explanation"]
            assert (story["state"], story["history"][1]["text"].split(":")[0]) == (
                "cancelled",
                "reserved kim for Loans>=1",
            )
            log = b""
            async with asyncio.timeout(20):
                while log.count(b'"Reserve"') < 2:
                    await asyncio.sleep(0.05)
                    reply = await floor.routing.request("GET", "/decisions/demo")
                    log = reply.body
            found = replay(log.splitlines())
            assert (found.differences, found.skipped, found.beginnings) == ([], 0, 1)
            after = reply.headers["X-Cursor"]
            rest = await floor.routing.request("GET", f"/decisions/demo?after={after}")
            assert b'"Began"' not in rest.body
            with pytest.raises(HttpFailure, match="X-Cursor"):
                await floor.routing.get("/decisions/demo?after=x")

    async def test_statistics_come_as_they_change(self, floor: Floor) -> None:
        async with floor.tenant_here():
            link = LinkClient(floor.ctx, "tenant", "stats", connection="voice-2")
            told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            link.on("statistics", told.put)
            await link.start()
            first = await link.call("subscribe", {"tenant": "demo", "interval_s": 1})
            assert first["agents"]["ready"] == 0
            await floor.login("kim", "1001")
            async with asyncio.timeout(20):
                while (await told.get())["agents"]["ready"] != 1:
                    pass

    async def test_a_desktop_hears_the_events_of_its_agent(self, floor: Floor) -> None:
        async with floor.tenant_here():
            link = LinkClient(floor.ctx, "tenant", "telephony", connection="voice-4")
            told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            link.on("event", told.put)
            await link.start()
            await link.call("subscribe", {"tenant": "demo", "agents": ["kim"]})
            await floor.login("lee", "1002")
            await floor.login("kim", "1001")
            away = RequestAgentNotReady(tenant="demo", agent_id="kim", reason_code="lunch")
            await floor.agents.post("/requests", away)
            heard = []
            async with asyncio.timeout(20):
                while "EventAgentNotReady" not in heard:
                    event = await told.get()
                    assert event["AgentID"] == "kim"
                    heard.append(event["id"])
            assert heard == ["EventAgentLogin", "EventAgentReady", "EventAgentNotReady"]
