"""Whatever arrives, the signalling answers with a message or one of its own errors: the doors to try.

Each takes bytes and returns; anything that it raises is a fault. The fuzzers of `tests/fuzz` go through them.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

from ringback.services.registrar.asked import Asked
from ringback.services.registrar.bindings import read_wish
from ringback.services.registrar.extensions import answer_headers, read_extensions
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.settings import RegistrarSettings
from ringback.services.sip_proxy.hygiene import Hygiene
from ringback.services.sip_proxy.marks import Side
from ringback.services.sip_proxy.routes import branch_for, loops, onward, take_routes
from ringback.sip import Message, NameAddr, Request, Response, SipParseError, SipUri, Via, parse_message
from ringback.sip.build import can_be_answered, response_to, response_to_malformed
from ringback.sip.dialog import Dialog, destination_of, next_hop_of
from ringback.sip.digest import DigestServer, ha1
from ringback.sip.errors import DialogError, SdpError
from ringback.sip.events import EventError, read_subscribe
from ringback.sip.framing import StreamFramer
from ringback.sip.ids import IdSource
from ringback.sip.layer import TransactionLayer
from ringback.sip.message_summary import PACKAGE
from ringback.sip.privacy import caller_number, cannot_be_kept
from ringback.sip.sdp import Sdp, build_answer, build_offer
from ringback.sip.uas import Capabilities, refuse
from ringback.sip.websocket import WebSocketFramer

_SDP = str(build_offer("192.0.2.1", 4000, "1"))
_HEAD = (
    "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK74bf9;rport\r\nMax-Forwards: 70\r\n"
    'From: "Alice, A." <sip:alice@[2001:db8::1]:5060;lr>;tag=9fxced76sl\r\nTo: Bob <sip:bob@demo.example>\r\n'
    "Call-ID: 3848276298220188511@atlanta.example\r\n"
)


def _whole(start: str, lines: str, body: str = "") -> bytes:
    return f"{start}\r\n{_HEAD}{lines}Content-Length: {len(body)}\r\n\r\n{body}".encode()


SEEDS = (
    _whole(
        "INVITE sip:8000@demo.example;transport=tcp SIP/2.0",
        "CSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.7>;q=0.4\r\nRoute: <sip:p1;lr>,\r\n <sip:p2;lr>\r\n"
        "P-Asserted-Identity: <tel:+12025550123>\r\nPrivacy: id;critical\r\nMax-Breadth: 8\r\n"
        "Content-Type: application/sdp\r\n",
        _SDP,
    ),
    _whole(
        "REGISTER sip:demo.example SIP/2.0",
        "CSeq: 2 REGISTER\r\n"
        'Contact: <sip:1001@192.0.2.7>;expires=60;+sip.instance="<urn:uuid:1>";reg-id=1\r\n'
        "Path: <sip:p1;lr>,<sip:p2;lr;ob>\r\nSupported: path, outbound\r\nRequire: path\r\nExpires: 90\r\n"
        'Authorization: Digest username="1001", realm="demo", nonce="65-ab-cd", uri="sip:demo", '
        'response="00", algorithm=SHA-256, cnonce="c", qop=auth, nc=00000001\r\nUser-Agent: Müller\r\n',
    ),
    _whole(
        "SUBSCRIBE sip:1001@demo.example SIP/2.0",
        "CSeq: 3 SUBSCRIBE\r\nContact: <sip:1001@192.0.2.7>\r\nEvent: message-summary;id=7\r\n"
        "Expires: 600\r\nAccept: application/simple-message-summary\r\n",
    ),
    _whole(
        "BYE sip:8000@192.0.2.1;lr SIP/2.0",
        "CSeq: 4 BYE\r\nRoute: <sip:n1~udp~192.0.2.7~5060@192.0.2.1;lr>, <sip:n1@10.0.0.1:5080;lr>\r\n"
        'Reason: Q.850;cause=16;text="a, b", SIP;cause=200\r\n',
    ),
    _whole(
        "SIP/2.0 407 Proxy Authentication Required",
        'CSeq: 1 INVITE\r\nProxy-Authenticate: Digest realm="demo", nonce="n", algorithm=MD5, qop="auth"\r\n'
        "Record-Route: <sip:n1@10.0.0.1:5080;transport=tcp;lr>\r\nContact: <sip:n@10.0.0.1:5068>\r\n",
    ),
)
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: demo.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)
_SIDES = (Side("edge", "192.0.2.1", 5060), Side("inside", "10.0.0.1", 5080))
_RULES = Hygiene("Ringback", ("application/sdp",))
_READ = (
    "from_",
    "to",
    "contact",
    "contacts",
    "routes",
    "record_routes",
    "max_forwards",
    "expires",
    "via",
    "cseq",
)


def resident_mib() -> float:
    """What this process has in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _parsed(data: bytes) -> Request | Response | None:
    try:
        return parse_message(data)
    except SipParseError as error:
        assert 400 <= error.status < 600
        if isinstance(error.message, Request) and can_be_answered(error.message):
            response_to_malformed(error.message, error).to_bytes()
        return None


