"""From the wire to the core: agent events and queue entries as router inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from ringback.contracts.names import tlib
from ringback.contracts.routing import CancelRequest, ConfirmRequest, ReturnRequest, SubmitRequest
from ringback.contracts.rq import OpenRequest, PriorityRequest, RequestTold, requests_stream
from ringback.domain.agents import AgentSession, State
from ringback.domain.routing import messages
from ringback.domain.routing.growth import even
from ringback.runtime.streams import StreamEntry, entry_number
from ringback.services.tenant.book import read_reservation, reservation_id
from ringback.services.tenant.router import TenantRouter
from ringback.services.tenant.settings import TenantSettings

OUT_OF_SERVICE = "EventDNOutOfService"
_submit = msgspec.json.Decoder(SubmitRequest).decode


Heard = Callable[[str, str, Sequence[StreamEntry]], None]
"""Is told of entries that the router has been given: their stream, the id before them."""


class AgentMore(msgspec.Struct, frozen=True, rename="pascal"):
    """What the router reads of an AgentEvent's extensions."""

    ready_since: float | None = None
    skills: dict[str, int] = {}
    groups: frozenset[str] = frozenset()
    queue: str = ""
    capacity: str = ""
    load: dict[str, int] = {}
    dnd: int = msgspec.field(default=0, name="DND")


class AgentTold(msgspec.Struct, frozen=True, rename=tlib):
    """What the router reads of an AgentEvent."""

    id: str
    time: float
    agent_id: str
    state: State
    sequence: int = 0
    since: float = 0.0
    this_dn: str = ""
    place: str = ""
    reservation_id: str = ""
    extensions: AgentMore = AgentMore()


class AgentFacts(msgspec.Struct, frozen=True):
    """What the core needs to know of an agent, from an event or from the stored session."""

    agent: str
    version: int
    state: State
    ready_since: float
    skills: dict[str, int]
    groups: frozenset[str]
    dnd: bool
    place: str = ""
    capacity: str = ""
    load: dict[str, int] = {}

    @classmethod
    def of_event(cls, event: AgentTold) -> AgentFacts:
        more = event.extensions
        return cls(
            event.agent_id,
            event.sequence,
            event.state,
            event.since if more.ready_since is None else more.ready_since,
            more.skills,
            more.groups,
            bool(more.dnd),
            event.place or event.this_dn,
            more.capacity,
            more.load,
        )

    @classmethod
    def of_session(cls, session: AgentSession) -> AgentFacts:
        groups = frozenset(session.groups)
        return cls(
            session.agent_id,
            session.version,
            session.state,
            session.ready_since,
            session.skills,
            groups,
            session.dnd,
            session.place or session.dn,
            session.policy.capacity,
            session.load if session.policy.capacity else {},
        )

    def as_input(self) -> messages.AgentInput:
        """The input that tells the core."""
        if self.state is State.LOGGED_OUT:
            return messages.AgentGone(self.agent, self.version)
        who = (self.skills, self.groups, self.place, self.capacity, self.load)
        if self.state is State.NOT_READY or (self.state is State.READY and self.dnd):
            return messages.AgentAway(self.agent, self.version, *who)
        if self.state is State.READY:
            return messages.AgentReady(self.agent, self.version, self.ready_since, *who)
        return messages.AgentBusy(self.agent, self.version, *who)


