"""The two sides of a transaction as their users see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from ringback.sip.build import response_to
from ringback.sip.message import FORGOTTEN, Request, Response
from ringback.sip.transport import Destination, Source
from ringback.sip.waiting import final_of, responses_of

if TYPE_CHECKING:
    from ringback.sip.layer import Transaction


_NEVER_FILLED: list[Response] = []
"""Unread responses where each is handed over at once."""


class Shell(Protocol):
    """What transactions ask of the endpoint that they belong to."""

    def cancel(self, client: ClientTransaction, headers: Iterable[tuple[str, str]] = ()) -> None:
        """See `ClientTransaction.cancel`."""

    def send_ack(self, ack: Request, destination: Destination, branch: str | None = None) -> bytes:
        """Send the ACK of a 2xx; returns what was sent."""

    def repeat_ack(self, ack: bytes, destination: Destination) -> None:
        """Send an ACK again as it is."""

    def send_as_datagram(self, client: ClientTransaction, destination: Destination) -> bool:
        """TCP has failed a large request: send it by UDP; False if it is cancelled (18.1.1)."""


class Answering(Protocol):
    """What a server transaction asks of the endpoint that it belongs to."""

    def respond(self, transaction: Transaction, response: Response, *, until_ack: bool = False) -> bool:
        """See `ServerTransaction.respond` and `accept`."""


class ClientTransaction:
    """A request under way.

    Read it with `async for response in tx` (ends after the final response) or `await tx.final()`, or give
    `on_response` to be called with every response. A final response always comes: 408 or 503 is made up here
    (`response.local`) if the peer is silent or cannot be reached.
    """

    def __init__(
        self,
        endpoint: Shell,
        request: Request,
        destination: Destination,
        on_response: Callable[[Response], None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self.request = request
        self.destination = destination
        self.on_response = on_response
        self.core: Transaction | None = None
        self.by_datagram: Destination | None = None
        """Where a request goes that was too large for a datagram, if TCP fails."""
        self._unread: list[Response] = [] if on_response is None else _NEVER_FILLED
        self._wake: asyncio.Future[None] | None = None
        self._final: Response | None = None
        self._ack: tuple[str | None, bytes, Destination] | None = None

    @property
    def response(self) -> Response | None:
        """The final response, if it has come."""
        return self._final

    def cancel(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send CANCEL as soon as RFC 3261 9.1 allows; the INVITE then ends with 487, or with 408.

        `headers` go into it: a Reason (RFC 3326).
        """
        if self._final is None:
            self._endpoint.cancel(self, headers)

    def send_ack(self, ack: Request, destination: Destination | None = None) -> None:
        """Send the ACK of a 2xx and send it again for every repetition of that 2xx (13.2.2.4)."""
        target = destination or self.destination
        self._ack = (ack.to_tag, self._endpoint.send_ack(ack, target), target)

    def final(self, timeout: float | None = None) -> Coroutine[Any, Any, Response]:
        """The final response. Raises TimeoutError after `timeout` seconds (the transaction goes on)."""
        return final_of(self, timeout)

    def __aiter__(self) -> AsyncIterator[Response]:
        return responses_of(self)

    def next_unread(self) -> Response | None:
        """The first response that was not read yet."""
        return self._unread.pop(0) if self._unread else None

    def changed(self) -> asyncio.Future[None]:
        """Done with the next response."""
        if self._wake is None or self._wake.done():
            self._wake = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._wake)

    def deliver(self, response: Response) -> None:
        """The endpoint hands over a response."""
        if self._ack is not None and self._ack[0] == response.to_tag:
            self._endpoint.repeat_ack(self._ack[1], self._ack[2])
            return
        smaller, self.by_datagram = self.by_datagram, None
        broken = response.status == 503 and response.local
        if smaller is not None and broken and self._endpoint.send_as_datagram(self, smaller):
            return
        if self._final is None:
            if self.on_response is None:
                self._unread.append(response)
            if response.status >= 200:
                self._final = response
        if self.on_response is not None:
            self.on_response(response)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def release(self) -> None:
        """The transaction is gone: let go of its user, so that both can be freed without the collector."""
        self.on_response = None

    def forget_request(self) -> None:
        """The user needs the request no more, nor the response, which it has had."""
        self.request, self._final = FORGOTTEN, None


class ServerTransaction:
    """A request that was received. An ACK to a 2xx has no transaction: `can_respond` is false."""

    def __init__(
        self, endpoint: Answering, request: Request, source: Source, core: Transaction | None
    ) -> None:
        self._endpoint = endpoint
        self._core = core
        self.request = request
        self.source = source
        self.cancelled = False
        """True once the peer has sent CANCEL."""
        self.cancel_request: Request | None = None
        """That CANCEL; it may say why (RFC 3326)."""
        self.on_cancel: Callable[[], None] | None = None
        """Called when the peer cancels; the CANCEL is answered already, the INVITE is to be answered 487."""
        self.on_unacknowledged: Callable[[], None] | None = None
        """Called when no ACK came to the final response within 64*T1."""
        self._told: Callable[[Request | None], None] | None = None
        """Hears once of the ACK to our 2xx."""

    @property
    def can_respond(self) -> bool:
        """False for an ACK."""
        return self._core is not None

    @property
    def to_tag(self) -> str:
        """The tag that this side gives to To."""
        return self._core.to_tag if self._core is not None else ""

    @property
    def final(self) -> int | None:
        """The status of the final response that was sent."""
        status = self._core.status if self._core is not None else 0
        return status if status >= 200 else None

    def respond(self, response: Response) -> bool:
        """Send a response; False if the transaction is past that (or there is none).

        No 408 is sent to anything but an INVITE (RFC 4320 4.2): the transaction ends without an answer.
        """
        return self._core is not None and self._endpoint.respond(self._core, response)

    def reply(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Response:
        """Build a response with this transaction's To tag, send it and return it."""
        response = response_to(
            self.request,
            status,
            reason,
            to_tag=self.to_tag,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        self.respond(response)
        return response

    def accept(self, response: Response) -> asyncio.Future[Request | None]:
        """Send a 2xx to an INVITE and repeat it until its ACK (13.3.1.4).

        The future gives the ACK, or None if none came within 64*T1 (the session is then to be ended by BYE).
        """
        future: asyncio.Future[Request | None] = asyncio.get_running_loop().create_future()

        def told(ack: Request | None) -> None:
            if not future.done():
                future.set_result(ack)

        self.confirm(response, told)
        return future

    def confirm(self, response: Response, told: Callable[[Request | None], None]) -> None:
        """What `accept` does, for who needs no future: `told` is called as soon as that is known."""
        if self._core is not None and self._endpoint.respond(self._core, response, until_ack=True):
            self._told = told
        else:
            told(None)

    def cancel_received(self, request: Request) -> None:
        """The endpoint tells of a CANCEL."""
        self.cancelled, self.cancel_request = True, request
        if self.on_cancel is not None:
            self.on_cancel()

    def release(self) -> None:
        """The transaction is gone: let go of its user, so that both can be freed without the collector."""
        self.on_cancel = self.on_unacknowledged = None

    def forget_request(self) -> None:
        """The user needs the request no more: it would be held as long as repetitions may come."""
        self.request, self.on_cancel = FORGOTTEN, None

    def ack_received(self, ack: Request | None) -> None:
        """The endpoint tells of the ACK to a 2xx, or with None that it did not come."""
        told, self._told = self._told, None
        if told is not None:
            told(ack)
        if ack is None and self.on_unacknowledged is not None:
            self.on_unacknowledged()
