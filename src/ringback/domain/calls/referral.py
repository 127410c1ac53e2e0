"""What telephones do to calls by themselves: REFER (RFC 3515), Replaces (RFC 3891), 3xx (RFC 3261 8.1.3.4).

A blind transfer is the single step transfer of the call core. An attended one joins two calls: the call in
which REFER came takes the far party of the other call over, and the other call ends as a consultation that
was merged. An INVITE with Replaces puts a telephone in the place of another, in a talk or where it rings.
"""

from ringback.domain.calls import consult, routing, sdp_text
from ringback.domain.calls.ending import abandon_agent, error, origin_side, release_party
from ringback.domain.calls.inputs import Adopted, GivenAway, Referred, Replaced, RequestConsult
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.outputs import Answer
from ringback.domain.calls.pairs import MEDIA_OF, dn_at
from ringback.domain.calls.results import TRANSFERRED
from ringback.domain.calls.state import Attempt, CallData, Consult, Leg
from ringback.domain.calls.transfer import after
from ringback.domain.calls.types import (
    AttemptSource,
    AttemptState,
    ConsultStage,
    DNRole,
    LegRole,
    LegState,
    Phase,
    Purpose,
    Slot,
)

OTHER = {Slot.ORIGIN: Slot.TARGET, Slot.TARGET: Slot.ORIGIN}
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""What a telephone hears whose call another one has taken (RFC 3326)."""


def referred(m: Machine, leg: Leg, word: Referred) -> None:
    """REFER without Replaces: the telephone gives its call to a number."""
    dn = dn_at(m, leg.slot)
    if m.data.phase is not Phase.CONNECTED or leg.role is not LegRole.AGENT or not dn:
        error(m, word.reference, "invalid_state")
    else:
        consult.begin(m, RequestConsult(word.reference, Purpose.SINGLE_TRANSFER, dn, word.destination))


# An attended transfer: two calls become one


def far_party(data: CallData, leg_id: str) -> Leg | None:
    """Whom a leg of a call of two talks to, or holds; None while anything of the two is under way."""
    leg = data.legs.get(leg_id)
    if leg is None or data.phase is not Phase.CONNECTED or data.consult is not None or leg.slot not in OTHER:
        return None
    far = data.legs.get(data.slots.get(OTHER[leg.slot], ""))
    return far if far is not None and _quiet(leg) and _quiet(far) else None


def _quiet(leg: Leg) -> bool:
    return leg.state is LegState.UP and not (leg.reoffer or leg.offering or leg.joining or leg.owed)


def adopted(m: Machine, leg: Leg, word: Adopted) -> None:
    """The far party of another call of the same telephone takes that telephone's place here."""
    if far_party(m.data, leg.id) is None:
        error(m, word.reference, "invalid_state")
        return
    third = m.add_leg(Slot.CONSULT, word.party.role, word.dn, word.by)
    for name in ("remote_sdp", "local_sdp", "sdp_version", "incoming", "holds"):
        setattr(third, name, getattr(word.party, name))
    third.state, third.sdp_session = LegState.UP, word.sdp_session
    third.engaged = third.role is LegRole.AGENT
    third.dn_role = DNRole.DESTINATION
    found = Consult(word.conn_id, word.reference, Purpose.TRANSFER, leg.slot, word.dn, ConsultStage.TALKING)
    found.dn, found.agent_id = word.dn, word.agent_id
    m.data.consult = found
    after(m, found)


def given_away(m: Machine, leg: Leg, _word: GivenAway) -> None:
    """This leg is another call's now, which tells the events of the end as well; all others are closed."""
    m.unpair(leg)
    m.drop_offers(leg)
    del m.data.slots[leg.slot]
    leg.state = LegState.ENDED
    data = m.data
    data.phase, data.result, data.reason = Phase.ENDED, "completed", "merged"
    data.timers, data.asks, data.treatment = {}, {}, None
    for other in list(m.living()):
        m.hang_up(other)


# Replaces: another telephone in the place of one


def replaced(m: Machine, leg: Leg, word: Replaced) -> None:
    """An INVITE with Replaces; the shell has seen that it may (RFC 3891 3)."""
    if leg.state is LegState.RINGING and leg.slot is Slot.TARGET and m.data.attempt is not None:
        _picked_up(m, m.data.attempt, word)
    elif far_party(m.data, leg.id) is not None:
        _moved(m, leg, word)
    else:
        m.out.append(Answer(word.by, 491))


def _moved(m: Machine, leg: Leg, word: Replaced) -> None:
    """In a talk: the old telephone is let go, the other party is led to the new one."""
    slot, role = leg.slot, leg.dn_role
    far = m.at(OTHER[slot])
    release_party(m, slot, TRANSFERRED)
    m.vacate(slot)
    m.vacate(MEDIA_OF[slot])
    new = _seat(m, slot, word)
    new.dn_role, new.engaged = role, True
    assert far is not None
    m.accept(new, sdp_text.with_direction(far.remote_sdp or "", "sendrecv"))
    new.owed = word.offer is None
    m.unpair(far)
    if slot is Slot.ORIGIN:
        new.peer = far.id
    other = m.data.parties.target_dn if slot is Slot.ORIGIN else origin_side(m)
    m.emit("EventEstablished", this_dn=word.dn, this_role=role, other_dn=other, user_data=m.data.user_data)


def _picked_up(m: Machine, attempt: Attempt, word: Replaced) -> None:
    """Where it rings: the telephone that rang is told that somebody else has answered."""
    if word.offer is None or m.origin.remote_sdp is None:
        m.out.append(Answer(word.by, 488))
        return
    abandon_agent(m)
    m.clear_timer("ring")
    m.reason = ELSEWHERE
    m.vacate(Slot.TARGET)
    m.reason = ""
    new = _seat(m, Slot.TARGET, word)
    attempt.state, attempt.agent_id = AttemptState.JOINING, ""
    m.accept(new, m.origin.remote_sdp)


def _seat(m: Machine, slot: Slot, word: Replaced) -> Leg:
    """The new telephone's leg, in the place of the old one's."""
    new = m.add_leg(slot, LegRole.AGENT, word.dn, word.by)
    new.remote_sdp = word.offer
    parties = m.data.parties
    if slot is Slot.ORIGIN:
        parties.origin_dn = word.dn
    else:
        parties.target_dn, parties.target_agent = word.dn, ""
    return new


# Redirection


def redirected(m: Machine, leg: Leg, number: str) -> bool:
    """A telephone of ours that was dialled answers 3xx: its number is tried, as the dial plan allows it to
    whoever called. A call that the router sent to an agent is not followed: it goes back to the queue.
    """
    attempt = m.data.attempt
    direct = attempt is not None and attempt.source is AttemptSource.DIRECT and leg.slot is Slot.TARGET
    if attempt is None or not direct or leg.role is not LegRole.AGENT or m.data.hops >= routing.MAX_HOPS:
        return False
    if number in ("", attempt.destination, m.data.parties.target_dn):
        return False
    routing.give_on(m, attempt, number)
    return True
