"""Second answers to an INVITE of ours: of another phone behind it, while the call is up and after its end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from ringback.services.sip_cluster.early import CalledParty, answered_dialog
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError, SipParseError
from ringback.sip.message import FORGOTTEN, Request, Response
from ringback.sip.reason_header import ELSEWHERE
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.services.sip_cluster.live import SipLeg


class Sender(Protocol):
    """What is asked of the endpoint."""

    def send_request(self, request: Request, destination: Destination) -> object:
        """Start a client transaction."""

    def send_ack(self, ack: Request, destination: Destination) -> bytes:
        """Send the ACK of a 2xx; returns what was sent."""

    def repeat_ack(self, ack: bytes, destination: Destination) -> None:
        """Send an ACK again as it is."""


def refuse(endpoint: Sender, dialog: Dialog, cseq: int, losers: dict[str, bytes]) -> None:
    """It gets ACK and BYE, and for each repetition of its 200 the ACK again (RFC 3261 13.2.2.4)."""
    ack = losers.get(dialog.remote_tag)
    if ack is not None:
        endpoint.repeat_ack(ack, dialog.destination)
        return
    losers[dialog.remote_tag] = endpoint.send_ack(dialog.ack(cseq), dialog.destination)
    bye = dialog.request("BYE", headers=[("Reason", str(ELSEWHERE))])
    endpoint.send_request(bye, dialog.destination)


def let_go(endpoint: Sender, leg: SipLeg) -> None:
    """The call is over; the transaction of its INVITE stays for 32 s (RFC 6026) and need not keep it."""
    invite = leg.invite
    if invite is None or invite.on_response is None or invite.request is FORGOTTEN:
        return  # the last: it was let go of before, for a node that then did not get it
    if leg.dialog is None:
        invite.on_response = _ignore
    else:
        invite.on_response = _Late(endpoint, leg, invite.request, leg.dialog.remote_tag).hear
        invite.forget_request()


class _Late:
    """What is needed of a call that was up to refuse the answer of another phone.

    Thousands wait for one that hardly ever comes: they are few objects, and hold no message.
    """

    __slots__ = ("_answered", "_call_id", "_called", "_cseq", "_endpoint", "_from", "_losers")

    def __init__(self, endpoint: Sender, leg: SipLeg, invite: Request, answered: str) -> None:
        self._endpoint = endpoint
        self._answered = answered
        """The tag of the phone whose answer counts."""
        self._call_id = leg.call_id
        self._from = invite.get("From") or ""
        self._cseq = invite.cseq.number
        self._called: dict[str, CalledParty] = leg.called
        self._losers = leg.losers

    def hear(self, response: Response) -> None:
        if not response.is_success or response.to_tag == self._answered:
            return
        invite = Request("INVITE", "")
        invite.headers = [("From", self._from), ("Call-ID", self._call_id), ("CSeq", f"{self._cseq} INVITE")]
        with contextlib.suppress(DialogError, SipParseError):
            dialog = answered_dialog(self._called, invite, response)
            refuse(self._endpoint, dialog, self._cseq, self._losers)


def _ignore(_response: Response) -> None:
    return
