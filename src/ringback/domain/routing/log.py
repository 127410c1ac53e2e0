"""The log of decisions: every input of a router with what came of it, and the replay of such a log.

A log is lines of JSON. The first is a `Began`: how the router was set. Each other is an `Entry`: when, the
input (none: the timer), and the outputs; or now and then a `Checkpoint`: the whole state, from which a log
can be replayed whose beginning is lost. The router is a function of these, so the same inputs give the same
decisions; a replay that finds others has found another router.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from .checkpoint import Checkpoint, restore
from .messages import Input, Output
from .router import Router


class Began(Struct, frozen=True, tag=True, omit_defaults=True):
    """A router begins from nothing; its settings are seconds and points per second."""

    at: float
    growth: float = 0.0
    retry_pause: float = 5.0
    first_attempt: int = 1


class Entry(Struct, frozen=True, tag=True, omit_defaults=True):
    """One turn of a router."""

    at: float
    event: Input | None = None
    decisions: list[Output] = []


Record = Began | Entry | Checkpoint
encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode
decode_batch = msgspec.json.Decoder(list[Record]).decode


class DecisionLogError(ValueError):
    """A log that cannot be replayed; the message names the line."""


class Difference(Struct, frozen=True):
    """A turn that came out otherwise."""

    line: int
    at: float
    logged: list[Output]
    replayed: list[Output]


@dataclass(slots=True)
class Replayed:
    """What a replay has found; `skipped` lines came before the first beginning or checkpoint. It began from a
    checkpoint at `resumed`, or at a router's beginning (None).
    """

    turns: int = 0
    decisions: int = 0
    skipped: int = 0
    beginnings: int = 0
    checkpoints: int = 0
    resumed: float | None = None
    differences: list[Difference] = field(default_factory=list)


def replay(lines: Iterable[bytes], most: int = 100) -> Replayed:
    """Give a fresh router the inputs of a log and compare; the first `most` differences are kept. Raises
    DecisionLogError.
    """
    found = Replayed()
    router: Router | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = _decode(line)
        except msgspec.MsgspecError as error:
            raise DecisionLogError(f"line {number}: {error}") from None
        if isinstance(record, Began):
            found.beginnings += 1
            router = begin(record)
        elif isinstance(record, Checkpoint):
            found.checkpoints += 1
            if router is None:
                router, found.resumed = _resume(record, number), record.at
        elif router is None:
            found.skipped += 1
        else:
            _turn(router, record, number, found, most)
    if router is None:
        raise DecisionLogError("the log does not reach back to the beginning of a router, or a checkpoint")
    return found


def begin(began: Began) -> Router:
    """The router as it was at the beginning of the log."""
    return Router(growth=began.growth, retry_pause=began.retry_pause, first_attempt=began.first_attempt)


def _resume(record: Checkpoint, number: int) -> Router:
    try:
        return restore(record)
    except (ValueError, KeyError, IndexError) as error:
        raise DecisionLogError(f"line {number}: no checkpoint of a router: {error!r}") from None


def _turn(router: Router, entry: Entry, number: int, found: Replayed, most: int) -> None:
    if entry.event is None:
        outputs = router.handle_timer(entry.at)
    else:
        outputs = router.handle(entry.event, entry.at)
    found.turns += 1
    found.decisions += len(outputs)
    if outputs != entry.decisions and len(found.differences) < most:
        found.differences.append(Difference(number, entry.at, entry.decisions, outputs))
