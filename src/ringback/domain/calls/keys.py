"""Keys that a party or an application presses: by the media server as RFC 4733, else as INFO."""

from ringback.domain.calls.ending import error
from ringback.domain.calls.inputs import DigitsRefused, DigitsSent, KeyPressed, RequestSendDtmf
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.outputs import PassKey, SendDigits
from ringback.domain.calls.pairs import PARTY_OF, slot_of
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import LegState, Phase, Slot

KEYS = frozenset("0123456789ABCD*#")
MOST = 32


def send(m: Machine, request: RequestSendDtmf) -> None:
    """RequestSendDtmf: to the media leg of the party that waits, or to whom the DN talks."""
    if not 0 < len(request.digits) <= MOST or not KEYS.issuperset(request.digits):
        error(m, request.reference, "invalid_digits")
        return
    leg = _listener(m, request.this_dn)
    if leg is None or leg.state is not LegState.UP:
        error(m, request.reference, "invalid_state")
    else:
        m.out.append(SendDigits(leg.id, request.reference, request.digits))


def _listener(m: Machine, dn: str) -> Leg | None:
    if m.data.phase is Phase.WAITING:
        media = m.at(Slot.MEDIA)
        return media if media is not None and m.partner(media) is not None else None
    slot = slot_of(m, dn)
    leg = None if slot is None else m.at(slot)
    peer = None if leg is None else m.partner(leg)
    return None if peer is None or peer.slot in PARTY_OF else peer


def pressed(m: Machine, leg: Leg, word: KeyPressed) -> None:
    """A key that a party has pressed by SIP: for whoever hears it now, telephone or media server. No event
    tells of it: it may be part of a secret.
    """
    partner = m.partner(leg)
    if partner is not None and partner.state is LegState.UP and word.key in KEYS:
        m.out.append(PassKey(partner.id, word.key))


def sent(m: Machine, word: DigitsSent) -> None:
    m.emit("EventDTMFSent", this_dn=_device(m), reference=word.reference, digits=word.digits)


def refused(m: Machine, word: DigitsRefused) -> None:
    error(m, word.reference, "refused")


def _device(m: Machine) -> str:
    return m.data.parties.device or m.data.parties.target_dn
