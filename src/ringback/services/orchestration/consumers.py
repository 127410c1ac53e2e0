"""What starts sessions and what reaches them: call events, new callbacks, decisions of the router."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ringback.contracts.callbacks import STREAM, CallbackEntry, DialPlan
from ringback.contracts.events import AgentEvent, CallEvent, CallType, calls_stream, private_stream
from ringback.contracts.routing import RouteResult
from ringback.runtime.clock import later_together
from ringback.runtime.link import LinkUnavailable
from ringback.runtime.streams import StreamConsumer, StreamEntry
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.orchestration.node import Node
from ringback.services.orchestration.records import Input, Record
from ringback.services.orchestration.translation import from_agent, session_of

if TYPE_CHECKING:
    from ringback.runtime.context import Context

GROUP = "orchestration"
_VISITS = 10
_AGAIN_S = 0.3
_GATHER_S = 0.25
"""For which acknowledgements gather, and the router's cursor: what comes again because of it is not new."""
_MAKES_OURS = frozenset({"EventDialing", "EventNetworkReached", "EventEstablished", "EventError"})


class _Offered(NamedTuple):
    """An event that a session of this node is about to store."""

    entry_id: str
    event: CallEvent
    sid: str
    ours: bool
    """Whether the call was the session's before."""
    stored: asyncio.Future[bool]


