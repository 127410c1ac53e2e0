"""A second call of an agent who talks already: a consultation, or another call at the same phone.

Rules:
- It is seen in the status and counted once, and changes neither the state nor what the router has given.
- When the first call ends and the second goes on, the second is the call at the agent from then on; the
  after-call work of the first begins when it has ended too.
- A consultation that becomes one with the first call is over.
"""

from __future__ import annotations

from msgspec.structs import replace

from .session import (
    AgentSession,
    Answer,
    Dial,
    Emitted,
    Happening,
    Hold,
    Move,
    NoAnswer,
    Reject,
    Release,
    Retrieve,
    Ring,
    State,
    Step,
)

RINGING, DIALLING, TALKING, HELD = "ringing", "dialling", "talking", "held"
_BEGINS: dict[type[object], str] = {Ring: RINGING, Dial: DIALLING, Answer: TALKING}
_BECOMES: dict[type[object], str] = {Answer: TALKING, Hold: HELD, Retrieve: TALKING}
NONE: dict[str, object] = {"second": "", "second_is": "", "second_type": 0}


def on_second_call(session: AgentSession, event: Happening) -> Step | None:
    """What becomes of the second call; None: the event is about something else."""
    if session.state is not State.TALKING:
        return None
    if isinstance(event, Move):
        ours = session.second and event.previous == session.second
        return _with(session, **NONE, held=False) if ours else None
    if not isinstance(event, Ring | Dial | Answer | Hold | Retrieve | NoAnswer | Reject | Release):
        return None
    if event.conn_id == session.conn_id:
        return _goes_on(session) if isinstance(event, Release) else None
    if event.conn_id == session.second and session.second:
        becomes = _BECOMES.get(type(event))
        if isinstance(event, Release | NoAnswer | Reject):
            return _with(session, **NONE)
        return _with(session, second_is=becomes) if becomes else Step(session)
    if isinstance(event, Ring | Dial | Answer) and not session.second:
        begins = _BEGINS[type(event)]
        return _with(session, second=event.conn_id, second_is=begins, second_type=event.call_type)
    return None


def _goes_on(session: AgentSession) -> Step | None:
    """The first call has ended while the agent has a second one; None: there is none that goes on."""
    if not session.second or session.second_is == RINGING:
        return None
    return _with(
        session,
        **NONE,
        conn_id=session.second,
        call_type=session.second_type,
        held=session.second_is == HELD,
        dialling=session.second_is == DIALLING,
    )


def _with(session: AgentSession, **fields: object) -> Step:
    changed = replace(session, **fields)
    if changed == session:
        return Step(session)
    return Step(
        replace(changed, version=session.version + 1),
        (Emitted("EventAgentChanged", conn_id=changed.conn_id),),
    )
