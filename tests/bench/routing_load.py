"""The load of `bench_routing.py`: orchestration and the agents, played against rq and tenant.

An interaction is submitted to rq, the router reserves an agent, the result comes back over the link, the
request is confirmed, the agent is let go and becomes ready for the next. The agents' sessions are changed as
agent_state changes them (compare-and-set in Valkey); their phones are not played. What is to be said in one
turn of the loop leaves together, so that the load takes little of the two cores.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from routing_where import Trace, Where, at, counts_of, hops_of, per_routed
from stand import Stand

from ringback.contracts.reservation import AgentSessions
from ringback.contracts.routing import ConfirmRequest, SubmitRequest
from ringback.domain.agents.session import Happening, Login, Unreserve
from ringback.runtime.link import LinkClient

HOST = "127.112.1.1"
TENANT = "demo"
QUEUES = 20
AGENTS = 1_000
ALL = "all three"
LOAD = "load"
TICK_S = 0.002
"""Agents who are due are let go together: the load must not take the CPU that it measures."""
LEASE_S = 10.0
"""For which an agent is held."""


class ResultTold(msgspec.Struct):
    """What the load reads of a result."""

    request_id: str
    outcome: str
    cursor: str
    agent_id: str = ""
    reservation_id: str = ""
    lease_until: float = 0.0


@dataclass
class Wired:
    """One run: `offered` a second (0: as many as can be), CPU per routed interaction by process."""

    name: str
    offered: float
    per_second: float
    cpu_us: dict[str, float]
    delays: list[float] = field(repr=False)
    where: Where | None = field(default=None, repr=False)

    def ms(self, share: float) -> float:
        """A quantile of the time from ready to the result, ms."""
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")


class Load:
    """As many interactions are kept under way as were submitted first. `rate`: agents who become ready a
    second; 0: each as soon as the reservation is confirmed.
    """

    def __init__(self, stand: Stand, rate: float) -> None:
        ctx = stand.context()
        self._stand = stand
        self._now = ctx.now
        self.link = LinkClient(ctx, "rq", "link", connection="voice-30")
        self.link.on("result", self._result, ResultTold)
        self.sessions = AgentSessions(ctx.valkey, TENANT)
        self._made = 0
        self._gathered: dict[str, list[object]] = {"submit": [], "confirm": []}
        self._freed: list[tuple[str, Happening]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: deque[tuple[str, str]] = deque()
        self._ready: dict[str, tuple[float, float]] = {}
        """When an agent has asked, by the monotonic clock and by the other."""
        self._rate = rate
        self._running = True
        self.routed = 0
        self.delays: list[float] = []
        self.traces: list[Trace] | None = None

    async def start(self) -> None:
        """Subscribe, and log the agents in."""
        await self.link.start()
        await self.link.wait_connected(30)
        await self.link.call("subscribe", {"tenant": TENANT, "role": "orchestration", "cursor": ""})
        for first in range(0, AGENTS, 100):
            await asyncio.gather(*(self._login(number) for number in range(first, first + 100)))

    async def _login(self, number: int) -> None:
        skills = {f"Skill{number % QUEUES}": 5, f"Skill{(number + 7) % QUEUES}": 3}
        await self.sessions.apply(f"a{number}", Login(f"{1000 + number}", skills, ready=True), self._now())

    def submit(self) -> None:
        """One more interaction."""
        self._made += 1
        number, queue = self._made, self._made % QUEUES
        request = SubmitRequest(
            request_id=f"r{number}",
            tenant=TENANT,
            interaction_id=f"i{number}",
            vq=f"VQ{queue}",
            target=f"?:Skill{queue}>=1",
            arrival_time=self._now(),
            lease_s=LEASE_S,
        )
        self._say("submit", request)

    def _say(self, method: str, params: object) -> None:
        self._gathered[method].append(params)
        if len(self._gathered[method]) == 1:
            self._spawn(self._flush(method))

    async def _flush(self, method: str) -> None:
        params, self._gathered[method] = self._gathered[method], []
        await self.link.call_all(method, params, timeout=30)

    async def _result(self, told: ResultTold) -> None:
        if told.outcome != "reserved":
            return
        agent = told.agent_id
        if (began := self._ready.pop(agent, None)) is not None:
            self.delays.append(time.monotonic() - began[0])
            if self.traces is not None:
                self._trace(told, began[1])
        self.routed += 1
        self._say("confirm", ConfirmRequest(request_id=told.request_id, tenant=TENANT, agent_id=agent))
        if self._running:
            self.submit()
        if self._rate:
            self._busy.append((agent, told.reservation_id))
        else:
            self.let_go(agent, told.reservation_id)

    def _trace(self, told: ResultTold, asked: float) -> None:
        assert self.traces is not None
        chosen, stored = told.lease_until - LEASE_S, at(told.cursor)
        self.traces.append(Trace(told.reservation_id, asked, chosen, stored, self._now()))

    def let_go(self, agent: str, reservation: str, late: float = 0.0) -> None:
        """The agent is ready again, since `late` seconds."""
        self._ready[agent] = time.monotonic() - late, self._now() - late
        self._freed.append((agent, Unreserve(reservation, "done")))
        if len(self._freed) == 1:
            self._spawn(self._free())

    async def _free(self) -> None:
        freed, self._freed = self._freed, []
        await self.sessions.apply_all(freed, self._now())

    async def pace(self) -> None:
        """Let agents go at the rate, those first who have been busy longest. Each is due at a moment of their
        own, from which the delay counts, however late this process asks for them: it does so every TICK_S.
        """
        await self.quiet()
        begin, gone = time.monotonic(), 0
        while self._running:
            spent = time.monotonic() - begin
            due = int(spent * self._rate)
            for number in range(gone, min(due, gone + len(self._busy))):
                self.let_go(*self._busy.popleft(), spent - (number + 1) / self._rate)
            gone = due
            await asyncio.sleep(TICK_S)

    async def quiet(self) -> None:
        """Wait until every agent has a caller and all that was asked is answered."""
        async with asyncio.timeout(60):
            while self._tasks or len(self._busy) < AGENTS:
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """No more; wait for what is under way."""
        self._running = False
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while self._tasks:
                    await asyncio.wait(list(self._tasks))

    def _spawn(self, coro: Any) -> None:
        task = asyncio.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def measure(self, name: str, seconds: float, offered: float = 0.0, where: bool = False) -> Wired:
        """What happens within so many seconds from now on. `where`: with what became of the time."""
        counts = await counts_of(self._stand) if where else {}
        self.traces = [] if where else None
        before, routed, begin = self._cpu(), self.routed, time.monotonic()
        self.delays.clear()
        await asyncio.sleep(seconds)
        spent = time.monotonic() - begin
        count = self.routed - routed
        assert count, self._stand.logs()
        after = self._cpu()
        cpu = {who: (after[who] - before[who]) / count * 1e6 for who in after}
        cpu[ALL] = sum(us for who, us in cpu.items() if who != LOAD)
        found = Wired(name, offered, count / spent, cpu, list(self.delays))
        if self.traces is not None:
            counted, traces = per_routed(counts, await counts_of(self._stand), count), self.traces
            self.traces = None
            found.where = Where(await hops_of(self._stand, TENANT, traces), counted)
        return found

    def _cpu(self) -> dict[str, float]:
        ours = os.times()
        found = {who: s for who, s in self._stand.cpu().items() if who in ("rq", "tenant", "Valkey")}
        return {**found, LOAD: ours.user + ours.system}


async def run(name: str, seconds: float, waiting: int, rate: float = 0.0, where: bool = False) -> Wired:
    """A fresh platform and one run of it, a tenth of the time to warm up."""
    async with Stand([["config"], ["rq"], ["tenant"]], HOST, alone=True) as stand:
        load = Load(stand, rate)
        await load.start()
        for _ in range(waiting):
            load.submit()
        pacing = asyncio.create_task(load.pace()) if rate else None
        async with asyncio.timeout(60):
            while load.routed < (AGENTS + 100 if rate else 100):
                await asyncio.sleep(0.05)
        await asyncio.sleep(seconds / 5)
        found = await load.measure(name, seconds, rate, where)
        await load.stop()
        if pacing is not None:
            await pacing
        return found


async def measure_wired(seconds: float) -> list[Wired]:
    """Agents wait for callers; callers wait for agents; and the delay at half of what could be routed."""
    most = await run("agents wait, as fast as can be", seconds, AGENTS // 5)
    lines = await run("1,000 callers wait, as fast as can be", seconds, 2 * AGENTS)
    return [most, lines, await measure_rate(seconds, most.per_second / 2)]


async def measure_rate(seconds: float, rate: float, where: bool = False) -> Wired:
    """The delay where so many agents become ready a second, whatever becomes of those before them."""
    name = f"callers wait, {rate:,.0f} agents ready a second"
    return await run(name, seconds, 2 * AGENTS, rate, where)
