"""Who talks to whom: joining the first party to a peer, passing offers through, hold and retrieve.

At any moment there is one peer that the first party should talk to (`wanted`). `settle` moves it there: with
the 200 of its INVITE, with the ACK that owes an answer, or with a re-INVITE (RFC 3725). It runs after every
input, so crossing messages need no rules of their own.
"""

from ringback.domain.calls import routing, sdp_text, treatment
from ringback.domain.calls.ending import error, finish, origin_side
from ringback.domain.calls.inputs import (
    AckReceived,
    OfferReceived,
    ReofferAnswered,
    ReofferFailed,
    RequestHoldCall,
    RequestRetrieveCall,
)
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.results import DIALOG_LOST, MEDIA_REFUSED
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import AttemptState, CallState, LegState, Phase, Reoffer, Slot

LOST_DIALOG = (408, 481)


def wanted(m: Machine) -> Leg | None:
    """The peer that the first party should be connected to now."""
    data, target, media = m.data, m.at(Slot.TARGET), m.at(Slot.MEDIA)
    joining = data.attempt is not None and data.attempt.state is AttemptState.JOINING
    talking = data.phase is Phase.CONNECTED and target is not None and not target.held
    peer = target if joining or talking else media
    return peer if peer is not None and peer.state in (LegState.UP, LegState.ANSWERED) else None


def settle(m: Machine) -> None:
    """Connect the first party to the peer that it should talk to."""
    peer, origin = wanted(m), m.at(Slot.ORIGIN)
    if m.ended or peer is None or origin is None or peer.remote_sdp is None or m.data.talking_to == peer.id:
        return
    if f"retry:{origin.id}:{Reoffer.JOIN}" in m.data.timers:
        return
    if origin.state is LegState.OFFERED:
        m.accept(origin, peer.remote_sdp)
        _joined(m, peer)
    elif origin.state is LegState.ANSWERED:
        m.acknowledge(origin, peer.remote_sdp)
        _joined(m, peer)
    elif origin.state is LegState.UP and not (origin.reoffer or origin.offering or peer.offering):
        m.data.joining, m.data.talking_to = peer.id, ""
        m.offer(origin, peer.remote_sdp, Reoffer.JOIN)


def _joined(m: Machine, peer: Leg) -> None:
    data = m.data
    data.talking_to = peer.id
    if peer.state is LegState.ANSWERED and m.origin.remote_sdp is not None:
        m.acknowledge(peer, m.origin.remote_sdp)
    if peer.slot is Slot.TARGET:
        if data.phase is not Phase.CONNECTED:
            routing.connected(m, peer)
        m.vacate(Slot.MEDIA)
    else:
        treatment.start(m)


def ack_received(m: Machine, leg: Leg, word: AckReceived) -> None:
    """The ACK to our 200 may carry the answer to the offer in it."""
    if leg.slot is not Slot.ORIGIN or leg.remote_sdp is not None:
        return
    if word.sdp is None:
        finish(m, MEDIA_REFUSED)
        return
    leg.remote_sdp = word.sdp
    peer = m.leg(m.data.talking_to)
    if peer is not None and peer.state is LegState.ANSWERED:
        m.acknowledge(peer, word.sdp)


# Offers from outside


def offer_received(m: Machine, leg: Leg, word: OfferReceived) -> None:
    """A re-INVITE: answered here when it holds or only refreshes, else passed to the other side."""
    peer = _other_side(m, leg)
    if peer is None or m.data.joining or leg.reoffer or leg.offering or peer.reoffer or peer.offering:
        m.answer_offer(leg, 491)
    elif word.sdp is None:
        m.answer_offer(leg, 200, leg.local_sdp)
    elif leg.slot is Slot.TARGET and sdp_text.is_hold(word.sdp):
        leg.remote_sdp = word.sdp
        _hold_by_target(m, leg, word.sdp)
    else:
        leg.remote_sdp, leg.offering = word.sdp, True
        peer.pass_to = leg.id
        m.offer(peer, word.sdp, Reoffer.PASS)


def _other_side(m: Machine, leg: Leg) -> Leg | None:
    origin = m.at(Slot.ORIGIN)
    if origin is None or leg.state is not LegState.UP:
        return None
    if leg is origin:
        peer = m.leg(m.data.talking_to)
    else:
        talking = m.data.talking_to == leg.id or (leg.slot is Slot.TARGET and m.data.phase is Phase.CONNECTED)
        peer = origin if talking else None
    return peer if peer is not None and peer.state is LegState.UP else None


def _hold_by_target(m: Machine, leg: Leg, offer: str) -> None:
    """The holder is answered here and the first party hears music."""
    answer = sdp_text.ANSWER_TO[sdp_text.direction(offer)]
    m.answer_offer(leg, 200, sdp_text.with_direction(leg.local_sdp or "", answer))
    if not leg.held:
        _held(m, leg)


def _held(m: Machine, leg: Leg) -> None:
    leg.held = True
    _say(m, "EventHeld", leg, CallState.HELD)
    treatment.ensure_media(m)


