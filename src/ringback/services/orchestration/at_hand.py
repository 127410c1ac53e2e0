"""Questions whose answer is at hand are answered in the turn that asks them, before anything is stored.

They have no effect: after a crash they are asked again. A turn, a store and a task less for each.
"""

from __future__ import annotations

from collections.abc import Callable

from ringback.runtime.tally import Durations
from ringback.scxml import Interpreter
from ringback.services.orchestration import turn
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.patience import asked_by
from ringback.services.orchestration.records import Input, Json, Pending, Record
from ringback.services.orchestration.translation import done_event

MOST = 5
"""In one turn: an application that asks at each answer must not keep the node."""
Known = Callable[[Record, Pending], dict[str, Json] | None]


class AtHand:
    """`known` is the answer to an action, or None; `took` is told of each."""

    def __init__(self, known: Known, took: Durations) -> None:
        self._known = known
        self._took = took

    def collect(
        self,
        record: Record,
        interpreter: Interpreter,
        now: float,
        dialogs: Dialogs | None = None,
        *,
        busy: bool = False,
    ) -> turn.Effects:
        """`turn.collect`, and on with the answers to the first actions, unless older ones are under way."""
        effects, rounds = turn.collect(record, interpreter, now, dialogs), 0
        while record.pending and not busy and not record.ended and rounds < MOST:
            entry = self._answered(record)
            if entry is None:
                break
            rounds += 1
            turn.feed(record, interpreter, entry, now, dialogs)
            effects.add(turn.collect(record, interpreter, now, dialogs))
        return effects

    def _answered(self, record: Record) -> Input | None:
        action = record.pending[0]
        reply = self._known(record, action)
        if reply is None:
            return None
        del record.pending[0]
        asked = record.asked.pop(str(action.number), None) or asked_by(action)
        self._took.observe(0.0, asked.module, asked.element)
        event = done_event(asked, reply, record.reference(action.number))
        return Input(event=event.to_json(), session=action.session)
