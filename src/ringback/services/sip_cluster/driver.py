"""Drives the calls of this node: a word in, a step stored, its messages out.

One call's steps are carried out one after another; different calls do not wait for each other.
"""

import asyncio
import secrets
import string
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ringback.contracts.events import CallEvent
from ringback.domain.calls import inputs as i
from ringback.domain.calls.call import Call
from ringback.domain.calls.outputs import AskDialplan, Event, LegCommand, Output, Provisional
from ringback.domain.calls.state import CallData
from ringback.runtime.context import Context
from ringback.services.sip_cluster import translate
from ringback.services.sip_cluster.details import CallDetailsLink
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.questions import Questions
from ringback.sip.ids import RandomPool

_UUID = ((string.ascii_uppercase + string.digits) * 8)[:256].encode()
"""From any byte to a character of a CallUUID."""
_random = RandomPool(secrets.token_bytes)
Save = Callable[[LiveCall, list[CallEvent], bool, bool], asyncio.Future[list[Any]] | None]
"""Stores a step with its events; whether it is the call's first, and whether the call is over with it."""


def new_call(tenant: str) -> LiveCall:
    """A call with fresh identifiers."""
    uuid, thread = (_random(32).translate(_UUID).decode() for _ in range(2))
    return LiveCall(Call(CallData(_random(8).hex(), uuid, thread, tenant)))


