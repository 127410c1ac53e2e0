"""The user agent under the scripted phone and the scripted carrier: sockets, digest, dispatch to calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from ringback.sip.challenges import Challenges
from ringback.sip.dialog import Dialog, destination_of
from ringback.sip.digest import DigestClient
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.identity import client_context
from ringback.sip.message import CSeq, Request, Response
from ringback.sip.stream import Tls
from ringback.sip.transport import Destination
from ringback.sip.uri import NameAddr, SipUri, format_host_port
from ringback.testing.phone_call import Call
from ringback.testing.phone_signalling import ALLOW, CallSignalling

_log = logging.getLogger(__name__)
Transport = Literal["udp", "tcp", "tls"]


class Exchange:
    """A request under way that answers challenges; `client` is the transaction of the last try."""

    def __init__(
        self,
        agent: UserAgent,
        request: Request,
        destination: Destination,
        on_response: Callable[[Response], None],
        dialog: Dialog | None,
    ) -> None:
        self._agent = agent
        self._destination = destination
        self._on_response = on_response
        self._dialog = dialog
        self._challenges = Challenges(agent.digest) if agent.digest is not None else None
        self.cancelled = False
        self.request = request
        self.client: ClientTransaction = self._send()

    def _send(self) -> ClientTransaction:
        self.client = self._agent.endpoint.send_request(
            self.request, self._destination, on_response=self._responded
        )
        return self.client

    def cancel(self) -> None:
        """Cancel an INVITE."""
        self.cancelled = True
        self.client.cancel()

    def _responded(self, response: Response) -> None:
        challenges = self._challenges if response.status in (401, 407) and not self.cancelled else None
        if challenges is None or not challenges.hear(response):
            self._on_response(response)
            return
        self.request = self._again(challenges)
        self._send()

    def _again(self, challenges: Challenges) -> Request:
        """The request with credentials: a new transaction, the next sequence number (RFC 3261 22.2)."""
        again = self.request.copy()
        for name in ("Via", "Authorization", "Proxy-Authorization"):
            again.remove(name)
        number = again.cseq.number + 1
        again.set("CSeq", CSeq(number, again.method))
        if self._dialog is not None:
            self._dialog.local_cseq = max(self._dialog.local_cseq, number)
        for header, value in challenges.answers(again.method, again.raw_uri, self._agent.endpoint.ids.tag):
            again.add(header, value)
        return again


class UserAgent:
    """Listens on one address and holds calls. `Phone` and `PhoneCarrier` say what is done with them."""

    def __init__(
        self,
        user: str,
        *,
        domain: str,
        proxy: tuple[str, int] | None = None,
        transport: Transport = "udp",
        host: str = "127.0.0.1",
        port: int = 0,
        password: str | None = None,
    ) -> None:
        self.user = user
        self.domain = domain
        self.transport: Transport = transport
        self.calls: list[Call] = []
        """Calls that have not ended."""
        self.digest = DigestClient(user, password) if password is not None else None
        tls = Tls(None, client_context()) if transport == "tls" else None
        self.endpoint = SipEndpoint(self._on_request, user_agent="Ringback scripted phone", tls=tls)
        self._proxy = Destination(transport, *proxy) if proxy else None
        self._bind = (host, port)
        self._incoming: asyncio.Queue[Call] = asyncio.Queue()
        self._by_dialog: dict[tuple[str, str], CallSignalling] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Bind the address. Raises OSError when it is taken.

        Over TLS it has no certificate to be called with: it is reached on the connection that it makes.
        """
        listen = self.endpoint.listen_udp if self.transport == "udp" else self.endpoint.listen_tcp
        self._bind = await listen(*self._bind)

    async def close(self) -> None:
        """Hang up what is still there, and close."""
        for call in list(self.calls):
            with contextlib.suppress(TimeoutError):
                await call.hangup(timeout=1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.endpoint.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._bind

    @property
    def uri(self) -> str:
        """A URI that reaches it directly, past any proxy."""
        return f"sip:{self.user}@{format_host_port(*self._bind)};transport={self.transport}"

    async def wait_call(self, timeout: float = 20.0) -> Call:
        """The next call that comes in. Raises TimeoutError."""
        try:
            return await asyncio.wait_for(self._incoming.get(), timeout)
        except TimeoutError:
            raise TimeoutError(f"{self.user} waited {timeout} s for a call that did not come") from None

    def dial(self, number: str, *, from_uri: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Call:
        """Start a call to a number, or to a whole SIP URI; it goes to the proxy if there is one."""
        target = number if number.startswith(("sip:", "tel:")) else f"sip:{number}@{self.domain}"
        call = Call(self, number, incoming=False)
        call.begin(target, from_uri or f"sip:{self.user}@{self.domain}", headers)
        return call

    def next_hop(self, uri: str) -> Destination:
        """Where a request outside a dialog goes."""
        return self._proxy or destination_of(SipUri.parse(uri))

    def contact(self, destination: Destination) -> NameAddr:
        """This agent's Contact towards a destination."""
        own = Destination(self.transport, destination.host, destination.port)
        return self.endpoint.contact(own, self.user or None)

    def send(
        self,
        request: Request,
        destination: Destination,
        on_response: Callable[[Response], None],
        dialog: Dialog | None = None,
    ) -> Exchange:
        """Send a request, answering a challenge."""
        return Exchange(self, request, destination, on_response, dialog)

    async def request(
        self, request: Request, destination: Destination, dialog: Dialog | None = None, timeout: float = 10.0
    ) -> Response:
        """Send a request other than INVITE and wait for its final response. Raises TimeoutError."""
        final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def take(response: Response) -> None:
            if not response.is_provisional and not final.done():
                final.set_result(response)

        self.send(request, destination, take, dialog)
        return await asyncio.wait_for(final, timeout)

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something beside; it ends with this agent at the latest."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("%s: %s", self.user, error)

    def add(self, call: CallSignalling, call_id: str, local_tag: str) -> None:
        """A call begins; in-dialog requests for it find it by these."""
        if isinstance(call, Call):
            self.calls.append(call)
        self._by_dialog[call_id, local_tag] = call

    def remove(self, call: CallSignalling) -> None:
        """A call has ended."""
        if isinstance(call, Call) and call in self.calls:
            self.calls.remove(call)
        self._by_dialog = {key: value for key, value in self._by_dialog.items() if value is not call}

    def incoming(self, call: Call) -> None:
        """A call has come in: overridden to say what is done with it."""

    def _on_request(self, tx: ServerTransaction, request: Request) -> None:
        if not tx.can_respond:
            return  # the ACK of a 2xx, which `accept` has seen
        if request.to_tag is None:
            self._outside(tx, request)
            return
        call = self._by_dialog.get((request.call_id, request.to_tag))
        if call is None:
            tx.reply(481)
        else:
            call.received(tx, request)

    def _outside(self, tx: ServerTransaction, request: Request) -> None:
        if request.method == "INVITE":
            call = Call(self, request.uri.number, incoming=True)
            if call.invited(tx, request):
                self._incoming.put_nowait(call)
                self.incoming(call)
        elif request.method in ("OPTIONS", "NOTIFY", "MESSAGE"):
            tx.reply(200, headers=[("Allow", ALLOW)])
        else:
            tx.reply(405, headers=[("Allow", ALLOW)])
