"""SIP without I/O (RFC 3261 and its relatives), and thin asyncio shells that drive it.

Cores take bytes, messages and `now` (seconds) and return outputs and the next timer: `message`, `parser`,
`uri`, `framing`, `transactions`, `layer`, `dialog`, `digest`, `sdp`. Shells: `transport`, `endpoint`.
"""

from ringback.sip.build import ack_for_failure, cancel_for, response_to
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError, SdpError, SipError, SipParseError
from ringback.sip.message import CSeq, Message, Request, Response
from ringback.sip.parser import parse_message
from ringback.sip.uri import NameAddr, SipUri, Via

__all__ = [
    "CSeq",
    "Dialog",
    "DialogError",
    "Message",
    "NameAddr",
    "Request",
    "Response",
    "SdpError",
    "SipError",
    "SipParseError",
    "SipUri",
    "Via",
    "ack_for_failure",
    "cancel_for",
    "parse_message",
    "response_to",
]
