"""The numbers of one customer: home, mobile, work. One after the other is tried, in their order.

Who is busy or does not answer at one number is dialled at the next at once. When all have been tried the
round is over, and the next one begins after the campaign's pause. A number that leads to nobody is left out
from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from ringback.domain.callbacks import DialResult

_NEXT = frozenset({DialResult.BUSY, DialResult.NO_ANSWER, DialResult.ANSWERING_MACHINE})
_DEAD = frozenset({DialResult.ERROR_TONE, DialResult.FAX})
_REACHED = frozenset({DialResult.CONNECTED, DialResult.PERSON})


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number, E.164. `hours`: lines such as `Mon-Fri 09:00-17:00` on the customer's clock, at which it may
    be dialled; none: those of the record.
    """

    number: str
    kind: str = ""
    hours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """A customer's numbers in order, those tried in this round, and those that lead to nobody."""

    all: tuple[Line, ...]
    tried: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()

    @property
    def left(self) -> tuple[Line, ...]:
        """Those that are still to be tried in this round."""
        return tuple(each for each in self.all if each.number not in self.tried | self.dead)

    def line(self, number: str) -> Line:
        """One of them; a number that has left the record stands for itself."""
        return next((each for each in self.all if each.number == number), Line(number=number))


@dataclass(frozen=True, slots=True)
class Next:
    """The numbers after a dial. at_once: another one is dialled now; gone: none leads anywhere any more."""

    lines: Lines
    at_once: bool = False
    gone: bool = False


def after_dial(lines: Lines, number: str, result: DialResult) -> Next:
    """What a dial says of the numbers. A result that says nothing of the number leaves them as they are."""
    if result in _DEAD:
        lines = replace(lines, dead=lines.dead | {number})
    elif result in _REACHED:
        return Next(replace(lines, tried=frozenset()))
    elif result not in _NEXT:
        return Next(lines)
    lines = replace(lines, tried=lines.tried | {number})
    if lines.left:
        return Next(lines, at_once=True)
    lines = replace(lines, tried=frozenset())
    return Next(lines, gone=not lines.left)


def due_next(
    after: Next, result: DialResult, due_at: float | None, now: float, pause_s: float, *, used_up: bool
) -> float | None:
    """When the record is dialled again; None: not again. `due_at`: what the rules for a single number say;
    `pause_s`: seconds until the next round; `used_up`: no dial is left that is allowed.
    """
    if result not in _NEXT | _DEAD:
        return due_at
    if after.gone or used_up:
        return None
    if after.at_once:
        return now
    return due_at if due_at is not None else now + pause_s


def caller_id_for(shown: str, by_prefix: Mapping[str, str], number: str) -> str:
    """The number to show to a customer: that of the longest prefix of theirs, else the campaign's."""
    prefixes = [prefix for prefix in by_prefix if number.startswith(prefix)]
    return by_prefix[max(prefixes, key=len)] if prefixes else shown
