"""The telephony link (2060): requests of desktops and tools, and the events of calls, agents and devices.

Who has not said `hello` with the platform's secret begins with `RequestRegisterClient {token}`, a user's
token from authentication; nothing else is answered before, and who says nothing is cut off. A method bears
the name of its request (`RequestAgentReady`, `RequestHoldCall`, …) and its parameters are those of
`ringback.contracts.telephony`; the reply says that it was taken, events say what came of it.
`RequestRegisterAddress {Tenant, ThisDN}` answers `EventRegistered` with what is at the device, and from then
on each event of the device comes as `event`; `RequestUnregisterAddress` ends it, `RequestQueryAddress` only
asks; `RequestQueryCall {Tenant, ConnID}` tells who is in a call. `subscribe {tenant, dns?, agents?}` is for
tools: all events of those devices and agents, of the tenant when none is named.

A session that does not read is cut off: it cannot be told half of what has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from prometheus_client import Counter

from ringback.contracts.calls import CallDialogs, call_key
from ringback.contracts.configuration import ConfigClient
from ringback.contracts.dialplan import dn_states_key
from ringback.contracts.events import AgentEvent, CallEvent, DnEvent, agents_stream, calls_stream, dns_stream
from ringback.contracts.reservation import AgentSessions
from ringback.contracts.telephony import RequestDistributeUserEvent, RequestReply, TelephonyRequest
from ringback.domain.dialplan import DnState
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.link import LinkError, LinkServer, LinkSession, MethodHandler
from ringback.runtime.streams import StreamEntry, StreamTail
from ringback.services.tenant.telephony_desk import FORBIDDEN, THE_PLATFORM, Desk
from ringback.services.tenant.telephony_users import TelephonyUsers
from ringback.services.tenant.telephony_views import (
    AddressParams,
    AddressView,
    CallInfo,
    CallParams,
    empty,
    occupied,
    parties,
)

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOT_FOUND = 404
TOO_MANY = 429
REQUESTS = tuple(sorted(each.__name__ for each in get_args(TelephonyRequest)))
OF_CALLS = frozenset({"EventRinging", "EventEstablished", "EventReleased", "EventHeld", "EventRetrieved"})
"""What the agents stream repeats of calls: who has registered a device hears it from the call."""
_SUBSCRIPTION, _DESK, _SINCE = "events", "desk", "since"
_MOST_ADDRESSES = 2000
_SLOW = 2 * 1024 * 1024
_MAX_LINE = 64 * 1024
_MAX_SESSIONS = 5000
_SILENT_S, _LOOK_S = 10.0, 2.0
_GATHER_S = 0.02
_RIGHTS_S = 60.0
"""Seconds between looks whether a user is still who they were."""


class SubscribeParams(msgspec.Struct, frozen=True, kw_only=True):
    """Whose events are wanted; none named means all of the tenant."""

    tenant: str
    dns: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()

    def wants(self, event: CallEvent | AgentEvent | DnEvent) -> bool:
        if event.tenant != self.tenant:
            return False
        if not self.dns and not self.agents:
            return True
        return event.this_dn in self.dns or getattr(event, "agent_id", "") in self.agents


class TelephonyLink:
    """The methods of 2060."""

    def __init__(self, ctx: Context, config: ConfigClient) -> None:
        self._ctx = ctx
        self._config = config
        self._users = TelephonyUsers(ctx, config)
        self._frontend = HttpClient(ctx, "frontend", connection="voice-31")
        self._calls = ctx.valkey.using("voice-14")
        self._sessions = {name: AgentSessions(self._calls, name) for name in ctx.common.tenants}
        self._registered: dict[tuple[str, str], set[LinkSession]] = {}
        self._subscribed: set[LinkSession] = set()
        self.cut_off = Counter(
            "tenant_telephony_cut_off", "Sessions that were ended", ["why"], registry=ctx.metrics
        )
        self.server = LinkServer(
            ctx, "telephony", trust_loopback=False, max_line=_MAX_LINE, max_sessions=_MAX_SESSIONS
        )
        self.server.method("RequestRegisterClient", self._register_client, public=True)
        self.server.method("subscribe", self._subscribe)
        self.server.method("RequestRegisterAddress", self._register)
        self.server.method("RequestUnregisterAddress", self._unregister)
        self.server.method("RequestQueryAddress", self._query)
        self.server.method("RequestQueryCall", self._query_call)
        for name in REQUESTS:
            self.server.method(name, self._handler(name))
        self.server.on_close = self._gone
        self.on_user_event: Callable[[RequestDistributeUserEvent], Awaitable[bool]] = _of_nobody
        """Who takes an event that is not for a desktop, and says so."""

    def tool(self, name: str, handler: MethodHandler) -> None:
        """Serve a method that is for the platform and for users who may hear all of their tenant (`tenant` or
        `Tenant` among its parameters).
        """

        async def checked(session: LinkSession, params: dict[str, Any]) -> Any:
            desk = self._desk(session)
            self._spend(desk)
            tenant = params.get("tenant", params.get("Tenant"))
            if desk.rights.tenant not in ("", tenant) or not desk.rights.hears_all:
                raise LinkError(FORBIDDEN, "this user may not ask for it")
            return await handler(session, params)

        self.server.method(name, checked)

    async def start(self) -> None:
        """Bind the listener and follow the events."""
        tenants = self._ctx.common.tenants
        calls, agents, dns = (
            [stream(name) for name in tenants] for stream in (calls_stream, agents_stream, dns_stream)
        )
        handlers = {
            **dict.fromkeys(calls, self._on_call),
            **dict.fromkeys(agents, self._on_agent),
            **dict.fromkeys(dns, self._on_dn),
        }

        async def told(entry: StreamEntry) -> None:
            await handlers[entry.stream](entry)

        self._tail = StreamTail(
            self._ctx,
            list(handlers),
            told,
            connection="voice-14",
            gather_s=_GATHER_S,
            wanted=lambda: bool(self._registered or self._subscribed),
        )
        self._tail.start()
        await self.server.start()
        self._ctx.spawn(self._look_for_silent(), "telephony-silent")

    # Requests

    def _handler(self, name: str) -> Any:
        async def perform(session: LinkSession, params: dict[str, Any]) -> RequestReply:
            return await self._perform(session, name, params)

        return perform

    async def _perform(self, session: LinkSession, name: str, params: dict[str, Any]) -> RequestReply:
        request: Any = msgspec.convert({**params, "Request": name}, TelephonyRequest)
        self._check(request.tenant)
        desk = self._desk(session)
        self._spend(desk)
        if refusal := desk.refusal(request, await self._devices(desk)):
            raise LinkError(FORBIDDEN, refusal)
        if isinstance(request, RequestDistributeUserEvent) and await self.on_user_event(request):
            return RequestReply(reference_id=request.reference_id)
        try:
            return await self._frontend.post("/requests", request, RequestReply)
        except HttpFailure as failure:
            raise LinkError(failure.status, f"{failure.slug}: {failure.message}") from None

    def _spend(self, desk: Desk) -> None:
        if not desk.spend(self._ctx.monotonic()):
            raise LinkError(TOO_MANY, "too many requests; wait a moment")

    async def _devices(self, desk: Desk) -> frozenset[str]:
        """The devices of an agent's desk: the agent's own, and where the agent is logged in."""
        rights = desk.rights
        if rights.asks_all or not rights.agent:
            return frozenset()
        session = await self._sessions[rights.tenant].load(rights.agent)
        return frozenset({rights.own_dn, session.dn} - {""})

    # Who is there

    async def _register_client(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Any]:
        if not session.trusted:
            token = params.get("token", "")
            token = token if isinstance(token, str) else ""
            rights = await self._users.rights(token)
            session.trusted = True
            session.state[_DESK] = Desk(rights)
            self._ctx.spawn(self._watch_rights(session, token), "telephony-rights")
        rights = self._desk(session).rights
        return {"id": "EventServerConnected", "Tenant": rights.tenant, "AgentID": rights.agent}

    def _desk(self, session: LinkSession) -> Desk:
        desk: Desk | None = session.state.get(_DESK)
        if desk is None:  # the platform's own: nobody else is let in without a desk
            desk = session.state[_DESK] = Desk(THE_PLATFORM)
        return desk

    async def _look_for_silent(self) -> None:
        """End the sessions of which nobody says who is there."""
        while True:
            await asyncio.sleep(_LOOK_S)
            now = self._ctx.monotonic()
            for session in list(self.server.sessions):
                since = session.state.setdefault(_SINCE, now)
                if not session.trusted and now - since > _SILENT_S:
                    self._cut(session, "silent")

    async def _watch_rights(self, session: LinkSession, token: str) -> None:
        """End the session of a user whose token or rights are no longer what they were."""
        while session in self.server.sessions:
            await asyncio.sleep(_RIGHTS_S)
            try:
                good = await self._users.rights(token) == self._desk(session).rights
            except LinkError:
                good = False
            except ConnectionError:
                continue  # authentication is away: nobody is sent home for that
            if not good and session in self.server.sessions:
                self._cut(session, "revoked")
                return

    def _cut(self, session: LinkSession, why: str) -> None:
        self.cut_off.labels(why).inc()
        self._ctx.log.warning("telephony_session_cut_off", peer=session.peer, why=why)
        self._gone(session)
        session.abort()

    def _gone(self, session: LinkSession) -> None:
        self._subscribed.discard(session)
        desk: Desk | None = session.state.get(_DESK)
        for address in list(desk.addresses) if desk else ():
            self._drop(session, address)

    # Addresses

    async def _register(self, session: LinkSession, params: dict[str, Any]) -> AddressView:
        address = await self._address(session, params)
        desk = self._desk(session)
        if address not in desk.addresses and len(desk.addresses) >= _MOST_ADDRESSES:
            raise LinkError(TOO_MANY, f"a session registers {_MOST_ADDRESSES} devices at most")
        desk.addresses.add(address)
        self._registered.setdefault(address, set()).add(session)
        await self._tail.wake()
        return await self._view("EventRegistered", address, desk)

    async def _unregister(self, session: LinkSession, params: dict[str, Any]) -> AddressView:
        address = msgspec.convert(params, AddressParams).address
        if address not in self._desk(session).addresses:
            raise LinkError(NOT_FOUND, "this device is not registered by this session")
        self._drop(session, address)
        return empty("EventUnregistered", address, self._ctx.now())

    async def _query(self, session: LinkSession, params: dict[str, Any]) -> AddressView:
        address = await self._address(session, params)
        return await self._view("EventAddressInfo", address, self._desk(session))

    async def _address(self, session: LinkSession, params: dict[str, Any]) -> tuple[str, str]:
        """The device that is meant, when it is there and the session may hear of it."""
        tenant, dn = msgspec.convert(params, AddressParams).address
        self._check(tenant)
        desk = self._desk(session)
        self._spend(desk)
        if desk.rights.tenant not in ("", tenant):
            raise LinkError(FORBIDDEN, "this is another tenant's")
        if not desk.rights.hears_all and dn not in await self._devices(desk):
            raise LinkError(FORBIDDEN, "this is not the agent's device")
        if await self._config.dn(tenant, dn) is None:
            raise LinkError(NOT_FOUND, "there is no such device")
        return tenant, dn

    async def _view(self, name: str, address: tuple[str, str], desk: Desk) -> AddressView:
        tenant, dn = address
        kept = await self._calls.call("HGET", dn_states_key(tenant), dn)
        device = msgspec.json.decode(kept, type=DnState) if kept else DnState()
        agent = await self._sessions[tenant].at_dn(dn)
        if not agent:
            return empty(name, address, self._ctx.now(), device)
        session = await self._sessions[tenant].load(agent)
        if session.conn_id:
            desk.heard(session.conn_id)
        return occupied(name, address, session, self._ctx.now(), device)

    async def _query_call(self, session: LinkSession, params: dict[str, Any]) -> CallInfo:
        wanted, desk = msgspec.convert(params, CallParams), self._desk(session)
        self._check(wanted.tenant)
        self._spend(desk)
        known = desk.rights.hears_all or wanted.conn_id in desk.calls
        if desk.rights.tenant not in ("", wanted.tenant) or not known:
            raise LinkError(FORBIDDEN, "this call has not been at a registered device of the agent")
        snapshot = await self._calls.call("GET", call_key(wanted.tenant, wanted.conn_id))
        if not snapshot:
            raise LinkError(NOT_FOUND, "there is no such call")
        return parties(wanted, msgspec.json.decode(snapshot, type=CallDialogs), self._ctx.now())

    def _drop(self, session: LinkSession, address: tuple[str, str]) -> None:
        self._desk(session).addresses.discard(address)
        sessions = self._registered.get(address, set())
        sessions.discard(session)
        if not sessions:
            self._registered.pop(address, None)

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        wanted = msgspec.convert(params, SubscribeParams)
        self._check(wanted.tenant)
        rights = self._desk(session).rights
        if rights.tenant not in ("", wanted.tenant) or not rights.hears_all:
            raise LinkError(FORBIDDEN, "register the agent's device instead")
        session.state[_SUBSCRIPTION] = wanted
        self._subscribed.add(session)
        await self._tail.wake()
        return {"subscribed": True}

    def _check(self, tenant: str) -> None:
        if tenant not in self._ctx.common.tenants:
            raise LinkError(NOT_FOUND, f"no tenant {tenant[:64]!r} here")

    # Events

    async def _on_call(self, entry: StreamEntry) -> None:
        event = self._tell(entry, CallEvent, frozenset())
        if event is not None:
            for session in self._registered.get((event.tenant, event.this_dn), ()):
                self._desk(session).heard(event.conn_id)

    async def _on_agent(self, entry: StreamEntry) -> None:
        event = self._tell(entry, AgentEvent, OF_CALLS)
        if event is None or event.id != "EventAgentLogin":
            return
        # Who sat there before hears no more of the device, unless it is theirs.
        for session in list(self._registered.get((event.tenant, event.this_dn), ())):
            rights = self._desk(session).rights
            if not rights.hears_all and event.this_dn != rights.own_dn and event.agent_id != rights.agent:
                self._drop(session, (event.tenant, event.this_dn))

    async def _on_dn(self, entry: StreamEntry) -> None:
        self._tell(entry, DnEvent, frozenset())

    def _tell(self, entry: StreamEntry, kind: type[Any], not_for_devices: frozenset[str]) -> Any:
        """Send an event to whoever wants it; None when nobody listens at all, or it cannot be read."""
        if not self._registered and not self._subscribed:
            return None
        try:
            event = entry.json(kind)
        except (msgspec.MsgspecError, KeyError) as error:
            self._ctx.log.warning("event_unreadable", stream=entry.stream, error=repr(error))
            return None
        wanting = {one for one in self._subscribed if one.state[_SUBSCRIPTION].wants(event)}
        if event.this_dn and event.id not in not_for_devices:
            wanting |= self._registered.get((event.tenant, event.this_dn), set())
        for session in wanting:
            if session.backlog > _SLOW:
                self._cut(session, "slow")
            else:
                session.notify("event", msgspec.Raw(entry.fields["e"]))
        return event


async def _of_nobody(_request: RequestDistributeUserEvent) -> bool:
    return False
