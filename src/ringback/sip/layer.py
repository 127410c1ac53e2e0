"""The transaction layer: matches messages to transactions and runs them (RFC 3261 17, 9, 13.3.1.4; RFC 6026,
RFC 4320).

Pure: messages and `now` go in; outputs and the next timer come out. `peer` is whatever the shell needs to
send (an address, a connection); the layer only carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ringback.sip.build import ack_for_failure, cancel_for, response_to
from ringback.sip.ids import BRANCH_COOKIE, IdSource
from ringback.sip.message import FORGOTTEN, Message, Request, Response
from ringback.sip.records import Record
from ringback.sip.timer_queue import TimerQueue
from ringback.sip.transactions import KINDS, Do, Input, Machine, State, Timers
from ringback.sip.uri import Via

Key = tuple[str, ...]


class Transaction:
    """One transaction. `user` belongs to the transaction user."""

    __slots__ = (
        "_wire",
        "accepted_key",
        "acked",
        "cancel_headers",
        "cancel_wanted",
        "is_client",
        "key",
        "last",
        "machine",
        "mark",
        "peer",
        "request",
        "status",
        "to_tag",
        "user",
        "via",
    )

    def __init__(self, request: Request, machine: Machine, key: Key, peer: Any, *, is_client: bool) -> None:
        # It stays for half a minute, for what may be repeated; what is not needed then is let go: all that
        # stays is memory that no other message finds in the caches, and work for the collector.
        self.request = request
        self.machine = machine
        self.key = key
        self.accepted_key: Key | None = None
        """Set while a 2xx waits for its ACK."""
        self.peer = peer
        self.is_client = is_client
        self.last: Response | None = None
        """The response that is being looked at (client)."""
        self.status = 0
        """Of the last response that was sent (server)."""
        self.via = request.via
        self.to_tag = ""
        """The tag that this side gives to To (server)."""
        self.mark = 0
        """By what its request is known when it comes again (`repeats.mark_of`)."""
        self.cancel_wanted = False
        self.cancel_headers: tuple[tuple[str, str], ...] = ()
        self.acked = False
        self.user: Any = None
        self._wire = b""

    @property
    def state(self) -> State:
        """The state under its name of RFC 3261."""
        return self.machine.state


# Outputs are made for every message and soon forgotten.
class Send(Record):
    """Bytes for the peer of a transaction."""

    transaction: Transaction
    data: bytes
    repeated: bool = False


class RequestReceived(Record):
    """A new request with its server transaction."""

    transaction: Transaction


class AckReceived(Record):
    """An ACK to a 2xx; `transaction` is that of the INVITE if its user waits for the ACK."""

    request: Request
    peer: Any
    transaction: Transaction | None


class Cancelled(Record):
    """The peer cancelled this INVITE; the CANCEL itself is answered, the user sends 487."""

    transaction: Transaction
    cancel: Request


class ResponseReceived(Record):
    """A response for the user; local ones (408 after timers B and F, 503) are marked."""

    transaction: Transaction
    response: Response


class Unacknowledged(Record):
    """No ACK came to the final response within 64*T1."""

    transaction: Transaction


class Ended(Record):
    """The transaction is gone."""

    transaction: Transaction


class Stray(Record):
    """A response that matches no transaction."""

    response: Response
    peer: Any


Output = Send | RequestReceived | AckReceived | Cancelled | ResponseReceived | Unacknowledged | Ended | Stray


_INVITE_CLIENT, _CLIENT = KINDS["client", True], KINDS["client", False]
_INVITE_SERVER, _SERVER = KINDS["server", True], KINDS["server", False]


def _old_branch(request: Request, via: Via) -> str:
    """What identifies the request of a peer that knows no magic cookie (17.2.3)."""
    return f"{request.call_id}|{request.cseq.number}|{request.from_tag}|{via.sent_by}|{via.branch}"


def _server_key(request: Request, method: str) -> Key:
    via = request.via
    branch = via.params.get("branch") or ""
    if len(branch) <= len(BRANCH_COOKIE) or not branch.startswith(BRANCH_COOKIE):
        branch = _old_branch(request, via)
    return (branch, via.sent_by, method)


def _accepted_key(message: Message, to_tag: str | None) -> Key:
    return (message.call_id, str(message.cseq.number), message.from_tag or "", to_tag or "")


_INPUTS = (Input.PROVISIONAL, Input.PROVISIONAL, Input.SUCCESS, *[Input.FAILURE] * 7)
"""What a response is to a transaction, by the first digit of its status."""


class TransactionLayer:
    """All transactions of one endpoint."""

    def __init__(self, ids: IdSource, timers: Timers | None = None) -> None:
        self._ids = ids
        self._started: list[tuple[float, Input]] = []
        self._timers = timers or Timers()
        self._durations = {kind: self._timers.durations(reliable=kind) for kind in (False, True)}
        self._client: dict[Key, Transaction] = {}
        self._server: dict[Key, Transaction] = {}
        self._accepted: dict[Key, Transaction] = {}
        self.queue = TimerQueue()
        self.outputs: list[Output] = []
        """What is to be done, in order; whoever does it takes it away."""
        self.stray = 0
        """Responses that matched no transaction; they are dropped (RFC 6026 8.9)."""
        self.tells_strays = False
        """The user wants to know of them."""
        self.hands_on_cancel = False
        """A CANCEL without its INVITE goes to the user as a request (16.10); else it is answered 481."""

    def __len__(self) -> int:
        """Transactions alive."""
        return len(self._client) + len(self._server)

    def next_timer(self) -> float | None:
        """When `handle_timers` is to be called next."""
        return self.queue.next()

    def handle_timers(self, now: float) -> None:
        """Fire what is due."""
        while due := self.queue.due(now):
            for at, transaction, timer in due:
                if transaction.machine.timers.get(timer) == at:
                    del transaction.machine.timers[timer]
                    self._step(transaction, timer, now)

    # Client side

    def request(self, request: Request, now: float, *, reliable: bool, peer: Any) -> Transaction:
        """Start a client transaction for a request that has its Via on top."""
        method = request.method
        kind = _INVITE_CLIENT if method == "INVITE" else _CLIENT
        machine = Machine(kind, self._durations[reliable], self._timers.t2, self._started)
        key = (request.via.params.get("branch") or "", method)
        transaction = self._client[key] = Transaction(request, machine, key, peer, is_client=True)
        transaction._wire = request.to_bytes()
        self.outputs.append(Send(transaction, transaction._wire))
        machine.begin(now)
        self._schedule(transaction)
        return transaction

    def cancel(
        self, transaction: Transaction, now: float, headers: Iterable[tuple[str, str]] | None = None
    ) -> None:
        """Cancel an INVITE: at once if it has a provisional response, else as soon as it has one (9.1)."""
        transaction.cancel_wanted = True
        if headers is not None:
            transaction.cancel_headers = tuple(headers)
        if transaction.state is State.PROCEEDING and Input.TIMER_CANCEL not in transaction.machine.timers:
            reliable = transaction.machine.durations[Input.TIMER_A] is None
            cancel = cancel_for(transaction.request)
            for name, value in transaction.cancel_headers:
                cancel.add(name, value)
            self.request(cancel, now, reliable=reliable, peer=transaction.peer)
            transaction.machine.start(Input.TIMER_CANCEL, now)
            self._schedule(transaction)

    def transport_failed(self, transaction: Transaction, now: float) -> None:
        """The shell could not send for this transaction."""
        self._step(transaction, Input.TRANSPORT_ERROR, now)

    def peer_lost(self, lost: Callable[[Any], bool], now: float) -> None:
        """The connection is gone to every peer for which `lost` is true; requests on it fail (18.4)."""
        for transaction in [item for item in self._client.values() if lost(item.peer)]:
            self._step(transaction, Input.TRANSPORT_ERROR, now)

    # Server side

    def receive(
        self, message: Request | Response, now: float, *, reliable: bool, peer: Any, key: Key | None = None
    ) -> None:
        """Take a message from the wire; `key` is that of a request, where it is at hand."""
        if isinstance(message, Response):
            self._receive_response(message, now, peer)
        elif message.method == "ACK":
            self._receive_ack(message, now, peer)
        else:
            self._receive_request(message, now, reliable, peer, key or self.key_of(message))

    def again(self, key: Key, now: float) -> bool:
        """A request has come again over UDP; False if its transaction is not there any more."""
        transaction = self._server.get(key)
        if transaction is None:
            return False
        self._step(transaction, Input.REQUEST, now)
        return True

    @staticmethod
    def key_of(request: Request) -> Key:
        """By what a request is told from all others (17.2.3)."""
        return _server_key(request, request.method)

    def knows(self, request: Request, key: Key) -> bool:
        """True if this request, or the INVITE that it cancels, has a server transaction."""
        return (_server_key(request, "INVITE") if request.method == "CANCEL" else key) in self._server

    def has_invite(self, via: Via) -> bool:
        """True if an INVITE has come by this Via; ones without the magic cookie are taken for known."""
        branch = via.params.get("branch") or ""
        return not branch.startswith(BRANCH_COOKIE) or (branch, via.sent_by, "INVITE") in self._server

    def respond(
        self, transaction: Transaction, response: Response, now: float, *, until_ack: bool = False
    ) -> bool:
        """Send a response; False if the transaction is past that.

        `until_ack` repeats a 2xx to INVITE until its ACK, and reports `Unacknowledged` after 64*T1
        (13.3.1.4). To other requests no provisional response but 100 is sent (RFC 4320 4.1), and no 408: it
        would come too late, so the transaction ends in silence (RFC 4320 4.2).
        """
        status, machine = response.status, transaction.machine
        happened = _INPUTS[status // 100]
        if machine.kind is _SERVER:
            if 100 < status < 200:
                return False
            if status == 408:
                happened = Input.SILENCE
        if (machine.state, happened) not in machine.kind.table or transaction.is_client:
            return False
        transaction.status = status
        transaction._wire = b"" if happened is Input.SILENCE else response.to_bytes()
        self._step(transaction, happened, now)
        if happened is not Input.PROVISIONAL:
            transaction.request = FORGOTTEN
        if until_ack and machine.state is State.ACCEPTED:
            transaction.accepted_key = _accepted_key(response, response.to_tag)
            self._accepted[transaction.accepted_key] = transaction
            machine.start(Input.TIMER_2XX, now)
            self._schedule(transaction)
        return True

    def _receive_response(self, response: Response, now: float, peer: Any) -> None:
        branch = response.via.params.get("branch") or ""
        transaction = self._client.get((branch, response.cseq.method))
        if transaction is None:
            self.stray += 1
            if self.tells_strays:
                self.outputs.append(Stray(response, peer))
            return
        happened = _INPUTS[response.status // 100]
        transaction.last = response
        self._step(transaction, happened, now)
        transaction.last = None
        if happened is Input.SUCCESS:
            transaction.request, transaction._wire = FORGOTTEN, b""
        if transaction.cancel_wanted and response.status < 200:
            self.cancel(transaction, now)

    def _receive_ack(self, request: Request, now: float, peer: Any) -> None:
        transaction = self._server.get(_server_key(request, "INVITE"))
        if transaction is not None and transaction.state is not State.ACCEPTED:
            self._step(transaction, Input.ACK, now)
            return
        waiting = self._accepted.get(_accepted_key(request, request.to_tag)) if self._accepted else None
        if waiting is not None:
            if waiting.acked:
                return
            waiting.acked = True
            self._step(waiting, Input.ACK, now)
        self.outputs.append(AckReceived(request, peer, waiting))

    def _receive_request(self, request: Request, now: float, reliable: bool, peer: Any, key: Key) -> None:
        known = self._server.get(key)
        if known is not None:
            if reliable:
                # A client whose connection broke asks again on a new one: the responses go there (18.2.2).
                known.peer = peer
            self._step(known, Input.REQUEST, now)
            return
        kind = _INVITE_SERVER if request.method == "INVITE" else _SERVER
        machine = Machine(kind, self._durations[reliable], self._timers.t2, self._started)
        transaction = Transaction(request, machine, key, peer, is_client=False)
        transaction.to_tag = self._ids.tag()
        self._server[key] = transaction
        machine.begin(now)
        self._schedule(transaction)
        if request.method == "CANCEL":
            self._answer_cancel(transaction, now)
        else:
            self.outputs.append(RequestReceived(transaction))

    def _answer_cancel(self, cancel: Transaction, now: float) -> None:
        """RFC 3261 9.2: 200 while the INVITE is pending or has failed, 481 once it is not there."""
        request = cancel.request  # the transaction forgets it with its final response
        invite = self._server.get(_server_key(request, "INVITE"))
        if invite is None and self.hands_on_cancel:
            self.outputs.append(RequestReceived(cancel))
            return
        if invite is None or invite.state is State.ACCEPTED:
            status, tag = 481, cancel.to_tag
        else:
            status, tag = 200, invite.to_tag
        self.respond(cancel, response_to(request, status, to_tag=tag), now)
        if invite is not None and invite.state is State.PROCEEDING:
            self.outputs.append(Cancelled(invite, request))

    # Running a machine

    def _step(self, transaction: Transaction, happened: Input, now: float) -> None:
        machine = transaction.machine
        actions = machine.step(happened, now)
        if machine.started:
            self._schedule(transaction)
        for action in actions:
            if action is Do.DELIVER:
                if transaction.last is not None:
                    self.outputs.append(ResponseReceived(transaction, transaction.last))
            else:
                self._act(transaction, action)
        if machine.state is State.TERMINATED:
            self._end(transaction)

    def _schedule(self, transaction: Transaction) -> None:
        started = transaction.machine.started
        for due, timer in started:
            self.queue.start(transaction, timer, due)
        started.clear()

    def _act(self, transaction: Transaction, action: Do) -> None:
        if action is Do.SEND:
            transaction.machine.timers.pop(Input.TIMER_100, None)
            self.outputs.append(Send(transaction, transaction._wire))
        elif action in (Do.RESEND, Do.RESEND_DOUBLED, Do.RESEND_T2):
            if transaction._wire:
                self.outputs.append(Send(transaction, transaction._wire, repeated=True))
        elif action is Do.SEND_ACK and transaction.last is not None:
            ack = ack_for_failure(transaction.request, transaction.last)
            self.outputs.append(Send(transaction, ack.to_bytes()))
        elif action is Do.SEND_TRYING:
            transaction._wire = response_to(transaction.request, 100).to_bytes()
            self.outputs.append(Send(transaction, transaction._wire))
        elif action in (Do.TIMED_OUT, Do.FAILED):
            self._give_up(transaction, 408 if action is Do.TIMED_OUT else 503)

    def _give_up(self, transaction: Transaction, status: int) -> None:
        if transaction.is_client:
            response = response_to(transaction.request, status)
            response.local = True
            self.outputs.append(ResponseReceived(transaction, response))
        elif not transaction.acked and (transaction.accepted_key or not 200 <= transaction.status < 300):
            self.outputs.append(Unacknowledged(transaction))

    def _end(self, transaction: Transaction) -> None:
        owner = self._client if transaction.is_client else self._server
        owner.pop(transaction.key, None)
        if not self._client and not self._server:
            self.queue.clear()
        if transaction.accepted_key is not None:
            self._accepted.pop(transaction.accepted_key, None)
        # A timer that was stopped may still hold it for a while.
        transaction.request, transaction._wire = FORGOTTEN, b""
        self.outputs.append(Ended(transaction))