class Driver:
    """The calls of this node by ConnID."""

    def __init__(
        self,
        ctx: Context,
        save: Save,
        metrics: ClusterMetrics,
        details: CallDetailsLink,
        questions: Questions,
    ) -> None:
        self._ctx = ctx
        self._save = save
        self._questions = questions
        self._metrics = metrics
        self._details = details
        self.calls: dict[str, LiveCall] = {}
        self.consultations: dict[str, LiveCall] = {}
        """By the ConnID of the consultation."""
        self.perform: Callable[[LiveCall, LegCommand], None]
        """Set by the SIP side: carries out a command for a leg."""
        self.forget: Callable[[LiveCall], None] = lambda live: None
        """Set by the SIP side: the call is over."""
        self.opened: Callable[[LiveCall], None] = lambda live: None
        """Set by the audit: a call is in this node's care."""
        self.told: Callable[[LiveCall, list[CallEvent]], None] = lambda live, events: None
        """Set by the SIP side: events of a call in which somebody has asked for a transfer by SIP."""
        self._running: asyncio.AbstractEventLoop | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    # In

    def open(self, live: LiveCall) -> None:
        """Take a call into this node's care."""
        self.calls[live.conn_id] = live
        consult = live.call.data.consult
        if consult is not None and consult.conn_id != live.conn_id:
            self.consultations[consult.conn_id] = live
        self._idle.clear()
        self.opened(live)

    def find(self, conn_id: str) -> LiveCall | None:
        """The call with a ConnID, or with a consultation that has it."""
        return self.calls.get(conn_id) or self.consultations.get(conn_id)

    def feed(self, live: LiveCall, word: i.Input) -> list[Output]:
        """Tell the call; what it wants done follows by itself. The outputs are for whoever must answer."""
        if live.lost:
            return []
        outputs = live.call.handle(word, self._ctx.now())
        self.carry_on(live, outputs, lasts=type(word) is not i.Progress or bool(word.sdp))
        return outputs

    def carry_on(self, live: LiveCall, outputs: list[Output], *, lasts: bool = True) -> None:
        """Store the call's state and carry out what it wants done.

        What does not last need not be stored: a phone that rings is heard of again after a takeover.
        """
        live.outbox += outputs
        live.changed = True
        live.lasting = live.lasting or lasts
        if not live.flushing:
            live.flushing = True
            self._loop().call_soon(self._flush, live)
        self._arm(live)

    def stored(self, live: LiveCall) -> asyncio.Future[None]:
        """Done when all that the call was told so far is stored; with ValkeyUnavailable if it is not."""
        future: asyncio.Future[None] = self._loop().create_future()
        if live.flushing:
            live.waiters.append(future)
        else:
            future.set_result(None)
        return future

    def abandon(self, live: LiveCall) -> None:
        """The call is another node's now: not a word about it any more."""
        self._drop(live)

    def let_go(self) -> None:
        """The node stops: its calls are left as they are for whoever takes them over."""
        for live in list(self.calls.values()):
            self._drop(live)

    def idle(self) -> Awaitable[object]:
        """Wait until there are no calls."""
        return self._idle.wait()

    # Out

    def _flush(self, live: LiveCall) -> None:
        """Store what all words of this turn have changed; its messages leave when that is done."""
        if not live.changed:
            live.flushing = False
            live.answer_waiters()
            if live.call.over and not live.lost:
                self._drop(live)
            return
        self._ask_first(live)
        if live.unsaid and live.call.data.asks:
            # Nobody has heard of this call: it is stored with what the dial plan answers.
            live.flushing = False
            return
        batch, live.outbox, live.changed = live.outbox, [], False
        lasting, live.lasting, live.unsaid = live.lasting, False, False
        said = [output for output in batch if isinstance(output, Event)]
        if not lasting and all(isinstance(output, Provisional) for output in batch):
            self._act(live, batch, [])
            return
        events = [translate.event(output, self._ctx.node) for output in said]
        first = any(event.id == "EventCallCreated" for event in events)
        self._note_consultations(live, events)
        try:
            stored = self._save(live, events, first, live.call.over)
            live.kept = stored is not None or self._ctx.valkey.connected
        except Exception:
            # The parties wait for the messages of this step: they leave even if it cannot be written down.
            self._ctx.log.exception("step_not_stored", conn_id=live.conn_id)
            stored, live.kept = None, False
        if stored is None:
            self._act(live, batch, events)
        else:
            stored.add_done_callback(partial(self._stored, live, batch, events))

    def _stored(
        self, live: LiveCall, batch: list[Output], events: list[CallEvent], done: asyncio.Future[list[Any]]
    ) -> None:
        live.kept = not done.cancelled() and done.exception() is None
        self._act(live, batch, events)

    def _ask_first(self, live: LiveCall) -> None:
        """A question to the dial plan promises nothing: it does not wait for the store."""
        while live.call.data.asks and any(isinstance(output, AskDialplan) for output in live.outbox):
            outputs, live.outbox = live.outbox, []
            for output in outputs:
                if isinstance(output, AskDialplan):
                    # What it says at once stands at the end of the outbox.
                    self._questions.ask(live, output, self.feed)
            live.outbox[:0] = [output for output in outputs if not isinstance(output, AskDialplan)]

    def _note_consultations(self, live: LiveCall, events: list[CallEvent]) -> None:
        for event in events:
            if event.conn_id == live.conn_id:
                continue
            if event.id == "EventCallDeleted":
                self.consultations.pop(event.conn_id, None)
            else:
                self.consultations[event.conn_id] = live

    def _act(self, live: LiveCall, batch: list[Output], events: list[CallEvent]) -> None:
        if not live.lost:
            if live.referrals:
                self.told(live, events)
            for output in batch:
                if not isinstance(output, Event | AskDialplan):
                    self._carry_out(live, output)
            for event in events:
                self._tell(event)
        self._flush(live)

    def _carry_out(self, live: LiveCall, command: LegCommand) -> None:
        try:
            self.perform(live, command)
        except Exception:
            self._ctx.log.exception(
                "leg_command_failed", conn_id=live.conn_id, command=type(command).__name__
            )
            self.feed(live, i.Failed(command.leg, 500))

    def _tell(self, event: CallEvent) -> None:
        """Metrics, and the request queue."""
        self._metrics.event(event)
        self._details.event(event)

    # Time

    def _arm(self, live: LiveCall) -> None:
        due = live.call.next_timer()
        if due is None or (live.timer is not None and live.timer_due <= due):
            return  # a timer that fires too early is cheaper than one for each step: it looks again
        if live.timer is not None:
            live.timer.cancel()
        live.timer_due = due
        live.timer = self._loop().call_later(max(0.0, due - self._ctx.now()), self._due, live)

    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._running is None:
            self._running = asyncio.get_running_loop()
        return self._running

    def _due(self, live: LiveCall) -> None:
        live.timer, due = None, live.call.next_timer()
        if due is not None and due <= self._ctx.now():
            self.feed(live, i.TimersDue())
        else:
            self._arm(live)

    def _drop(self, live: LiveCall) -> None:
        live.lost = True
        for timer in (live.timer, live.audit):
            if timer is not None:
                timer.cancel()
        live.timer = live.audit = None
        for leg in live.legs.values():
            leg.stop_session()
        self.forget(live)
        if self.consultations:
            self.consultations = {name: of for name, of in self.consultations.items() if of is not live}
        self.calls.pop(live.conn_id, None)
        if not self.calls:
            self._idle.set()
