"""What changes of a session on the way from one state to the next: the effects that TABLE names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .session import (
    RESTING,
    UNTIMED,
    Action,
    AfterCallWork,
    AgentSession,
    Answer,
    Dial,
    DnOutOfService,
    LeaseExpired,
    Login,
    Move,
    Reserve,
    Ring,
    State,
)

OUT_OF_SERVICE = "dn_out_of_service"
UNREACHABLE = "unreachable"
AUTO_LOGOUT = "auto_logout"
ACW_EXPIRED = "acw_expired"
AFTER_CALL_WORK = "AfterCallWork"
LEGAL_GUARD = "LegalGuard"


@dataclass(frozen=True, slots=True)
class Leases:
    """Seconds that the transient states may last. After-call work lasts as long as the agent's policy or
    the agent says, and `acw` at most.
    """

    ringing: float = 60.0
    talking: float = 7200.0
    acw: float = 3600.0


Fields = dict[str, Any]
Effect = Callable[[AgentSession, Any, float, Leases], Fields]


def nothing(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
    return {}


def login(session: AgentSession, event: Login, now: float, leases: Leases) -> Fields:
    return {
        "dn": event.dn,
        "skills": event.skills,
        "groups": event.groups,
        "policy": event.policy,
        "after": State.READY if event.ready else State.NOT_READY,
        "after_reason": "",
        "place": event.place,
        "queues": event.queues,
        "guard_until": 0.0,
        "logged_in": now,
        "calls": 0,
        "worked": 0.0,
    }


def reserve(session: AgentSession, event: Reserve, now: float, leases: Leases) -> Fields:
    return {
        "reservation": event.reservation,
        "interaction": event.interaction,
        "queue": event.queue,
        "expected_conn_id": event.conn_id,
        "lease_until": now + event.lease,
        "after": State.READY,
        "after_reason": "",
    }


def ring(session: AgentSession, event: Ring | Answer | Dial, now: float, leases: Leases) -> Fields:
    fields: Fields = {
        "conn_id": event.conn_id,
        "lease_until": now + leases.ringing,
        "call_type": event.call_type or session.call_type,
        "held": False,
        "work_mode": "",
        "acw": 0.0,
    }
    if session.state in RESTING:
        fields |= {"after": session.state, "after_reason": session.reason}
    elif session.state is State.ACW or session.expected_conn_id not in ("", event.conn_id):
        fields |= {"interaction": "", "reservation": "", "queue": ""}
    return fields


def talk(session: AgentSession, event: Answer | Dial, now: float, leases: Leases) -> Fields:
    new = session.conn_id != event.conn_id
    ringing: Fields = ring(session, event, now, leases) if new else {}
    return ringing | {
        "conn_id": event.conn_id,
        "lease_until": now + leases.talking,
        "talking_since": now,
        "call_type": event.call_type or session.call_type,
        "dialling": isinstance(event, Dial),
    }


def answered(session: AgentSession, event: Answer, now: float, leases: Leases) -> Fields:
    """The other side of a call that the agent dials has answered; a second report changes nothing."""
    if not session.dialling:
        return {}
    return {"dialling": False, "talking_since": now, "lease_until": now + leases.talking}


def move(session: AgentSession, event: Move, now: float, leases: Leases) -> Fields:
    return {"conn_id": event.conn_id}


def hold(on: bool) -> Effect:
    def effect(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
        return {"held": on}

    return effect


def want_acw(session: AgentSession, event: AfterCallWork, now: float, leases: Leases) -> Fields:
    return {"acw": event.seconds}


def rest_first(session: AgentSession, event: AfterCallWork, now: float, leases: Leases) -> Fields:
    """After-call work without a call: it leads back to where the agent was."""
    return {"acw": event.seconds, "after": session.state, "after_reason": session.reason}


def extend(session: AgentSession, event: AfterCallWork, now: float, leases: Leases) -> Fields:
    return {"acw": event.seconds, "work_mode": AFTER_CALL_WORK} | _until(
        event.seconds, session.guard_until, session.since, now, leases
    )


def acw_over(session: AgentSession, event: LeaseExpired, now: float, leases: Leases) -> Fields:
    """Nobody has ended untimed work: whoever sits there, if anybody does, is not to be rung."""
    if session.acw != UNTIMED or session.after is not State.READY:
        return {}
    return {"after": State.NOT_READY, "after_reason": ACW_EXPIRED}


def work_after(session: AgentSession) -> float:
    """Seconds of after-call work that follow the call at the agent; UNTIMED for no end."""
    return session.acw or (session.policy.wrap_up if session.interaction else 0.0)


def wraps_up(session: AgentSession) -> bool:
    """Whether after-call work or a legal guard follows the call at the agent."""
    return work_after(session) != 0.0 or bool(session.interaction and session.policy.legal_guard > 0)


def enter_acw(session: AgentSession, event: Any, now: float, leases: Leases) -> Fields:
    """After-call work begins: after a call, or by request."""
    handled = bool(session.interaction) and not isinstance(event, AfterCallWork)
    guard_until = now + session.policy.legal_guard if handled else session.guard_until
    work = work_after(session)
    mode = AFTER_CALL_WORK if work else LEGAL_GUARD
    fields: Fields = {"acw": work, "guard_until": guard_until, "work_mode": mode, "held": False}
    return fields | _until(work, guard_until, now, now, leases)


def rest_of_guard(session: AgentSession) -> Fields:
    """The agent would be ready, but the legal guard is not over."""
    return {
        "acw": 0.0,
        "guard_until": session.guard_until,
        "lease_until": session.guard_until,
        "work_mode": LEGAL_GUARD,
        "after": State.READY,
        "after_reason": "",
    }


def auto_logout(session: AgentSession, event: LeaseExpired, now: float, leases: Leases) -> Fields:
    """Not ready for too long: nobody sits there."""
    return {"after": State.LOGGED_OUT, "after_reason": AUTO_LOGOUT}


def _until(work: float, guard_until: float, since: float, now: float, leases: Leases) -> Fields:
    longest = since + leases.acw
    until = longest if work == UNTIMED else min(longest, now + work)
    return {"lease_until": max(until, guard_until)}


def after(state: State) -> Effect:
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


def out_of_service(session: AgentSession, event: DnOutOfService, now: float, leases: Leases) -> Fields:
    if session.after is State.LOGGED_OUT and session.state not in RESTING:
        return {}
    action = session.policy.on_out_of_service
    at_rest = session.state in RESTING
    to, reason = (session.state, session.reason) if at_rest else (session.after, session.after_reason)
    kept = {"after": to, "after_reason": reason}
    if action == "not_ready" and to is State.NOT_READY:
        return kept
    return kept | _ACTIONS[action](OUT_OF_SERVICE)


no_answer = _fault(lambda session: session.policy.on_no_answer)
rejected = _fault(lambda session: session.policy.on_reject)
