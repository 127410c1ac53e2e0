"""Early dialogs: reliable provisional responses in both roles (RFC 3262), and what called parties say there.

To a caller a response goes reliably when the caller requires it, or supports it and there is a description
in it. A 2xx waits for the PRACK of a description. Within one dialog the first answer is the only one
(RFC 3261 13.2.1): each other description, early or in the 200, opens a dialog of its own under another To
tag, as if another phone had sent it. All of them count their reliable responses together.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from ringback.domain.calls import inputs as i
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.features import ALLOW
from ringback.services.sip_cluster.live import LiveCall, SipLeg, body_of
from ringback.services.sip_cluster.updating import note
from ringback.sip.build import response_to
from ringback.sip.dialog import Dialog
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.errors import DialogError, SipParseError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import CSeq, Request, Response
from ringback.sip.reliable import OPTION, Heard, RAck, ReliableReceiver, ReliableSender, rseq_of
from ringback.sip.session_timer import supports
from ringback.sip.uri import NameAddr


@dataclass(slots=True)
class CalledParty:
    """One early dialog of an INVITE of ours: of a phone that is sent requests before it answers."""

    dialog: Dialog
    order: ReliableReceiver = field(default_factory=ReliableReceiver)
    sdp: str = ""
    """What it answered."""
    changed: bool = False
    """It has said another description by UPDATE since."""
    updates: bool = False
    """It takes UPDATE."""


def called_party(leg: SipLeg, response: Response) -> CalledParty:
    """The early dialog of a provisional response to the INVITE of a leg; DialogError, SipParseError."""
    assert leg.invite is not None
    tag = response.to_tag or ""
    party = leg.called.get(tag)
    if party is None:
        party = leg.called[tag] = CalledParty(Dialog.from_response(leg.invite.request, response))
    return party


def answered_dialog(called: dict[str, CalledParty], invite: Request, response: Response) -> Dialog:
    """The dialog of a 2xx to an INVITE of ours; DialogError, SipParseError."""
    party = called.get(response.to_tag or "")
    if party is None:
        return Dialog.from_response(invite, response)
    party.dialog.confirm(response)
    return party.dialog


@dataclass(slots=True)
class Said:
    """An early dialog with a caller, and the description that he has in it."""

    dialog: Dialog
    sdp: str


@dataclass(slots=True)
class Waiting:
    """Our provisional responses to one caller."""

    invite: CSeq
    sender: ReliableSender | None = None
    said: dict[str, Said] = field(default_factory=dict)
    """Our early dialogs by their tag; each description has one of its own."""
    tag: str = ""
    """The tag of the last one."""
    final: Callable[[], None] | None = None
    """Sends the 2xx that waits for a PRACK."""
    timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Nothing is repeated for the moment."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class EarlyDialogs:
    """Both roles, for all legs of this node."""

    def __init__(self, endpoint: SipEndpoint, driver: Driver, contact: Callable[[], NameAddr]) -> None:
        self._endpoint = endpoint
        self._driver = driver
        self._contact = contact
        self._own: tuple[tuple[str, str], ...] = ()

    def own_headers(self) -> tuple[tuple[str, str], ...]:
        """Contact and Allow of an INVITE or UPDATE, and of a response that refreshes the target."""
        if not self._own:
            self._own = (("Contact", str(self._contact())), ("Allow", ALLOW))
        return self._own

    # To the caller

    def say(self, live: LiveCall, leg: SipLeg, status: int, sdp: str | None) -> None:
        """A provisional response to the first INVITE of a leg (RFC 3262 3)."""
        server = leg.server
        if server is None:
            return
        request, body = server.request, (sdp or "").encode()
        required = request.has("Require") and OPTION in {name.lower() for name in request.values("Require")}
        if required and not request.body:
            return  # reliably it would have to bring the offer, and there is none yet (RFC 3262 5)
        waiting = leg.waiting_caller = leg.waiting_caller or Waiting(request.cseq, tag=server.to_tag)
        if sdp and not self._open(leg, waiting, server, sdp):
            return
        response = response_to(request, status, to_tag=waiting.tag, headers=self.own_headers(), body=body)
        if required or (body and supports(request, OPTION)):
            waiting.sender = waiting.sender or ReliableSender(1 + secrets.randbelow(2**31 - 1000))
            self._send(live, leg, waiting.sender.send(response, self._now()))
        else:
            server.respond(response)

    def _open(self, leg: SipLeg, waiting: Waiting, server: ServerTransaction, sdp: str) -> bool:
        """Whether a description is to be said: in the early dialog that has it, or in one of its own."""
        known = _tag_of(waiting, sdp)
        if known:
            return known == waiting.tag
        if waiting.said or leg.dialog is None:
            waiting.tag = self._endpoint.ids.tag()
            waiting.said[waiting.tag] = Said(Dialog.from_request(server.request, waiting.tag), sdp)
        else:
            waiting.said[waiting.tag] = Said(leg.dialog, sdp)
        return True

    def prack(self, tx: ServerTransaction, request: Request, leg: SipLeg) -> bool:
        """Whether a PRACK fits; it is answered here when it does not (RFC 3262 3)."""
        waiting = leg.waiting_caller
        try:
            rack = RAck.parse(request.get("RAck") or "")
        except SipParseError:
            tx.reply(400)
            return False
        if waiting is None or waiting.sender is None:
            tx.reply(481)
            return False
        fits, out = waiting.sender.prack(rack, waiting.invite, self._now())
        if not fits:
            tx.reply(481)
            return False
        waiting.stop()
        for response in out:
            if leg.server is not None:
                leg.server.respond(response)
        return True

    def acknowledged(self, live: LiveCall, leg: SipLeg) -> None:
        """A PRACK has been answered: what waited for it goes out."""
        waiting = leg.waiting_caller
        if waiting is None or waiting.sender is None:
            return
        if waiting.final is not None and not waiting.sender.holds_final:
            final, waiting.final = waiting.final, None
            final()
        else:
            self._send(live, leg, [])

    def finish(self, leg: SipLeg, final: Callable[[], None]) -> None:
        """Send a 2xx, as soon as that may be (RFC 3262 3)."""
        waiting = leg.waiting_caller
        if waiting is not None and waiting.sender is not None and waiting.sender.holds_final:
            waiting.final = final
        else:
            final()

    def stop(self, leg: SipLeg) -> None:
        """The INVITE has its final response."""
        if leg.patience is not None:
            leg.patience.cancel()
            leg.patience = None
        waiting = leg.waiting_caller
        if waiting is None:
            return
        waiting.final = None
        waiting.stop()
        if waiting.sender is not None:
            waiting.sender.over(self._now())

    def answer_in(self, leg: SipLeg, server: ServerTransaction, sdp: str) -> tuple[str, str]:
        """The To tag and the description of the 200: those of the early dialog that has this description, or
        of a new dialog where the caller has had others only.
        """
        waiting = leg.waiting_caller
        if waiting is None or not waiting.said or leg.dialog is None:
            return server.to_tag, sdp
        tag = _tag_of(waiting, sdp)
        if tag:
            said = waiting.said[tag]
            leg.dialog, sdp = said.dialog, said.sdp
        else:
            tag = self._endpoint.ids.tag()
            leg.dialog = Dialog.from_request(server.request, tag, confirmed=True)
        waiting.said = {}
        return tag, sdp

    @staticmethod
    def dialog_of(leg: SipLeg, tag: str | None) -> Dialog | None:
        """The dialog with a caller that has this tag of ours; before the answer there may be several."""
        waiting = leg.waiting_caller
        said = waiting.said.get(tag or "") if waiting is not None else None
        return leg.dialog if said is None else said.dialog

    def changed(self, live: LiveCall, leg: SipLeg, request: Request, sdp: str) -> None:
        """The offer of a PRACK or UPDATE in an early dialog is answered."""
        if leg.server is not None:
            note(leg, request.to_tag, sdp, "")
            self.acknowledged(live, leg)
        elif leg.dialog is None:
            note(leg, request.from_tag, sdp, body_of(request))

    def _send(self, live: LiveCall, leg: SipLeg, responses: list[Response]) -> None:
        waiting = leg.waiting_caller
        if waiting is None or waiting.sender is None:
            return
        for response in responses:
            if leg.server is not None:
                leg.server.respond(response)
        waiting.stop()
        due = waiting.sender.next_timer()
        loop = asyncio.get_running_loop()
        if due is not None:
            waiting.timer = loop.call_at(due, self._due, live, leg)

    def _due(self, live: LiveCall, leg: SipLeg) -> None:
        waiting = leg.waiting_caller
        if waiting is None or waiting.sender is None or live.lost:
            return
        self._send(live, leg, waiting.sender.timer(self._now()))
        if waiting.sender.gave_up and leg.server is not None:
            server, leg.server, waiting.final = leg.server, None, None
            server.reply(504)
            self._driver.feed(live, i.HungUp(leg.id))

    # From the called side

    def hear(self, leg: SipLeg, response: Response) -> bool:
        """Take a provisional response to our INVITE; False for one that must not be looked at (4)."""
        tag = response.to_tag or ""
        leg.heard.add(tag)
        if rseq_of(response) is None or leg.invite is None:
            return True
        try:
            party = called_party(leg, response)
        except (DialogError, SipParseError):
            return False
        if party.order.hear(response) is not Heard.NEXT:
            return False
        rack = RAck(party.order.last or 0, leg.invite.request.cseq)
        party.sdp = party.sdp if party.changed else body_of(response) or party.sdp
        party.updates = party.updates or "UPDATE" in response.values("Allow")
        prack = party.dialog.request("PRACK", headers=[("RAck", str(rack))])
        self._endpoint.send_request(prack, party.dialog.destination)
        return True

    @staticmethod
    def described(leg: SipLeg, response: Response) -> str:
        """What a provisional response says; what an UPDATE has changed is not undone by it."""
        party, body = leg.called.get(response.to_tag or ""), body_of(response)
        return party.sdp if body and party is not None and party.changed else body

    @staticmethod
    def confirmed(leg: SipLeg, response: Response) -> tuple[Dialog, str]:
        """The dialog of a 2xx to our INVITE, and the description that counts; DialogError as there."""
        assert leg.invite is not None
        dialog, body = answered_dialog(leg.called, leg.invite.request, response), body_of(response)
        party = leg.called.get(response.to_tag or "")
        if party is None:
            return dialog, body
        # What an UPDATE has changed is not undone by a 200 that repeats the first answer (RFC 3261 13.2.1).
        return dialog, party.sdp if party.changed else body or party.sdp

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _tag_of(waiting: Waiting, sdp: str) -> str:
    """The tag of the early dialog that has a description; empty where none has it."""
    wanted = _plain(sdp)
    return next((tag for tag, said in waiting.said.items() if _plain(said.sdp) == wanted), "")


def _plain(sdp: str) -> list[str]:
    """What a description says, without how often it was changed and without what is meant anyway."""
    return [line for line in sdp.splitlines() if line != "a=sendrecv" and not line.startswith("o=")]