class Consumers:
    """Every entry is in a session's inbox, or of no interest, before it is acknowledged."""

    def __init__(self, ctx: Context, node: Node) -> None:
        self._ctx = ctx
        self._node = node
        self._cursors: dict[str, str] = {}
        """The last results that were delivered, by tenant, where that is not stored yet."""
        rq = node.clients.rq
        rq.on("result", self._result)
        rq.on_connect(self._subscribe)

    async def start(self) -> None:
        """Begin to read."""
        calls = [calls_stream(tenant) for tenant in self._ctx.common.tenants]
        await self._node.clients.rq.start()
        StreamConsumer(
            self._ctx,
            calls,
            GROUP,
            self._call,
            connection="voice-46",
            together=self._calls_together,
            acknowledge_s=_GATHER_S,
        ).start()
        StreamConsumer(self._ctx, [STREAM], GROUP, self._callback, connection="voice-46").start()
        self._node.reading = True
        answers = [private_stream(tenant) for tenant in self._ctx.common.tenants]
        StreamConsumer(self._ctx, answers, GROUP, self._answer, connection="voice-46").start()

    # Calls

    async def _call(self, entry: StreamEntry) -> None:
        await self._calls_in_order([(entry.id, entry.json(CallEvent))])

    async def _calls_together(self, entries: list[StreamEntry]) -> None:
        """The events of one call, and of one session, in their order; those of several side by side."""
        groups: dict[str, list[tuple[str, CallEvent]]] = {}
        names: dict[str, str] = {}
        for entry in entries:
            event = entry.json(CallEvent)
            conn, asker = event.conn_id, session_of(event.reference_id)
            sid = asker or self._node.session_here(event.tenant, conn)
            group = names.get(conn) or names.get(sid) or sid or conn
            names |= {name: group for name in (conn, sid) if name}
            groups.setdefault(group, []).append((entry.id, event))
        if len(groups) == 1:
            await self._calls_in_order(*groups.values())
        else:
            await asyncio.gather(*map(self._calls_in_order, groups.values()))

    async def _calls_in_order(self, entries: list[tuple[str, CallEvent]]) -> None:
        """Events for a session of this node are offered to it together; the rest is waited for in between."""
        offered: list[_Offered] = []
        for entry_id, event in entries:
            if event.tenant not in self._node.stores:
                continue
            self._node.metrics.call_events.counts[()] += 1
            here = self._node.session_here(event.tenant, event.conn_id)
            sid = session_of(event.reference_id) or here
            stored = None
            if sid and event.id != "EventRouteRequest":
                stored = self._node.offer(event.tenant, sid, Input(call=event), f"call:{entry_id}")
            if stored is not None:
                offered.append(_Offered(entry_id, event, sid, sid == here, stored))
                continue
            await self._stored(offered)
            await self._one_call(event, entry_id)
        await self._stored(offered)

    async def _stored(self, offered: list[_Offered]) -> None:
        """Wait for what was offered; what a session did not store goes another way."""
        for each in offered:
            if not await each.stored:
                await self._one_call(each.event, each.entry_id)
            elif not each.ours:
                await self._own(each.event, each.sid)
        offered.clear()

    async def _one_call(self, event: CallEvent, entry_id: str) -> None:
        if event.id == "EventRouteRequest" and await self._begin(event, entry_id):
            return
        store, asker = self._node.stores[event.tenant], session_of(event.reference_id)
        if event.id == "EventCallCreated" and not asker:
            return  # nobody has a call that nobody has asked for and that has just begun
        sid = asker or await store.session_of_call(event.conn_id)
        if sid and await self._node.deliver(event.tenant, sid, Input(call=event), f"call:{entry_id}"):
            await self._own(event, sid)

    async def _own(self, event: CallEvent, sid: str) -> None:
        if event.id in _MAKES_OURS and session_of(event.reference_id) == sid:
            await self._node.own_call(event.tenant, event.conn_id, sid)

    async def _begin(self, event: CallEvent, entry_id: str) -> bool:
        """Start a session for a call on a route point; False when the call has one there already.

        Whoever had the call before is told that it is gone: no event of it comes there any more.
        """
        left, holder = [], ""
        for visit in range(1, _VISITS + 1):
            record = inbound_record(event, visit, entry_id)
            found, had = await self._node.begin(record)
            holder = holder or had
            if found == "lives" and not await self._has_left(event, record.id):
                return False
            if found == "lives":
                left.append(record.id)
            elif found != "over":
                break
        for sid in {*left, holder} - {record.id, ""}:
            await self._node.deliver(event.tenant, sid, Input(call=moved(event)), f"moved:{entry_id}")
        for sid in left:
            await self._node.deliver(event.tenant, sid, Input(terminate=True), f"left:{entry_id}")
        return True

    async def _has_left(self, event: CallEvent, sid: str) -> bool:
        """Whether the call has gone from this session's route point to another one, or back to it."""
        record = await self._node.stores[event.tenant].load(sid)
        return record is not None and (record.routed or record.route_point != event.this_dn)

    # Callbacks

    async def _callback(self, entry: StreamEntry) -> None:
        fields = {name: value.decode() for name, value in entry.fields.items()}
        try:
            wanted = msgspec.convert(fields, CallbackEntry)
            record = callback_record(wanted, self._ctx.now())
        except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
            self._ctx.log.error("callback_entry_invalid", entry=entry.id, error=str(error))
            return
        if record.tenant not in self._node.stores:
            self._ctx.log.warning("callback_of_unknown_tenant", entry=entry.id)
            return
        self._ctx.connections.count("ges-11", received=1)
        if not record.app:
            record.app = self._node.applications.url(record.tenant, "callback")
        await self._node.begin(record)

    # Agents

    async def _answer(self, entry: StreamEntry) -> None:
        """An agent's answer goes to the session that has asked."""
        event = entry.json(AgentEvent)
        sid = session_of(event.reference_id)
        if sid and event.tenant in self._node.stores:
            found = Input(event=from_agent(event).to_json())
            await self._node.deliver(event.tenant, sid, found, f"private:{entry.id}")

    # The router

    async def _subscribe(self) -> None:
        try:
            for tenant, store in self._node.stores.items():
                cursor = self._cursors.get(tenant) or await store.rq_cursor()
                params = {"tenant": tenant, "role": "orchestration", "cursor": cursor}
                reply = await self._node.clients.rq.call("subscribe", params)
                if not cursor:
                    await store.set_rq_cursor(reply["cursor"])
        except ValkeyUnavailable as error:
            raise LinkUnavailable(str(error)) from error

    async def _result(self, params: dict[str, Any]) -> None:
        result = msgspec.convert(params, RouteResult)
        store = self._node.stores.get(result.tenant)
        if store is None:
            return
        # The cursor stays in front of what is not delivered: nothing is passed over while Valkey is away.
        while True:
            try:
                await self._deliver_result(result)
                break
            except ValkeyUnavailable:
                await asyncio.sleep(_AGAIN_S)
        if not self._cursors:
            later_together(_GATHER_S, self._store_cursors)
        self._cursors[result.tenant] = str(params.get("cursor", ""))

    def _store_cursors(self) -> None:
        cursors, self._cursors = self._cursors, {}
        for tenant, cursor in cursors.items():
            with suppress(ValkeyUnavailable):
                self._node.stores[tenant].tell_rq_cursor(cursor)

    async def _deliver_result(self, result: RouteResult) -> None:
        sid = session_of(result.request_id)
        if sid:
            key = f"rq:{result.request_id}:{result.seq}"
            await self._node.deliver(result.tenant, sid, Input(result=result), key)