class Feeder:
    """Turns what arrives into inputs of one router. Meeting a message twice changes nothing."""

    def __init__(
        self,
        router: TenantRouter,
        settings: TenantSettings,
        cursor: str,
        vanished: Callable[[str], None],
        heard: Heard = lambda stream, before, entries: None,
    ) -> None:
        self._router = router
        self._heard = heard
        self._stream = requests_stream(router.tenant)
        self._vanished = vanished
        self._reserved: dict[str, str] = {}
        self._settings = settings
        self._talking: dict[str, tuple[str, float]] = {}
        self._states: dict[str, State] = {}
        self.counts: Counter[State] = Counter()
        self.cursor = cursor
        self._number = entry_number(cursor)

    def session(self, session: AgentSession) -> None:
        """An agent as the rebuild has found them."""
        self._count(session.agent_id, session.state)
        if session.logged_in and session.state is not State.LOGGED_OUT:
            self._router.recall(session)
        if session.state is State.RESERVED:
            self._reserved[session.agent_id] = session.reservation
        self._router.feed(AgentFacts.of_session(session).as_input())

    def agent(self, event: AgentTold) -> None:
        """An agent has changed."""
        self._count(event.agent_id, event.state)
        if event.state is State.RESERVED and not event.extensions.capacity and self._is_ours(event):
            self._reserved[event.agent_id] = event.reservation_id
            return
        self._router.feed(AgentFacts.of_event(event).as_input())
        self._follow_reservation(event)
        self._pass_on(event)
        self._measure(event)

    def _is_ours(self, event: AgentTold) -> bool:
        """Whether the router knows already, since it has made this reservation."""
        request_id, attempt = read_reservation(event.reservation_id)
        return bool(attempt) and self._router.attempt_of(request_id, event.agent_id) == attempt

    def request(self, told: RequestTold) -> None:
        """An entry of the request queue."""
        number, before = entry_number(told.cursor), self.cursor
        if number <= self._number:
            return
        self.cursor, self._number = told.cursor, number
        body, kind = told.request, told.type
        entry = StreamEntry(self._stream, told.cursor, {"type": kind.encode(), "e": bytes(body)})
        self._heard(self._stream, before, (entry,))
        if kind == "submit":
            self._router.submit(OpenRequest(_submit(body), told.sequence, at=told.at))
        elif kind == "cancel":
            cancel = msgspec.json.decode(body, type=CancelRequest)
            self._router.feed(messages.Cancel(cancel.request_id, cancel.reason or "cancelled"))
        elif kind == "confirm":
            self._confirm(msgspec.json.decode(body, type=ConfirmRequest))
        elif kind == "return":
            self._return(msgspec.json.decode(body, type=ReturnRequest))
        elif kind == "priority":
            priority = msgspec.json.decode(body, type=PriorityRequest)
            growth = None if priority.growth is None else even(priority.growth)
            again = messages.Reprioritize(priority.request_id, priority.priority, growth)
            self._router.feed(again)

    def _count(self, agent: str, state: State) -> None:
        before = self._states.get(agent)
        if before is not None:
            self.counts[before] -= 1
        self._states[agent] = state
        self.counts[state] += 1

    def _confirm(self, confirm: ConfirmRequest) -> None:
        attempt = self._router.attempt_of(confirm.request_id, confirm.agent_id)
        known = self._router.book.get(confirm.request_id)
        if attempt and known is not None and known.submit.media != messages.VOICE:
            self._router.keep(confirm.agent_id, reservation_id(confirm.request_id, attempt))
        if attempt:
            self._router.feed(messages.Confirm(confirm.request_id, attempt))
        else:  # connected to an agent whom the router did not give: finished all the same
            self._router.feed(messages.Cancel(confirm.request_id, "routed"))

    def _return(self, returned: ReturnRequest) -> None:
        attempt = self._router.attempt_of(returned.request_id, returned.agent_id)
        if attempt:
            name = reservation_id(returned.request_id, attempt)
            self._router.release(returned.agent_id, name, returned.reason)
            self._router.feed(messages.Return(returned.request_id, attempt, returned.reason))

    def _follow_reservation(self, event: AgentTold) -> None:
        """The reserved agent's phone rings, or the agent talks: the place is kept longer, or given up for
        good.
        """
        if not event.reservation_id:
            return
        request_id, attempt = read_reservation(event.reservation_id)
        if not request_id or self._router.attempt_of(request_id, event.agent_id) != attempt:
            return
        known = self._router.book.get(request_id)
        if event.state == State.RINGING:
            self._router.feed(messages.Extend(request_id, attempt, self._settings.ringing_lease_s))
        elif event.state == State.TALKING and known is not None:
            if known.submit.kind == "call":
                self._router.feed(messages.Confirm(request_id, attempt))
                self._router.confirm(request_id, event.agent_id)
            else:
                self._router.feed(messages.Extend(request_id, attempt, self._settings.talking_lease_s))

    def _pass_on(self, event: AgentTold) -> None:
        """The phone of a reserved agent is gone: who was to ring there does not wait for the lease to end."""
        before = self._reserved.pop(event.agent_id, "")
        if event.state == State.RESERVED:
            self._reserved[event.agent_id] = event.reservation_id
            return
        if event.id != OUT_OF_SERVICE:
            return
        request_id, attempt = read_reservation(before)
        if self._router.attempt_of(request_id, event.agent_id) != attempt:
            return
        if attempt:
            self._vanished(event.agent_id)
            self._router.feed(messages.Return(request_id, attempt, "unreachable"))

    def _measure(self, event: AgentTold) -> None:
        """Handling time: from the answer to the end of the after-call work."""
        queue = event.extensions.queue
        if event.state == State.TALKING and queue:
            self._talking.setdefault(event.agent_id, (queue, event.time))
        elif event.state in (State.READY, State.NOT_READY, State.LOGGED_OUT):
            began = self._talking.pop(event.agent_id, None)
            if began:
                self._router.feed(messages.Handled(began[0], event.time - began[1]))
