"""Commands of a call as SIP messages: one function for each kind of command."""

import asyncio
from collections.abc import Callable
from functools import partial

from ringback.contracts import treatment
from ringback.contracts.sip import HEADER_CONN_ID, HEADER_TARGET, HEADER_TENANT
from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls.bridge import awaits_answer
from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import ConsultStage, LegRole, LegState
from ringback.runtime.context import Context
from ringback.services.sip_cluster.answering import auto_answer_headers, note_ringing
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.early import EarlyDialogs
from ringback.services.sip_cluster.features import SUPPORTED, SUPPORTED_WITHOUT_OFFER
from ringback.services.sip_cluster.forks import let_go, refuse
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.info import InfoCommands, first_command
from ringback.services.sip_cluster.live import LiveCall, SipLeg, body_of
from ringback.services.sip_cluster.names import Names, names_of
from ringback.services.sip_cluster.sessions import GONE, Sessions
from ringback.services.sip_cluster.settings import SipClusterSettings
from ringback.services.sip_cluster.updating import EARLY, Updates
from ringback.sip.build import response_to
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.errors import DialogError, SipParseError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request, Response
from ringback.sip.privacy import ANONYMOUS, sender
from ringback.sip.reason_header import sip_reason
from ringback.sip.transfer import redirect_targets
from ringback.sip.transport import Destination
from ringback.sip.uri import NameAddr, SipUri, format_host_port

RESUME_S = 1.0
RESUMES = 10
"""An INVITE that was under way is sent again so often, so many seconds apart, while sip_proxy is away."""
_NOT_KNOWN = (481, 482)
SETTING_UP = (LegState.INVITING, LegState.RINGING, LegState.CANCELLING)
OnAnswer = Callable[[LiveCall, SipLeg, Response], None]


