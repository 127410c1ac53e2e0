"""The asyncio shell: sockets below, the transaction layer inside, requests and responses above."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ringback.sip import opening
from ringback.sip.exchange import ClientTransaction
from ringback.sip.message import CSeq, Message, Request, Response
from ringback.sip.mtu import LargeRequests
from ringback.sip.reception import Admit, Reception
from ringback.sip.runner import OnRequest, Trace
from ringback.sip.stream import Tls
from ringback.sip.transactions import Timers
from ringback.sip.transport import Destination, Source
from ringback.sip.uri import NameAddr, SipUri, Via, format_host_port


class SipEndpoint(Reception):
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
        super().__init__(on_request, timers, random, trace, admit, advertised_host, tls or Tls())
        self._user_agent = user_agent
        self._large = LargeRequests()

    # Life

    def listen_udp(self, host: str, port: int = 0) -> Coroutine[Any, Any, tuple[str, int]]:
        """Bind a UDP socket; returns the address that was bound. Raises OSError."""
        return opening.listen_udp(self._sockets, host, port)

    def listen_tcp(self, host: str, port: int = 0) -> Coroutine[Any, Any, tuple[str, int]]:
        """Listen for TCP connections; returns the address that was bound. Raises OSError."""
        return self.listen("tcp", host, port)

    def listen(self, transport: str, host: str, port: int = 0) -> Coroutine[Any, Any, tuple[str, int]]:
        """Listen for connections (tcp, tls, ws, wss); returns the address that was bound.

        Raises OSError, and ValueError where a certificate is missing.
        """
        return opening.listen(self._sockets, transport, host, port)

    def close(self) -> Coroutine[Any, Any, None]:
        """Close every socket; transactions that are under way are dropped."""
        self._stop()
        return opening.close(self._sockets, self._handlers)

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

    def limit_connections(self, most: int, most_of: Callable[[str], int]) -> None:
        """From now on there are so many connections at most, and so many to one host; others are closed."""
        self._sockets.streams.most, self._sockets.streams.most_of = most, most_of

    @property
    def refused_connections(self) -> int:
        """Connections that were closed because there were too many."""
        return self._sockets.streams.refused

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

    def seen_as(self, destination: Destination) -> Coroutine[Any, Any, tuple[str, int]]:
        """How a UDP peer sees us, by STUN (RFC 5626 4.4.2). Raises TimeoutError if it is silent."""
        return self._keep_alives.seen_as(
            str(destination), lambda data: self._sockets.send(data, destination, _nothing)
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


def _nothing() -> None:
    pass
