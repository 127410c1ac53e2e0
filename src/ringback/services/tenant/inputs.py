"""From the wire to the core: agent events and queue entries as router inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from ringback.contracts.events import AgentEvent
from ringback.contracts.routing import CancelRequest, ConfirmRequest, ReturnRequest, SubmitRequest
from ringback.contracts.rq import OpenRequest, PriorityRequest
from ringback.domain.agents import AgentSession, State
from ringback.domain.routing import messages
from ringback.domain.routing.growth import even
from ringback.services.tenant.book import read_reservation, reservation_id
from ringback.services.tenant.router import TenantRouter
from ringback.services.tenant.settings import TenantSettings

OUT_OF_SERVICE = "EventDNOutOfService"


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
    def of_event(cls, event: AgentEvent) -> AgentFacts:
        more = event.extensions
        return cls(
            event.agent_id,
            event.sequence,
            State(event.state),
            float(more.get("ReadySince", event.since)),
            more.get("Skills", {}),
            frozenset(more.get("Groups", ())),
            bool(more.get("DND", 0)),
            event.place or event.this_dn,
            more.get("Capacity", ""),
            more.get("Load", {}),
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
        self, router: TenantRouter, settings: TenantSettings, cursor: str, vanished: Callable[[str], None]
    ) -> None:
        self._router = router
        self._vanished = vanished
        self._reserved: dict[str, str] = {}
        self._settings = settings
        self._talking: dict[str, tuple[str, float]] = {}
        self._states: dict[str, State] = {}
        self.counts: Counter[State] = Counter()
        self.cursor = cursor

    def session(self, session: AgentSession) -> None:
        """An agent as the rebuild has found them."""
        self._count(session.agent_id, session.state)
        if session.logged_in and session.state is not State.LOGGED_OUT:
            self._router.recall(session)
        if session.state is State.RESERVED:
            self._reserved[session.agent_id] = session.reservation
        self._router.feed(AgentFacts.of_session(session).as_input())

    def agent(self, event: AgentEvent) -> None:
        """An agent has changed."""
        facts = AgentFacts.of_event(event)
        self._count(facts.agent, facts.state)
        self._router.feed(facts.as_input())
        self._follow_reservation(event)
        self._pass_on(event)
        self._measure(event)

    def request(self, params: dict[str, Any]) -> None:
        """An entry of the request queue."""
        cursor = str(params["cursor"])
        if _entry_number(cursor) <= _entry_number(self.cursor):
            return
        self.cursor = cursor
        body = params["request"]
        kind = params["type"]
        if kind == "submit":
            submit = msgspec.convert(body, SubmitRequest)
            at = params.get("at")
            self._router.submit(OpenRequest(submit, int(params["sequence"]), at=at))
        elif kind == "cancel":
            cancel = msgspec.convert(body, CancelRequest)
            self._router.feed(messages.Cancel(cancel.request_id, cancel.reason or "cancelled"))
        elif kind == "confirm":
            self._confirm(msgspec.convert(body, ConfirmRequest))
        elif kind == "return":
            self._return(msgspec.convert(body, ReturnRequest))
        elif kind == "priority":
            priority = msgspec.convert(body, PriorityRequest)
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

    def _follow_reservation(self, event: AgentEvent) -> None:
        """The reserved agent's phone rings, or the agent talks: the place is kept longer, or given up for
        good.
        """
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

    def _pass_on(self, event: AgentEvent) -> None:
        """The phone of a reserved agent is gone: who was to ring there does not wait for the lease to end."""
        before = self._reserved.pop(event.agent_id, "")
        if event.state == State.RESERVED:
            self._reserved[event.agent_id] = event.reservation_id
            return
        request_id, attempt = read_reservation(before)
        if event.id != OUT_OF_SERVICE or self._router.attempt_of(request_id, event.agent_id) != attempt:
            return
        if attempt:
            self._vanished(event.agent_id)
            self._router.feed(messages.Return(request_id, attempt, "unreachable"))

    def _measure(self, event: AgentEvent) -> None:
        """Handling time: from the answer to the end of the after-call work."""
        queue = str(event.extensions.get("Queue", ""))
        if event.state == State.TALKING and queue:
            self._talking.setdefault(event.agent_id, (queue, event.time))
        elif event.state in (State.READY, State.NOT_READY, State.LOGGED_OUT):
            began = self._talking.pop(event.agent_id, None)
            if began:
                self._router.feed(messages.Handled(began[0], event.time - began[1]))


def _entry_number(entry: str) -> tuple[int, int]:
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)
