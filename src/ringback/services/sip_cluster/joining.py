"""What two calls of one telephone must be like to become one."""

from ringback.domain.calls import inputs as i
from ringback.domain.calls.pairs import dn_of
from ringback.domain.calls.referral import far_party
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import LegState
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.live import LiveCall, SipLeg


def telephone_of(live: LiveCall, leg: SipLeg) -> str:
    """The DN of a leg; empty for one that is none of our telephones."""
    return dn_of(live.call.data, live.call.data.legs[leg.id].slot)


def ready(live: LiveCall, leg: SipLeg) -> Leg | None:
    """Whom a telephone talks to, or holds, if nothing is under way between the two."""
    far = far_party(live.call.data, leg.id)
    return far if far is not None and far.id in live.legs and not live.legs[far.id].unacked else None


def at_rest(live: LiveCall, leg: SipLeg) -> bool:
    """Nothing is under way in the whole call: all that there is of it stands in its snapshot."""
    if ready(live, leg) is None or live.flushing or live.referrals or live.call.data.asks:
        return False
    known = live.call.data.legs
    return all(_at_rest(known[each.id], each) for each in live.legs.values() if each.id in known)


def _at_rest(state: Leg, leg: SipLeg) -> bool:
    if state.state is LegState.ENDED:
        return True
    waits = state.reoffer or state.offering or state.owed or leg.offer is not None or leg.waiting
    return state.state is LegState.UP and not leg.unacked and not waits


def give_up(driver: Driver, live: LiveCall, leg: SipLeg) -> str:
    """End a call that a telephone has begun and that still rings; the number that it has dialled."""
    server, leg.server, leg.over = leg.server, None, True
    if server is not None:
        server.reply(487)
    driver.feed(live, i.HungUp(leg.id))
    return live.call.data.parties.dnis
