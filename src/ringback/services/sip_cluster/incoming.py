"""Requests that come to this node, as words for its calls."""

from collections.abc import Awaitable, Callable

import msgspec

from ringback.contracts import treatment
from ringback.domain.calls import inputs as i
from ringback.runtime.context import Context
from ringback.services.sip_cluster.driver import Driver, new_call
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.outgoing import ALLOW, Index
from ringback.services.sip_cluster.settings import SipClusterSettings
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request
from ringback.sip.privacy import caller_number, cannot_be_kept, is_private
from ringback.sip.uas import Capabilities, refuse

ABLE = Capabilities(
    methods=frozenset(ALLOW.split(", ")),
    content_types=frozenset({"application/sdp", treatment.CONTENT_TYPE}),
)
FindCall = Callable[[Request], Awaitable[tuple[LiveCall, SipLeg] | None]]


class Incoming:
    """The receiving side of all legs of this node."""

    def __init__(
        self,
        ctx: Context,
        settings: SipClusterSettings,
        driver: Driver,
        index: Index,
        metrics: ClusterMetrics,
        find: FindCall,
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._driver = driver
        self._index = index
        self._metrics = metrics
        self._find = find
        self.draining = False
        self._in_dialog: dict[str, Callable[[ServerTransaction, Request, LiveCall, SipLeg], None]] = {
            "INVITE": self._reinvite,
            "BYE": self._bye,
            "INFO": self._info,
            "OPTIONS": self._options,
        }

    def request(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        """Called with each new request."""
        if not tx.can_respond:
            return None
        refusal = refuse(request, ABLE, tx.to_tag)
        if refusal is not None:
            tx.respond(refusal)
            return None
        if request.to_tag is None:
            self._new(tx, request)
            return None
        known = self._index.legs.get(request.call_id)
        if known is None:
            return self._look_up(tx, request)
        self._inside(tx, request, *known)
        return None

    # Outside a dialog

    def _new(self, tx: ServerTransaction, request: Request) -> None:
        if request.method == "OPTIONS":
            self._options(tx, request)
        elif request.method != "INVITE":
            tx.reply(481)
        elif self.draining or len(self._driver.calls) >= self._settings.capacity:
            self._metrics.rejected.inc()
            tx.reply(503, headers=[("Retry-After", str(self._settings.retry_after_s))])
        else:
            self._invite(tx, request)

    def _invite(self, tx: ServerTransaction, request: Request) -> None:
        tenant = request.get("X-Ringback-Tenant") or ""
        offer = request.body.decode("utf-8", "replace") or None
        if tenant not in self._ctx.common.tenants:
            tx.reply(404)
            return
        if offer is not None and "m=" not in offer:
            tx.reply(488)
            return
        if cannot_be_kept(request):
            tx.reply(500, "Privacy service cannot be given")
            return
        try:
            dialog = Dialog.from_request(request, tx.to_tag)
        except DialogError as error:
            tx.reply(error.status)
            return
        self._open(tx, request, tenant, offer, dialog)

    def _open(
        self, tx: ServerTransaction, request: Request, tenant: str, offer: str | None, dialog: Dialog
    ) -> None:
        live = new_call(tenant)
        leg = live.legs["in1"] = SipLeg("in1", request.call_id)
        leg.server, leg.dialog = tx, dialog
        tx.on_cancel = lambda: self._cancelled(live, leg)
        self._driver.open(live)
        self._index.add(live, leg)
        origin = request.get("X-Ringback-Origin") or ""
        origin_dn = origin.removeprefix("dn=") if origin.startswith("dn=") else ""
        caller = origin_dn if origin_dn and not is_private(request) else caller_number(request)
        self._driver.feed(live, i.Incoming("in1", caller, request.uri.user or "", offer, origin_dn=origin_dn))

    def _cancelled(self, live: LiveCall, leg: SipLeg) -> None:
        server, leg.server = leg.server, None
        if server is not None and server.final is None:
            server.reply(487)
            self._driver.feed(live, i.HungUp(leg.id))

    # Inside a dialog

    async def _look_up(self, tx: ServerTransaction, request: Request) -> None:
        """A dialog that this node does not know may be of a node that is gone."""
        known = await self._find(request)
        if known is None:
            tx.reply(481)
        else:
            self._inside(tx, request, *known)

    def _inside(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        if leg.dialog is None:
            tx.reply(481)
            return
        try:
            leg.dialog.receive(request)
        except DialogError as error:
            headers = [("Retry-After", "1")] if error.status == 500 else []
            tx.reply(error.status, headers=headers)
            return
        handler = self._in_dialog.get(request.method)
        if handler is None:
            tx.reply(405, headers=[("Allow", ALLOW)])
        else:
            handler(tx, request, live, leg)

    def _reinvite(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        if leg.offer is not None or (leg.unacked is not None and not leg.unacked.done()):
            # RFC 3261 14.2: a second INVITE before the first is done.
            tx.reply(500, headers=[("Retry-After", "2")])
            return
        leg.offer = tx
        tx.on_cancel = lambda: self._offer_cancelled(live, leg, tx)
        self._driver.feed(live, i.OfferReceived(leg.id, request.body.decode("utf-8", "replace") or None))

    def _offer_cancelled(self, live: LiveCall, leg: SipLeg, tx: ServerTransaction) -> None:
        """A cancelled re-INVITE: the session stays as it was as far as the peer knows (RFC 3261 14.2)."""
        if leg.offer is tx and tx.final is None:
            leg.offer = None
            tx.reply(487)

    def _bye(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        tx.reply(200)
        self._driver.feed(live, i.HungUp(leg.id))

    def _info(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        if request.content_type != treatment.CONTENT_TYPE:
            tx.reply(415, headers=[("Accept", treatment.CONTENT_TYPE)])
            return
        try:
            ended = msgspec.json.decode(request.body, type=treatment.TreatmentEnded)
        except msgspec.DecodeError:
            tx.reply(400)
            return
        tx.reply(200)
        self._driver.feed(
            live, i.MediaEnded(leg.id, ended.reference, ended.reason, ended.digits, ended.heard)
        )

    @staticmethod
    def _options(tx: ServerTransaction, request: Request, *_: object) -> None:
        tx.reply(200, headers=[("Allow", ALLOW), ("Accept", "application/sdp")])
