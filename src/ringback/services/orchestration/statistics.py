"""Statistics for sessions: subscriptions at tenant's link, told to the sessions as events.

What a session has subscribed to stands in its record, so that the node that takes the session over subscribes
again. All sessions of a node share one link; after each connect everything is subscribed anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.statistics import Figure, Figures, OpenStatistics, Wish
from ringback.runtime.link import LinkClient, LinkError, LinkUnavailable
from ringback.scxml import Event
from ringback.services.orchestration.knowledge import figure
from ringback.services.orchestration.modules.statistic import plain_wish
from ringback.services.orchestration.performer import ActionFailed, Performer, Reply
from ringback.services.orchestration.records import Input, Json, Pending, Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.orchestration.store import SessionStore

MOST = 20
"""Subscriptions of one session."""
MOST_WATCHED = 500
"""Figures that the node watches for functions of scripts."""
_WATCH_S = 1.0
Deliver = Callable[[str, str, Input], Awaitable[bool]]


class Statistics:
    """One for all sessions of the node."""

    def __init__(self, ctx: Context, performer: Performer, deliver: Deliver) -> None:
        self._ctx = ctx
        self._deliver = deliver
        self._open: dict[str, tuple[str, str, dict[str, Json]]] = {}
        """By the id at the link, which is the request's: tenant, session, what was subscribed to."""
        self._watched: dict[tuple[str, str], tuple[dict[str, Json], Json]] = {}
        """What functions of scripts answer from: by tenant and figure, how it is asked for and its value."""
        self._link = LinkClient(ctx, "tenant", "stats")
        self._link.on("values", self._told)
        self._link.on_connect(self._subscribe_all)
        performer.add("statistic.subscribe", self._subscribe)
        performer.add("statistic.unsubscribe", self._unsubscribe)
        performer.add("statistic.sdata", self._peek)

    @property
    def connected(self) -> bool:
        """Whether the node of the tenant's router and statistics is there."""
        return self._link.connected

    async def start(self) -> None:
        """Begin to connect."""
        await self._link.start()

    def resume(self, record: Record) -> None:
        """A session has come to this node with its subscriptions."""
        for number, wanted in record.subscriptions.items():
            self._open[record.reference(int(number))] = (record.tenant, record.id, wanted)
        if record.subscriptions and self._link.connected:
            self._ctx.spawn(self._reopen(record), "resubscribe")

    def left(self, record: Record) -> None:
        """A session is over, or another node's."""
        gone = [record.reference(int(number)) for number in record.subscriptions]
        known = [name for name in gone if self._open.pop(name, None) is not None]
        if known and self._link.connected:
            self._ctx.spawn(self._close(known), "unsubscribe")

    # Elements

    async def _subscribe(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        if len(record.subscriptions) > MOST:
            record.subscriptions.pop(str(action.number), None)
            raise ActionFailed("too_many")
        name = record.reference(action.number)
        wanted = {**action.payload, "session": action.session}
        found = (await self._ask("open", record.tenant, {name: wanted}))[name]
        if found.error:
            record.subscriptions.pop(str(action.number), None)
            raise ActionFailed("unknown_statistic")
        self._open[name] = (record.tenant, record.id, wanted)
        return _fields(wanted, found)

    async def _peek(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """A function of a script names object and statistic only: it is watched besides."""
        asked = action.payload
        wanted = asked if "object_type" in asked else plain_wish(asked["object"], asked["statistic"])
        found = (await self._ask("peek", record.tenant, {"one": wanted}))["one"]
        if found.error:
            raise ActionFailed("unknown_statistic")
        if wanted is not asked:
            await self.watch(record.tenant, [(asked["object"], asked["statistic"])])
        return {**_fields(wanted, found), "object": asked["object"]}

    async def _unsubscribe(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        named = action.payload["request_id"]
        mine = {record.reference(int(number)): number for number in record.subscriptions}
        names = [named] if named in mine else [] if named else list(mine)
        for name in names:
            self._open.pop(name, None)
            record.subscriptions.pop(mine[name], None)
        await self._close(names)
        return {"closed": len(names)}

    # For functions of scripts

    async def watch(self, tenant: str, wanted: Iterable[tuple[str, str]]) -> dict[str, Json]:
        """Have figures at hand from now on, by object and statistic; those that are known in time."""
        fresh = {}
        for object_, statistic in wanted:
            name = figure(object_, statistic)
            if (tenant, name) not in self._watched and len(self._watched) < MOST_WATCHED:
                fresh[name] = plain_wish(object_, statistic)
        if fresh:
            try:
                async with asyncio.timeout(_WATCH_S):
                    opened = await self._ask("open", tenant, {_watch(tenant, n): w for n, w in fresh.items()})
            except (LinkError, LinkUnavailable, TimeoutError) as error:
                self._ctx.log.info("figures_not_watched", tenant=tenant, error=repr(error))
                return {}
            for name, wish in fresh.items():
                self._watched[tenant, name] = (wish, None)
            self._keep(opened)
        return self.known(tenant, [figure(*each) for each in wanted])

    async def peek(self, tenant: str, wanted: dict[str, dict[str, Json]]) -> dict[str, Json] | None:
        """Several figures now, by the names they are given here; None when there is no such object."""
        found = await self._ask("peek", tenant, wanted)
        if any(each.error for each in found.values()):
            return None
        return {name: _fields(wanted[name], each)["value"] for name, each in found.items()}

    def known(self, tenant: str, names: Iterable[str]) -> dict[str, Json]:
        """Those of the figures that are known now."""
        found = {name: self._watched[tenant, name][1] for name in names if (tenant, name) in self._watched}
        return {name: value for name, value in found.items() if value is not None}

    def _keep(self, figures: dict[str, Figure]) -> None:
        for name, found in figures.items():
            place = _place(name)
            if place in self._watched and not found.error and found.value is not msgspec.UNSET:
                self._watched[place] = (self._watched[place][0], found.value)

    # The link

    async def _ask(self, method: str, tenant: str, wanted: dict[str, dict[str, Json]]) -> dict[str, Figure]:
        wishes = [_wish(name, each) for name, each in wanted.items()]
        reply = await self._link.call(method, OpenStatistics(tenant=tenant, statistics=wishes))
        return {each.id: each for each in msgspec.convert(reply, Figures).values}

    async def _subscribe_all(self) -> None:
        for tenant in {place[0] for place in self._watched}:
            mine = {_watch(*place): wish for place, (wish, _) in self._watched.items() if place[0] == tenant}
            try:
                self._keep(await self._ask("open", tenant, mine))
            except LinkError as error:
                raise LinkUnavailable(error.message) from error
        for tenant in {each[0] for each in self._open.values()}:
            mine = {name: wanted for name, (of, _, wanted) in self._open.items() if of == tenant}
            try:
                await self._tell(await self._ask("open", tenant, mine))
            except LinkError as error:
                raise LinkUnavailable(error.message) from error

    async def _reopen(self, record: Record) -> None:
        mine = {name: wanted for name, (_, sid, wanted) in self._open.items() if sid == record.id}
        try:
            await self._tell(await self._ask("open", record.tenant, mine))
        except (LinkError, LinkUnavailable) as error:
            self._ctx.log.info("statistics_not_resumed", session=record.id, error=str(error))

    async def _close(self, names: list[str]) -> None:
        try:
            await self._link.call("close", {"ids": names})
        except (LinkError, LinkUnavailable) as error:
            self._ctx.log.info("statistics_not_closed", error=str(error))

    async def _told(self, params: dict[str, Any]) -> None:
        told = {each.id: each for each in msgspec.convert(params, Figures).values}
        self._keep(told)
        await self._tell(told)

    async def _tell(self, figures: dict[str, Figure]) -> None:
        for name, each in figures.items():
            tenant, sid, wanted = self._open.get(name, ("", "", {}))
            if not sid or each.error or each.value is msgspec.UNSET:
                continue
            data = {**_fields(wanted, each), "requestid": name}
            event = Event("statistic.update", data=data)
            await self._deliver(tenant, sid, Input(event=event.to_json(), session=wanted["session"]))


def _watch(tenant: str, name: str) -> str:
    """The id of a watched figure at the link; sessions' are of another form."""
    return f"watch {tenant} {name}"


def _place(watch: str) -> tuple[str, str]:
    """Tenant and figure of an id; what is none of ours names nothing that is watched."""
    tenant, _, name = watch.removeprefix("watch ").partition(" ")
    return tenant, name


def _wish(name: str, wanted: dict[str, Json]) -> Wish:
    return Wish(
        id=name,
        object_type=wanted["object_type"],
        object=wanted["object"],
        statistic=wanted["statistic"],
        window=wanted["window"],
        interval_s=max(1.0, wanted["interval_s"]),
        insensitivity=max(0.0, wanted["insensitivity"]),
    )


def _fields(wanted: dict[str, Json], found: Figure) -> dict[str, Json]:
    value = None if found.value is msgspec.UNSET else found.value
    return {"object": wanted["object"], "statistic": wanted["statistic"], "value": value}
