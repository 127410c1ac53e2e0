"""What leads a call through the WebRTC media gateway and back to where it was going. Pure.

The gateway is a back-to-back user agent: it takes a call in and makes one of its own to the same Request-URI.
That URI leads to the inner face and carries a passage: for whom the new call is, sealed, so that the proxy
keeps nothing and nobody else can make one.
"""

from __future__ import annotations

import re

import msgspec

from ringback.services.sip_proxy.seal import seal, unseal
from ringback.sip import NameAddr, SipParseError, SipUri
from ringback.sip.message import Message
from ringback.sip.transport import Destination
from ringback.sip.uri import format_host_port, parse_host_port

PARAM = "passage"
"""The parameter of the Request-URI."""
_MARK = "@webrtc "
_PLAIN = re.compile(rb"^m=audio \d+(?:/\d+)? RTP/AVP ", re.MULTILINE).search


class Passage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the call that the gateway makes is to go: to a phone (`contact`), else to a cluster node."""

    tenant: str
    mark: str
    """The mark of the gateway that was chosen, as `mark_of` writes it."""
    uri: str = ""
    """What the browser dialled."""
    origin: str = ""
    contact: str = ""
    received: str = ""
    """The flow of the phone, as in its binding."""
    instance: str = ""

    def through(self, user: str | None, host: str, port: int, key: bytes) -> str:
        """The Request-URI for the gateway; `host` and `port` are the inner face."""
        word = seal(msgspec.json.encode(self).decode(), key)
        return str(SipUri("sip", user, host, port, {"transport": "tcp", PARAM: word}))

    @classmethod
    def of(cls, uri: SipUri, key: bytes) -> Passage | None:
        """The passage in a Request-URI; None if there is none of ours."""
        word = uri.params.get(PARAM)
        text = unseal(word, key) if word else None
        try:
            return None if text is None else msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError:
            return None


def is_plain_rtp(body: bytes) -> bool:
    """True for a description of plain audio (RTP/AVP), which needs no gateway on its way to the platform."""
    return _PLAIN(body) is not None


def mark_of(place: Destination) -> str:
    """The node of a Record-Route in dialogs with the gateway at this place."""
    return f"{_MARK}{format_host_port(place.host, place.port)}"


def place_of(mark: str) -> Destination | None:
    """The gateway of such a mark; None for the mark of anything else."""
    if not mark.startswith(_MARK):
        return None
    try:
        host, port = parse_host_port(mark.removeprefix(_MARK))
    except SipParseError:
        return None
    return Destination("udp", host, port or 5060)


def veil(message: Message, key: bytes) -> None:
    """Hide the gateway's Contact in one of ours: the proxy alone finds it again."""
    contact = message.contact
    if contact is not None:
        hidden = SipUri("sip", seal(str(contact.uri), key), contact.uri.host, contact.uri.port)
        message.set("Contact", NameAddr(hidden, contact.display, contact.params))


def unveil(uri: SipUri, key: bytes) -> str | None:
    """The gateway's Contact behind one that it was hidden in."""
    return unseal(uri.user, key) if uri.user else None
