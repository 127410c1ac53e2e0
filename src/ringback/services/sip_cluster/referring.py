"""REFER from telephones (RFC 3515, 4488, 5589): transfers that the call core carries out, told by NOTIFY.

Only a telephone of ours may transfer, and only to what the dial plan allows. What stands in Refer-To is a
number for the dial plan, never an address that we call.
"""

import asyncio
from dataclasses import dataclass

from msgspec import structs

from ringback.contracts.events import CallEvent
from ringback.domain.calls import inputs as i
from ringback.domain.calls.machine import session_id
from ringback.domain.calls.outputs import Event, Output
from ringback.domain.calls.pairs import agent_of, dn_of
from ringback.domain.calls.referral import far_party
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import LegRole, Phase
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.sessions import Sessions
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.errors import SipParseError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request
from ringback.sip.transfer import (
    NO_SUBSCRIPTION,
    SIPFRAG,
    Referral,
    notify_headers,
    sipfrag,
)

EXPIRES_S = 60
PAUSE_S, TRIES = 0.1, 30
"""How often, so many seconds apart, two calls are looked at until nothing is under way in them."""
_PROGRESS = {"EventRinging": 180, "EventNetworkReached": 180, "EventPartyChanged": 200, "EventReleased": 200}


@dataclass(slots=True)
class Subscription:
    """Who is told how a transfer goes."""

    leg: SipLeg
    event_id: str
    referred_by: str
    notifies: bool
    last: int = 0


