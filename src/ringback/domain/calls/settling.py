"""Moving parties to those whom they should talk to.

At any moment `pairs.wanted` names the peer of each party. `settle` moves them there: with the 200 of an
INVITE, with the ACK that owes an answer, or with a re-INVITE (RFC 3725). It runs after every input, so
crossing messages need no rules of their own.
"""

from ringback.domain.calls import consult, routing, sdp_text, treatment
from ringback.domain.calls.ending import error
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.pairs import MEDIA_OF, PARTY_OF, needs_media, wanted_peer
from ringback.domain.calls.results import MEDIA_REFUSED
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import LegState, Phase, Reoffer, Slot


def settle(m: Machine) -> None:
    """Connect each party to the peer that it should talk to."""
    if m.ended:
        return
    treatment.ring_on(m)
    slots = m.data.slots
    for slot in MEDIA_OF:
        if slot in slots:
            _move(m, slot)
    for slot, media in MEDIA_OF.items():
        if slot in slots:
            _follow(m, slot)
        if media in slots:
            _tidy(m, slot)


def _move(m: Machine, slot: Slot) -> None:
    peer = wanted_peer(m, slot)
    if peer is None or peer.remote_sdp is None or m.ended:
        return
    mover = m.at(slot)
    if mover is None or mover.peer == peer.id:
        return
    if f"retry:{mover.id}:{Reoffer.JOIN}" in m.data.timers:
        return
    if mover.state is LegState.OFFERED:
        if mover.reoffer or mover.offering:
            return  # an UPDATE is under way: the answer to it comes first
        m.accept(mover, peer.remote_sdp)
        _joined(m, mover, peer)
    elif mover.state is LegState.ANSWERED:
        m.acknowledge(mover, peer.remote_sdp)
        _joined(m, mover, peer)
    elif mover.state is LegState.UP and not (mover.reoffer or mover.offering or peer.offering):
        if peer.early and m.knows(mover, peer.remote_sdp):
            _joined(m, mover, peer)
            return
        m.unpair(mover)
        mover.joining = peer.id
        m.offer(mover, peer.remote_sdp, Reoffer.JOIN)


def _joined(m: Machine, mover: Leg, peer: Leg) -> None:
    m.unpair(mover)
    m.unpair(peer)
    mover.peer = peer.id
    if peer.state is LegState.ANSWERED and mover.remote_sdp is not None:
        m.acknowledge(peer, mover.remote_sdp)
    if peer.slot is Slot.CONSULT:
        consult.joined(m)
    elif peer.slot is Slot.TARGET:
        if peer.state is LegState.RINGING:
            treatment.pause(m)
        elif m.data.phase is not Phase.CONNECTED:
            routing.connected(m, peer)
        m.vacate(Slot.MEDIA)
    else:
        treatment.start(m, mover.slot)


def _follow(m: Machine, slot: Slot) -> None:
    """A peer that was told another address than its partner now has is told the new one."""
    mover = m.at(slot)
    peer = m.leg(mover.peer) if mover is not None and mover.peer else None
    if m.ended or mover is None or peer is None or not mover.remote_sdp or not peer.local_sdp:
        return
    moved = sdp_text.media_address(peer.local_sdp) != sdp_text.media_address(mover.remote_sdp)
    quiet = mover.reoffer is None and not mover.offering
    if moved and quiet and peer.state is LegState.UP and peer.reoffer is None and not peer.offering:
        m.offer(peer, mover.remote_sdp, Reoffer.FOLLOW)


def _tidy(m: Machine, slot: Slot) -> None:
    """Media that nobody hears, or is to hear, is let go."""
    media, party = m.at(MEDIA_OF[slot]), m.at(slot)
    on_its_way = party is not None and party.joining
    if media is None or m.data.phase is not Phase.CONNECTED or on_its_way:
        return
    if not needs_media(m, slot) and m.partner(media) is None:
        m.vacate(MEDIA_OF[slot])


def join_answered(m: Machine, mover: Leg) -> None:
    """The party has moved, unless its peer has gone or moved meanwhile, or it is wanted elsewhere."""
    peer, mover.joining = m.leg(mover.joining), ""
    if peer is None or peer is not wanted_peer(m, mover.slot):
        return
    if not peer.early or m.knows(mover, peer.remote_sdp or ""):
        _joined(m, mover, peer)


def join_failed(m: Machine, mover: Leg) -> None:
    peer, mover.joining = m.leg(mover.joining), ""
    if peer is None or m.data.slots.get(peer.slot) != peer.id:
        return
    if peer.slot is Slot.CONSULT:
        consult.failed(m, MEDIA_REFUSED)
    elif peer.slot in PARTY_OF:
        _media_refused(m, peer)
    elif peer.state is LegState.RINGING:
        peer.early = False
    elif m.data.attempt is not None:
        routing.attempt_failed(m, MEDIA_REFUSED)
    else:
        peer.held = True
        error(m, "", "retrieve_failed")


def _media_refused(m: Machine, media: Leg) -> None:
    m.vacate(media.slot)
    if media.slot is Slot.MEDIA:
        treatment.not_applied(m, "media_refused")
