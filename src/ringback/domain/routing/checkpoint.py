"""The whole state of a router as one record, from which a replay of its log can begin.

`take` looks and changes nothing; `restore` makes a router that decides from then on as the first one does.
What explains the past (the stories of interactions) is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import cached_property

from msgspec import Struct

from .ewt import INTERVALS, QueueHistory
from .growth import Growth
from .lines import Place
from .messages import GroupDefined, Submit, Worked
from .packing import Packed, pack, unpack
from .plans import Plan, Want
from .queue import RESERVED, WAITING, Interaction, VirtualQueue
from .router import Router
from .skills import Profile
from .standing import Agent, Index
from .targets import read_target

NO_INDEX = -1


class KeptAgent(Struct, frozen=True, omit_defaults=True):
    """An agent; `indexes` are numbers in `Checkpoint.indexes`."""

    agent: str
    version: int
    status: str
    since: float
    ready_since: float
    logged_in: float
    busy_since: float
    skills: dict[str, int] = {}
    groups: tuple[str, ...] = ()
    place: str = ""
    capacity: str = ""
    load: dict[str, int] = {}
    calls: int = 0
    worked: float = 0.0
    indexes: tuple[int, ...] = ()


class KeptIndex(Struct, frozen=True):
    """An expression that somebody asks for, or has lately asked for."""

    expression: Packed
    media: str


class KeptPlan(Struct, frozen=True):
    """A list of targets with the index of each; one that is no longer `current` is not given to newcomers."""

    media: str
    targets: tuple[str, ...]
    wants: tuple[tuple[str, int], ...]
    current: bool
    idle: bool


class KeptQueue(Struct, frozen=True):
    """A virtual queue and what it remembers."""

    name: str
    target: str
    weight: float
    served: float
    staffed_by: int
    entered: int
    left: int
    routed: int
    waiting: int
    intervals: list[float]
    handling: list[float]
    running_since: float


class KeptInteraction(Struct, frozen=True, omit_defaults=True):
    """An interaction that waits or is reserved; `plan` is a number in `Checkpoint.plans`."""

    request: Submit
    growth: Growth
    since: float
    place: Place
    queue: str
    plan: int
    state: str
    order: str = ""
    targets: tuple[str, ...] = ()
    agent: str | None = None
    attempt: int = 0
    lease_until: float = 0.0
    unclaimed: int = 0
    step: int = 0
    deadline: float | None = None
    step_due: float | None = None
    grows_at: float | None = None
    excluded: dict[str, float] = {}


class Checkpoint(Struct, frozen=True, tag=True):
    """A router at one moment. Lists are in the order in which the router looks at them."""

    at: float
    growth: Growth
    lease: float
    retry_pause: float
    attempt: int
    looking: bool
    served: float
    indexes: list[KeptIndex]
    idle: list[int]
    building: list[tuple[int, list[str]]]
    plans: list[KeptPlan]
    idle_plans: list[int]
    groups: list[GroupDefined]
    queues: list[KeptQueue]
    agents: list[KeptAgent]
    interactions: list[KeptInteraction]
    shares: list[tuple[tuple[str, ...], dict[str, float]]]
    timers: list[tuple[float, str, str]]
    gone: dict[str, int]
    recalled: list[Worked]
    past: list[str]


def size(router: Router) -> int:
    """About how many things a checkpoint would hold."""
    pool = router.pool
    return len(pool.agents) + len(pool.gone) + len(router.interactions) + len(router.queues)


def take(router: Router, now: float) -> Checkpoint:
    """The state of a router between two inputs."""
    return _Taking(router).checkpoint(now)


class _Taking:
    """Numbers the indexes and plans of a router."""

    def __init__(self, router: Router) -> None:
        self._router = router
        pool = router.pool
        self._indexes = list(pool.indexes.values())
        self._number = {id(index): number for number, index in enumerate(self._indexes)}

    @cached_property
    def _plans(self) -> dict[int, Plan]:
        """All plans that are in use or warm, by their identity."""
        waiting = (one.plan for one in self._router.interactions.values())
        return {id(plan): plan for plan in (*self._router.plans.known.values(), *waiting)}

    def checkpoint(self, now: float) -> Checkpoint:
        """Everything."""
        router, pool, held = self._router, self._router.pool, self._router.held
        numbers = {identity: number for number, identity in enumerate(self._plans)}
        keys = {index.key: number for number, index in enumerate(self._indexes)}
        matcher = router.matcher
        return Checkpoint(
            at=now,
            growth=router.growth,
            lease=held.lease,
            retry_pause=held.retry_pause,
            attempt=held.attempt,
            looking=held.looking,
            served=matcher.served,
            indexes=[KeptIndex(pack(one.expression), one.media) for one in self._indexes],
            idle=[keys[key] for key in pool.idle],
            building=[(self._number[id(index)], names) for index, names in pool.left_to_build()],
            plans=[self._plan(plan) for plan in self._plans.values()],
            idle_plans=[numbers[id(plan)] for plan in router.plans.idle.values()],
            groups=router.groups.all(),
            queues=[self._queue(queue) for queue in router.queues.values()],
            agents=[self._agent(agent) for agent in pool.agents.values()],
            interactions=[_interaction(one, numbers[id(one.plan)]) for one in router.interactions.values()],
            shares=[(key, dict(credit)) for key, credit in matcher.shares.items()],
            timers=list(held.timers),
            gone=dict(pool.gone),
            recalled=list(pool.recalled.values()),
            past=list(router.past),
        )

    def _index(self, index: Index | None) -> int:
        return NO_INDEX if index is None else self._number.get(id(index), NO_INDEX)

    def _plan(self, plan: Plan) -> KeptPlan:
        wants = tuple((want.source, self._index(want.index)) for want in plan.wants)
        plans = self._router.plans
        current, idle = plans.known.get(plan.key) is plan, plan.key in plans.idle
        return KeptPlan(plan.key[0], plan.key[1], wants, current, current and idle)

    def _queue(self, queue: VirtualQueue) -> KeptQueue:
        history = queue.history
        return KeptQueue(
            name=queue.name,
            target=queue.target,
            weight=queue.weight,
            served=queue.served,
            staffed_by=self._index(queue.staffed_by),
            entered=history.entered,
            left=history.left,
            routed=history.routed,
            waiting=history.waiting,
            intervals=list(history.intervals),
            handling=list(history.handling),
            running_since=history.running_since,
        )

    def _agent(self, agent: Agent) -> KeptAgent:
        profile = agent.profile
        return KeptAgent(
            agent=profile.agent,
            version=agent.version,
            status=agent.status,
            since=agent.since,
            ready_since=agent.ready_since,
            logged_in=agent.logged_in,
            busy_since=agent.busy_since,
            skills=dict(profile.skills),
            groups=tuple(sorted(profile.groups)),
            place=profile.place,
            capacity=agent.rule.text,
            load=dict(agent.load),
            calls=agent.calls,
            worked=agent.worked,
            indexes=tuple(self._number[id(index)] for index in agent.indexes),
        )


def _interaction(one: Interaction, plan: int) -> KeptInteraction:
    return KeptInteraction(
        request=one.request,
        growth=one.growth,
        since=one.since,
        place=one.place,
        queue=one.queue.name,
        plan=plan,
        state=one.state,
        order=one.order,
        targets=one.targets,
        agent=one.agent,
        attempt=one.attempt,
        lease_until=one.lease_until,
        unclaimed=one.unclaimed,
        step=one.step,
        deadline=one.deadline,
        step_due=one.step_due,
        grows_at=one.grows_at,
        excluded=dict(one.excluded),
    )


def restore(kept: Checkpoint) -> Router:
    """A router that goes on where the first one was."""
    router = Router(
        lease=kept.lease, growth=kept.growth.points, retry_pause=kept.retry_pause, first_attempt=kept.attempt
    )
    router.growth = kept.growth
    for group in kept.groups:
        router.groups.define(group)
    indexes = [router.pool.begin(unpack(one.expression), one.media) for one in kept.indexes]
    for each in kept.agents:
        _restore_agent(router, each, indexes)
    plans = [_restore_plan(router, each, indexes) for each in kept.plans]
    for queue in kept.queues:
        _restore_queue(router, queue, indexes)
    for one in kept.interactions:
        _restore_interaction(router, one, plans[one.plan])
    _restore_rest(router, kept, indexes, plans)
    return router


def _restore_rest(router: Router, kept: Checkpoint, indexes: list[Index], plans: list[Plan]) -> None:
    """What depends on all the others: who is idle, what is due, and the shares."""
    pool, held, matcher = router.pool, router.held, router.matcher
    pool.idle.update((indexes[number].key, None) for number in kept.idle)
    pool.unbuilt.extend((indexes[number], iter(names)) for number, names in kept.building)
    for number in kept.idle_plans:
        router.plans.idle[plans[number].key] = plans[number]
    pool.gone.update(kept.gone)
    pool.recalled.update((done.agent, done) for done in kept.recalled)
    for agent in pool.agents.values():
        pool.settle(agent)
    for queue in kept.queues:
        router.queues[queue.name].served = queue.served
    matcher.served = kept.served
    matcher.shares.update(kept.shares)
    router.past.update((name, _bygone(name)) for name in kept.past)
    held.looking = kept.looking
    for timer in kept.timers:
        held.timers.add(timer)
    held.drain()


def _bygone(name: str) -> Interaction:
    """Only its name counts: it is not taken again."""
    plan = Plan(("", ()), ())
    return Interaction(Submit(name, "", (), 0.0, 0), Growth(), VirtualQueue(""), plan, "", 0.0)


def _restore_agent(router: Router, kept: KeptAgent, indexes: list[Index]) -> None:
    profile = Profile(kept.agent, kept.skills, frozenset(kept.groups), kept.place)
    agent = router.pool.place(profile, kept.capacity, (indexes[number] for number in kept.indexes))
    agent.version, agent.load = kept.version, dict(kept.load)
    agent.since, agent.ready_since = kept.since, kept.ready_since
    agent.logged_in, agent.busy_since = kept.logged_in, kept.busy_since
    agent.calls, agent.worked = kept.calls, kept.worked
    for index in agent.indexes:
        index.working -= agent.working
    agent.status = kept.status
    for index in agent.indexes:
        index.working += agent.working


def _restore_plan(router: Router, kept: KeptPlan, indexes: list[Index]) -> Plan:
    wants = tuple(_restore_want(source, number, kept.media, indexes) for source, number in kept.wants)
    plan = Plan((kept.media, kept.targets), wants)
    if kept.current:
        router.plans.known[plan.key] = plan
    return plan


def _restore_want(source: str, number: int, media: str, indexes: list[Index]) -> Want:
    target = read_target(source)
    if number == NO_INDEX:
        return Want(target, Index(f"device:{target.device}", None, media))
    indexes[number].users += 1
    return Want(target, indexes[number])


def _restore_queue(router: Router, kept: KeptQueue, indexes: list[Index]) -> None:
    queue = router.queue(kept.name)
    queue.target, queue.weight = kept.target, kept.weight
    if kept.staffed_by != NO_INDEX:
        queue.staffed_by = indexes[kept.staffed_by]
        queue.staffed_by.users += 1
    queue.history = QueueHistory(
        kept.entered, kept.left, kept.routed, kept.waiting, _last(kept.intervals), _last(kept.handling)
    )
    queue.history.running_since = kept.running_since


def _last(values: Iterable[float]) -> deque[float]:
    return deque(values, maxlen=INTERVALS)


def _restore_interaction(router: Router, kept: KeptInteraction, plan: Plan) -> None:
    queue = router.queues[kept.queue]
    one = Interaction(kept.request, kept.growth, queue, plan, kept.order, kept.since)
    plan.users += 1
    one.place, one.since, one.targets = kept.place, kept.since, kept.targets
    one.agent, one.attempt, one.lease_until = kept.agent, kept.attempt, kept.lease_until
    one.unclaimed, one.step, one.deadline = kept.unclaimed, kept.step, kept.deadline
    one.step_due, one.grows_at, one.excluded = kept.step_due, kept.grows_at, kept.excluded
    one.state = kept.state
    router.interactions[kept.request.interaction] = one
    if one.state == WAITING:
        router.matcher.join(one)
        queue.waiting.add(one.rate, one.place)
    elif one.state == RESERVED:
        queue.reserved += 1
