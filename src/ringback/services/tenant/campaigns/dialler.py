"""Dials the customers of one tenant's running campaigns, on the node that routes for the tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ringback.contracts import campaigns as told
from ringback.contracts.campaigns import CampaignEvent
from ringback.domain.campaigns.attempts import Progress
from ringback.domain.campaigns.definition import rules_of
from ringback.domain.campaigns.pacing import Floor, over_cap, to_dial
from ringback.domain.campaigns.standstill import Look
from ringback.domain.campaigns.states import Command, State
from ringback.domain.configuration import Campaign
from ringback.runtime.clock import until_set
from ringback.runtime.sql import PostgresUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.tenant.campaigns.asking import ASK_AGAIN_S, Asking
from ringback.services.tenant.campaigns.attempts import Attempts
from ringback.services.tenant.campaigns.choosing import Beginning, choose
from ringback.services.tenant.campaigns.control import change
from ringback.services.tenant.campaigns.definitions import Definitions
from ringback.services.tenant.campaigns.hearing import Hearing
from ringback.services.tenant.campaigns.learning import Learning
from ringback.services.tenant.campaigns.store import Attempt, Session, Standing, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.tenant.leader import Leader
    from ringback.services.tenant.router import TenantRouter

ACTIVE = frozenset({State.RUNNING, State.PAUSED, State.STOPPING})
OVER_CAP, NOT_CONFIGURED = "abandon-cap", "not-configured"
_LOOK_S, _STAND_BY_S, _IDLE_S, _RETRY_S = 0.25, 1.0, 30.0, 0.5
_CONFIGURATION_S = 1.0
_COUNT_S = 5.0
_FORGET_EVERY_S, _DAY_S = 3600.0, 86_400.0
_BEGINNING = Beginning(Progress(), ASK_AGAIN_S)


class Dialler:
    """One tenant's dialling."""

    def __init__(
        self,
        ctx: Context,
        store: Store,
        definitions: Definitions,
        leader: Leader,
        attempts: Attempts,
        asking: Asking,
        learning: Learning,
        kept_days: float,
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._tenant = store.tenant
        self._definitions = definitions
        self._leader = leader
        self._attempts = attempts
        self._asking = asking
        self._kept_days = kept_days
        self._learning = learning
        self._hearing = Hearing(ctx, store, attempts.take)
        self._active: dict[str, Standing] = {}
        self._campaigns: dict[str, Campaign] = {}
        self.looks: dict[str, Look] = {}
        """What was found at the last look, by campaign that runs here."""
        self.left: dict[str, float] = {}
        """Records that wait to be dialled, by campaign at work here, as they were counted a while ago."""
        self._counted_at = self._read_at = float("-inf")
        self._wanted = asyncio.Event()
        """Set while calls are to be heard of: there are campaigns at work, or attempts that are not over."""
        self._woken = asyncio.Event()

    def start(self) -> None:
        """Begin; runs until the service stops."""
        self._ctx.spawn(self._repeat(self._look), f"campaigns-{self._tenant}")
        self._ctx.spawn(self._repeat(self._listen), f"campaigns-heard-{self._tenant}")
        self._ctx.spawn(self._repeat(self._forget), f"campaigns-forgotten-{self._tenant}")

    def wake(self) -> None:
        """Look now: a campaign was told something."""
        self._woken.set()

    @property
    def _pause(self) -> float:
        """Seconds until the next look, if nothing happens: a command wakes whoever dials."""
        if self._leader.router is None:
            return _STAND_BY_S
        return _LOOK_S if self._wanted.is_set() else _IDLE_S

    @property
    def running(self) -> int:
        """Campaigns that dial on this node."""
        return sum(each.state is State.RUNNING for each in self._active.values())

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (PostgresUnavailable, ValkeyUnavailable, ValkeyError) as error:
                self._ctx.log.warning("campaigns_wait", tenant=self._tenant, error=str(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:
                self._ctx.log.exception("campaigns_failed", tenant=self._tenant)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        """Hear of the calls for as long as there are campaigns here."""
        await self._wanted.wait()
        await self._hearing.run(self._wanted.is_set)

    async def _forget(self) -> None:
        """Attempts are kept for as long as somebody may ask what they came to."""
        if self._leader.router is not None:
            async with self._store.transaction() as session:
                await session.forget_attempts(self._ctx.now() - self._kept_days * _DAY_S)
        await asyncio.sleep(_FORGET_EVERY_S)

    async def _look(self) -> None:
        woken = self._woken.is_set()
        self._woken.clear()
        await self._turn(self._leader.router, woken)
        await until_set(self._woken, self._pause)

    async def _turn(self, router: TenantRouter | None, woken: bool) -> None:
        """One look at all campaigns that are at work."""
        if router is None:
            self._active = {}
            self.looks, self.left = {}, {}
            self._wanted.clear()
            return
        async with self._store.transaction() as session:
            standings = await session.standings()
            open_ = await session.all_open()
        self._active = {each.campaign: each for each in standings if each.state in ACTIVE}
        runs = {name for name, each in self._active.items() if each.state is State.RUNNING}
        self.looks = {name: look for name, look in self.looks.items() if name in runs}
        if not (self._active or open_):
            self._wanted.clear()
            return
        await self._read(woken)
        self._wanted.set()
        for name in self._active:
            await self._campaign(name, router)
        await self._asking.ask_after_silent(self._campaigns)

    async def _read(self, woken: bool) -> None:
        """What is configured, as it was a moment ago at most."""
        now = self._ctx.monotonic()
        if woken or now - self._read_at > _CONFIGURATION_S:
            self._campaigns, zone = await self._definitions.campaigns(), await self._definitions.time_zone()
            self._attempts.rules = {name: rules_of(each, zone) for name, each in self._campaigns.items()}
            self._read_at = now
        if now - self._counted_at > _COUNT_S:
            self._counted_at = now
            await self._count()

    async def _count(self) -> None:
        """How many records are left: for who watches."""
        left: dict[str, float] = {}
        async with self._store.transaction() as session:
            for name in self._active.keys() & self._campaigns.keys():
                (row,) = await session.fetch("waiting", list(self._campaigns[name].lists))
                left[name] = float(row[0])
        self.left = left

    async def _campaign(self, name: str, router: TenantRouter) -> None:
        campaign = self._campaigns.get(name)
        dialled: list[Attempt] = []
        async with self._store.transaction() as session:
            standing = await session.lock(name, self._ctx.now())
            if standing.state is State.STOPPING:
                await self._attempts.withdraw(session, name)
                if not await session.open_attempts(name):
                    await self._change(session, standing, Command.IDLE)
            elif standing.state is State.RUNNING:
                if campaign is None:
                    await self._change(session, standing, Command.PAUSE, NOT_CONFIGURED)
                elif self._hearing.listening.is_set():
                    dialled = await self._dial(session, standing, campaign, router)
        if campaign is not None and dialled:
            # Nobody waits: one that frontend does not answer must not keep the others from being dialled.
            self._ctx.spawn(self._asking.ask(campaign, dialled), f"campaign-dials-{name}")

    async def _change(self, session: Session, standing: Standing, command: Command, reason: str = "") -> None:
        await change(session, self._tenant, standing, command, self._ctx.now(), reason)

    async def _dial(
        self, session: Session, standing: Standing, campaign: Campaign, router: TenantRouter
    ) -> list[Attempt]:
        """Write down the dials that may be made now."""
        rules = self._attempts.rules[campaign.id]
        others = ((name, self._campaigns.get(name)) for name in self._active)
        rivals = [name for name, other in others if other is not None and _rivals(router, campaign, other)]
        floor = _floor(router, campaign.queue, standing, await session.under_way(rivals))
        if rules.pace.mode == "predictive":
            learned = await self._learning.learned(session, campaign)
            floor = replace(floor, talking=floor.talking + learned.after_talk, known=learned.known)
        if over_cap(rules.pace, floor):
            await self._change(session, standing, Command.PAUSE, OVER_CAP)
            return []
        wanted = to_dial(rules.pace, floor)
        dialled = await choose(self._ctx, session, campaign, rules, wanted, _BEGINNING)
        self.looks[campaign.id] = Look(self._ctx.now(), floor, wanted, len(dialled))
        await session.tell([self._attempts.event(told.ATTEMPT_STARTED, each) for each in dialled])
        if dialled and standing.exhausted:
            standing.exhausted = False
            await session.write(standing)
        elif not dialled:
            await self._maybe_exhausted(session, standing, campaign)
        return dialled

    async def _maybe_exhausted(self, session: Session, standing: Standing, campaign: Campaign) -> None:
        """Tell once that nothing is left to dial; records that are added later are dialled all the same."""
        if standing.exhausted or await session.something_left(campaign.lists):
            return
        if await session.open_attempts(campaign.id):
            return
        standing.exhausted = True
        await session.write(standing)
        event = CampaignEvent(
            id=told.EXHAUSTED,
            time=self._ctx.now(),
            tenant=self._tenant,
            campaign=campaign.id,
            state=standing.state.value,
        )
        await session.tell([event])


def _floor(router: TenantRouter, queue: str, standing: Standing, customers: tuple[int, int, int]) -> Floor:
    under_way, ringing, talking = customers
    line = router.core.queues.get(queue)
    return Floor(
        ready=router.core.staff(queue).ready,
        waiting=len(line.waiting) if line else 0,
        under_way=under_way,
        answered=standing.answered,
        abandoned=standing.abandoned,
        ringing=ringing,
        talking=talking,
    )


def _rivals(router: TenantRouter, one: Campaign, other: Campaign) -> bool:
    """Whether two campaigns count on the same agents (a campaign does so with itself)."""
    if one.queue == other.queue:
        return True
    lines = router.core.queues.get(one.queue), router.core.queues.get(other.queue)
    ready = [line.staffed_by.ready if line and line.staffed_by else () for line in lines]
    return not set(ready[0]).isdisjoint(ready[1])
