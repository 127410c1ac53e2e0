"""INVITE with Replaces (RFC 3891): a telephone of ours takes the place of one that talks or rings."""

import secrets

from ringback.domain.calls import inputs as i
from ringback.domain.calls.types import LegState
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.referring import Referrals
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError, SipParseError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request
from ringback.sip.transfer import Replaces, replaces_of

UNDER_WAY = frozenset({LegState.INVITING, LegState.RINGING})


class Replacing:
    """Judges such an INVITE and puts its sender into the call."""

    def __init__(self, driver: Driver, index: Index, referrals: Referrals) -> None:
        self._driver = driver
        self._index = index
        self._referrals = referrals

    def invite(
        self, tx: ServerTransaction, request: Request, tenant: str, dn: str
    ) -> tuple[LiveCall, SipLeg] | None:
        """The call and the leg of the sender, or None when the INVITE is refused. `dn` is the sender's."""
        try:
            replaces = replaces_of(request)
            dialog = Dialog.from_request(request, tx.to_tag)
        except (SipParseError, DialogError):
            tx.reply(400)
            return None
        found = self._referrals.find(tenant, replaces)
        status = _refusal(found, replaces, dn)
        if found is None or status:
            tx.reply(status)
            return None
        live, old = found
        leg = SipLeg(f"by-{secrets.token_hex(4)}", request.call_id)
        leg.server, leg.dialog = tx, dialog
        live.legs[leg.id] = leg
        self._index.add(live, leg)
        offer = request.body.decode("utf-8", "replace") or None
        self._driver.feed(live, i.Replaced(old.id, leg.id, dn, offer))
        return live, leg


def _refusal(found: tuple[LiveCall, SipLeg] | None, replaces: Replaces | None, dn: str) -> int:
    """The status in the order of RFC 3891 3; 0 when it may be."""
    if found is None or replaces is None:
        return 481
    live, leg = found
    state = live.call.data.legs[leg.id].state
    if not dn:
        return 403
    if leg.over or state in (LegState.ENDED, LegState.CANCELLING):
        return 603
    if state is LegState.UP:
        return 486 if replaces.early_only else 0
    return 0 if state in UNDER_WAY else 481