class Referrals:
    """All transfers that telephones of this node's calls have asked for."""

    def __init__(self, endpoint: SipEndpoint, driver: Driver, index: Index, sessions: Sessions) -> None:
        self._endpoint = endpoint
        self._driver = driver
        self._index = index
        self._sessions = sessions

    def refer(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        """REFER in a dialog: 202 and NOTIFY, or a refusal."""
        state = live.call.data.legs[leg.id]
        dn = dn_of(live.call.data, state.slot)
        try:
            referral = Referral.of(request)
        except SipParseError:
            tx.reply(400)
            return
        if state.role is not LegRole.AGENT or not dn:
            tx.reply(403)
            return
        if live.call.data.phase is not Phase.CONNECTED or live.call.data.consult is not None:
            tx.reply(603)
            return
        reference = f"refer-{leg.id}-{request.cseq.number}"
        by = f"<sip:{dn}@{self._index.domain(live.tenant)}>"
        wanted = referral.wants_notify
        live.referrals[reference] = Subscription(leg, str(request.cseq.number), by, wanted)
        self._accept(tx, live, reference)
        carry_out = self._blind if referral.replaces is None else self._attended
        carry_out(live, leg, reference, referral, TRIES)

    def _blind(self, live: LiveCall, leg: SipLeg, reference: str, referral: Referral, tries: int) -> None:
        """The call goes to a number, as soon as nothing is under way in it: a hold may not be over yet."""
        if live.lost:
            return
        if tries and far_party(live.call.data, leg.id) is None and not leg.over:
            again = (live, leg, reference, referral, tries - 1)
            asyncio.get_running_loop().call_later(PAUSE_S, self._blind, *again)
        else:
            self._driver.feed(live, i.Referred(leg.id, reference, referral.target.number))

    def _accept(self, tx: ServerTransaction, live: LiveCall, reference: str) -> None:
        subscription = live.referrals[reference]
        headers = [] if subscription.notifies else [("Refer-Sub", "false"), ("Supported", NO_SUBSCRIPTION)]
        tx.reply(202, headers=headers)
        self._notify(subscription, 100)

    # Progress

    def told(self, live: LiveCall, events: list[CallEvent]) -> None:
        """Events of a call, before what follows from them leaves: NOTIFY comes before BYE."""
        for event in events:
            subscription = live.referrals.get(event.reference_id)
            if subscription is None:
                continue
            status = _PROGRESS.get(event.id, 0)
            if event.id == "EventError":
                code = event.extensions.get("SipStatus")
                status = code if isinstance(code, int) and code >= 300 else 503
            if status > subscription.last:
                self._notify(subscription, status)
            if status >= 200:
                del live.referrals[event.reference_id]

    def _notify(self, subscription: Subscription, status: int) -> None:
        subscription.last, leg = status, subscription.leg
        if not subscription.notifies or leg.over or leg.dialog is None:
            return
        headers = notify_headers(status, EXPIRES_S, subscription.event_id)
        notify = leg.dialog.request(
            "NOTIFY",
            headers=headers,
            body=sipfrag(status),
            content_type=SIPFRAG,
            contact=self._sessions.contact(),
        )
        self._endpoint.send_request(notify, leg.dialog.destination)

    def _end(self, live: LiveCall, reference: str, status: int) -> None:
        subscription = live.referrals.pop(reference, None)
        if subscription is not None:
            self._notify(subscription, status)

    # Attended

    def _attended(self, live: LiveCall, leg: SipLeg, reference: str, referral: Referral, tries: int) -> None:
        """The two calls of one telephone become one, as soon as nothing is under way in them."""
        replaces = referral.replaces
        assert replaces is not None
        found = self._index.named(live.tenant, replaces)
        if live.lost or found is None or found[0] is live:
            self._end(live, reference, 481)
            return
        other, theirs = found
        if not _same_telephone(live, leg, other, theirs):
            self._end(live, reference, 403)
        elif theirs.server is not None:
            # It rings there: what the telephone has begun is done again for the party that it gives away.
            self._blind_instead(live, leg, reference, referral, other, theirs)
        elif (far := _ready(live, leg, other, theirs)) is not None:
            self._merge(live, leg, reference, other, theirs, far)
        elif tries:
            again = (live, leg, reference, referral, tries - 1)
            asyncio.get_running_loop().call_later(PAUSE_S, self._attended, *again)
        else:
            self._end(live, reference, 491)

    def _blind_instead(
        self,
        live: LiveCall,
        leg: SipLeg,
        reference: str,
        referral: Referral,
        other: LiveCall,
        theirs: SipLeg,
    ) -> None:
        number = other.call.data.parties.dnis or referral.target.number
        server, theirs.server, theirs.over = theirs.server, None, True
        if server is not None:
            server.reply(487)
        self._driver.feed(other, i.HungUp(theirs.id))
        self._driver.feed(live, i.Referred(leg.id, reference, number))

    def _merge(
        self, live: LiveCall, leg: SipLeg, reference: str, other: LiveCall, theirs: SipLeg, far: Leg
    ) -> None:
        data, moved = other.call.data, other.legs[far.id]
        dn = dn_of(data, far.slot) or _number(far, data.parties.ani, data.parties.dnis)
        by, party = f"{far.id}-{data.conn_id}", structs.replace(far)
        agent_id = agent_of(data, far.slot)
        # From here on the leg is spoken for by one call only.
        del other.legs[far.id]
        word = i.Adopted(
            leg.id, reference, by, party, data.conn_id, dn, agent_id, far.sdp_session or session_id(data)
        )
        moved.id = by
        live.legs[by] = moved
        if _refused(self._driver.feed(live, word), reference):
            del live.legs[by]
            moved.id = far.id
            other.legs[far.id] = moved
            return
        self._driver.feed(other, i.GivenAway(far.id))
        self._index.add(live, moved)
        self._sessions.moved(live, moved)


def _ready(live: LiveCall, leg: SipLeg, other: LiveCall, theirs: SipLeg) -> Leg | None:
    """The far party of the other call, if nothing is under way in either."""
    near = far_party(live.call.data, leg.id)
    far = far_party(other.call.data, theirs.id)
    if near is None or far is None or far.id not in other.legs:
        return None
    unacked = other.legs[far.id].unacked
    return far if unacked is None or unacked.done() else None


def _same_telephone(live: LiveCall, leg: SipLeg, other: LiveCall, theirs: SipLeg) -> bool:
    """Nobody may transfer what is not his own."""
    mine = dn_of(live.call.data, live.call.data.legs[leg.id].slot)
    return bool(mine) and mine == dn_of(other.call.data, other.call.data.legs[theirs.id].slot)


def _number(far: Leg, ani: str, dnis: str) -> str:
    """The number of a party outside."""
    return ani if far.role is LegRole.CALLER else far.dn or dnis


def _refused(outputs: list[Output], reference: str) -> bool:
    return any(
        isinstance(each, Event) and each.name == "EventError" and each.reference == reference
        for each in outputs
    )
