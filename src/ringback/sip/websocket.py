"""SIP over WebSocket, the server's side (RFC 7118): one message of SIP in each message of WebSocket.

The protocol itself (RFC 6455) is the `websockets` library's, without its I/O.
"""

from __future__ import annotations

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from ringback.sip.errors import SipParseError
from ringback.sip.framing import MAX_BODY, MAX_HEAD, Ping, Torn

_BLANK = b"\r\n\0"


class WebSocketFramer:
    """Takes what a connection received and gives the SIP messages in it; keeps what has to be answered.

    Fragments are put together, pings are answered, binary messages are taken like text (4.2); text that is
    not UTF-8 closes the connection (RFC 6455 8.1). A client that does not ask for the subprotocol `sip` is
    refused with 400 (4.1).
    """

    __slots__ = ("_broken", "_is_text", "_parts", "_protocol", "torn")

    def __init__(self, max_message: int = MAX_HEAD + MAX_BODY) -> None:
        self._protocol = ServerProtocol(subprotocols=[Subprotocol("sip")], max_size=max_message)
        self._parts: list[bytes] = []
        self._broken = self._is_text = False
        self.torn: Torn | None = None
        """Nothing: who speaks no WebSocket is told so in its own words."""

    @property
    def broken(self) -> bool:
        """True if the connection is to be closed once the answer has been sent."""
        return self._broken

    @property
    def pending(self) -> bool:
        """True while a handshake or a message is not whole."""
        return self._protocol.state is State.CONNECTING or bool(self._parts)

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """The whole SIP messages in what was received. Raises SipParseError when the handshake is refused."""
        protocol = self._protocol
        protocol.receive_data(data)
        found: list[bytes | Ping] = []
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame):
                found += self._frame(event)
        if protocol.handshake_exc is not None or protocol.close_expected():
            self._broken = True
            if not found and protocol.handshake_exc is not None:
                raise SipParseError("no WebSocket handshake")
        return found

    def answer(self) -> bytes:
        """What the protocol has to say: the handshake, pongs, a close."""
        return b"".join(self._protocol.data_to_send())

    def wrap(self, data: bytes) -> bytes:
        """A SIP message as one WebSocket message; nothing once the connection is closing."""
        if self._protocol.state is not State.OPEN:
            return b""
        send = self._protocol.send_text if _is_utf8(data) else self._protocol.send_binary
        send(data)
        return b"".join(self._protocol.data_to_send())

    def _frame(self, frame: Frame) -> list[bytes | Ping]:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return []
        if not self._parts:
            self._is_text = frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return []
        message, self._parts = b"".join(self._parts), []
        if self._is_text and not _is_utf8(message):
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            return []
        # CRLF keep-alive of RFC 5626 is not used here (RFC 7118 6), but harms nobody.
        return [message] if message.strip(_BLANK) else []


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
