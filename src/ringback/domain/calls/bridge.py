"""Offers and answers: what the parties send is passed through or answered here; hold and retrieve."""

from ringback.domain.calls import consult, sdp_text, settling, transfer, treatment
from ringback.domain.calls.ending import error, finish, origin_side
from ringback.domain.calls.inputs import (
    AckReceived,
    OfferReceived,
    OfferWithdrawn,
    RefreshDue,
    ReofferAnswered,
    ReofferFailed,
    RequestHoldCall,
    RequestRetrieveCall,
    SessionExpired,
)
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.pairs import PARTY_OF, dn_at, slot_of
from ringback.domain.calls.results import DIALOG_LOST, MEDIA_REFUSED, SESSION_EXPIRED, Outcome
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import CallState, LegState, Phase, Reoffer, Slot

LOST_DIALOG = (408, 481)
OFFER_WAIT_S = 5.0
"""So long an offer waits until another dialog of the call has been settled; then it is answered 491."""
OTHER = {Slot.ORIGIN: Slot.TARGET, Slot.TARGET: Slot.ORIGIN}
"""The two parties of a call."""


def awaits_answer(leg: Leg) -> bool:
    """Whether the ACK to our 200 owes an answer; any other ACK without a description changes nothing."""
    return leg.owed or leg.remote_sdp is None


def ack_received(m: Machine, leg: Leg, word: AckReceived) -> None:
    """The ACK to our 200 may carry the answer to the offer in it."""
    if leg.owed:
        leg.owed, leg.remote_sdp = False, word.sdp or leg.remote_sdp
        return
    if leg.slot is not Slot.ORIGIN or leg.remote_sdp is not None:
        return
    if word.sdp is None:
        finish(m, MEDIA_REFUSED)
        return
    leg.remote_sdp = word.sdp
    peer = m.partner(leg)
    if peer is not None and peer.state is LegState.ANSWERED:
        m.acknowledge(peer, word.sdp)


# Offers from outside


def offer_received(m: Machine, leg: Leg, word: OfferReceived) -> None:
    """A re-INVITE. One that crosses ours in its own dialog is answered 491 (RFC 3261 14.2), as is the second
    of two that the parties send at the same time. While another dialog is being changed it waits.
    """
    peer = _other_side(m, leg)
    if leg.reoffer or leg.offering or (peer is not None and peer.offering):
        m.answer_offer(leg, 491)
    elif _unsettled(m, peer):
        leg.offering = True
        m.data.put_off[leg.id] = word.sdp
        m.set_timer(f"offer:{leg.id}", OFFER_WAIT_S)
    elif peer is None:
        m.answer_offer(leg, 491)
    else:
        _take_up(m, leg, peer, word.sdp)


def _unsettled(m: Machine, peer: Leg | None) -> bool:
    """Whether a re-INVITE of ours is under way that decides to whom an offer goes."""
    return (peer is not None and peer.reoffer is not None) or any(each.joining for each in m.living())


def _take_up(m: Machine, leg: Leg, peer: Leg, sdp: str | None) -> None:
    """Answered here when it holds or only refreshes, else passed to the other side."""
    if sdp is None:
        leg.owed = True
        m.answer_offer(leg, 200, leg.local_sdp)
    elif _may_hold(m, leg) and sdp_text.is_hold(sdp):
        answer_here(m, leg, sdp)
        if not leg.held:
            _held(m, leg)
    else:
        leg.remote_sdp = sdp
        pass_on(m, leg, peer, sdp)


def take_up(m: Machine) -> None:
    """Go on with the offers that need to wait no longer."""
    while _take_up_next(m):
        settling.settle(m)


def _take_up_next(m: Machine) -> bool:
    for leg_id, sdp in m.data.put_off.items():
        leg = m.data.legs[leg_id]
        peer = _other_side(m, leg)
        if _unsettled(m, peer):
            continue
        m.forget_put_off(leg)
        if peer is None or peer.offering:
            m.answer_offer(leg, 491)
        else:
            _take_up(m, leg, peer, sdp)
        return True
    return False


def offer_waited(m: Machine, name: str) -> None:
    """It has waited long enough: the other end is to try again (RFC 3261 14.1)."""
    leg = m.leg(name.partition(":")[2])
    if leg is not None and leg.id in m.data.put_off:
        m.answer_offer(leg, 491)


