"""The signalling of one call of a scripted phone: INVITE in and out, offer and answer, dialog, end."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from ringback.media.port import RtpPort
from ringback.services.media.negotiation import AudioEnd
from ringback.sip.build import response_to
from ringback.sip.dialog import Dialog
from ringback.sip.errors import DialogError, SdpError
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Message, Request, Response
from ringback.sip.uri import NameAddr
from ringback.testing.phone_audio import Ear

if TYPE_CHECKING:
    from ringback.testing.phone_agent import Exchange, UserAgent

# RFC 3261 14.1: whoever chose the Call-ID waits longer after a 491, so that the other comes first.
_GLARE_PAUSE_S = {False: 0.9, True: 0.2}
_GLARE_TRIES = 4
SDP = "application/sdp"
ALLOW = "ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, UPDATE"


class CallState(enum.StrEnum):
    """Where a call stands."""

    CALLING = "calling"
    """Sent or received, no ringing yet."""
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class CallFailedError(Exception):
    """The call ended before it was answered."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call ended with {status} {reason}")
        self.status = status
        self.reason = reason


class CallSignalling:
    """What happens between two user agents for one call; `Call` adds what a script does with it."""

    def __init__(self, agent: UserAgent, number: str, *, incoming: bool) -> None:
        self._agent = agent
        self._loop = asyncio.get_running_loop()
        self.number = number
        """The number that was dialled."""
        self.incoming = incoming
        self.state = CallState.CALLING
        self.status = 0
        """The final status of the INVITE: 200, 486, 487, ...; 0 while there is none."""
        self.reason = ""
        """The reason phrase, or the Reason header of a BYE or CANCEL."""
        self.ended_by_peer = False
        self.messages: list[Message] = []
        """INVITE, responses and in-dialog requests that were received, in order."""
        self.refer_statuses: list[int] = []
        """What the peer told about a transfer that we asked for, by NOTIFY."""
        self.ear = Ear()
        self.port = RtpPort.open(agent.address[0], self.ear.hear)
        self.audio = AudioEnd(self.port, str(agent.endpoint.ids.number()))
        self.dialog: Dialog | None = None
        self.began_at = self._loop.time()
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self._invite: Exchange | None = None
        self._server: ServerTransaction | None = None
        self._reinviting = False
        self._waiters: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        direction = "from" if self.incoming else "to"
        return f"<Call of {self._agent.user} {direction} {self.remote} {self.state} {self.status or ''}>"

    @property
    def remote(self) -> str:
        """The number of the other side as the signalling says it."""
        if not self.incoming or not self.messages:
            return self.number
        return self.messages[0].from_.uri.number

    # Call out

    def begin(self, target: str, from_uri: str, headers: tuple[tuple[str, str], ...]) -> None:
        """Send the INVITE."""
        endpoint, destination = self._agent.endpoint, self._agent.next_hop(target)
        request = endpoint.new_request(
            "INVITE",
            target,
            from_=NameAddr.parse(f"<{from_uri}>"),
            to=NameAddr.parse(f"<{target}>"),
            headers=[("Contact", str(self._agent.contact(destination))), *headers],
        )
        request.set_body(self.audio.offer(), SDP)
        self._agent.add(self, request.call_id, request.from_tag or "")
        self._invite = self._agent.send(request, destination, self._invite_answered)

    def _invite_answered(self, response: Response) -> None:
        if self._invite is None:
            return
        self.messages.append(response)
        if response.is_provisional:
            self._progress(response)
        elif not response.is_success:
            self._end(response.status, response.reason)
        elif self.state not in (CallState.ANSWERED, CallState.ENDED):
            self._established(self._invite, response)

    def _progress(self, response: Response) -> None:
        if response.body:
            self._accept_answer(response.body)
        if response.status > 100:
            self._become(CallState.RINGING)

    def _established(self, invite: Exchange, response: Response) -> None:
        self.dialog = Dialog.from_response(invite.request, response)
        ack = self.dialog.ack(invite.request.cseq.number)
        invite.client.send_ack(ack, self.dialog.destination)
        agreed = self._accept_answer(response.body)
        self._become(CallState.ANSWERED, response.status)
        if invite.cancelled or not agreed:  # the 200 crossed our CANCEL, or its audio is of no use
            self._agent.spawn(self._bye(1.0))

    def _accept_answer(self, body: bytes) -> bool:
        try:
            self.audio.accept(body)
        except SdpError:
            return False
        return True

    # Call in

    def invited(self, tx: ServerTransaction, request: Request) -> bool:
        """Take the INVITE of a call that comes in; False when it had to be refused."""
        self.messages.append(request)
        try:
            self.dialog = Dialog.from_request(request, tx.to_tag)
        except DialogError as error:
            tx.reply(error.status)
            self.port.close()
            return False
        self._server = tx
        tx.on_cancel = self._cancelled
        tx.on_unacknowledged = self._unacknowledged
        self._agent.add(self, request.call_id, tx.to_tag)
        return True

    def pick_up(self) -> None:
        """Send the 200 without waiting for the ACK. Raises CallFailedError when the call has ended."""
        if self._server is None or self.state is CallState.ENDED:
            raise CallFailedError(self.status, self.reason)
        if self._server.final is None:
            self._accept(self._server)

    def _cancelled(self) -> None:
        if self._server is not None and self._server.final is None:
            self._server.reply(487)
            self._end(487, "cancelled", by_peer=True)

    def _unacknowledged(self) -> None:
        if self.state is not CallState.ENDED:
            self._agent.spawn(self._bye(1.0))

    def _accept(self, tx: ServerTransaction) -> None:
        """Answer an INVITE or re-INVITE: an offer with an answer, none with an offer that the ACK answers."""
        try:
            body = self.audio.answer(tx.request.body) if tx.request.body else self.audio.offer()
        except SdpError:
            tx.reply(488)
            if tx is self._server:
                self._end(488, "no common codec")
            return
        headers = [("Contact", str(self._contact())), ("Allow", ALLOW)]
        response = response_to(tx.request, 200, to_tag=tx.to_tag, headers=headers, body=body)
        tx.accept(response).add_done_callback(self._acknowledged)
        self._notice()

    def _acknowledged(self, ack: asyncio.Future[Request | None]) -> None:
        if ack.cancelled() or (request := ack.result()) is None or self.state is CallState.ENDED:
            return
        if request.body:
            self._accept_answer(request.body)
        if self.state is CallState.ANSWERED:
            self._notice()
        else:
            self._become(CallState.ANSWERED, 200)

    # Inside the call

    def received(self, tx: ServerTransaction, request: Request) -> None:
        """Take a request of the peer inside the dialog."""
        self.messages.append(request)
        try:
            if self.dialog is not None:
                self.dialog.receive(request)
        except DialogError as error:
            tx.reply(error.status)
            return
        handler = _HANDLERS.get(request.method)
        if handler is None:
            tx.reply(405, headers=[("Allow", ALLOW)])
        else:
            handler(self, tx, request)

    def _on_invite(self, tx: ServerTransaction, _request: Request) -> None:
        if self._reinviting:
            tx.reply(491)
        else:
            self._accept(tx)

    def _on_bye(self, tx: ServerTransaction, request: Request) -> None:
        tx.reply(200)
        if self._server is not None and self._server.final is None:
            self._server.reply(487)
        self._end(self.status or 487, request.get("Reason") or "", by_peer=True)

    def _on_update(self, tx: ServerTransaction, request: Request) -> None:
        """RFC 3311: like a re-INVITE, answered at once."""
        try:
            body = self.audio.answer(request.body) if request.body else b""
        except SdpError:
            tx.reply(488)
            return
        tx.reply(200, headers=[("Contact", str(self._contact()))], body=body)
        self._notice()

    def _on_notify(self, tx: ServerTransaction, request: Request) -> None:
        tx.reply(200)
        event = (request.get("Event") or "").partition(";")[0]
        if event == "refer" and request.body.startswith(b"SIP/2.0 "):
            self.refer_statuses.append(int(request.body.split()[1]))
        elif event == "talk" and self.incoming and self.state is not CallState.ENDED:
            self.pick_up()
        self._notice()

    def _on_other(self, tx: ServerTransaction, _request: Request) -> None:
        tx.reply(200)
        self._notice()

    async def _reinvite(self, direction: str, timeout: float) -> None:
        self.audio.wanted = direction
        for _ in range(_GLARE_TRIES):
            response = await self._reinvite_once(timeout)
            if response.is_success:
                return
            if response.status != 491:
                break
            await asyncio.sleep(_GLARE_PAUSE_S[self.incoming])
        raise CallFailedError(response.status, response.reason)

    async def _reinvite_once(self, timeout: float) -> Response:
        dialog = self._need_dialog()
        destination = dialog.destination
        request = dialog.request("INVITE", body=self.audio.offer(), contact=self._contact())
        final: asyncio.Future[Response] = self._loop.create_future()

        def take(response: Response) -> None:
            if response.is_provisional or final.done():
                return
            if response.is_success:
                dialog.refresh(response)
                exchange.client.send_ack(dialog.ack(exchange.request.cseq.number), dialog.destination)
                self._accept_answer(response.body)
            final.set_result(response)

        self._reinviting = True
        try:
            exchange = self._agent.send(request, destination, take, dialog)
            return await asyncio.wait_for(final, timeout)
        finally:
            self._reinviting = False

    async def _bye(self, timeout: float) -> None:
        self._end(self.status or 487, "hung up")
        if self.dialog is not None:
            request = self.dialog.request("BYE")
            await self._agent.request(request, self.dialog.destination, self.dialog, timeout)

    async def _send(
        self,
        method: str,
        timeout: float,
        *,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
        content_type: str = SDP,
    ) -> Response:
        dialog = self._need_dialog()
        request = dialog.request(
            method, headers=headers or (), body=body, content_type=content_type, contact=self._contact()
        )
        return await self._agent.request(request, dialog.destination, dialog, timeout)

    # State

    def _need_dialog(self) -> Dialog:
        if self.dialog is None or self.state is CallState.ENDED:
            raise CallFailedError(self.status, self.reason or "there is no dialog")
        return self.dialog

    def _contact(self) -> NameAddr:
        destination = self.dialog.destination if self.dialog is not None else None
        return self._agent.contact(destination or self._agent.next_hop(self._agent.uri))

    def _become(self, state: CallState, status: int = 0) -> None:
        if self.state is CallState.ENDED:
            return
        self.status = status or self.status
        if state is CallState.RINGING and self.ringing_at is None:
            self.ringing_at = self._loop.time()
        if state is CallState.ANSWERED:
            self.answered_at = self._loop.time()
        self.state = state
        self._notice()

    def _end(self, status: int, reason: str, *, by_peer: bool = False) -> None:
        if self.state is CallState.ENDED:
            return
        self.state, self.status, self.reason = CallState.ENDED, status, reason
        self.ended_by_peer, self.ended_at = by_peer, self._loop.time()
        self.port.close()
        self._agent.remove(self)
        self._notice()

    def _notice(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    waiter = self._loop.create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            raise TimeoutError(f"{self!r} waited {timeout} s for {what}") from None


_HANDLERS: dict[str, Callable[[CallSignalling, ServerTransaction, Request], None]] = {
    "INVITE": CallSignalling._on_invite,
    "BYE": CallSignalling._on_bye,
    "UPDATE": CallSignalling._on_update,
    "NOTIFY": CallSignalling._on_notify,
    "INFO": CallSignalling._on_other,
    "OPTIONS": CallSignalling._on_other,
    "MESSAGE": CallSignalling._on_other,
}