def moved(event: CallEvent) -> CallEvent:
    """For the session that had a call which now stands on another route point: the end of it."""
    return msgspec.structs.replace(
        event, id="EventCallDeleted", result_class="success", reason="transferred", reference_id=""
    )


def inbound_record(event: CallEvent, visit: int, entry_id: str) -> Record:
    """The session of a call that has come to a route point, for the n-th time."""
    name = event.call_uuid or event.conn_id
    ani, dnis = event.ani or event.other_dn, event.dnis or event.this_dn
    if event.call_type == CallType.OUTBOUND:  # we have called: the other one is the customer all the same
        ani, dnis = event.other_dn, event.ani or event.this_dn
    interaction = {
        "id": name,
        "connid": event.conn_id,
        "ani": ani,
        "dnis": dnis,
        "routepoint": event.this_dn,
        "arrivaltime": event.time,
        "udata": event.user_data,
    }
    sid = f"ixn-{name}" if visit == 1 else f"ixn-{name}-{visit}"
    return Record(
        id=sid,
        tenant=event.tenant,
        kind="inbound",
        route_point=event.this_dn,
        conn_id=event.conn_id,
        conns=[event.conn_id],
        ani=ani,
        dnis=dnis,
        call_uuid=event.call_uuid,
        request=entry_id,
        started=event.time,
        data={"tenant": event.tenant, "session": sid, "interaction": interaction, "parameters": {}},
    )


def dial_of(entry: CallbackEntry) -> dict[str, Any]:
    """How to dial, with every field, as applications read it. Raises msgspec.DecodeError."""
    plan = msgspec.json.decode(entry.dial or "{}", type=DialPlan)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(DialPlan)}
    found: dict[str, Any] = {names[name]: value for name, value in msgspec.structs.asdict(plan).items()}
    found["number"] = plan.number or entry.number
    found["attached"] = plan.attached or msgspec.json.decode(entry.user_data or "{}")
    return found


def callback_record(entry: CallbackEntry, now: float) -> Record:
    """The session of one attempt of a callback. Raises ValueError, msgspec.DecodeError."""
    udata = msgspec.json.decode(entry.user_data or "{}", type=dict[str, Any])
    callback = {
        "id": entry.callback_id,
        "attempt": int(entry.attempt),
        "service": entry.service,
        "number": entry.number,
        "arrivaltime": float(entry.arrival_time),
        "desiredtime": float(entry.desired_time or 0),
        "priority": int(entry.priority or 0),
        "target": entry.target,
        "routepoint": entry.route_point,
        "callerid": entry.caller_id,
        "expiresat": float(entry.expires_at or 0),
        "udata": udata,
        "dial": dial_of(entry),
    }
    sid = entry.session_id
    return Record(
        id=sid,
        tenant=entry.tenant,
        kind="callback",
        app=entry.app,
        route_point=entry.route_point,
        callback_id=entry.callback_id,
        attempt=int(entry.attempt),
        started=now,
        data={"tenant": entry.tenant, "session": sid, "callback": callback, "parameters": {}},
    )
