"""Whole messages out of a TCP byte stream (RFC 3261 18.3), with the keep-alive of RFC 5626 3.5.1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ringback.sip.errors import SipParseError

MAX_HEAD = 64 * 1024
MAX_BODY = 256 * 1024

# libre (baresip) ends the RAck of its PRACK with LF alone.
_LENGTH = re.compile(
    rb"\r\n(?:RAck: \d+ \d+ INVITE\n)?(?:content-length|l)[ \t]*:(?:[ \t]*\r\n[ \t])?[ \t]*([^\r\n]*?)"
    rb"[ \t]*(?=\r\n)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ping:
    """A double CRLF between messages; the answer is `PONG`."""


Torn = tuple[bytes, SipParseError]
"""What a stream could not be cut at, and why."""
PING = b"\r\n\r\n"
PONG = b"\r\n"
_PING = Ping()


class StreamFramer:
    """Cuts a stream into messages. Any number of messages may come in one segment, and any part of one."""

    __slots__ = ("_broken", "_buffer", "_max_body", "_max_head", "_need", "torn")

    def __init__(self, max_head: int = MAX_HEAD, max_body: int = MAX_BODY) -> None:
        self._buffer = bytearray()
        self._need = 0
        self._max_head = max_head
        self._max_body = max_body
        self._broken = False
        self.torn: Torn | None = None
        """There once the stream is broken."""

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """Take what was received; return the whole messages and pings in it.

        Raises SipParseError once the stream can no longer be cut (no usable Content-Length, limits exceeded);
        what came whole before the fault is lost with it, and the connection must be closed.
        """
        if self._broken:
            raise SipParseError("stream is out of step")
        self._buffer += data
        found: list[bytes | Ping] = []
        try:
            while (item := self._next()) is not None:
                found.append(item)
        except SipParseError as error:
            self._broken, self.torn = True, (bytes(self._buffer[: self._max_head]), error)
            if not found:
                raise
        return found

    @staticmethod
    def wrap(data: bytes) -> bytes:
        """A message as it goes out: Content-Length alone bounds it."""
        return data

    @staticmethod
    def answer() -> bytes:
        """What the framing itself has to say to the peer: nothing."""
        return b""

    @property
    def broken(self) -> bool:
        """True if the stream can no longer be cut; the connection is to be closed."""
        return self._broken

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet; line breaks alone are none."""
        count = len(self._buffer)
        return 0 if count < 4 and not self._buffer.strip(b"\r\n") else count

    def _next(self) -> bytes | Ping | None:
        buffer = self._buffer
        if not self._need:
            if ping := self._skip_line_breaks():
                return ping
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > self._max_head:
                    raise SipParseError("headers too large", 513)
                return None
            self._need = end + 4 + self._body_length(bytes(buffer[: end + 2]))
        if len(buffer) < self._need:
            return None
        message = bytes(buffer[: self._need])
        del buffer[: self._need]
        self._need = 0
        return message

    def _skip_line_breaks(self) -> Ping | None:
        buffer = self._buffer
        if not buffer or buffer[0] not in b"\r\n":
            return None
        if buffer.startswith(b"\r\n\r\n"):
            del buffer[:4]
            return _PING
        if bytes(buffer) not in (b"\r", b"\r\n", b"\r\n\r"):
            stripped = bytes(buffer).lstrip(b"\r\n")
            buffer[:] = stripped
        return None

    def _body_length(self, head: bytes) -> int:
        if len(head) > self._max_head:
            raise SipParseError("headers too large", 513)
        values = set(_LENGTH.findall(head))
        if len(values) != 1:
            # RFC 3261 20.14: over a stream transport the header must be there, once.
            raise SipParseError("no usable Content-Length")
        value = values.pop()
        if not value.isdigit() or len(value) > 9:
            raise SipParseError("bad Content-Length")
        if int(value) > self._max_body:
            raise SipParseError("body too large", 513)
        return int(value)