def _say(m: Machine, name: str, leg: Leg, state: CallState, reference: str = "") -> None:
    parties, is_target = m.data.parties, leg.slot is Slot.TARGET
    this_dn = parties.target_dn if is_target else parties.origin_dn
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
    before, leg.remote_sdp = leg.remote_sdp, word.sdp
    if why is Reoffer.JOIN:
        _join_answered(m, leg, before)
    elif why is Reoffer.PASS:
        _pass_answered(m, leg, word.sdp)
    elif why is Reoffer.HOLD:
        _held(m, leg)
    elif why is Reoffer.RETRIEVE:
        _retrieved(m, leg)


def _join_answered(m: Machine, origin: Leg, before: str | None) -> None:
    """The first party has moved; a peer that was told another address is told the new one."""
    peer, m.data.joining = m.leg(m.data.joining), ""
    if peer is None or m.data.slots.get(peer.slot) != peer.id:
        return
    moved = sdp_text.media_address(before or "") != sdp_text.media_address(origin.remote_sdp or "")
    follow = moved and peer.state is LegState.UP and peer.reoffer is None and not peer.offering
    _joined(m, peer)
    if follow and origin.remote_sdp is not None:
        m.offer(peer, origin.remote_sdp, Reoffer.FOLLOW)


def _pass_answered(m: Machine, leg: Leg, sdp: str) -> None:
    source, leg.pass_to = m.leg(leg.pass_to), ""
    if source is None or not source.offering:
        return
    m.answer_offer(source, 200, sdp)
    if source.slot is Slot.TARGET:
        m.data.talking_to = source.id
        if source.held:
            _retrieved(m, source)
    elif source.slot is Slot.ORIGIN:
        _origin_hold(m, source)


def _origin_hold(m: Machine, origin: Leg) -> None:
    held = sdp_text.is_hold(origin.remote_sdp or "")
    if held is not origin.held:
        origin.held = held
        name, state = ("EventHeld", CallState.HELD) if held else ("EventRetrieved", CallState.OK)
        _say(m, name, origin, state)


def _retrieved(m: Machine, leg: Leg) -> None:
    leg.held = False
    _say(m, "EventRetrieved", leg, CallState.OK)
    if m.data.talking_to == leg.id:
        m.vacate(Slot.MEDIA)


def reoffer_failed(m: Machine, leg: Leg, word: ReofferFailed) -> None:
    """491 is tried again (RFC 3261 14.1); 408 and 481 say that the dialog is gone (RFC 3261 12.2.1.2)."""
    why, leg.reoffer = leg.reoffer, None
    if why is None:
        return
    if word.status == 491 and why is not Reoffer.PASS:
        m.set_timer(f"retry:{leg.id}:{why}", _glare_delay(m, leg))
        if why is Reoffer.JOIN:
            m.data.joining = ""
        return
    FAILED[why](m, leg, word.status)
    if word.status in LOST_DIALOG and not m.ended:
        _lost(m, leg)


def _lost(m: Machine, leg: Leg) -> None:
    if leg.slot is Slot.MEDIA:
        treatment.media_gone(m, leg)
    else:
        finish(m, DIALOG_LOST)


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


def _join_failed(m: Machine, _origin: Leg, _status: int) -> None:
    peer, m.data.joining = m.leg(m.data.joining), ""
    if peer is None or m.data.slots.get(peer.slot) != peer.id:
        return
    if peer.slot is Slot.MEDIA:
        m.vacate(Slot.MEDIA)
        treatment.not_applied(m, "media_refused")
    elif m.data.attempt is not None:
        routing.attempt_failed(m, MEDIA_REFUSED)
    else:
        peer.held = True
        error(m, "", "retrieve_failed")


def _pass_failed(m: Machine, leg: Leg, status: int) -> None:
    source, leg.pass_to = m.leg(leg.pass_to), ""
    if source is not None and source.offering:
        m.answer_offer(source, status)


def _hold_failed(m: Machine, _leg: Leg, _status: int) -> None:
    error(m, "", "hold_failed")


def _ignore(_m: Machine, _leg: Leg, _status: int) -> None:
    return


FAILED = {
    Reoffer.JOIN: _join_failed,
    Reoffer.PASS: _pass_failed,
    Reoffer.FOLLOW: _ignore,
    Reoffer.HOLD: _hold_failed,
    Reoffer.RETRIEVE: _hold_failed,
}


# Hold and retrieve by request


def hold(m: Machine, request: RequestHoldCall) -> None:
    """RequestHoldCall: the DN's phone is silenced by us, the other side hears music."""
    target = m.at(Slot.TARGET)
    if target is None or target.held or _busy(target):
        error(m, request.reference, "invalid_state")
    else:
        m.offer(target, sdp_text.with_direction(target.local_sdp or "", "inactive"), Reoffer.HOLD)


def retrieve(m: Machine, request: RequestRetrieveCall) -> None:
    """RequestRetrieveCall: the phone is offered the first party's stream again."""
    target = m.at(Slot.TARGET)
    if target is None or not target.held or _busy(target):
        error(m, request.reference, "invalid_state")
    else:
        sdp = sdp_text.with_direction(m.origin.remote_sdp or "", "sendrecv")
        m.offer(target, sdp, Reoffer.RETRIEVE)


def _busy(leg: Leg) -> bool:
    return bool(leg.state is not LegState.UP or leg.reoffer or leg.offering)