def offer_withdrawn(m: Machine, leg: Leg, _word: OfferWithdrawn) -> None:
    """What was not passed on yet is forgotten; what was is carried through (RFC 3261 14.2)."""
    if leg.id in m.data.put_off:
        m.forget_put_off(leg)
        leg.offering = False


def pass_on(m: Machine, leg: Leg, other: Leg, sdp: str) -> None:
    """What the other side answers is the answer to this offer."""
    leg.offering, other.pass_to = True, leg.id
    m.offer(other, sdp, Reoffer.PASS)


def answer_here(m: Machine, leg: Leg, offer: str) -> None:
    """With what was said before, in the direction that fits; the other side is not asked."""
    leg.remote_sdp = offer
    answer = sdp_text.ANSWER_TO[sdp_text.direction(offer)]
    m.answer_offer(leg, 200, sdp_text.with_direction(leg.local_sdp or "", answer))


def _other_side(m: Machine, leg: Leg) -> Leg | None:
    """The leg that an offer is passed to: the partner, or the one that waits for its holder."""
    if leg.state is not LegState.UP:
        return None
    peer = m.partner(leg)
    if (peer is None or leg.held) and m.data.phase is Phase.CONNECTED and m.data.consult is None:
        peer = m.at(OTHER[leg.slot]) if leg.slot in OTHER else None
    return peer if peer is not None and peer.state is LegState.UP else None


def _may_hold(m: Machine, leg: Leg) -> bool:
    """A phone of ours holds here; the hold of a caller from outside is passed on: it brings its own music."""
    own = leg.slot is Slot.TARGET or (leg.slot is Slot.ORIGIN and m.data.parties.origin_dn)
    return bool(own) and m.data.consult is None and m.data.phase is Phase.CONNECTED


def _held(m: Machine, leg: Leg) -> None:
    """The other party hears music."""
    leg.held = True
    _say(m, "EventHeld", leg, CallState.HELD)
    treatment.ensure_media(m)


def _say(m: Machine, name: str, leg: Leg, state: CallState) -> None:
    reference, leg.reference = leg.reference, ""
    parties, is_target = m.data.parties, leg.slot is Slot.TARGET
    this_dn = dn_at(m, leg.slot)
    if leg.engaged and this_dn:
        m.emit(
            name,
            this_dn=this_dn,
            other_dn=origin_side(m) if is_target else parties.target_dn,
            agent_id=parties.target_agent if is_target else "",
            call_state=state,
            reference=reference,
        )


# Answers to our offers


def reoffer_answered(m: Machine, leg: Leg, word: ReofferAnswered) -> None:
    if not word.sdp:
        reoffer_failed(m, leg, ReofferFailed(leg.id, 488))
        return
    why, leg.reoffer = leg.reoffer, None
    if why is None:
        return
    leg.remote_sdp = word.sdp
    if why is Reoffer.JOIN:
        settling.join_answered(m, leg)
    elif why is Reoffer.PASS:
        _pass_answered(m, leg, word.sdp)
    elif why is Reoffer.HOLD:
        _held(m, leg)
    elif why is Reoffer.RETRIEVE:
        _retrieved(m, leg)


def _pass_answered(m: Machine, leg: Leg, sdp: str) -> None:
    source, leg.pass_to = m.leg(leg.pass_to), ""
    if source is None or not source.offering:
        return
    source.remote_sdp = leg.local_sdp
    m.answer_offer(source, 200, sdp)
    if source.held:
        _connect(m)
        _retrieved(m, source)
    elif source.slot is Slot.ORIGIN:
        source.holds = sdp_text.is_hold(source.remote_sdp or "")


def _connect(m: Machine) -> None:
    """First and second party have been told of each other."""
    origin, target = m.origin, m.at(Slot.TARGET)
    if target is not None:
        m.unpair(origin)
        m.unpair(target)
        origin.peer = target.id


def _retrieved(m: Machine, leg: Leg) -> None:
    leg.held = False
    _say(m, "EventRetrieved", leg, CallState.OK)


