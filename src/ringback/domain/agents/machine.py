"""The agent state machine, as a table.

Rules:
- Every transition of an agent's state is a row of TABLE and lives in this file. A request without a row is
  refused, a report without a row is ignored.
- An agent has at most one call and its interaction (other media: `sharing`; a consultation: `second`).
  Reports about other calls are ignored.
- Every transient state (reserved, ringing, talking, acw) has a lease, and a row for its end: time alone leads
  every agent back to ready, not_ready or logged_out.
- What an agent asks for during a call takes effect when the work is done: `after` says where the agent goes.
- EventAgentNotReady with the work mode AfterCallWork comes before the EventReleased of the call that it
  follows.
- After a call of a queue nothing makes an agent ready before the legal guard is over. The rest of it is
  after-call work in the work mode LegalGuard.
- After-call work without an end of its own (UNTIMED) has a lease all the same, and leads to not ready.
- An agent who loses an interaction through no fault of their own keeps their place among the ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from . import effects
from .effects import LEGAL_GUARD, OUT_OF_SERVICE, UNREACHABLE, Effect, Fields, Leases
from .second import NONE, on_second_call
from .session import (
    REQUESTS,
    RESTING,
    AfterCallWork,
    AgentSession,
    Answer,
    Dial,
    DnBackInService,
    DnOutOfService,
    Emitted,
    Happening,
    Hold,
    LeaseExpired,
    Login,
    Logout,
    Move,
    NoAnswer,
    NotAllowed,
    NotReady,
    ProfileChanged,
    QueueLogin,
    QueueLogout,
    Ready,
    Reject,
    Release,
    Renew,
    Reserve,
    Retrieve,
    Ring,
    SetDnd,
    State,
    Step,
    Unreserve,
)
from .sharing import beside


class Next:
    """Targets that depend on the session: where `after` points, or after-call work first."""

    AFTER: Final = "after"
    WRAP_UP: Final = "wrap_up"
    SAME: Final = "same"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the next state, what changes on the way, the event of the call or the device that goes with
    it.

    `fair`: the agent keeps the place among the ready.
    """

    to: State | str
    effect: Effect = effects.nothing
    event: str = ""
    fair: bool = False


