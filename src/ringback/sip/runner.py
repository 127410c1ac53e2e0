"""The transactions of an endpoint at work: what they put out is done, their timers are kept."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable

from ringback.sip import layer as core
from ringback.sip.counters import Counters
from ringback.sip.exchange import ServerTransaction
from ringback.sip.handlers import Handlers, broken
from ringback.sip.ids import IdSource, RandomPool
from ringback.sip.message import Request, Response
from ringback.sip.repeats import Repeats
from ringback.sip.sockets import Sockets
from ringback.sip.transactions import Timers
from ringback.sip.transport import Destination, Source
from ringback.sip.ways import way_back

_log = logging.getLogger(__name__)

OnRequest = Callable[[ServerTransaction, Request], Awaitable[None] | None]
Trace = Callable[[str, bytes, Destination], None]

_LATE_S, _LATEST_S, _AGAIN_S = 0.05, 3.0, 0.01
"""A timer that is so late waits until what has come meanwhile is read, but not for longer."""


class TransactionRunner:
    """Runs the transaction layer: what is received and asked for is let into it by who inherits from this."""

    _sockets: Sockets
    """Of who inherits: what they receive is for it."""

    def __init__(
        self,
        on_request: OnRequest,
        timers: Timers | None,
        random: Callable[[int], bytes] | None,
        trace: Trace | None,
    ) -> None:
        self._on_request = on_request
        self._trace = trace
        self.listener: Trace | None = None
        """Sees each message like `trace`; comes and goes while the endpoint runs."""
        self.ids = IdSource(random or RandomPool(os.urandom))
        self.counters = Counters()
        self._layer = core.TransactionLayer(self.ids, timers)
        self._handlers = Handlers()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._repeats = Repeats()
        self._cancelled_unseen = self._closed = self._looked = False
        self._on_stray: Callable[[Response, Source], None] | None = None
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

    def respond(self, transaction: core.Transaction, response: Response, *, until_ack: bool = False) -> bool:
        """See `ServerTransaction.respond` and `accept`."""
        done = self._layer.respond(transaction, response, self._now(), until_ack=until_ack)
        self._run()
        return done

    def _send(self, data: bytes, destination: Destination, failed: Callable[[], None]) -> None:
        self.counters.sent += 1
        if self._trace is not None:
            self._trace("out", data, destination)
        if self.listener is not None:
            self.listener("out", data, destination)
        self._sockets.send(data, destination, failed)

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
            broken(server)
            return
        if result is not None and isawaitable(result):
            self._handlers.run(self._running(), server, result)

    def _failed(self, transaction: core.Transaction) -> None:
        self._layer.transport_failed(transaction, self._now())
        self._run()

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

    def _stop(self) -> None:
        """No timer fires any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
