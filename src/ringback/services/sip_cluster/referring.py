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
from ringback.services.sip_cluster.handover import PAUSE_S, TRIES, Handover
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.joining import give_up, ready, telephone_of
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
    Replaces,
    notify_headers,
    sipfrag,
)

EXPIRES_S = 60
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

    def __init__(
        self, endpoint: SipEndpoint, driver: Driver, index: Index, sessions: Sessions, handover: Handover
    ) -> None:
        self._endpoint = endpoint
        self._driver = driver
        self._index = index
        self._sessions = sessions
        self._handover = handover

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
        """The two calls of one telephone become one; the other may be at another node."""
        replaces = referral.replaces
        assert replaces is not None
        found = self._index.named(live.tenant, replaces)
        if found is not None:
            self._join(live, leg, reference, referral, found, tries)
        elif replaces.call_id in self._index.legs:
            self._end(live, reference, 481)
        else:
            self._handover.spawn(self._fetch(live, leg, reference, referral, replaces))

    async def _fetch(
        self, live: LiveCall, leg: SipLeg, reference: str, referral: Referral, replaces: Replaces
    ) -> None:
        fetched = await self._handover.fetch(live.tenant, replaces, telephone_of(live, leg))
        found = self._index.named(live.tenant, replaces)
        if fetched.status or (fetched.number is None and found is None):
            self._end(live, reference, fetched.status or 481)
        elif found is not None:
            self._join(live, leg, reference, referral, found, TRIES)
        else:
            number = fetched.number or referral.target.number
            self._driver.feed(live, i.Referred(leg.id, reference, number))

    def _join(
        self,
        live: LiveCall,
        leg: SipLeg,
        reference: str,
        referral: Referral,
        found: tuple[LiveCall, SipLeg],
        tries: int,
    ) -> None:
        """As soon as nothing is under way in the two calls."""
        other, theirs = found
        if live.lost or other is live:
            self._end(live, reference, 481)
        elif telephone_of(live, leg) != telephone_of(other, theirs):
            self._end(live, reference, 403)  # nobody may transfer what is not his own
        elif theirs.server is not None:
            # It rings there: what the telephone has begun is done again for the party that it gives away.
            number = give_up(self._driver, other, theirs) or referral.target.number
            self._driver.feed(live, i.Referred(leg.id, reference, number))
        elif far_party(live.call.data, leg.id) is not None and (far := ready(other, theirs)) is not None:
            self._merge(live, leg, reference, other, far)
        elif tries:
            again = (live, leg, reference, referral, tries - 1)
            asyncio.get_running_loop().call_later(PAUSE_S, self._attended, *again)
        else:
            self._end(live, reference, 491)

    def _merge(self, live: LiveCall, leg: SipLeg, reference: str, other: LiveCall, far: Leg) -> None:
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


def _number(far: Leg, ani: str, dnis: str) -> str:
    """The number of a party outside."""
    return ani if far.role is LegRole.CALLER else far.dn or dnis


def _refused(outputs: list[Output], reference: str) -> bool:
    return any(
        isinstance(each, Event) and each.name == "EventError" and each.reference == reference
        for each in outputs
    )
