"""What is said about media before a call is answered (RFC 3262 5, RFC 3311 5, RFC 3960 2).

A caller who waits for the answer gets the description of the called party as it comes: with it he hears what
the network or the phone plays. Nothing is anchored for that, so that it works for callers that take no
re-INVITE. Each other description, of a second phone behind the INVITE or of the next destination, is passed
on as well: the caller gets an early dialog for each (RFC 3261 12.1), as from phones that ring side by side,
and chooses what he hears.

A first party that is on the line already, and hears our ringing (a call that we make), is moved over to what
the network plays, and hears ours again when that ends without an answer. A phone's 180 leaves it our ringing:
there a description promises no media (RFC 3960 3.1). Who hears anything else goes on hearing it.
"""

from ringback.domain.calls import bridge
from ringback.domain.calls.inputs import OfferReceived, Progress, ReofferAnswered, ReofferFailed
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.outputs import Provisional
from ringback.domain.calls.pairs import hears_ours
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import LegState, Reoffer, Slot

RINGING, IN_PROGRESS = 180, 183
STANDS = (LegState.OFFERED, LegState.RINGING, LegState.UP)
MOST = 8
"""So many descriptions a caller is told before the answer, and no more."""


def media(m: Machine, word: Progress) -> None:
    """A provisional response with a description."""
    leg, origin = m.leg(word.leg), m.at(Slot.ORIGIN)
    if not word.sdp or m.ended or leg is None or origin is None:
        return
    rings = leg.slot is Slot.TARGET and leg.state is LegState.RINGING
    if not rings or origin.sdp_version >= MOST:
        return
    if word.status != RINGING and hears_ours(m):
        _plays(m, leg, word.sdp)
    elif origin.state is LegState.OFFERED and origin.remote_sdp is not None:
        _tell(m, leg, origin, word)


def _plays(m: Machine, leg: Leg, sdp: str) -> None:
    """The first party is moved to this by `settle`."""
    if leg.remote_sdp != sdp:
        m.unpair(leg)
    leg.early, leg.remote_sdp = True, sdp


def _tell(m: Machine, leg: Leg, origin: Leg, word: Progress) -> None:
    leg.early, before = True, origin.local_sdp
    status, text = word.status, m.describe(origin, word.sdp, answers=True)
    if text != before:
        m.out.append(Provisional(origin.id, RINGING if status == RINGING else IN_PROGRESS, text))


def offer(m: Machine, leg: Leg, word: OfferReceived) -> None:
    """An offer before the answer. It is passed on where the other side takes it now; else the first party,
    where it hears early media, is answered here, and whoever is called hears of it on the answer.
    """
    if m.ended or leg.state not in STANDS:
        m.answer_offer(leg, 491 if leg.state in (LegState.ANSWERED, LegState.OFFERED) else 481)
    elif leg.offering or leg.reoffer or leg.local_sdp is None or word.sdp is None:
        m.answer_offer(leg, 491)
    elif word.onward:
        _pass_on(m, leg, word.sdp)
    else:
        bridge.answer_here(m, leg, word.sdp)


def _pass_on(m: Machine, leg: Leg, sdp: str) -> None:
    other = m.at(bridge.OTHER[leg.slot])
    if other is None or other.reoffer or other.offering:
        m.answer_offer(leg, 491)
    else:
        bridge.pass_on(m, leg, other, sdp)


def offer_answered(m: Machine, leg: Leg, word: ReofferAnswered) -> None:
    """The other side has taken what was passed on."""
    if leg.state in STANDS and not m.ended:
        bridge.reoffer_answered(m, leg, word)


def offer_failed(m: Machine, leg: Leg, word: ReofferFailed) -> None:
    """It has not. An early dialog that is gone ends nothing: another phone may still answer."""
    why, leg.reoffer = leg.reoffer, None
    if why is Reoffer.PASS:
        bridge.pass_failed(m, leg, 500 if word.status in bridge.LOST_DIALOG else word.status)