class Outgoing:
    """The sending side of all legs of this node."""

    def __init__(
        self,
        ctx: Context,
        endpoint: SipEndpoint,
        driver: Driver,
        index: Index,
        settings: SipClusterSettings,
    ) -> None:
        self._ctx = ctx
        self._endpoint = endpoint
        self._driver = driver
        self._index = index
        host, port = ctx.address("sip_proxy", "inside")
        self.proxy = Destination("tcp", host, port)
        self._settings = settings
        self._own: NameAddr | None = None
        self.early = EarlyDialogs(endpoint, driver, self._contact)
        self.sessions = Sessions(endpoint, driver, settings, self._contact)
        self._updates = Updates(endpoint, driver, self.early.own_headers)
        self._info = info = InfoCommands(endpoint, driver)
        self._commands: dict[type, Callable[..., None]] = {
            o.Provisional: self._provisional,
            o.Answer: self._answer,
            o.AnswerOffer: self._answer_offer,
            o.SendOffer: self._send_offer,
            o.Ack: self._ack,
            o.Cancel: self._cancel,
            o.Bye: self._bye,
            o.Play: info.play,
            o.Mix: info.mix,
            o.SendDigits: info.send_digits,
        }

    def perform(self, live: LiveCall, command: o.LegCommand) -> None:
        """Carry out one command."""
        if isinstance(command, o.Invite):
            self._invite(live, command)
        elif command.leg in live.legs:
            self._commands[type(command)](live, live.legs[command.leg], command)

    # INVITE

    def _invite(self, live: LiveCall, command: o.Invite) -> None:
        self._send_invite(live, command.leg, None, self._invite_answered)

    def resume(self, live: LiveCall, leg_id: str, sent_by: tuple[str, int], tries: int = RESUMES) -> None:
        """Go on with the INVITE that was sent from `sent_by` before that node or sip_proxy died."""

        def answered(live: LiveCall, leg: SipLeg, response: Response) -> None:
            if response.local and tries > 1:
                self._resume_later(live, leg_id, sent_by, tries - 1)
            elif response.local or response.status in _NOT_KNOWN:
                self._driver.feed(live, i.Lost(leg_id))
            else:
                self._invite_answered(live, leg, response)
                if response.is_success:
                    # Who answered while nobody was there may have hung up since: no agent is rung for it.
                    self.ask_for_life(leg, partial(self._hear_of_life, live, leg))

        leg = self._send_invite(live, leg_id, sent_by, answered)
        if live.call.data.legs[leg_id].state is LegState.CANCELLING and leg.invite is not None:
            leg.invite.cancel()

    def _hear_of_life(self, live: LiveCall, leg: SipLeg, status: int) -> None:
        if status in GONE:
            self._driver.feed(live, i.HungUp(leg.id))

    def connection_lost(self, remote: tuple[str, int]) -> None:
        """sip_proxy may have been restarted: what it had taken of us is told to it again."""
        if remote != (self.proxy.host, self.proxy.port):
            return
        for live, leg in list(self._index.legs.values()):
            if leg.taken and leg.invite is not None and leg.invite.response is None:
                self._driver.feed(live, i.Interrupted(leg.id))
                own = leg.sent_by or self._endpoint.local_address("tcp", self.proxy.host)
                self._resume_later(live, leg.id, own, RESUMES)

    def _resume_later(self, live: LiveCall, leg_id: str, sent_by: tuple[str, int], tries: int) -> None:
        def again() -> None:
            if not live.lost and live.call.data.legs[leg_id].state in SETTING_UP:
                self.resume(live, leg_id, sent_by, tries)

        asyncio.get_running_loop().call_later(RESUME_S, again)

    def _send_invite(
        self, live: LiveCall, leg_id: str, sent_by: tuple[str, int] | None, answered: OnAnswer
    ) -> SipLeg:
        data = live.call.data.legs[leg_id]
        names = names_of(self._ctx.common.cluster_secret, live.call.data.call_uuid, leg_id)
        request = self._invitation(live, data, names)
        leg = live.legs[leg_id] = SipLeg(leg_id, request.call_id)
        leg.sent_by = sent_by
        if sent_by is None and (carried := first_command(live, data)) is not None:
            leg.carried = carried
            request.add(treatment.HEADER, carried)
        self._index.add(live, leg)
        leg.invite = self._endpoint.send_request(
            request,
            self.proxy,
            branch=names.branch,
            sent_by=sent_by,
            on_response=partial(answered, live, leg),
        )
        return leg

    def _invitation(self, live: LiveCall, leg: Leg, names: Names) -> Request:
        domain = self._index.domain(live.tenant)
        uri = SipUri("sip", leg.dn or ("media" if leg.role is LegRole.MEDIA else "unknown"), domain)
        headers = [
            *self.early.own_headers(),
            ("X-Genesys-CallUUID", live.call.data.call_uuid),
            (HEADER_TENANT, live.tenant),
            (HEADER_TARGET, self._target(live, leg)),
            (HEADER_CONN_ID, live.conn_id),
        ]
        headers += _identity(leg, domain)
        if leg.auto_answer:
            headers += auto_answer_headers(domain)
        request = self._endpoint.new_request(
            "INVITE",
            uri,
            from_=sender(leg.caller, domain, leg.caller_name).with_tag(names.tag),
            to=NameAddr(uri),
            headers=headers,
            call_id=names.call_id,
        )
        if leg.role is not LegRole.MEDIA:
            request.set("Max-Forwards", max(0, live.call.data.forwards - 1))
            request.add("Supported", SUPPORTED if leg.local_sdp is not None else SUPPORTED_WITHOUT_OFFER)
            for name, value in (*self.sessions.wish(), *_referred_by(live)):
                request.add(name, value)
        if leg.local_sdp is not None:
            request.set_body(leg.local_sdp.encode())
        return request

    def _target(self, live: LiveCall, leg: Leg) -> str:
        """Media legs of one call go to one node, which alone can mix them."""
        if leg.role is not LegRole.MEDIA:
            return leg.target
        for other in live.call.data.legs.values():
            known = live.legs.get(other.id)
            if other.role is LegRole.MEDIA and other.state is LegState.UP and known and known.dialog:
                host, port = SipUri.parse(known.dialog.target).address
                return f"{leg.target}={format_host_port(host, port)}"
        consult = live.call.data.consult
        together = consult is not None and consult.stage is ConsultStage.CONFERENCE
        return f"{leg.target}={live.conn_id}" if together else leg.target

    def _contact(self) -> NameAddr:
        if self._own is None:
            self._own = self._endpoint.contact(self.proxy)
        return self._own

    def _invite_answered(self, live: LiveCall, leg: SipLeg, response: Response) -> None:
        if response.is_provisional:
            leg.taken = True
            if response.status > 100 and self.early.hear(leg, response):
                note_ringing(leg, response)
                self._driver.feed(
                    live, i.Progress(leg.id, response.status, self.early.described(leg, response))
                )
        elif response.is_success:
            self._accepted(live, leg, response)
        elif response.local and leg.taken:
            self._driver.feed(live, i.Lost(leg.id))
        elif (again := self.sessions.retry(leg, response)) is not None:
            self._try_again(live, leg, again)
        else:
            self._driver.feed(live, i.Failed(leg.id, response.status, self._moved_to(response)))

    def _try_again(self, live: LiveCall, leg: SipLeg, request: Request) -> None:
        """Where a node that has taken the call over comes to the same try, nobody is rung a second time."""
        names = names_of(self._ctx.common.cluster_secret, live.call.data.call_uuid, leg.id)
        leg.invite = self._endpoint.send_request(
            request,
            self.proxy,
            branch=names.branch_of_try(request.cseq.number),
            sent_by=leg.sent_by,
            on_response=partial(self._invite_answered, live, leg),
        )

    def _moved_to(self, response: Response) -> str:
        """The number of a redirection that is to be followed (RFC 3261 8.1.3.4)."""
        follow = self._settings.follow_redirects and 300 <= response.status < 400
        return next((uri.number for uri in redirect_targets(response) if uri.number), "") if follow else ""

    def _accepted(self, live: LiveCall, leg: SipLeg, response: Response) -> None:
        assert leg.invite is not None
        if leg.dialog is not None and leg.dialog.remote_tag == response.to_tag:
            return
        try:
            dialog, sdp = self.early.confirmed(leg, response)
        except (DialogError, SipParseError):
            self._driver.feed(live, i.Failed(leg.id, 500))
            return
        if leg.dialog is not None:
            refuse(self._endpoint, dialog, leg.invite.request.cseq.number, leg.losers)
            return
        leg.dialog, leg.ack_cseq = dialog, leg.invite.request.cseq.number
        self.sessions.accepted(live, leg, response)
        self._info.accepted(live, leg, response, self._driver.feed(live, i.Answered(leg.id, sdp)))

    def forget(self, live: LiveCall) -> None:
        """The call is over."""
        for leg in live.legs.values():
            let_go(self._endpoint, leg)

    def _ack(self, live: LiveCall, leg: SipLeg, command: o.Ack) -> None:
        if leg.dialog is None:
            return
        body = command.sdp.encode() if command.sdp is not None else b""
        ack = leg.dialog.ack(leg.ack_cseq, body=body)
        if leg.invite is not None:
            leg.invite.send_ack(ack, leg.dialog.destination)
        else:
            # The 200 came to a node that is dead; it was written down before it was acknowledged.
            self._endpoint.send_ack(ack, leg.dialog.destination)

    def _cancel(self, live: LiveCall, leg: SipLeg, command: o.Cancel) -> None:
        if leg.invite is not None:
            leg.invite.cancel(_why(command))

    # Answers to the first INVITE and to re-INVITEs

    def _provisional(self, live: LiveCall, leg: SipLeg, command: o.Provisional) -> None:
        self.early.say(live, leg, command.status, command.sdp)

    def _answer(self, live: LiveCall, leg: SipLeg, command: o.Answer) -> None:
        if leg.server is not None and command.status == 200 and command.sdp is not None:
            sdp = command.sdp
            self.early.finish(leg, lambda: self._accept_call(live, leg, sdp))
        else:
            self._refuse(leg, command.status)

    def _accept_call(self, live: LiveCall, leg: SipLeg, sdp: str) -> None:
        server, leg.server = leg.server, None
        if server is not None:
            server.on_cancel = None
            self.early.stop(leg)
            tag, sdp = self.early.answer_in(leg, server, sdp)
            self._accept(live, leg, server, sdp, tag)

    def _refuse(self, leg: SipLeg, status: int) -> None:
        server, leg.server = leg.server, None
        self.early.stop(leg)
        if server is not None:
            server.reply(status)

    def _answer_offer(self, live: LiveCall, leg: SipLeg, command: o.AnswerOffer) -> None:
        server, leg.offer = leg.offer, None
        if server is None:
            return
        if command.status == 200 and command.sdp is not None:
            self._accept(live, leg, server, command.sdp, server.to_tag)
        else:
            server.reply(command.status)

    def _accept(self, live: LiveCall, leg: SipLeg, server: ServerTransaction, sdp: str, to_tag: str) -> None:
        headers = [*self.early.own_headers(), *self.sessions.accept(live, leg, server.request)]
        response = response_to(server.request, 200, to_tag=to_tag, headers=headers, body=sdp.encode())
        if server.request.method != "INVITE":
            server.respond(response)
            self.early.changed(live, leg, server.request, sdp)
            return
        if leg.dialog is not None:
            leg.dialog.confirmed = True
        leg.unacked = True
        server.confirm(response, partial(self._acknowledged, live, leg))
        server.forget_request()

    def _acknowledged(self, live: LiveCall, leg: SipLeg, ack: Request | None) -> None:
        leg.unacked = False
        if ack is None:
            # 13.3.1.4: no ACK came, so the session is ended; nothing else is said on it.
            leg.waiting.clear()
            self._say_bye(leg)
            self._driver.feed(live, i.HungUp(leg.id))
            return
        leg.acknowledged()
        body = ack.body
        known = live.call.data.legs.get(leg.id)
        if body or known is None or awaits_answer(known):
            self._driver.feed(live, i.AckReceived(leg.id, body.decode("utf-8", "replace") if body else None))
        elif leg.session is not None and not live.lost:
            self._driver.carry_on(live, [])  # what was agreed on with our 200 is stored after it

    # Inside the dialog

    def _send_offer(self, live: LiveCall, leg: SipLeg, command: o.SendOffer) -> None:
        if live.call.data.legs[leg.id].state in EARLY:
            self._updates.send(live, leg, command.sdp)
        else:
            leg.after_ack(lambda: self._reinvite(live, leg, command.sdp))

    def _reinvite(self, live: LiveCall, leg: SipLeg, sdp: str) -> None:
        if leg.dialog is None:
            return
        request = leg.dialog.request("INVITE", headers=self.early.own_headers(), body=sdp.encode())
        for name, value in (("Supported", SUPPORTED_WITHOUT_OFFER), *self.sessions.again(leg)):
            request.add(name, value)
        dialog, cseq = leg.dialog, request.cseq.number

        def answered(response: Response) -> None:
            if response.is_success:
                dialog.refresh(response)
                self.sessions.accepted(live, leg, response)
                transaction.send_ack(dialog.ack(cseq), dialog.destination)
                self._driver.feed(live, i.ReofferAnswered(leg.id, body_of(response)))
            elif not response.is_provisional:
                self._driver.feed(live, i.ReofferFailed(leg.id, response.status))

        transaction = self._endpoint.send_request(request, dialog.destination, on_response=answered)

    def _bye(self, live: LiveCall, leg: SipLeg, command: o.Bye) -> None:
        if leg.server is not None:
            # The 200 waits for a PRACK: in an early dialog the called side says no BYE (RFC 3261 15).
            self._refuse(leg, command.cause or 487)
        else:
            leg.after_ack(lambda: self._say_bye(leg, _why(command)))

    def _say_bye(self, leg: SipLeg, headers: list[tuple[str, str]] | None = None) -> None:
        if leg.dialog is not None:
            request = leg.dialog.request("BYE", headers=headers or [])
            self._endpoint.send_request(request, leg.dialog.destination)

    def ask_for_life(self, leg: SipLeg, on_status: Callable[[int], None]) -> None:
        """OPTIONS inside the dialog; `on_status` gets the final status."""
        if leg.dialog is None:
            return

        def answered(response: Response) -> None:
            if not response.is_provisional:
                on_status(response.status)

        request = leg.dialog.request("OPTIONS")
        self._endpoint.send_request(request, leg.dialog.destination, on_response=answered)


def _identity(leg: Leg, domain: str) -> list[tuple[str, str]]:
    """What only those are told whom sip_proxy trusts: who calls, also where the caller is not to be shown."""
    hidden = leg.caller in ("", ANONYMOUS)
    headers = [("Privacy", "id")] if hidden else []
    number = (leg.asserted if hidden else "") or leg.caller
    if leg.role is LegRole.EXTERNAL and number not in ("", ANONYMOUS):
        headers.append(("P-Asserted-Identity", str(NameAddr(SipUri("sip", number, domain)))))
    return headers


def _referred_by(live: LiveCall) -> list[tuple[str, str]]:
    """Who has asked for the third party that is called (RFC 3892), in our own words."""
    consult = live.call.data.consult
    asked = live.referrals.get(consult.reference) if consult is not None else None
    return [("Referred-By", asked.referred_by)] if asked is not None else []


def _why(command: o.Bye | o.Cancel) -> list[tuple[str, str]]:
    """The Reason of a BYE or CANCEL (RFC 3326): the other party's own word, or our status."""
    reason = command.reason or (str(sip_reason(command.cause)) if command.cause else "")
    return [("Reason", reason)] if reason else []
