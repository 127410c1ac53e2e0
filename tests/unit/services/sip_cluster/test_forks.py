"""Another phone behind an INVITE of ours answers when the call is over, or was let go of and taken back."""

from typing import Any, cast

import pytest

from ringback.services.sip_cluster.forks import let_go
from ringback.services.sip_cluster.live import SipLeg
from ringback.sip.build import response_to
from ringback.sip.dialog import Dialog
from ringback.sip.exchange import ClientTransaction
from ringback.sip.message import Request, Response
from ringback.sip.transport import Destination


class Endpoint:
    """Writes down what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None]] = []

    def send_ack(self, ack: Request, _to: Destination) -> bytes:
        self.sent.append((ack.method, ack.to_tag))
        return b"ACK"

    def repeat_ack(self, _ack: bytes, _to: Destination) -> None:
        self.sent.append(("ACK again", None))

    def send_request(self, request: Request, _to: Destination) -> None:
        self.sent.append((request.method, request.to_tag))


def answer(invite: Request, tag: str) -> Response:
    return response_to(invite, 200, to_tag=tag, headers=[("Contact", "<sip:phone@127.0.0.9>")])


@pytest.mark.parametrize("times", [1, 2])
def test_a_phone_that_answers_late_gets_ack_and_bye(times: int) -> None:
    """RFC 3261 13.2.2.4; the call may have been let go of before, for a node that did not get it."""
    endpoint: Any = Endpoint()
    invite = Request("INVITE", "sip:1001@demo")
    for field in ("From: <sip:a@demo>;tag=ours", "To: <sip:1001@demo>", "Call-ID: c", "CSeq: 7 INVITE"):
        invite.add(*cast(Any, field.split(": ")))
    transaction = ClientTransaction(endpoint, invite, Destination("tcp", "127.0.0.8", 5060), lambda _: None)
    leg = SipLeg("out1", "c")
    leg.invite, leg.dialog = transaction, Dialog.from_response(invite, answer(invite, "first"))
    for _ in range(times):
        let_go(endpoint, leg)
    for tag in ("first", "second", "second"):
        transaction.deliver(answer(invite, tag))
    assert endpoint.sent == [("ACK", "second"), ("BYE", "second"), ("ACK again", None)]
