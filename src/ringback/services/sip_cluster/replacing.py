"""INVITE with Replaces (RFC 3891): a telephone of ours takes the place of one that talks or rings."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ringback.contracts.sip import HEADER_OWNER
from ringback.domain.calls import inputs as i
from ringback.domain.calls.types import LegState
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg, body_of
from ringback.services.sip_cluster.takeover import Elsewhere, Takeover, silent_of
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError, SipParseError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request
from ringback.sip.transfer import Replaces, replaces_of

Placed = Callable[[LiveCall, SipLeg], None]
UNDER_WAY = frozenset({LegState.INVITING, LegState.RINGING})


@dataclass(frozen=True, slots=True)
class _Asked:
    """An INVITE with Replaces: of whom, and who is told of the leg that comes of it."""

    tx: ServerTransaction
    request: Request
    tenant: str
    dn: str
    placed: Placed
    replaces: Replaces


class Replacing:
    """Judges such an INVITE and puts its sender into the call, or says at which node that is."""

    def __init__(self, driver: Driver, index: Index, takeover: Takeover) -> None:
        self._driver = driver
        self._index = index
        self._takeover = takeover

    def invite(
        self, tx: ServerTransaction, request: Request, tenant: str, dn: str, placed: Placed
    ) -> Awaitable[None] | None:
        """Put the sender, whose DN is `dn`, into the call; `placed` is told of his leg."""
        try:
            replaces = replaces_of(request)
        except SipParseError:
            tx.reply(400)
            return None
        assert replaces is not None
        asked = _Asked(tx, request, tenant, dn, placed, replaces)
        # Who may not take calls over does not learn which there are, nor makes us look for them.
        if dn and replaces.call_id not in self._index.legs:
            return self._look_up(asked)
        self._judge(asked)
        return None

    async def _look_up(self, asked: _Asked) -> None:
        """The call may be at another node, or may have been at one that is gone."""
        tx, wanted = asked.tx, asked.replaces.call_id
        found = await self._takeover.call_of((asked.tenant,), wanted, silent_of(asked.request))
        if tx.cancelled:
            tx.reply(487)
        elif isinstance(found, Elsewhere):
            tx.reply(481, headers=[(HEADER_OWNER, found.node)])
        else:
            self._judge(asked)

    def _judge(self, asked: _Asked) -> None:
        tx, request, dn = asked.tx, asked.request, asked.dn
        found = self._index.named(asked.tenant, asked.replaces)
        status = _refusal(found, asked.replaces, dn)
        if found is None or status:
            tx.reply(status)
            return
        live, old = found
        leg = SipLeg(f"by-{secrets.token_hex(4)}", request.call_id)
        try:
            leg.server, leg.dialog = tx, Dialog.from_request(request, tx.to_tag)
        except DialogError as error:
            tx.reply(error.status)
            return
        live.legs[leg.id] = leg
        self._index.add(live, leg)
        offer = body_of(request) or None
        self._driver.feed(live, i.Replaced(old.id, leg.id, dn, offer))
        asked.placed(live, leg)


def _refusal(found: tuple[LiveCall, SipLeg] | None, replaces: Replaces, dn: str) -> int:
    """The status in the order of RFC 3891 3; 0 when it may be."""
    if found is None:
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
