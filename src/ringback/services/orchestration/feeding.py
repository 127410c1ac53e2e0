"""What has come to a session goes into its application, in order, each input once, and is timed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ringback.scxml import Interpreter
from ringback.services.orchestration import turn
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.inputs import Inputs, Offer
from ringback.services.orchestration.records import Input, Record

if TYPE_CHECKING:
    from ringback.services.orchestration.node import Node
    from ringback.services.orchestration.store import Delivered


class Feeding:
    """Of one session."""

    def __init__(self, node: Node, record: Record, inputs: Inputs, dialogs: Dialogs) -> None:
        self._node = node
        self._record = record
        self._inputs = inputs
        self._dialogs = dialogs

    def feed(
        self, interpreter: Interpreter, entries: Iterable[Delivered], offers: Iterable[Offer], now: float
    ) -> None:
        """Entries of the inbox first, then what this node offers."""
        for delivered in entries:
            if self._inputs.is_new_in_inbox(delivered.key):
                came = int(delivered.id.partition("-")[0]) / 1000
                self._feed(interpreter, delivered.entry, came, now)
            self._record.inbox_id = delivered.id
        for offer in offers:
            if self._inputs.is_new(offer.key):
                self._feed(interpreter, offer.entry, offer.since, now)

    def _feed(self, interpreter: Interpreter, entry: Input, came: float, now: float) -> None:
        self._node.metrics.queuing.observe(max(0.0, now - came))
        number, asked = turn.answers(self._record, entry)
        turn.feed(self._record, interpreter, entry, now, self._dialogs)
        if asked is not None and not turn.is_open(self._record, number):
            took = max(0.0, now - asked.since)
            self._node.metrics.answers.observe(took, asked.module, asked.element)
        if entry.call is not None and entry.call.id == "EventCallDeleted":
            self._node.forget_call(self._record, entry.call.conn_id)