S = State
TABLE: dict[tuple[State, type[Any]], Rule] = {
    (S.LOGGED_OUT, Login): Rule(Next.AFTER, effects.login, "EventAgentLogin"),
    (S.NOT_READY, Logout): Rule(S.LOGGED_OUT),
    (S.NOT_READY, Ready): Rule(S.READY),
    (S.NOT_READY, NotReady): Rule(S.NOT_READY),
    (S.NOT_READY, Ring): Rule(S.RINGING, effects.ring, "EventRinging"),
    (S.NOT_READY, Answer): Rule(S.TALKING, effects.talk, "EventEstablished"),
    (S.NOT_READY, Dial): Rule(S.TALKING, effects.talk, "EventOffHook"),
    (S.NOT_READY, AfterCallWork): Rule(S.ACW, effects.rest_first),
    (S.NOT_READY, LeaseExpired): Rule(Next.AFTER, effects.auto_logout),
    (S.NOT_READY, DnBackInService): Rule(S.READY, event="EventDNBackInService"),
    (S.NOT_READY, DnOutOfService): Rule(Next.AFTER, effects.out_of_service, "EventDNOutOfService"),
    (S.READY, Logout): Rule(S.LOGGED_OUT),
    (S.READY, Ready): Rule(Next.SAME),
    (S.READY, NotReady): Rule(S.NOT_READY),
    (S.READY, AfterCallWork): Rule(S.ACW, effects.rest_first),
    (S.READY, Reserve): Rule(S.RESERVED, effects.reserve),
    (S.READY, Ring): Rule(S.RINGING, effects.ring, "EventRinging"),
    (S.READY, Answer): Rule(S.TALKING, effects.talk, "EventEstablished"),
    (S.READY, Dial): Rule(S.TALKING, effects.talk, "EventOffHook"),
    (S.READY, DnOutOfService): Rule(Next.AFTER, effects.out_of_service, "EventDNOutOfService"),
    (S.RESERVED, Logout): Rule(Next.SAME, effects.after(S.LOGGED_OUT)),
    (S.RESERVED, Ready): Rule(Next.SAME, effects.after(S.READY)),
    (S.RESERVED, NotReady): Rule(Next.SAME, effects.after(S.NOT_READY)),
    (S.RESERVED, Ring): Rule(S.RINGING, effects.ring, "EventRinging"),
    (S.RESERVED, Answer): Rule(S.TALKING, effects.talk, "EventEstablished"),
    (S.RESERVED, NoAnswer): Rule(Next.AFTER, effects.no_answer, "EventReleased"),
    (S.RESERVED, Reject): Rule(Next.AFTER, effects.rejected, "EventReleased"),
    (S.RESERVED, Unreserve): Rule(Next.AFTER, fair=True),
    (S.RESERVED, LeaseExpired): Rule(Next.AFTER, fair=True),
    (S.RESERVED, DnOutOfService): Rule(Next.AFTER, effects.out_of_service, "EventDNOutOfService", fair=True),
    (S.RINGING, Logout): Rule(Next.SAME, effects.after(S.LOGGED_OUT)),
    (S.RINGING, Ready): Rule(Next.SAME, effects.after(S.READY)),
    (S.RINGING, NotReady): Rule(Next.SAME, effects.after(S.NOT_READY)),
    (S.RINGING, AfterCallWork): Rule(Next.SAME, effects.want_acw),
    (S.RINGING, Answer): Rule(S.TALKING, effects.talk, "EventEstablished"),
    (S.RINGING, NoAnswer): Rule(Next.AFTER, effects.no_answer, "EventReleased"),
    (S.RINGING, Reject): Rule(Next.AFTER, effects.rejected, "EventReleased"),
    (S.RINGING, Release): Rule(Next.AFTER, event="EventReleased", fair=True),
    (S.RINGING, Move): Rule(Next.SAME, effects.move),
    (S.RINGING, LeaseExpired): Rule(Next.AFTER, fair=True),
    (S.RINGING, DnOutOfService): Rule(Next.SAME, effects.out_of_service, "EventDNOutOfService"),
    (S.TALKING, Logout): Rule(Next.SAME, effects.after(S.LOGGED_OUT)),
    (S.TALKING, Ready): Rule(Next.SAME, effects.after(S.READY)),
    (S.TALKING, NotReady): Rule(Next.SAME, effects.after(S.NOT_READY)),
    (S.TALKING, AfterCallWork): Rule(Next.SAME, effects.want_acw),
    (S.TALKING, Answer): Rule(Next.SAME, effects.answered, "EventEstablished"),
    (S.TALKING, Hold): Rule(Next.SAME, effects.hold(True), "EventHeld"),
    (S.TALKING, Retrieve): Rule(Next.SAME, effects.hold(False), "EventRetrieved"),
    (S.TALKING, Release): Rule(Next.WRAP_UP, event="EventReleased"),
    (S.TALKING, Move): Rule(Next.SAME, effects.move),
    (S.TALKING, LeaseExpired): Rule(Next.WRAP_UP),
    (S.TALKING, Renew): Rule(
        Next.SAME, lambda session, event, now, leases: {"lease_until": now + leases.talking}
    ),
    (S.TALKING, DnOutOfService): Rule(Next.SAME, effects.out_of_service, "EventDNOutOfService"),
    (S.ACW, Logout): Rule(S.LOGGED_OUT),
    (S.ACW, Ready): Rule(S.READY),
    (S.ACW, NotReady): Rule(S.NOT_READY),
    (S.ACW, AfterCallWork): Rule(Next.SAME, effects.extend, "EventAgentNotReady"),
    (S.ACW, Ring): Rule(S.RINGING, effects.ring, "EventRinging"),
    (S.ACW, Answer): Rule(S.TALKING, effects.talk, "EventEstablished"),
    (S.ACW, Dial): Rule(S.TALKING, effects.talk, "EventOffHook"),
    (S.ACW, LeaseExpired): Rule(Next.AFTER, effects.acw_over),
    (S.ACW, DnOutOfService): Rule(Next.AFTER, effects.out_of_service, "EventDNOutOfService"),
}