def parser(data: bytes) -> None:
    """What the parser lets through can be read, and written and read again."""
    message = _parsed(data)
    if message is None:
        return
    for name in _READ:
        getattr(message, name)
    again = parse_message(message.to_bytes())
    assert again.get_all("Via") == message.get_all("Via")
    if isinstance(message, Request):
        response_to(message, 200, to_tag="t").to_bytes()
        refuse(message, Capabilities(), "t")


def framing(data: bytes) -> None:
    """A stream in any pieces gives messages, or an error for good."""
    framer, size = StreamFramer(), 1 + data[0] % 97 if data else 1
    try:
        for at in range(0, len(data), size):
            for item in framer.feed(data[at : at + size]):
                if isinstance(item, bytes):
                    _parsed(item)
    except SipParseError:
        assert framer.broken


def websocket(data: bytes) -> None:
    """The same in WebSocket frames, after a handshake and instead of one."""
    for begin in (b"", HANDSHAKE):
        framer = WebSocketFramer()
        try:
            found = framer.feed(begin) + framer.feed(data)
        except SipParseError:
            assert framer.broken
            found = []
        framer.answer()
        for item in found:
            if isinstance(item, bytes):
                _parsed(item)


def digest(data: bytes) -> None:
    """Credentials of any kind are right or wrong; as bytes they may be no text."""
    text = data.decode("utf-8", "surrogateescape")
    values = [line for line in text.replace("\r", "\n").split("\n") if "igest" in line] or [text]
    server = DigestServer("demo", b"secret")
    stored = {name: ha1("1001", "demo", "right", name) for name in ("MD5", "SHA-256")}
    for value in values:
        server.check([value.partition(": ")[2] or value], "REGISTER", "1001", stored, 1000.0)


def description(data: bytes) -> None:
    """A session description is answered or refused."""
    body = data.partition(b"\r\n\r\n")[2] or data
    try:
        offer = Sdp.parse(body)
        Sdp.parse(offer.to_bytes())
        build_answer(offer, "192.0.2.1", 4000, "1")
    except SdpError:
        return


def addresses(data: bytes) -> None:
    """URIs and addresses are read or refused."""
    text = data.decode("utf-8", "surrogateescape")
    for line in text.split("\r\n"):
        for read in (SipUri.parse, NameAddr.parse, Via.parse):
            try:
                str(read(line.partition(": ")[2] or line))
            except SipParseError as error:
                assert error.status == 400


def registrar(data: bytes) -> None:
    """A REGISTER is carried out or refused."""
    message = _parsed(data)
    if not isinstance(message, Request):
        return
    try:
        extensions = read_extensions(message)
        asked = Asked.at_a_glance(data) or Asked.of(message)
        read_wish(asked, 1000.0, RegistrarSettings(), extensions)
        answer_headers(message, extensions)
    except (Refused, SipParseError):
        return


def proxy(data: bytes) -> None:
    """What sip_proxy does to a message on the way in and out leaves one that can be read."""
    message = _parsed(data)
    if message is None:
        return
    message = message.copy()
    _RULES.inward(message)
    try:
        if isinstance(message, Request):
            _on_the_way(message)
        _RULES.outward(message, _SIDES, "tcp")
    except SipParseError:
        return
    if isinstance(message, Request):
        message.prepend("Via", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx")
    read_again(message)


def _on_the_way(request: Request) -> None:
    take_routes(request, _SIDES)
    loops(request, _SIDES)
    branch_for(request, "r")
    onward(request)
    destination_of(next_hop_of(request))
    caller_number(request)
    cannot_be_kept(request)


def read_again(message: Message) -> None:
    """It was read once, so it can be read again, by whoever takes UTF-8 alone."""
    data = message.to_bytes()
    data.partition(b"\r\n\r\n")[0].decode("utf-8")
    parse_message(data)


def events(data: bytes) -> None:
    """A SUBSCRIBE is taken or refused, its dialog made or not."""
    message = _parsed(data)
    if not isinstance(message, Request):
        return
    try:
        read_subscribe(message, (PACKAGE,))
        Dialog.from_request(message, "t").request("NOTIFY").to_bytes()
    except (EventError, DialogError, SipParseError):
        return


def transactions(data: bytes) -> None:
    """Any message may come to the transaction layer at any time."""
    message = _parsed(data)
    if message is None:
        return
    layer = TransactionLayer(IdSource(bytes))
    for now in (0.0, 0.1):
        layer.receive(message, now, reliable=False, peer=None)
        layer.outputs.clear()
    layer.handle_timers(100.0)
    layer.outputs.clear()


DOORS: dict[str, Callable[[bytes], None]] = {
    door.__name__: door
    for door in (
        parser,
        framing,
        websocket,
        digest,
        description,
        addresses,
        registrar,
        proxy,
        events,
        transactions,
    )
}
"""By name, for the fuzzers."""