def reoffer_failed(m: Machine, leg: Leg, word: ReofferFailed) -> None:
    """491 is tried again (RFC 3261 14.1); 408 and 481 say that the dialog is gone (RFC 3261 12.2.1.2)."""
    why, leg.reoffer = leg.reoffer, None
    if why is None:
        return
    if word.status == 491 and why is not Reoffer.PASS:
        m.set_timer(f"retry:{leg.id}:{why}", _glare_delay(m, leg))
        if why is Reoffer.JOIN:
            leg.joining = ""
        return
    FAILED[why](m, leg, word.status)
    if word.status in LOST_DIALOG and not m.ended:
        _lost(m, leg, DIALOG_LOST)


def refresh(m: Machine, leg: Leg, _word: RefreshDue) -> None:
    """The session timer: the same description again; an offer that is under way refreshes as well."""
    if leg.local_sdp is not None and not _busy(leg):
        m.offer(leg, leg.local_sdp, Reoffer.REFRESH)


def expired(m: Machine, leg: Leg, _word: SessionExpired) -> None:
    """Nobody refreshes the session: the leg is hung up as if its party had gone."""
    _lost(m, leg, SESSION_EXPIRED)


def _lost(m: Machine, leg: Leg, outcome: Outcome) -> None:
    if leg.slot in PARTY_OF:
        treatment.media_gone(m, leg)
    elif leg.slot is Slot.CONSULT:
        consult.gone(m, outcome)
    elif not transfer.party_gone(m, leg.slot, outcome):
        finish(m, outcome)


def _glare_delay(m: Machine, leg: Leg) -> float:
    """2.1 to 4 s when we made the Call-ID, under 2 s when not (RFC 3261 14.1); spread by the call's id."""
    spread = int(m.data.conn_id[-4:], 16) / 0xFFFF
    return 0.01 + 1.98 * spread if leg.incoming else 2.1 + 1.9 * spread


def retry_offer(m: Machine, name: str) -> None:
    """The wait after a 491 is over; a join is found again by `settle`."""
    _, leg_id, why = name.split(":")
    leg = m.leg(leg_id)
    if leg is not None and leg.local_sdp and Reoffer(why) is not Reoffer.JOIN and not _busy(leg):
        m.offer(leg, leg.local_sdp, Reoffer(why))


def _join_failed(m: Machine, leg: Leg, _status: int) -> None:
    settling.join_failed(m, leg)


def pass_failed(m: Machine, leg: Leg, status: int) -> None:
    source, leg.pass_to = m.leg(leg.pass_to), ""
    if source is not None and source.offering:
        m.answer_offer(source, status)


def _hold_failed(m: Machine, leg: Leg, _status: int) -> None:
    reference, leg.reference = leg.reference, ""
    error(m, reference, "hold_failed")


def _ignore(_m: Machine, _leg: Leg, _status: int) -> None:
    return


FAILED = {
    Reoffer.JOIN: _join_failed,
    Reoffer.PASS: pass_failed,
    Reoffer.FOLLOW: _ignore,
    Reoffer.HOLD: _hold_failed,
    Reoffer.RETRIEVE: _hold_failed,
    Reoffer.REFRESH: _ignore,
}


# Hold and retrieve by request


def hold(m: Machine, request: RequestHoldCall) -> None:
    """RequestHoldCall: the DN's phone is silenced by us, the other side hears music."""
    holder = _main_party(m, request.this_dn)
    if holder is None or holder.held or _busy(holder):
        error(m, request.reference, "invalid_state")
    else:
        holder.reference = request.reference
        m.offer(holder, sdp_text.with_direction(holder.local_sdp or "", "inactive"), Reoffer.HOLD)


def retrieve(m: Machine, request: RequestRetrieveCall) -> None:
    """RequestRetrieveCall: the phone is offered the other party's stream again."""
    holder = _main_party(m, request.this_dn)
    other = None if holder is None else m.at(OTHER[holder.slot])
    if holder is None or other is None or not holder.held or _busy(holder):
        error(m, request.reference, "invalid_state")
    else:
        holder.reference = request.reference
        m.offer(holder, sdp_text.with_direction(other.remote_sdp or "", "sendrecv"), Reoffer.RETRIEVE)


def _main_party(m: Machine, dn: str) -> Leg | None:
    """The leg of one of the two; none while a third party is there."""
    slot = slot_of(m, dn)
    return m.at(slot) if slot in OTHER and m.data.consult is None else None


def _busy(leg: Leg) -> bool:
    return bool(leg.state is not LegState.UP or leg.reoffer or leg.offering)
