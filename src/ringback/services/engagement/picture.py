"""One picture of the platform, as the status page shows it, gathered from the services that know it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from ringback.connections import CONNECTIONS
from ringback.contracts.events import CallType
from ringback.contracts.routing import QueueView
from ringback.contracts.views import AgentView, CallView
from ringback.domain.numbers import masked
from ringback.runtime.counters import read_totals
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.runtime.service import HEARTBEATS, Heartbeat
from ringback.runtime.sql import PostgresUnavailable
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.engagement.fresh import Fresh
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
_CALLBACKS = 40
_BETWEEN_US = frozenset({CallType.INTERNAL, CallType.CONSULT})
_AWAY = (
    HttpFailure,
    HttpUnavailable,
    PostgresUnavailable,
    ValkeyUnavailable,
    TimeoutError,
    msgspec.MsgspecError,
)


class CallbackLine(msgspec.Struct, frozen=True, kw_only=True):
    """One callback; the number is masked. Times are seconds since the epoch."""

    id: str
    service: str
    number: str
    state: str
    reason: str
    attempt: int
    dials: int
    last_result: str
    arrived_at: float
    due_at: float | None
    updated_at: float
    agent_id: str
    position: int | None


class ConnectionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One connection of the table with the messages it has carried."""

    id: str
    source: str
    destination: str
    protocol: str
    port: str
    built: bool
    messages: int


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows; a part is None while the service that knows it is away."""

    at: float
    tenant: str
    services: list[Heartbeat] | None
    connections: list[ConnectionLine] | None
    queues: list[QueueView] | None
    agents: list[AgentView] | None
    calls: list[CallView] | None
    callbacks: list[CallbackLine] | None


class Painter:
    """Gathers pictures; one a tenant and moment, however many look."""

    def __init__(self, ctx: Context, store: Store, fresh_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._router = HttpClient(ctx, "tenant", timeout_s=1.5)
        self._agents = HttpClient(ctx, "agent_state", timeout_s=1.5)
        self._calls = HttpClient(ctx, "call_state", timeout_s=1.5)
        self._pictures = Fresh(ctx, fresh_s * 0.9, self._gather)

    async def paint(self, tenant: str) -> Picture:
        """The picture of now, at most `fresh_s` seconds old."""
        return await self._pictures.of(tenant)

    async def _gather(self, tenant: str) -> Picture:
        name = quote(tenant, safe="")
        services, connections, queues, agents, calls, callbacks = await asyncio.gather(
            _or_none(self._services()),
            _or_none(self._connections()),
            _or_none(self._router.get(f"/queues/{name}", list[QueueView])),
            _or_none(self._agents.get(f"/agents/{name}", list[AgentView])),
            _or_none(self._calls.get(f"/calls/{name}", list[CallView])),
            _or_none(self._callbacks(tenant)),
        )
        return Picture(
            at=self._ctx.now(),
            tenant=tenant,
            services=services,
            connections=connections,
            queues=queues,
            agents=agents,
            calls=None if calls is None else [without_customer(call) for call in calls],
            callbacks=callbacks,
        )

    async def _services(self) -> list[Heartbeat]:
        flat = await self._ctx.valkey.using("ges-15").call("HGETALL", HEARTBEATS)
        beats = [msgspec.json.decode(value, type=Heartbeat) for value in flat[1::2]]
        return sorted(beats, key=lambda beat: (beat.name, beat.node))

    async def _connections(self) -> list[ConnectionLine]:
        totals = await read_totals(self._ctx.valkey)
        return [
            ConnectionLine(
                id=row.id,
                source=row.source,
                destination=row.destination,
                protocol=row.protocol,
                port=row.port,
                built=row.built,
                messages=totals.get(row.id, 0),
            )
            for row in CONNECTIONS
        ]

    async def _callbacks(self, tenant: str) -> list[CallbackLine]:
        async with self._store.statement() as session:
            return [_callback_line(record) for record in await session.shown(tenant, _CALLBACKS)]


async def _or_none(part: Awaitable[T]) -> T | None:
    try:
        return await part
    except _AWAY:
        return None


def without_customer(call: CallView) -> CallView:
    """The call with the customer's number masked: who is called when it goes out, else who calls."""
    if call.call_type in _BETWEEN_US:
        return call
    if call.call_type == CallType.OUTBOUND:
        return msgspec.structs.replace(call, dnis=masked(call.dnis))
    return msgspec.structs.replace(call, ani=masked(call.ani))


def _callback_line(record: Record) -> CallbackLine:
    progress = record.progress
    return CallbackLine(
        id=str(record.id),
        service=record.service,
        number=masked(record.number),
        state=progress.state.value,
        reason=progress.reason.value if progress.reason else "",
        attempt=progress.attempt,
        dials=progress.dials,
        last_result=progress.last_result.value if progress.last_result else "",
        arrived_at=progress.arrived_at,
        due_at=progress.due_at,
        updated_at=record.updated_at,
        agent_id=record.agent_id,
        position=record.position,
    )
