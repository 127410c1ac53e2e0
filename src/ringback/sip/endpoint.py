"""The asyncio shell: sockets below, the transaction layer inside, requests and responses above."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from inspect import isawaitable
from typing import Any, TypeVar

from ringback.sip import layer as core
from ringback.sip.build import can_be_answered, response_to_malformed
from ringback.sip.connection import StreamConnection
from ringback.sip.counters import Counters
from ringback.sip.entrance import Entrance
from ringback.sip.errors import SipParseError
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.ids import IdSource, RandomPool
from ringback.sip.keep_alive import FILLERS, KeepAlives
from ringback.sip.message import CSeq, Message, Request, Response
from ringback.sip.mtu import LargeRequests
from ringback.sip.parser import parse_message
from ringback.sip.repeats import Repeats, mark_of
from ringback.sip.sockets import Sockets
from ringback.sip.stream import Tls
from ringback.sip.transactions import Timers
from ringback.sip.transport import Destination, Source
from ringback.sip.uri import NameAddr, SipUri, Via, format_host_port
from ringback.sip.waiting_line import Held
from ringback.sip.ways import goes_over, mark_via, way_back

_log = logging.getLogger(__name__)

T = TypeVar("T")
OnRequest = Callable[[ServerTransaction, Request], Awaitable[None] | None]
Trace = Callable[[str, bytes, Destination], None]
Admit = Callable[[Request, Source], Response | None]
TakesUnread = Callable[[bytes, Source], bool]

_LATE_S, _LATEST_S, _AGAIN_S = 0.05, 3.0, 0.01
"""A timer that is so late waits until what has come meanwhile is read, but not for longer."""
_OTHERS = frozenset({b"SIP/2.0 ", b"REGISTER"})
"""How what has other ways to be known when it is repeated begins."""


class SipEndpoint:
    """Sends and receives SIP over UDP, TCP, TLS and WebSocket.

    `on_request(tx, request)` is called with each new request (and each ACK to a 2xx); it may be a coroutine
    function. `admit(request, source)` is asked before anything is done for a new request: the response that
    it returns is sent without a transaction (8.2.7). `advertised_host` is what Via says when a listener is
    bound to all addresses. `trace(direction, data, peer)` sees each message, direction `in` or `out`.
    """

    def __init__(
        self,
        on_request: OnRequest,
        *,
        user_agent: str = "Ringback",
        advertised_host: str | None = None,
        timers: Timers | None = None,
        random: Callable[[int], bytes] | None = None,
        trace: Trace | None = None,
        admit: Admit | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._on_request = on_request
        self._admit = admit
        self._user_agent = user_agent
        self._trace = trace
        self.ids = IdSource(random or RandomPool(os.urandom))
        self.counters = Counters()
        self._layer = core.TransactionLayer(self.ids, timers)
        self._large = LargeRequests()
        self._keep_alives = KeepAlives()
        self._sockets = Sockets(self._received, self, advertised_host, tls or Tls())
        self._tasks: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._repeats = Repeats()
        self._cancelled_unseen = self._closed = self._looked = False
        self._effects: dict[type, Callable[..., None]] = {
            core.Send: self._send_out,
            core.RequestReceived: self._request_received,
            core.AckReceived: self._ack_received,
            core.ResponseReceived: self._response_received,
            core.Cancelled: self._cancelled,
            core.Unacknowledged: self._unacknowledged,
            core.Stray: self._stray,
            core.Ended: self._ended,
        }
        self.ignores: Callable[[Source], bool] | None = None
        """Asked before anything of a message is read: true drops it without an answer."""
        self.listener: Trace | None = None
        """Sees each message like `trace`; comes and goes while the endpoint runs."""
        self.takes: dict[str, Callable[[Request, Source], bool]] = {}
        """By method: asked before a transaction is made for a request; true where it is cared for without."""
        self.takes_unread: dict[bytes, TakesUnread] = {}
        """By the first eight bytes (of a response `SIP/2.0 `): asked before a message is read; true where it
        is cared for as it is."""
        self.entrance: Entrance | None = None
        """Where INVITEs wait while there is too much to do."""
        self.on_garbage: Callable[[Source], object] = lambda source: None
        """Told of the source of a message that cannot be read."""
        self._on_stray: Callable[[Response, Source], None] | None = None
        self.on_connection_lost: Callable[[tuple[str, int]], None] = lambda remote: None
        """Told of a connection that is gone: an INVITE that has been taken on it may be sent again."""

    # Life

    async def listen_udp(self, host: str, port: int = 0) -> tuple[str, int]:
        """Bind a UDP socket; returns the address that was bound. Raises OSError."""
        return await self._sockets.listen_udp(host, port)

    async def listen_tcp(self, host: str, port: int = 0) -> tuple[str, int]:
        """Listen for TCP connections; returns the address that was bound. Raises OSError."""
        return await self.listen("tcp", host, port)

    async def listen(self, transport: str, host: str, port: int = 0) -> tuple[str, int]:
        """Listen for connections (tcp, tls, ws, wss); returns the address that was bound.

        Raises OSError, and ValueError where a certificate is missing.
        """
        return await self._sockets.listen(transport, host, port)

    async def close(self) -> None:
        """Close every socket; transactions that are under way are dropped."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sockets.close()

    @property
    def transactions(self) -> int:
        """Transactions alive."""
        return len(self._layer)

    def tell_strays(self, told: Callable[[Response, Source], None]) -> None:
        """From now on `told` gets the responses that belong to no request of this endpoint."""
        self._on_stray, self._layer.tells_strays = told, True

    def hand_on_cancels(self) -> None:
        """From now on a CANCEL without its INVITE is a request like others, as proxies need it (16.10)."""
        self._layer.hands_on_cancel = True

    @property
    def connections(self) -> int:
        """Open connections."""
        return self._sockets.connections

    def behind(self, now: float) -> float:
        """Seconds that datagrams may have waited to be read (loop time)."""
        return self._sockets.behind(now)

    def is_connected(self, destination: Destination) -> bool:
        """True if there is an open connection to a destination."""
        return self._sockets.is_connected(destination)

    def local_address(self, transport: str, toward: str = "") -> tuple[str, int]:
        """What this endpoint says in Via and Contact for a transport, when it talks to host `toward`."""
        return self._sockets.local_address(transport, toward)

    def contact(self, destination: Destination, user: str | None = None) -> NameAddr:
        """A Contact under which a peer at `destination` reaches this endpoint."""
        host, port = self.local_address(destination.transport, destination.host)
        params: dict[str, str | None] = {}
        if destination.transport != "udp":
            params["transport"] = destination.uri_transport
        return NameAddr(SipUri("sip", user, host, port, params))

    # Sending

    def ping(self, destination: Destination) -> bool:
        """Ask whether the other side of a connection is there (RFC 5626 4.4.1); False if there is none.

        A connection on which nothing comes back within ten seconds is closed.
        """
        return self._sockets.ping(destination)

    async def seen_as(self, destination: Destination) -> tuple[str, int]:
        """How a UDP peer sees us, by STUN (RFC 5626 4.4.2). Raises TimeoutError if it is silent."""
        sockets = self._sockets
        return await self._keep_alives.seen_as(
            str(destination), lambda data: sockets.send(data, destination, _nothing)
        )

    def new_request(
        self,
        method: str,
        uri: SipUri | str,
        *,
        from_: NameAddr,
        to: NameAddr,
        headers: Iterable[tuple[str, str]] = (),
        call_id: str | None = None,
        cseq: int = 1,
    ) -> Request:
        """A request outside a dialog (8.1.1); From gets a tag if it has none."""
        sender = from_ if from_.tag else from_.with_tag(self.ids.tag())
        request = Request(method, uri)
        request.headers = [
            ("Max-Forwards", "70"),
            ("From", str(sender)),
            ("To", str(to)),
            ("Call-ID", call_id or self.ids.call_id()),
            ("CSeq", str(CSeq(cseq, method))),
            ("User-Agent", self._user_agent),
        ]
        for name, value in headers:
            request.add(name, value)
        return request

    def send_request(
        self,
        request: Request,
        destination: Destination,
        *,
        branch: str | None = None,
        sent_by: tuple[str, int] | None = None,
        on_response: Callable[[Response], None] | None = None,
        same_transport: bool = False,
    ) -> ClientTransaction:
        """Start a client transaction: a Via with a new branch is put on top of `request`.

        `branch` and `sent_by` of an earlier INVITE take its transaction up again: the server takes it for a
        retransmission (17.2.3). What is too large for a datagram goes by TCP, and as a datagram if that fails
        (18.1.1); not so with `same_transport`, for a peer that can be reached on this way only.
        """
        if "Max-Forwards" not in request.first_values():
            request.add("Max-Forwards", "70")
        now = self._now()
        wanted = destination
        if not same_transport and destination.transport == "udp":
            destination = self._large.way(request, wanted, now)
        self._push_via(request, destination, branch, sent_by)
        client = ClientTransaction(self, request, destination, on_response)
        if destination is not wanted:
            client.by_datagram = wanted
        reliable = destination.transport != "udp"
        transaction = self._layer.request(request, now, reliable=reliable, peer=destination)
        transaction.user = client
        client.core = transaction
        self._run()
        return client

    def send_as_datagram(self, client: ClientTransaction, destination: Destination) -> bool:
        """TCP has failed a large request: send it by UDP after all; False if it is cancelled (18.1.1)."""
        old, now = client.core, self._now()
        if old is None or old.cancel_wanted:
            return False
        self._large.no_tcp(client.destination, now)
        old.user = None
        branch = old.via.branch
        client.request = client.request.copy()
        client.request.pop_first("Via")
        client.destination = destination
        self._push_via(client.request, destination, branch)
        client.core = self._layer.request(client.request, now, reliable=False, peer=destination)
        client.core.user = client
        return True

    def cancel(self, client: ClientTransaction, headers: Iterable[tuple[str, str]] = ()) -> None:
        """See `ClientTransaction.cancel`."""
        if client.core is not None:
            self._layer.cancel(client.core, self._now(), headers)
            self._run()

    def respond(self, transaction: core.Transaction, response: Response, *, until_ack: bool = False) -> bool:
        """See `ServerTransaction.respond` and `accept`."""
        done = self._layer.respond(transaction, response, self._now(), until_ack=until_ack)
        self._run()
        return done

    def send_ack(self, ack: Request, destination: Destination, branch: str | None = None) -> bytes:
        """Send the ACK of a 2xx with a Via of its own (13.2.2.4) or this branch; it has no transaction.

        Returns what was sent, for `repeat_ack`.
        """
        self._push_via(ack, destination, branch)
        data = ack.to_bytes()
        self._send(data, destination, _nothing)
        return data

    def repeat_ack(self, ack: bytes, destination: Destination) -> None:
        """Send an ACK again as it is."""
        self.counters.repeated += 1
        self._send(ack, destination, _nothing)

    def send(self, message: Message, destination: Destination) -> None:
        """Send a message as it is, without a transaction."""
        self._send(message.to_bytes(), destination, _nothing)

    def send_bytes(
        self, data: bytes, destination: Destination, failed: Callable[[], None] | None = None
    ) -> None:
        """Send what is a message already, without a transaction."""
        self._send(data, destination, failed or _nothing)

    def _push_via(
        self,
        request: Request,
        destination: Destination,
        branch: str | None,
        sent_by: tuple[str, int] | None = None,
    ) -> None:
        way = destination.transport
        host, port = sent_by or self._sockets.local_address(way, destination.host)
        branch, way = branch or self.ids.branch(), way.upper()
        params: dict[str, str | None] = {"branch": branch}
        line = f"SIP/2.0/{way} {format_host_port(host, port)};branch={branch}"
        if way == "UDP":
            params["rport"] = None
            line += ";rport"
        request.push_via(Via(way, host, port, params), line)

    def _send(self, data: bytes, destination: Destination, failed: Callable[[], None]) -> None:
        self.counters.sent += 1
        if self._trace is not None:
            self._trace("out", data, destination)
        if self.listener is not None:
            self.listener("out", data, destination)
        self._sockets.send(data, destination, failed)

    # Receiving

    def stream_received(self, data: bytes, source: Source) -> None:
        """A connection has a whole message."""
        self._received(data, source)

    def stream_garbage(self, source: Source) -> None:
        """A connection sent what cannot be cut into messages."""
        self.counters.parse_errors += 1
        self.on_garbage(source)

    def stream_lost(self, connection: StreamConnection) -> None:
        """A connection is gone: what waits for an answer on it fails now, not after 32 s."""
        if not self._closed:
            self._layer.peer_lost(lambda peer: goes_over(peer, connection), self._now())
            self._run()
            self.on_connection_lost(connection.remote[1:3])

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

    # Turning outputs into effects

    def _run(self) -> None:
        layer, effects = self._layer, self._effects
        while layer.outputs:
            outputs, layer.outputs = layer.outputs, []
            for output in outputs:
                # A callback that fails must not cost the other messages of this turn.
                try:
                    effects[type(output)](output)
                except Exception:
                    _log.exception("a callback failed on %s", type(output).__name__)
        if self._timer is None or layer.queue.sooner:
            self._arm()

    def _send_out(self, output: core.Send) -> None:
        transaction = output.transaction
        self.counters.repeated += output.repeated
        where: Destination = transaction.peer
        if where.transport != "udp" and not transaction.is_client:
            where = way_back(where, transaction.via)
        self._send(output.data, where, partial(self._failed, transaction))

    def _request_received(self, output: core.RequestReceived) -> None:
        transaction = output.transaction
        self._repeats.begun(transaction)
        server = ServerTransaction(self, transaction.request, transaction.peer, transaction)
        transaction.user = server
        if self._cancelled_unseen:
            server.reply(487)
        else:
            self._hand_over(server)

    def _ack_received(self, output: core.AckReceived) -> None:
        transaction = output.transaction
        if transaction is not None and transaction.user is not None:
            transaction.user.ack_received(output.request)
        self._hand_over(ServerTransaction(self, output.request, output.peer, None))

    @staticmethod
    def _response_received(output: core.ResponseReceived) -> None:
        if output.transaction.user is not None:
            output.transaction.user.deliver(output.response)

    @staticmethod
    def _cancelled(output: core.Cancelled) -> None:
        output.transaction.user.cancel_received(output.cancel)

    @staticmethod
    def _unacknowledged(output: core.Unacknowledged) -> None:
        if output.transaction.user is not None:
            output.transaction.user.ack_received(None)

    def _stray(self, output: core.Stray) -> None:
        if self._on_stray is not None:
            self._on_stray(output.response, output.peer)

    def _ended(self, output: core.Ended) -> None:
        transaction = output.transaction
        self._repeats.ended(transaction)
        user, transaction.user = transaction.user, None
        if user is not None:
            user.release()

    def _hand_over(self, server: ServerTransaction) -> None:
        try:
            result = self._on_request(server, server.request)
        except Exception:
            self._broken_handler(server)
            return
        if result is not None and isawaitable(result):
            self._spawn(self._guard(server, result))

    async def _guard(self, server: ServerTransaction, result: Awaitable[None]) -> None:
        try:
            await result
        except Exception:
            self._broken_handler(server)

    @staticmethod
    def _broken_handler(server: ServerTransaction) -> None:
        _log.exception("the handler of a %s failed", server.request.method)
        if server.can_respond and server.final is None:
            server.reply(500)

    def _failed(self, transaction: core.Transaction) -> None:
        self._layer.transport_failed(transaction, self._now())
        self._run()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._running().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Time

    def _now(self) -> float:
        loop = self._loop or self._running()
        return loop.time()

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop; asking asyncio for it is a system call in Python 3.11."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _arm(self) -> None:
        due = self._layer.next_timer()
        if due is None or self._closed:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._running().call_at(due, self._timer_fired)

    def _timer_fired(self) -> None:
        """Something is due. Nothing is repeated that may have been answered while this process was late."""
        late = self._now() - self._timer_due
        if late > _LATE_S:
            self._sockets.read()
            # Connections are read by the loop, which runs its timers before.
            if not self._looked or (late < _LATEST_S and self._sockets.is_behind):
                self._looked = True
                self._timer = self._running().call_later(_AGAIN_S, self._timer_fired)
                return
        self._looked = False
        self._timer = None
        self._layer.handle_timers(self._now())
        self._run()


def _cared_for(takes: Callable[[T, Source], bool], what: T, source: Source) -> bool:
    """What it says; where it fails the message goes the way of all others, and its connection lives."""
    try:
        return takes(what, source)
    except Exception:
        _log.exception("a message could not be cared for")
        return False


def _nothing() -> None:
    pass
