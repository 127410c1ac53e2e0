"""What an agent is seen to do, in the field's words: of all actions under way, the one that ranks highest.

The order is the published one, from low to high. A call on hold hides its own action behind CallOnHold, which
ranks below the calls: who holds one call and talks on another is seen talking.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from .effects import LEGAL_GUARD
from .session import AgentSession, State


class Status(IntEnum):
    """The higher number hides the lower ones."""

    NotMonitored = 0
    Monitored = 1
    LoggedIn = 2
    OnHook = 3
    WaitForNextCall = 4
    OffHook = 5
    CallDialing = 6
    CallRinging = 7
    NotReadyForNextCall = 8
    AfterCallWork = 9
    CallOnHold = 10
    CallUnknown = 11
    CallConsult = 12
    CallInternal = 13
    CallOutbound = 14
    CallInbound = 15
    LoggedOut = 16


CALLS: dict[int, Status] = {
    1: Status.CallInternal,
    2: Status.CallInbound,
    3: Status.CallOutbound,
    4: Status.CallConsult,
}
"""T-Library's call types; the others are CallUnknown."""


def highest(actions: Iterable[Status]) -> Status:
    """The action that hides the others; NotMonitored when there is none."""
    return max(actions, default=Status.NotMonitored)


def actions(session: AgentSession) -> frozenset[Status]:
    """All that goes on at once at the agent."""
    if session.state is State.LOGGED_OUT:
        return frozenset({Status.LoggedOut})
    found = {Status.Monitored, Status.LoggedIn}
    match session.state:
        case State.READY | State.RESERVED:
            found |= {Status.OnHook, Status.WaitForNextCall}
        case State.NOT_READY:
            found |= {Status.OnHook, Status.NotReadyForNextCall}
        case State.RINGING:
            found.add(Status.CallRinging)
        case State.TALKING:
            found |= {Status.OffHook, _call(session)}
            if session.second:
                found.add(_second(session))
        case State.ACW:
            guard = session.work_mode == LEGAL_GUARD
            found |= {Status.OnHook, Status.NotReadyForNextCall if guard else Status.AfterCallWork}
    return frozenset(found)


def _second(session: AgentSession) -> Status:
    """A second call hides the first one where it ranks higher: who consults is not seen on hold."""
    shown = {"ringing": Status.CallRinging, "dialling": Status.CallDialing, "held": Status.CallOnHold}
    return shown.get(session.second_is) or CALLS.get(session.second_type, Status.CallUnknown)


def status(session: AgentSession) -> Status:
    """What is shown of the agent."""
    return _ALWAYS.get(session.state) or highest(actions(session))


def _call(session: AgentSession) -> Status:
    if session.held:
        return Status.CallOnHold
    if session.dialling:
        return Status.CallDialing
    return CALLS.get(session.call_type, Status.CallUnknown)


_ALWAYS = {
    state: highest(actions(AgentSession("", state=state)))
    for state in set(State) - {State.TALKING, State.ACW}
}
"""What is shown in the states in which it depends on nothing else."""
