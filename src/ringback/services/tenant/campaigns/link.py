"""The campaigns' link (5050): calling lists, the do-not-call list, and control of campaigns.

Who calls customers is who knows the platform's secret: every session says `hello` with it first. What is
dialled is configured over 8888 (kinds `campaigns` and `calling-lists`); here records are added to lists
(`add_records`, `read_records`, `remove_records`, `clear_list`), numbers are forbidden (`add_do_not_call`,
`remove_do_not_call`, `check_do_not_call`), and campaigns are told to `load`, `start`, `pause`, `stop`,
`unload`; `status` says how they stand. After `subscribe {tenant, campaigns?}` each event comes as `event`;
who was away asks for `events`.

All methods can be repeated: what is so already stays so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.campaigns import (
    Added,
    AddRecords,
    CampaignEvent,
    CampaignParams,
    CampaignStatus,
    DoNotCallParams,
    DoNotCallReply,
    EventsPage,
    EventsParams,
    KeptEvent,
    ListParams,
    Offer,
    OfferParams,
    OutcomeParams,
    PreviewParams,
    ReadRecords,
    RecordPage,
    RecordRefusal,
    StatusParams,
    SubscribeParams,
    campaigns_stream,
)
from ringback.domain.campaigns.records import LONGEST_KEY, Given, RecordRefusedError, checked
from ringback.domain.campaigns.states import CampaignRefusedError, Command
from ringback.domain.configuration import CallingList
from ringback.domain.numbers import NumberRefusedError, normalise
from ringback.runtime.link import INVALID_PARAMS, LinkError, LinkServer, LinkSession, MethodHandler
from ringback.runtime.streams import StreamEntry, StreamTail, parse_entries
from ringback.services.tenant.campaigns.desk import Room, UnknownCampaignError
from ringback.services.tenant.campaigns.readable import check_readable
from ringback.services.tenant.campaigns.store import Session

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOT_FOUND, CONFLICT = 404, 409
_MOST_AT_ONCE, _PORTION = 1000, 20
_MOST_SESSIONS = 200
_SLOW = 1024 * 1024
_SUBSCRIPTION = "campaigns"
_CURSOR = re.compile(r"\d{1,20}(-\d{1,20})?")
_COMMANDS = (Command.LOAD, Command.START, Command.PAUSE, Command.STOP, Command.UNLOAD)
_METHODS = (
    "add_records",
    "read_records",
    "remove_records",
    "clear_list",
    "add_do_not_call",
    "remove_do_not_call",
    "check_do_not_call",
    "preview",
    "dial",
    "reject",
    "outcome",
    "status",
    "subscribe",
    "events",
)


class CampaignsLink:
    """The methods of 5050 over the rooms of the tenants."""

    def __init__(self, ctx: Context, rooms: dict[str, Room]) -> None:
        self._ctx = ctx
        self._rooms = rooms
        self._valkey = ctx.valkey.using("voice-14")
        self.server = LinkServer(ctx, "campaigns", trust_loopback=False, max_sessions=_MOST_SESSIONS)
        for name in _METHODS:
            self.server.method(name, _readable(getattr(self, f"_{name}")))
        for command in _COMMANDS:
            self.server.method(command.value, _readable(partial(self._command, command)))

    async def start(self) -> None:
        """Bind the listener and follow the events."""
        streams = [campaigns_stream(tenant) for tenant in self._rooms]
        StreamTail(self._ctx, streams, self._happened, connection="voice-14").start()
        await self.server.start()

    # Calling lists

    async def _add_records(self, session: LinkSession, params: dict[str, Any]) -> Added:
        wanted = msgspec.convert(params, AddRecords)
        _at_once(wanted.records)
        room, of = await self._list(wanted.tenant, wanted.list)
        rules = await room.definitions.numbers()
        taken: dict[str, Given] = {}
        refused: list[RecordRefusal] = []
        for place, given in enumerate(wanted.records):
            await _let_others(place)
            try:
                taken.setdefault(given.key, checked(given, of, rules))
            except RecordRefusedError as error:
                refused.append(RecordRefusal(given.key[:LONGEST_KEY], error.slug, str(error)))
        async with room.store.transaction() as work:
            added = await work.add_records(wanted.list, list(taken.values()))
        room.dialler.wake()
        known = len(wanted.records) - len(refused) - added
        return Added(added=added, known=known, refused=refused)

    async def _read_records(self, session: LinkSession, params: dict[str, Any]) -> RecordPage:
        wanted = msgspec.convert(params, ReadRecords)
        _at_once(wanted.keys)
        room, _ = await self._list(wanted.tenant, wanted.list)
        limit = max(1, min(wanted.limit, _MOST_AT_ONCE))
        async with room.store.transaction() as work:
            found = await work.read_records(wanted.list, wanted.keys, wanted.after, limit)
        return RecordPage(records=found, more=len(found) == limit)

    async def _remove_records(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        wanted = msgspec.convert(params, ListParams)
        _at_once(wanted.keys)
        async with self._room(wanted.tenant).store.transaction() as work:
            return {"removed": await work.remove_records(wanted.list, wanted.keys)}

    async def _clear_list(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        wanted = msgspec.convert(params, ListParams)
        async with self._room(wanted.tenant).store.transaction() as work:
            return {"removed": await work.clear_list(wanted.list)}

    # Do not call

    async def _add_do_not_call(self, session: LinkSession, params: dict[str, Any]) -> DoNotCallReply:
        wanted = msgspec.convert(params, DoNotCallParams)

        async def add(work: Session, numbers: list[str]) -> int:
            return await work.add_do_not_call(numbers, wanted.reason[:200], self._ctx.now())

        return await self._forbid(wanted, add)

    async def _remove_do_not_call(self, session: LinkSession, params: dict[str, Any]) -> DoNotCallReply:
        return await self._forbid(
            msgspec.convert(params, DoNotCallParams), lambda work, numbers: work.remove_do_not_call(numbers)
        )

    async def _check_do_not_call(self, session: LinkSession, params: dict[str, Any]) -> DoNotCallReply:
        async def look(work: Session, numbers: list[str]) -> int:
            return len(await work.on_do_not_call(numbers))

        return await self._forbid(msgspec.convert(params, DoNotCallParams), look)

    async def _forbid(
        self, wanted: DoNotCallParams, work: Callable[[Session, list[str]], Awaitable[int]]
    ) -> DoNotCallReply:
        _at_once(wanted.numbers)
        room = self._room(wanted.tenant)
        rules = await room.definitions.numbers()
        numbers: set[str] = set()
        refused: list[int] = []
        for place, text in enumerate(wanted.numbers):
            await _let_others(place)
            try:
                numbers.add(normalise(text, rules).e164)
            except NumberRefusedError:
                refused.append(place)
        async with room.store.transaction() as session:
            return DoNotCallReply(numbers=await work(session, sorted(numbers)), refused=refused)

    # Campaigns

    async def _command(
        self, command: Command, session: LinkSession, params: dict[str, Any]
    ) -> CampaignStatus:
        wanted = msgspec.convert(params, CampaignParams)
        room = self._room(wanted.tenant)
        try:
            return await room.command(wanted.campaign, (command,), self._ctx.now())
        except UnknownCampaignError as error:
            raise LinkError(NOT_FOUND, str(error)) from error
        except CampaignRefusedError as error:
            raise LinkError(CONFLICT, str(error)) from error

    # Agents who choose

    async def _preview(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Offer | None]:
        wanted = msgspec.convert(params, PreviewParams)
        room = self._room(wanted.tenant)
        return {"offer": await room.preview.offer(wanted.campaign, wanted.agent)}

    async def _dial(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        wanted = msgspec.convert(params, OfferParams)
        await self._room(wanted.tenant).preview.dial(wanted.reference)
        return {"dialled": True}

    async def _reject(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        wanted = msgspec.convert(params, OfferParams)
        await self._room(wanted.tenant).preview.give_back(wanted.reference, wanted.reason)
        return {"rejected": True}

    async def _outcome(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Any]:
        wanted = msgspec.convert(params, OutcomeParams)
        event = await self._room(wanted.tenant).enter(wanted)
        return {"entered": True, "next_at": event.next_at if event else 0.0}

    async def _status(self, session: LinkSession, params: dict[str, Any]) -> list[CampaignStatus]:
        wanted = msgspec.convert(params, StatusParams)
        return await self._room(wanted.tenant).status(wanted.campaign)

    # Events

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        wanted = msgspec.convert(params, SubscribeParams)
        self._room(wanted.tenant)
        session.state[_SUBSCRIPTION] = wanted
        return {"subscribed": True}

    async def _events(self, session: LinkSession, params: dict[str, Any]) -> EventsPage:
        wanted = msgspec.convert(params, EventsParams)
        self._room(wanted.tenant)
        if not _CURSOR.fullmatch(wanted.after):
            raise LinkError(INVALID_PARAMS, "a cursor is one that came with an event, or 0")
        limit = max(1, min(wanted.limit, _MOST_AT_ONCE))
        stream = campaigns_stream(wanted.tenant)
        rows = await self._valkey.call("XRANGE", stream, f"({wanted.after}", "+", "COUNT", limit)
        found = [
            KeptEvent(cursor=each.id, event=msgspec.Raw(each.fields["e"]))
            for each in parse_entries(stream, rows)
        ]
        return EventsPage(events=found, more=len(found) == limit)

    async def _happened(self, entry: StreamEntry) -> None:
        event = entry.json(CampaignEvent)
        if event.tenant in self._rooms:
            self._rooms[event.tenant].dialler.wake()  # the command may have come to another node
        for session in list(self.server.sessions):
            wanted = session.state.get(_SUBSCRIPTION)
            if wanted is None or not wanted.wants(event):
                continue
            if session.backlog > _SLOW:
                session.abort()  # it cannot be told half of what has happened
            else:
                session.notify("event", msgspec.Raw(entry.fields["e"]))

    def _room(self, tenant: str) -> Room:
        try:
            return self._rooms[tenant]
        except KeyError:
            raise LinkError(NOT_FOUND, f"no tenant {tenant[:64]!r} here") from None

    async def _list(self, tenant: str, name: str) -> tuple[Room, CallingList]:
        room = self._room(tenant)
        found = await room.definitions.list(name)
        if found is None:
            raise LinkError(NOT_FOUND, "no such calling list is configured")
        return room, found


def _readable(handler: MethodHandler) -> MethodHandler:
    """The handler, for parameters that a database can hold."""

    async def handle(session: LinkSession, params: dict[str, Any]) -> Any:
        check_readable(params)
        return await handler(session, params)

    return handle


async def _let_others(place: int) -> None:
    """Reading a number takes a while, and the router shares this loop."""
    if place % _PORTION == 0:
        await asyncio.sleep(0)


def _at_once(items: Any) -> None:
    if len(items) > _MOST_AT_ONCE:
        raise LinkError(INVALID_PARAMS, f"{_MOST_AT_ONCE} at once are the most: send portions")