ENTRY_EVENTS: dict[State, str] = {
    S.LOGGED_OUT: "EventAgentLogout",
    S.NOT_READY: "EventAgentNotReady",
    S.READY: "EventAgentReady",
    S.RESERVED: "EventAgentReserved",
    S.ACW: "EventAgentNotReady",
}


def step(session: AgentSession, event: Happening, now: float, leases: Leases | None = None) -> Step:
    """What becomes of a session. Raises NotAllowed for a request that does not fit the state.

    Without events the session is unchanged and nothing needs to be stored.
    """
    if isinstance(event, SetDnd | ProfileChanged | QueueLogin | QueueLogout):
        return _aside(session, event)
    if (shared := beside(session, event, now)) is not None:
        return shared
    if (beside_call := on_second_call(session, event)) is not None:
        return beside_call
    rule = TABLE.get((session.state, type(event)))
    if rule is None or (isinstance(event, Reserve) and not session.available):
        if isinstance(event, REQUESTS):
            raise NotAllowed(session.state, type(event).__name__)
        return Step(session)
    if not _concerns(session, event, now):
        return Step(session)
    leases = leases or Leases()
    changed = replace(session, **rule.effect(session, event, now, leases))
    to = _resolve(rule.to, session, changed)
    if to is session.state and rule.to == Next.SAME:
        return _stay(session, changed, rule)
    if to is State.READY and session.guard_until > now:
        return _guard(session, changed, rule, event, now, leases)
    return _enter(session, changed, to, rule, event, now, leases)


def _concerns(session: AgentSession, event: Happening, now: float) -> bool:
    """Whether a report is about the call, the reservation, the device or the time of this session."""
    if isinstance(event, Unreserve):
        return event.reservation == session.reservation
    if isinstance(event, Ring | Answer | Dial) and session.state is State.ACW:
        return event.conn_id != session.conn_id
    if isinstance(event, Move):
        return event.previous == session.conn_id
    if isinstance(event, Answer):
        return session.conn_id in ("", event.conn_id)
    if isinstance(event, NoAnswer | Reject) and session.state is State.RESERVED:
        return session.expected_conn_id in ("", event.conn_id)
    if isinstance(event, NoAnswer | Reject | Release | Renew | Hold | Retrieve):
        return event.conn_id == session.conn_id
    if isinstance(event, DnOutOfService):
        return event.dn == session.dn
    if isinstance(event, DnBackInService):
        return event.dn == session.dn and session.reason in _away_for(session)
    if isinstance(event, LeaseExpired):
        return session.lease_until > 0.0 and session.lease_until + event.stepped <= now
    return True


def _away_for(session: AgentSession) -> tuple[str, ...]:
    """The reasons of not ready that end when the phone is back."""
    return (OUT_OF_SERVICE, UNREACHABLE) if session.policy.auto_login else (OUT_OF_SERVICE,)


def _resolve(to: State | str, session: AgentSession, changed: AgentSession) -> State:
    if isinstance(to, State):
        return to
    if to == Next.SAME:
        return session.state
    if to == Next.WRAP_UP and effects.wraps_up(changed):
        return State.ACW
    return changed.after


def _stay(session: AgentSession, changed: AgentSession, rule: Rule) -> Step:
    if changed == session:
        return Step(session)
    emitted = Emitted(
        rule.event or "EventAgentChanged", changed.after_reason, changed.work_mode, changed.conn_id
    )
    return Step(replace(changed, version=session.version + 1), (emitted,))


def _guard(
    session: AgentSession, changed: AgentSession, rule: Rule, event: Happening, now: float, leases: Leases
) -> Step:
    """Ready is wanted while the legal guard lasts: the agent waits for its end."""
    waiting = session.state is State.ACW and session.work_mode == LEGAL_GUARD
    if waiting and session.after is State.READY:
        return Step(session)
    outcome = _enter(session, changed, State.ACW, rule, event, now, leases)
    return Step(replace(outcome.session, **effects.rest_of_guard(changed)), _said_guard(outcome.events))


