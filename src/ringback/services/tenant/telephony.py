"""The telephony link (2060): requests of desktops, and the events of calls and agents.

A method bears the name of its request (`RequestAgentReady`, `RequestHoldCall`, …) and its parameters are
those of `ringback.contracts.telephony`; the reply says that it was taken. After `subscribe {tenant, dns?,
agents?}` the session gets an `event` for each event of those devices and agents (all of the tenant when none
is named).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.events import AgentEvent, CallEvent, agents_stream, calls_stream
from ringback.contracts.telephony import RequestReply, TelephonyRequest
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.link import LinkError, LinkServer, LinkSession
from ringback.runtime.streams import StreamEntry, StreamTail

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOT_FOUND = 404
_SUBSCRIPTION = "events"
REQUESTS = (
    "RequestRouteCall",
    "RequestApplyTreatment",
    "RequestMakeCall",
    "RequestReleaseCall",
    "RequestClearCall",
    "RequestHoldCall",
    "RequestRetrieveCall",
    "RequestAttachUserData",
    "RequestAgentLogin",
    "RequestAgentLogout",
    "RequestAgentReady",
    "RequestAgentNotReady",
)


class SubscribeParams(msgspec.Struct, frozen=True, kw_only=True):
    """Whose events are wanted; none named means all of the tenant."""

    tenant: str
    dns: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()

    def wants(self, event: CallEvent | AgentEvent) -> bool:
        if event.tenant != self.tenant:
            return False
        if not self.dns and not self.agents:
            return True
        return event.this_dn in self.dns or event.agent_id in self.agents


class TelephonyLink:
    """The methods of 2060."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._frontend = HttpClient(ctx, "frontend", connection="voice-31")
        self.server = LinkServer(ctx, "telephony")
        self.server.method("subscribe", self._subscribe)
        for name in REQUESTS:
            self.server.method(name, self._handler(name))

    async def start(self) -> None:
        """Bind the listener and follow the events."""
        tenants = self._ctx.common.tenants
        calls, agents = map(calls_stream, tenants), map(agents_stream, tenants)
        StreamTail(self._ctx, list(calls), self._on_call, connection="voice-14").start()
        StreamTail(self._ctx, list(agents), self._on_agent).start()
        await self.server.start()

    def _handler(self, name: str) -> Any:
        async def perform(session: LinkSession, params: dict[str, Any]) -> RequestReply:
            return await self._perform(name, params)

        return perform

    async def _perform(self, name: str, params: dict[str, Any]) -> RequestReply:
        request: Any = msgspec.convert({**params, "Request": name}, TelephonyRequest)
        self._check(request.tenant)
        try:
            return await self._frontend.post("/requests", request, RequestReply)
        except HttpFailure as failure:
            raise LinkError(failure.status, f"{failure.slug}: {failure.message}") from None

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        wanted = msgspec.convert(params, SubscribeParams)
        self._check(wanted.tenant)
        session.state[_SUBSCRIPTION] = wanted
        return {"subscribed": True}

    def _check(self, tenant: str) -> None:
        if tenant not in self._ctx.common.tenants:
            raise LinkError(NOT_FOUND, f"no tenant {tenant[:64]!r} here")

    async def _on_call(self, entry: StreamEntry) -> None:
        self._tell(entry, CallEvent)

    async def _on_agent(self, entry: StreamEntry) -> None:
        self._tell(entry, AgentEvent)

    def _tell(self, entry: StreamEntry, kind: type[CallEvent] | type[AgentEvent]) -> None:
        listening = [one for one in self.server.sessions if _SUBSCRIPTION in one.state]
        if not listening:
            return
        event: CallEvent | AgentEvent = entry.json(kind)
        for session in listening:
            if session.state[_SUBSCRIPTION].wants(event):
                session.notify("event", msgspec.Raw(entry.fields["e"]))
