"""What agent_state follows: calls, devices, the configuration; and what it passes on to reporting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.configuration import ConfigChange, changes_stream
from ringback.contracts.events import (
    TOPIC_AGENT_REQUESTS,
    TOPIC_AGENTS,
    AgentEvent,
    CallEvent,
    DnEvent,
    agents_stream,
    calls_stream,
    dns_stream,
)
from ringback.contracts.reservation import AgentSessions, DnTaken
from ringback.contracts.telephony import AgentRequest
from ringback.domain.agents import State
from ringback.domain.agents.session import (
    Answer,
    Dial,
    DnBackInService,
    DnOutOfService,
    Happening,
    Hold,
    Move,
    NoAnswer,
    Reject,
    Release,
    Retrieve,
    Ring,
)
from ringback.domain.calls.types import DNRole
from ringback.runtime.http import HttpError
from ringback.runtime.kafka import KafkaMessage
from ringback.runtime.streams import StreamConsumer, StreamEntry, StreamTail
from ringback.services.agent_state.people import People
from ringback.services.agent_state.requests import AgentRequests

if TYPE_CHECKING:
    from ringback.runtime.context import Context

GROUP = "agent_state"
REPORTED = frozenset(
    {
        "EventAgentLogin",
        "EventAgentLogout",
        "EventQueueLogout",
        "EventAgentReady",
        "EventAgentNotReady",
        "EventDNOutOfService",
        "EventDNBackInService",
        "EventDNDOn",
        "EventDNDOff",
        "EventOffHook",
    }
)
"""What goes to Kafka; the rest of the agents stream is for the platform itself."""

_CALLS_GATHER_S = 0.02
"""The events of one moment of a call come together: each read costs both sides a wake-up."""

_REPORTS_GATHER_S = 0.5
SITS = frozenset({"EventAgentLogin", "EventAgentLogout"})
"""Events after which somebody sits at a device, or nobody."""

SET_BY_USERS = frozenset({"EventForwardSet", "EventForwardCancel", "EventDNDOn", "EventDNDOff"})
"""Events of devices that do not come from the registrar."""


def released(event: CallEvent) -> Happening:
    """A call has left the agent: the reason says whose doing it was; `network` is the platform's own. Who
    called is not the one who did not answer.
    """
    if event.this_dn_role == DNRole.ORIGINATION:
        return Release(event.conn_id)
    if event.reason in ("no_answer", "unreachable"):
        return NoAnswer(event.conn_id, event.reason)
    if event.reason in ("rejected", "busy"):
        return Reject(event.conn_id, event.reason)
    return Release(event.conn_id)


CALL_EVENTS: dict[str, Callable[[CallEvent], Happening]] = {
    "EventRinging": lambda event: Ring(event.conn_id, event.call_type),
    "EventDialing": lambda event: Dial(event.conn_id, event.call_type),
    "EventEstablished": lambda event: Answer(event.conn_id, event.call_type),
    "EventHeld": lambda event: Hold(event.conn_id),
    "EventRetrieved": lambda event: Retrieve(event.conn_id),
    "EventReleased": released,
    "EventPartyChanged": lambda event: Move(event.conn_id, event.previous_conn_id),
    "EventAbandoned": lambda event: Release(event.conn_id),
}


class Followers:
    """The consumers of one node, for all tenants."""

    def __init__(
        self,
        ctx: Context,
        sessions: dict[str, AgentSessions],
        people: People,
        requests: AgentRequests,
    ) -> None:
        self._ctx = ctx
        self._sessions = sessions
        self._people = people
        self._requests = requests

    def start(self) -> None:
        """Begin to follow."""
        names = list(self._sessions)
        calls = [calls_stream(name) for name in names]
        dns = [dns_stream(name) for name in names]
        agents = [agents_stream(name) for name in names]
        changes = [changes_stream(name) for name in names]
        StreamConsumer(
            self._ctx,
            calls,
            GROUP,
            self._on_call,
            connection="voice-54",
            gather_s=_CALLS_GATHER_S,
            together=self._on_calls,
        ).start()
        StreamConsumer(self._ctx, dns, GROUP, self._on_dn, connection="voice-54").start()
        StreamConsumer(
            self._ctx,
            agents,
            f"{GROUP}-reporting",
            self._report,
            connection="voice-54",
            gather_s=_REPORTS_GATHER_S,
            together=self._report_all,
        ).start()
        StreamTail(self._ctx, changes, self._on_change, connection="voice-37").start()
        self._ctx.consume_kafka([TOPIC_AGENT_REQUESTS], GROUP, self._on_kafka, connection="voice-55")

    async def _on_call(self, entry: StreamEntry) -> None:
        await self._on_calls([entry])

    async def _on_calls(self, entries: list[StreamEntry]) -> None:
        """The steps of several agents leave together, those of one agent one after the other."""
        events = [event for event in (entry.json(CallEvent) for entry in entries) if event.id in CALL_EVENTS]
        if not all(event.agent_id for event in events):
            await self._follow(events)  # whose they are is looked up: it may be one who is named beside
            return
        agents: dict[tuple[str, str], list[CallEvent]] = {}
        for event in events:
            agents.setdefault((event.tenant, event.agent_id), []).append(event)
        # All have come to their end before an entry is met again.
        for outcome in await asyncio.gather(*map(self._follow, agents.values()), return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _follow(self, events: Sequence[CallEvent]) -> None:
        for event in events:
            sessions = self._sessions.get(event.tenant)
            if sessions is None:
                continue
            agent_id = event.agent_id or await sessions.at_dn(event.this_dn)
            if agent_id:
                await sessions.apply(agent_id, CALL_EVENTS[event.id](event), self._ctx.now())

    async def _on_dn(self, entry: StreamEntry) -> None:
        event = entry.json(DnEvent)
        sessions = self._sessions.get(event.tenant)
        if sessions is None:
            return
        if event.id in SET_BY_USERS:
            key = f"{event.tenant}:{event.this_dn}"
            await self._ctx.kafka.publish(TOPIC_AGENTS, key, entry.fields["e"], connection="voice-55")
            return
        agent_id = await sessions.at_dn(event.this_dn)
        if event.id == "EventDNOutOfService":
            if agent_id:
                await sessions.apply(agent_id, DnOutOfService(event.this_dn), self._ctx.now())
        elif agent_id:
            await sessions.apply(agent_id, DnBackInService(event.this_dn), self._ctx.now())
        else:
            await self.auto_login(event.tenant, event.this_dn)

    async def auto_login(self, tenant: str, dn: str) -> None:
        """Log in, ready, the person to whom the phone belongs."""
        person = await self._people.at_dn(tenant, dn)
        if person is None:
            return
        sessions = self._sessions[tenant]
        if (await sessions.load(person.id)).state is not State.LOGGED_OUT:
            return
        login = await self._people.login(tenant, person, dn, ready=True)
        try:
            await sessions.apply(person.id, login, self._ctx.now())
        except DnTaken:
            self._ctx.log.warning("auto_login_refused", agent=person.id, dn=dn)

    async def _on_change(self, entry: StreamEntry) -> None:
        change = entry.json(ConfigChange)
        tenant = entry.stream.partition("}")[0].lstrip("{")
        self._people.changed(tenant, change)
        if change.kind == "persons":
            await self._refresh(tenant, change.id)

    async def _refresh(self, tenant: str, person_id: str) -> None:
        sessions = self._sessions[tenant]
        if (await sessions.load(person_id)).state is State.LOGGED_OUT:
            return
        try:
            person = await self._people.find(tenant, person_id)
        except ConnectionError as error:
            self._ctx.log.warning("profile_not_read", agent=person_id, error=str(error))
            return
        if person is not None:
            await sessions.apply(person.id, await self._people.profile(tenant, person), self._ctx.now())

    async def _report(self, entry: StreamEntry) -> None:
        await self._report_all([entry])

    async def _report_all(self, entries: list[StreamEntry]) -> None:
        reports: list[tuple[str, bytes]] = []
        for entry in entries:
            event = entry.json(AgentEvent)
            if event.id in SITS and event.this_dn and not event.this_queue:
                on = event.id == "EventAgentLogin" and bool(event.extensions.get("AutoAnswer"))
                await self._requests.devices.sits(event.tenant, event.this_dn, auto_answer=on)
            if event.id in REPORTED:
                reports.append((f"{event.tenant}:{event.agent_id}", entry.fields["e"]))
        await self._ctx.kafka.publish_all(TOPIC_AGENTS, reports, connection="voice-55")

    async def _on_kafka(self, message: KafkaMessage) -> None:
        try:
            await self._requests.perform(msgspec.json.decode(message.value, type=AgentRequest))
        except (msgspec.MsgspecError, HttpError) as error:
            self._ctx.log.warning("agent_request_refused", error=str(error))