def _said_guard(events: tuple[Emitted, ...]) -> tuple[Emitted, ...]:
    return tuple(
        Emitted(each.id, each.reason, LEGAL_GUARD, each.conn_id) if each.work_mode else each
        for each in events
    )


def _enter(
    session: AgentSession,
    changed: AgentSession,
    to: State,
    rule: Rule,
    event: Happening,
    now: float,
    leases: Leases,
) -> Step:
    """Enter a state. Resting states forget the work; `reason` belongs to not_ready and logged_out alone."""
    reason = changed.after_reason if rule.to in (Next.AFTER, Next.WRAP_UP) else getattr(event, "reason", "")
    fields: Fields = {"version": session.version + 1, "state": to, "since": now, "reason": ""}
    if session.state is not State.LOGGED_OUT:
        fields["worked"] = session.worked_until(now)
    if to is not State.TALKING and session.second:
        fields |= NONE
    if to is State.TALKING and changed.interaction:
        fields["calls"] = changed.calls + 1
    if to is State.ACW:
        fields |= effects.enter_acw(changed, event, now, leases)
    if to in RESTING:
        fields |= _at_rest(changed, to, reason, rule, now)
    entered = replace(changed, **fields)
    return Step(entered, _events(to, rule, session, entered))


def _at_rest(changed: AgentSession, to: State, reason: str, rule: Rule, now: float) -> Fields:
    fields: Fields = {
        "interaction": "",
        "reservation": "",
        "queue": "",
        "conn_id": "",
        "expected_conn_id": "",
        "lease_until": 0.0,
        "talking_since": 0.0,
        "after": State.READY,
        "after_reason": "",
        "acw": 0.0,
        "work_mode": "",
        "call_type": 0,
        "held": False,
        "dialling": False,
    }
    if to is State.NOT_READY and changed.policy.auto_logout > 0:
        fields["lease_until"] = now + changed.policy.auto_logout
    if to is State.READY and not rule.fair:
        fields["ready_since"] = now
    if to is not State.READY:
        fields["reason"] = reason
    if to is State.LOGGED_OUT:
        fields |= {"dn": "", "dnd": False, "place": "", "queues": (), "guard_until": 0.0, "work": {}}
    return fields


def _events(to: State, rule: Rule, before: AgentSession, entered: AgentSession) -> tuple[Emitted, ...]:
    conn_id = entered.conn_id or before.conn_id
    work_mode = entered.work_mode
    own = (Emitted(rule.event, entered.reason, conn_id=conn_id),) if rule.event else ()
    entry = ENTRY_EVENTS.get(to)
    if entry is None:
        return own or (Emitted("EventAgentChanged", conn_id=conn_id),)
    arrival = (Emitted(entry, entered.reason, work_mode, conn_id),)
    return arrival + own if to is State.ACW else own + arrival


def _aside(session: AgentSession, event: SetDnd | ProfileChanged | QueueLogin | QueueLogout) -> Step:
    """What does not depend on the state: do not disturb, the person's configuration, the queues."""
    if session.state is State.LOGGED_OUT:
        return Step(session)
    if isinstance(event, SetDnd):
        changed, said = replace(session, dnd=event.on), Emitted("EventDNDOn" if event.on else "EventDNDOff")
    elif isinstance(event, ProfileChanged):
        changed = replace(session, skills=event.skills, groups=event.groups, policy=event.policy)
        said = Emitted("EventAgentChanged")
    elif isinstance(event, QueueLogin):
        kept = session.queues if event.queue in session.queues else (*session.queues, event.queue)
        changed, said = replace(session, queues=kept), Emitted("EventAgentLogin", queue=event.queue)
    else:
        kept = tuple(queue for queue in session.queues if queue != event.queue)
        changed, said = replace(session, queues=kept), Emitted("EventQueueLogout", queue=event.queue)
    if changed == session:
        return Step(session)
    return Step(replace(changed, version=session.version + 1), (said,))
