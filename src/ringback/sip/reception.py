"""What comes in to an endpoint, up to where its transactions have it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from ringback.sip import layer as core
from ringback.sip.build import can_be_answered, response_to_malformed
from ringback.sip.connection import StreamConnection
from ringback.sip.entrance import Entrance
from ringback.sip.errors import SipParseError
from ringback.sip.framing import Torn
from ringback.sip.keep_alive import FILLERS, KeepAlives
from ringback.sip.message import Request, Response
from ringback.sip.parser import parse_message
from ringback.sip.repeats import mark_of
from ringback.sip.runner import OnRequest, Trace, TransactionRunner
from ringback.sip.sockets import Sockets
from ringback.sip.stream import Tls
from ringback.sip.transactions import Timers
from ringback.sip.transport import Source
from ringback.sip.uri import Via
from ringback.sip.waiting_line import Held
from ringback.sip.ways import goes_over, mark_via

_log = logging.getLogger(__name__)

T = TypeVar("T")
Admit = Callable[[Request, Source], Response | None]
TakesUnread = Callable[[bytes, Source], bool]

_OTHERS = frozenset({b"SIP/2.0 ", b"REGISTER"})
"""How what has other ways to be known when it is repeated begins."""


class Reception(TransactionRunner):
    """Takes what the sockets receive; what nobody cares for without a transaction comes to one."""

    def __init__(
        self,
        on_request: OnRequest,
        timers: Timers | None,
        random: Callable[[int], bytes] | None,
        trace: Trace | None,
        admit: Admit | None,
        advertised_host: str | None,
        tls: Tls,
    ) -> None:
        super().__init__(on_request, timers, random, trace)
        self._admit = admit
        self._keep_alives = KeepAlives()
        self._sockets = Sockets(self._received, self, advertised_host, tls)
        self.ignores: Callable[[Source], bool] | None = None
        """Asked before anything of a message is read: true drops it without an answer."""
        self.takes: dict[str, Callable[[Request, Source], bool]] = {}
        """By method: asked before a transaction is made for a request; true where it is cared for without."""
        self.takes_unread: dict[bytes, TakesUnread] = {}
        """By the first eight bytes (of a response `SIP/2.0 `): asked before a message is read; true where it
        is cared for as it is."""
        self.entrance: Entrance | None = None
        """Where INVITEs wait while there is too much to do."""
        self.on_garbage: Callable[[Source], object] = lambda source: None
        """Told of the source of a message that cannot be read."""
        self.on_connection_lost: Callable[[tuple[str, int]], None] = lambda remote: None
        """Told of a connection that is gone, by its address, and by the name that we connected to: an INVITE
        that has been taken on it may be sent again."""

    # From the sockets

    def stream_received(self, data: bytes, source: Source) -> None:
        """A connection has a whole message."""
        self._received(data, source)

    def stream_garbage(self, source: Source, torn: Torn | None) -> None:
        """A connection sent what cannot be cut into messages; who has asked for something is told (20.14)."""
        if self.ignores is not None and self.ignores(source):
            return
        error = SipParseError("no message")
        if torn is not None:
            error = torn[1]
            error.message = _request_in(torn[0])
        self._refuse(error, source)

    def stream_lost(self, connection: StreamConnection) -> None:
        """A connection is gone: what waits for an answer on it fails now, not after 32 s."""
        if not self._closed:
            self._layer.peer_lost(lambda peer: goes_over(peer, connection), self._now())
            self._run()
            for name in connection.names:
                self.on_connection_lost(name)

    def _received(self, data: bytes, source: Source) -> None:
        if self.ignores is not None and self.ignores(source):
            if source.connection is not None:
                source.connection.close()
            return
        if data[:1] in FILLERS and self._keep_alives.takes(data, source):
            return
        self.counters.received += 1
        if self._trace is not None:
            self._trace("in", data, source)
        if self.listener is not None:
            self.listener("in", data, source)
        takes_unread = self.takes_unread.get(data[:8])
        if takes_unread is not None and _cared_for(takes_unread, data, source):
            return
        self._repeats.mark = 0
        if source.transport == "udp" and self._is_repeated(data):
            return
        try:
            message = parse_message(data)
        except SipParseError as error:
            self._refuse(error, source)
            return
        if not isinstance(message, Request):
            self.receive(message, source)
            return
        source = mark_via(message, source)
        takes = self.takes.get(message.method)
        if takes is not None and _cared_for(takes, message, source):
            return
        if self._admit is None or message.method == "ACK":
            self.receive(message, source)
            return
        key = self._layer.key_of(message)
        if self._layer.knows(message, key):
            self.receive(message, source, key)
        elif self.entrance is None or not self.entrance.holds(message, source, key, data):
            self._begin(message, source, key)

    def _is_repeated(self, data: bytes) -> bool:
        """True for a request that is known: it is answered, if there is an answer yet, without being read."""
        if data[:8] in _OTHERS:
            return False
        if self.entrance is not None and self.entrance.line.has(data):
            return True
        key = self._repeats.look_at(data)
        if key is None or not self._layer.again(key, self._now()):
            return False
        self._run()
        return True

    def _begin(self, request: Request, source: Source, key: core.Key) -> None:
        response = self._admit(request, source) if self._admit is not None else None
        if response is None:
            self.receive(request, source, key)
        else:
            self.reply(response, source)

    # What its entrance asks for

    @property
    def is_behind(self) -> bool:
        """True if datagrams wait to be read."""
        return self._sockets.is_behind

    def reply(self, response: Response, source: Source) -> None:
        """Answer without a transaction (8.2.7)."""
        self._send(response.to_bytes(), source, _nothing)

    def let_in(self, held: Held) -> None:
        """Begin the transaction of an INVITE that has waited."""
        self._mark(held)
        self._begin(held.request, held.source, held.key)

    def begin_cancelled(self, held: Held) -> None:
        """Begin the transaction of an INVITE that nobody wants any more: it is answered 487."""
        self._mark(held)
        self._cancelled_unseen = True
        self.receive(held.request, held.source, held.key)
        self._cancelled_unseen = False

    def _mark(self, held: Held) -> None:
        self._repeats.mark = mark_of(held.data) if held.source.transport == "udp" else 0

    # The transactions

    def receive(self, message: Request | Response, source: Source, key: core.Key | None = None) -> None:
        """Let the transactions have a message: one that has just come, or one that was cared for without.

        `key` is that of a request, where it is at hand.
        """
        self._layer.receive(message, self._now(), reliable=source.transport != "udp", peer=source, key=key)
        self._run()

    def knows(self, request: Request) -> bool:
        """True if a request has a transaction."""
        return self._layer.knows(request, self._layer.key_of(request))

    def awaits_ack(self, via: Via) -> bool:
        """True if an ACK with this Via belongs to an INVITE that was refused (17.1.1.3)."""
        return self._layer.has_invite(via)

    def _refuse(self, error: SipParseError, source: Source) -> None:
        self.counters.parse_errors += 1
        self.on_garbage(source)
        request = error.message
        if isinstance(request, Request) and can_be_answered(request):
            response = response_to_malformed(request, error)
            self._send(response.to_bytes(), source, _nothing)


def _request_in(torn: bytes) -> Request | Response | None:
    """The message whose head is at the beginning of these bytes, as far as it can be read."""
    end = torn.find(b"\r\n\r\n")
    try:
        return parse_message(torn[: end if end >= 0 else torn.rfind(b"\r\n")] + b"\r\n\r\n")
    except SipParseError as error:
        return error.message


def _cared_for(takes: Callable[[T, Source], bool], what: T, source: Source) -> bool:
    """What it says; where it fails the message goes the way of all others, and its connection lives."""
    try:
        return takes(what, source)
    except Exception:
        _log.exception("a message could not be cared for")
        return False


def _nothing() -> None:
    pass
