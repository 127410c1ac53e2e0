"""The agent state machine, as a table.

Rules:
- Every transition of an agent's state is a row of TABLE and lives in this file. A request without a row is
  refused, a report without a row is ignored.
- An agent has at most one interaction and one call. Reports about another call are ignored.
- Every transient state (reserved, ringing, talking, acw) has a lease, and a row for its end: time alone leads
  every agent back to ready, not_ready or logged_out.
- What an agent asks for during a call takes effect when the work is done: `after` says where the agent goes.
- EventAgentNotReady with the work mode AfterCallWork comes before the EventReleased of the call that it
  follows.
- An agent who loses an interaction through no fault of their own keeps their place among the ready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from .session import (
    REQUESTS,
    RESTING,
    Action,
    AgentSession,
    Answer,
    Dial,
    DnBackInService,
    DnOutOfService,
    Emitted,
    Happening,
    LeaseExpired,
    Login,
    Logout,
    Move,
    NoAnswer,
    NotAllowed,
    NotReady,
    ProfileChanged,
    Ready,
    Reject,
    Release,
    Renew,
    Reserve,
    Ring,
    SetDnd,
    State,
    Step,
    Unreserve,
)

OUT_OF_SERVICE = "dn_out_of_service"
UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Leases:
    """Seconds that the transient states may last. After-call work lasts as long as the agent's policy
    says.
    """

    ringing: float = 60.0
    talking: float = 7200.0


Fields = dict[str, Any]
Effect = Callable[[AgentSession, Any, float, Leases], Fields]


def _nothing(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
    return {}


def _login(session: AgentSession, event: Login, now: float, leases: Leases) -> Fields:
    return {
        "dn": event.dn,
        "skills": event.skills,
        "groups": event.groups,
        "policy": event.policy,
        "after": State.READY if event.ready else State.NOT_READY,
        "after_reason": "",
    }


def _reserve(session: AgentSession, event: Reserve, now: float, leases: Leases) -> Fields:
    return {
        "reservation": event.reservation,
        "interaction": event.interaction,
        "queue": event.queue,
        "expected_conn_id": event.conn_id,
        "lease_until": now + event.lease,
        "after": State.READY,
        "after_reason": "",
    }


def _ring(session: AgentSession, event: Ring | Answer | Dial, now: float, leases: Leases) -> Fields:
    fields: Fields = {"conn_id": event.conn_id, "lease_until": now + leases.ringing}
    if session.state in RESTING:
        fields |= {"after": session.state, "after_reason": session.reason}
    elif session.expected_conn_id not in ("", event.conn_id):
        fields |= {"interaction": "", "reservation": "", "queue": ""}
    return fields


def _talk(session: AgentSession, event: Answer | Dial, now: float, leases: Leases) -> Fields:
    ringing: Fields = {} if session.conn_id else _ring(session, event, now, leases)
    return ringing | {"conn_id": event.conn_id, "lease_until": now + leases.talking, "talking_since": now}


def _move(session: AgentSession, event: Move, now: float, leases: Leases) -> Fields:
    return {"conn_id": event.conn_id}


def _acw(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
    return {"lease_until": now + session.policy.wrap_up}


def _after(state: State) -> Effect:
    def effect(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
        return {"after": state, "after_reason": getattr(event, "reason", "")}

    return effect


def _fault(choose: Callable[[AgentSession], Action]) -> Effect:
    """The agent's own doing: the place among the ready is lost, and the policy may say more."""

    def effect(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
        fields: Fields = {"ready_since": now}
        if session.after is State.READY and session.interaction:
            fields |= _ACTIONS[choose(session)](event.reason)
        return fields

    return effect


_ACTIONS: dict[Action, Callable[[str], Fields]] = {
    "none": lambda reason: {},
    "not_ready": lambda reason: {"after": State.NOT_READY, "after_reason": reason},
    "logout": lambda reason: {"after": State.LOGGED_OUT, "after_reason": reason},
}


def _out_of_service(session: AgentSession, event: DnOutOfService, now: float, leases: Leases) -> Fields:
    if session.after is State.LOGGED_OUT and session.state not in RESTING:
        return {}
    action = session.policy.on_out_of_service
    at_rest = session.state in RESTING
    to, reason = (session.state, session.reason) if at_rest else (session.after, session.after_reason)
    kept = {"after": to, "after_reason": reason}
    if action == "not_ready" and to is State.NOT_READY:
        return kept
    return kept | _ACTIONS[action](OUT_OF_SERVICE)


_no_answer = _fault(lambda session: session.policy.on_no_answer)
_rejected = _fault(lambda session: session.policy.on_reject)


class Next:
    """Targets that depend on the session: where `after` points, or after-call work first."""

    AFTER = "after"
    WRAP_UP = "wrap_up"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the next state, what changes on the way, the event of the call or the device that goes with
    it.

    `fair`: the agent keeps the place among the ready.
    """

    to: State | str
    effect: Effect = _nothing
    event: str = ""
    fair: bool = False


S = State
TABLE: dict[tuple[State, type[Any]], Rule] = {
    (S.LOGGED_OUT, Login): Rule(Next.AFTER, _login, "EventAgentLogin"),
    (S.NOT_READY, Logout): Rule(S.LOGGED_OUT),
    (S.NOT_READY, Ready): Rule(S.READY),
    (S.NOT_READY, NotReady): Rule(S.NOT_READY),
    (S.NOT_READY, Ring): Rule(S.RINGING, _ring, "EventRinging"),
    (S.NOT_READY, Answer): Rule(S.TALKING, _talk, "EventEstablished"),
    (S.NOT_READY, Dial): Rule(S.TALKING, _talk, "EventOffHook"),
    (S.NOT_READY, DnOutOfService): Rule(Next.AFTER, _out_of_service, "EventDNOutOfService"),
    (S.READY, Logout): Rule(S.LOGGED_OUT),
    (S.READY, Ready): Rule(Next.SAME),
    (S.READY, NotReady): Rule(S.NOT_READY),
    (S.READY, Reserve): Rule(S.RESERVED, _reserve),
    (S.READY, Ring): Rule(S.RINGING, _ring, "EventRinging"),
    (S.READY, Answer): Rule(S.TALKING, _talk, "EventEstablished"),
    (S.READY, Dial): Rule(S.TALKING, _talk, "EventOffHook"),
    (S.READY, DnOutOfService): Rule(Next.AFTER, _out_of_service, "EventDNOutOfService"),
    (S.RESERVED, Logout): Rule(Next.SAME, _after(S.LOGGED_OUT)),
    (S.RESERVED, Ready): Rule(Next.SAME, _after(S.READY)),
    (S.RESERVED, NotReady): Rule(Next.SAME, _after(S.NOT_READY)),
    (S.RESERVED, Ring): Rule(S.RINGING, _ring, "EventRinging"),
    (S.RESERVED, Answer): Rule(S.TALKING, _talk, "EventEstablished"),
    (S.RESERVED, NoAnswer): Rule(Next.AFTER, _no_answer, "EventReleased"),
    (S.RESERVED, Reject): Rule(Next.AFTER, _rejected, "EventReleased"),
    (S.RESERVED, Unreserve): Rule(Next.AFTER, fair=True),
    (S.RESERVED, LeaseExpired): Rule(Next.AFTER, fair=True),
    (S.RESERVED, DnOutOfService): Rule(Next.AFTER, _out_of_service, "EventDNOutOfService", fair=True),
    (S.RINGING, Logout): Rule(Next.SAME, _after(S.LOGGED_OUT)),
    (S.RINGING, Ready): Rule(Next.SAME, _after(S.READY)),
    (S.RINGING, NotReady): Rule(Next.SAME, _after(S.NOT_READY)),
    (S.RINGING, Answer): Rule(S.TALKING, _talk, "EventEstablished"),
    (S.RINGING, NoAnswer): Rule(Next.AFTER, _no_answer, "EventReleased"),
    (S.RINGING, Reject): Rule(Next.AFTER, _rejected, "EventReleased"),
    (S.RINGING, Release): Rule(Next.AFTER, event="EventReleased", fair=True),
    (S.RINGING, Move): Rule(Next.SAME, _move),
    (S.RINGING, LeaseExpired): Rule(Next.AFTER, fair=True),
    (S.RINGING, DnOutOfService): Rule(Next.SAME, _out_of_service, "EventDNOutOfService"),
    (S.TALKING, Logout): Rule(Next.SAME, _after(S.LOGGED_OUT)),
    (S.TALKING, Ready): Rule(Next.SAME, _after(S.READY)),
    (S.TALKING, NotReady): Rule(Next.SAME, _after(S.NOT_READY)),
    (S.TALKING, Release): Rule(Next.WRAP_UP, event="EventReleased"),
    (S.TALKING, Move): Rule(Next.SAME, _move),
    (S.TALKING, LeaseExpired): Rule(Next.WRAP_UP),
    (S.TALKING, Renew): Rule(
        Next.SAME, lambda session, event, now, leases: {"lease_until": now + leases.talking}
    ),
    (S.TALKING, DnOutOfService): Rule(Next.SAME, _out_of_service, "EventDNOutOfService"),
    (S.ACW, Logout): Rule(S.LOGGED_OUT),
    (S.ACW, Ready): Rule(S.READY),
    (S.ACW, NotReady): Rule(S.NOT_READY),
    (S.ACW, LeaseExpired): Rule(Next.AFTER),
    (S.ACW, DnOutOfService): Rule(Next.AFTER, _out_of_service, "EventDNOutOfService"),
}

ENTRY_EVENTS: dict[State, str] = {
    S.LOGGED_OUT: "EventAgentLogout",
    S.NOT_READY: "EventAgentNotReady",
    S.READY: "EventAgentReady",
    S.RESERVED: "EventAgentReserved",
    S.ACW: "EventAgentNotReady",
}
AFTER_CALL_WORK = "AfterCallWork"


def step(session: AgentSession, event: Happening, now: float, leases: Leases | None = None) -> Step:
    """What becomes of a session. Raises NotAllowed for a request that does not fit the state.

    Without events the session is unchanged and nothing needs to be stored.
    """
    if isinstance(event, SetDnd | ProfileChanged | DnBackInService):
        return _aside(session, event, now)
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
    return _enter(session, changed, to, rule, event, now, leases)


def _concerns(session: AgentSession, event: Happening, now: float) -> bool:
    """Whether a report is about the call, the reservation, the device or the time of this session."""
    if isinstance(event, Unreserve):
        return event.reservation == session.reservation
    if isinstance(event, Move):
        return event.previous == session.conn_id
    if isinstance(event, Answer):
        return session.conn_id in ("", event.conn_id)
    if isinstance(event, NoAnswer | Reject) and session.state is State.RESERVED:
        return session.expected_conn_id in ("", event.conn_id)
    if isinstance(event, NoAnswer | Reject | Release | Renew):
        return event.conn_id == session.conn_id
    if isinstance(event, DnOutOfService):
        return event.dn == session.dn
    if isinstance(event, LeaseExpired):
        return session.lease_until <= now
    return True


def _resolve(to: State | str, session: AgentSession, changed: AgentSession) -> State:
    if isinstance(to, State):
        return to
    if to == Next.SAME:
        return session.state
    if to == Next.WRAP_UP and changed.interaction and changed.policy.wrap_up > 0:
        return State.ACW
    return changed.after


def _stay(session: AgentSession, changed: AgentSession, rule: Rule) -> Step:
    if changed == session:
        return Step(session)
    emitted = Emitted(rule.event or "EventAgentChanged", changed.after_reason, conn_id=changed.conn_id)
    return Step(replace(changed, version=session.version + 1), (emitted,))


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
    if to is State.ACW:
        fields |= _acw(changed, event, now, leases)
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
    }
    if to is State.READY and not rule.fair:
        fields["ready_since"] = now
    if to is not State.READY:
        fields["reason"] = reason
    if to is State.LOGGED_OUT:
        fields |= {"dn": "", "dnd": False}
    return fields


def _events(to: State, rule: Rule, before: AgentSession, entered: AgentSession) -> tuple[Emitted, ...]:
    conn_id = entered.conn_id or before.conn_id
    work_mode = AFTER_CALL_WORK if to is State.ACW else ""
    own = (Emitted(rule.event, entered.reason, conn_id=conn_id),) if rule.event else ()
    entry = ENTRY_EVENTS.get(to)
    if entry is None:
        return own or (Emitted("EventAgentChanged", conn_id=conn_id),)
    arrival = (Emitted(entry, entered.reason, work_mode, conn_id),)
    return arrival + own if to is State.ACW else own + arrival


def _aside(session: AgentSession, event: SetDnd | ProfileChanged | DnBackInService, now: float) -> Step:
    """What does not depend on the state: do not disturb, the person's configuration, a phone that is back."""
    if isinstance(event, SetDnd):
        if session.state is State.LOGGED_OUT or session.dnd == event.on:
            return Step(session)
        name = "EventDNDOn" if event.on else "EventDNDOff"
        return Step(replace(session, version=session.version + 1, dnd=event.on), (Emitted(name),))
    if isinstance(event, ProfileChanged):
        changed = replace(session, skills=event.skills, groups=event.groups, policy=event.policy)
        if changed == session or session.state is State.LOGGED_OUT:
            return Step(session)
        return Step(replace(changed, version=session.version + 1), (Emitted("EventAgentChanged"),))
    reasons = (OUT_OF_SERVICE, UNREACHABLE) if session.policy.auto_login else (OUT_OF_SERVICE,)
    if session.dn != event.dn or session.state is not State.NOT_READY or session.reason not in reasons:
        return Step(session)
    back = replace(
        session, version=session.version + 1, state=State.READY, reason="", since=now, ready_since=now
    )
    return Step(back, (Emitted("EventDNBackInService"), Emitted("EventAgentReady")))
