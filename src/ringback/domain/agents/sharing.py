"""Interactions of other media beside the agent's calls: taken, kept, given back.

Rules:
- One is taken while the agent is logged in, not away and undisturbed, and the capacity rule leaves room.
- Each has a lease of its own; what nobody keeps ends by itself. Logging out ends all.
- They change nothing of the agent's state; each change is a new version, so a call and a chat that want the
  same agent at the same moment never both succeed against the rule.
"""

from __future__ import annotations

from msgspec.structs import replace

from .session import (
    AgentSession,
    Emitted,
    Happening,
    Keep,
    LeaseExpired,
    NotAllowed,
    State,
    Step,
    Take,
    Unreserve,
    Work,
)

_AWAY = (State.LOGGED_OUT, State.NOT_READY)


def beside(session: AgentSession, event: Happening, now: float) -> Step | None:
    """What becomes of the other media; None: the event is about something else. Raises NotAllowed."""
    if isinstance(event, Take):
        return _take(session, event, now)
    if isinstance(event, Keep):
        known = session.work.get(event.reservation)
        if known is None:
            return Step(session)
        kept = Work(known.media, known.interaction, known.queue, now + event.lease)
        return _with(session, {**session.work, event.reservation: kept})
    if isinstance(event, Unreserve) and event.reservation in session.work:
        rest = {name: work for name, work in session.work.items() if name != event.reservation}
        return _with(session, rest, event.reason)
    if isinstance(event, LeaseExpired) and session.work and not session.lease_until:
        rest = {name: work for name, work in session.work.items() if work.until + event.stepped > now}
        return _with(session, rest, "lease_expired") if rest != session.work else Step(session)
    return None


def _take(session: AgentSession, event: Take, now: float) -> Step:
    if event.reservation in session.work:
        return Step(session)
    if session.state in _AWAY or session.dnd or not session.allows(event.media):
        raise NotAllowed(session.state, f"Take of {event.media}")
    taken = Work(event.media, event.interaction, event.queue, now + event.lease)
    return _with(session, {**session.work, event.reservation: taken})


def _with(session: AgentSession, work: dict[str, Work], reason: str = "") -> Step:
    changed = replace(session, work=work, version=session.version + 1)
    return Step(changed, (Emitted("EventAgentChanged", reason),))
