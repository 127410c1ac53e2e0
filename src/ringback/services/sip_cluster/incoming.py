"""Requests that come to this node, as words for its calls."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from ringback.contracts import treatment
from ringback.contracts.sip import HEADER_ORIGIN, HEADER_TENANT
from ringback.domain.calls import inputs as i
from ringback.runtime.context import Context
from ringback.services.sip_cluster.driver import Driver, new_call
from ringback.services.sip_cluster.early import EarlyDialogs
from ringback.services.sip_cluster.features import ABLE, ALLOW
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg, body_of
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.replacing import Replacing
from ringback.services.sip_cluster.sessions import Sessions
from ringback.services.sip_cluster.settings import SipClusterSettings
from ringback.services.sip_cluster.takeover import Takeover
from ringback.services.sip_cluster.updating import note, onward
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request
from ringback.sip.privacy import caller_number, cannot_be_kept, is_private
from ringback.sip.reason_header import reason_of
from ringback.sip.uas import refuse

Handler = Callable[[ServerTransaction, Request, LiveCall, SipLeg], None]


class Incoming:
    """The receiving side of all legs of this node."""

    def __init__(
        self,
        ctx: Context,
        settings: SipClusterSettings,
        driver: Driver,
        index: Index,
        metrics: ClusterMetrics,
        takeover: Takeover,
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._driver = driver
        self._index = index
        self._metrics = metrics
        self._takeover = takeover
        self.draining = False
        self._in_dialog: dict[str, Handler] = {
            "INVITE": self._reinvite,
            "BYE": self._bye,
            "INFO": self._info,
            "OPTIONS": self._options,
            "PRACK": self._prack,
            "REFER": lambda *told: self.refer(*told),
            "UPDATE": self._update,
        }
        self.early: EarlyDialogs
        self.sessions: Sessions
        self.refer: Handler
        self.replacing: Replacing
        """All set by the service."""

    def request(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        """Called with each new request."""
        if not tx.can_respond:
            return None
        refusal = refuse(request, ABLE, tx.to_tag)
        if refusal is not None:
            tx.respond(refusal)
            return None
        if request.to_tag is None:
            return self._new(tx, request)
        known = self._index.legs.get(request.call_id)
        if known is None:
            return self._takeover.answer(tx, request, self._inside)
        self._inside(tx, request, *known)
        return None

    # Outside a dialog

    def _new(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        if request.method == "OPTIONS":
            self._options(tx, request)
        elif request.method != "INVITE":
            tx.reply(481)
        elif request.max_forwards == 0:
            tx.reply(483)
        elif self.sessions.refused(tx, request):
            return None
        elif request.has("Replaces"):
            return self._replace(tx, request)
        elif self.draining or len(self._driver.calls) >= self._settings.capacity:
            self._metrics.rejected.inc()
            tx.reply(503, headers=[("Retry-After", str(self._settings.retry_after_s))])
        else:
            self._invite(tx, request)
        return None

    def _refused(self, tx: ServerTransaction, request: Request) -> bool:
        """True if an INVITE is answered already: it is of no tenant, or asks for what is not given."""
        if _tenant(request) not in self._ctx.common.tenants:
            tx.reply(404)
        elif request.body and b"m=" not in request.body:
            tx.reply(488)
        elif cannot_be_kept(request):
            tx.reply(500, "Privacy service cannot be given")
        else:
            return False
        return True

    def _invite(self, tx: ServerTransaction, request: Request) -> None:
        if self._refused(tx, request):
            return
        try:
            dialog = Dialog.from_request(request, tx.to_tag)
        except DialogError as error:
            tx.reply(error.status)
            return
        self._open(tx, request, dialog)

    def _open(self, tx: ServerTransaction, request: Request, dialog: Dialog) -> None:
        tenant, offer = _tenant(request), body_of(request) or None
        live = new_call(tenant)
        live.unsaid = True
        leg = live.legs["in1"] = SipLeg("in1", request.call_id)
        leg.server, leg.dialog = tx, dialog
        tx.on_cancel = lambda: self._cancelled(live, leg)
        self._driver.open(live)
        origin_dn = _origin_dn(request)
        caller = origin_dn if origin_dn and not is_private(request) else caller_number(request)
        forwards = 70 if request.max_forwards is None else request.max_forwards
        number = request.uri.user or ""
        self._driver.feed(
            live, i.Incoming("in1", caller, number, offer, origin_dn=origin_dn, forwards=forwards)
        )
        self._index.add(live, leg)  # stored with the first step
        self._note_patience(live, leg, request)

    def _note_patience(self, live: LiveCall, leg: SipLeg, request: Request) -> None:
        """Who invites may say for how long: 487 where there is no answer by then (RFC 3261 13.3.1)."""
        if request.expires is not None and leg.server is not None:
            loop = asyncio.get_running_loop()
            leg.patience = loop.call_later(request.expires, self._given_up, live, leg, None)

    def _replace(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        def placed(live: LiveCall, leg: SipLeg) -> None:
            tx.on_cancel = lambda: self._cancelled(live, leg)

        if self._refused(tx, request):
            return None
        return self.replacing.invite(tx, request, _tenant(request), _origin_dn(request), placed)

    def _cancelled(self, live: LiveCall, leg: SipLeg) -> None:
        if leg.server is not None:
            self._given_up(live, leg, leg.server.cancel_request)

    def _given_up(self, live: LiveCall, leg: SipLeg, request: Request | None) -> None:
        """The caller has gone before the answer, by CANCEL or by BYE (RFC 3261 9.2, 15.1.2)."""
        server, leg.server = leg.server, None
        if server is not None and server.final is None:
            self.early.stop(leg)
            server.reply(487)
            self._driver.feed(live, i.HungUp(leg.id, _reason(request)))

    # Inside a dialog

    def _inside(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        party = leg.called.get(request.from_tag or "") if leg.dialog is None else None
        dialog = self.early.dialog_of(leg, request.to_tag) if party is None else party.dialog
        if dialog is None or leg.over or (party is not None and request.method not in _OF_CALLED_PARTY):
            tx.reply(481)
            return
        try:
            dialog.receive(request)
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
        if leg.offer is not None or leg.unacked:
            _too_early(tx)
            return
        if self.sessions.refused(tx, request):
            return
        tx.on_cancel = lambda: self._offer_cancelled(live, leg, tx)
        self._offer(tx, request, live, leg)

    def _offer_cancelled(self, live: LiveCall, leg: SipLeg, tx: ServerTransaction) -> None:
        """A cancelled re-INVITE: the session stays as it was as far as the peer knows (RFC 3261 14.2)."""
        if leg.offer is tx and tx.final is None:
            leg.offer = None
            tx.reply(487)
            self._driver.feed(live, i.OfferWithdrawn(leg.id))

    def _bye(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        leg.over = True
        tx.reply(200)
        if leg.server is not None:
            self._given_up(live, leg, request)
        else:
            self._driver.feed(live, i.HungUp(leg.id, _reason(request)))

    def _prack(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        if not self.early.prack(tx, request, leg):
            return
        if request.body:
            self._offer(tx, request, live, leg)
        else:
            tx.reply(200)
            self.early.acknowledged(live, leg)

    def _update(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        """UPDATE: a new target, and maybe an offer (RFC 3311 5.2)."""
        if self.sessions.refused(tx, request):
            return
        if not request.body:
            headers = self.sessions.accept(live, leg, request)
            tx.reply(200, headers=[*self.early.own_headers(), *headers])
        elif leg.offer is not None or leg.unacked:
            _too_early(tx)
        elif leg.dialog is None and not onward(live, leg):
            self._update_of_called(tx, request, live, leg)
        else:
            self._offer(tx, request, live, leg)

    def _update_of_called(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        """A called party changes its description before it answers, and nobody can be told now."""
        ours = live.call.data.legs[leg.id].local_sdp or ""
        note(leg, request.from_tag, ours, body_of(request))
        tx.reply(200, headers=self.early.own_headers(), body=ours.encode())

    def _offer(self, tx: ServerTransaction, request: Request, live: LiveCall, leg: SipLeg) -> None:
        leg.offer = tx
        self._driver.feed(live, i.OfferReceived(leg.id, body_of(request) or None, onward(live, leg)))

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


_OF_CALLED_PARTY = frozenset({"UPDATE", "OPTIONS"})
"""What a called party may send in its early dialog; BYE it may not (RFC 3261 15)."""


def _reason(request: Request | None) -> str:
    """The Reason of a CANCEL or BYE (RFC 3326), as the other party is to hear it."""
    reason = reason_of(request) if request is not None else None
    return str(reason) if reason is not None else ""


def _tenant(request: Request) -> str:
    """The tenant that sip_proxy has found out."""
    return request.get(HEADER_TENANT) or ""


def _origin_dn(request: Request) -> str:
    """The DN of the caller, where sip_proxy knows it as one of ours."""
    origin = request.get(HEADER_ORIGIN) or ""
    return origin.removeprefix("dn=") if origin.startswith("dn=") else ""


def _too_early(tx: ServerTransaction) -> None:
    """A second offer before the first is done (RFC 3261 14.2, RFC 3311 5.2)."""
    tx.reply(500, headers=[("Retry-After", str(secrets.randbelow(11)))])
