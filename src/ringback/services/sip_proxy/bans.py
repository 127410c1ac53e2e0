"""Who is not listened to for a while: scanners, guessers of passwords, senders of torn messages. Pure.

Each offence gives its source points, which fade with time. Too many, and the source is banned; each further
ban lasts twice as long. A source that has proved who it is a short while ago gets no points for what anybody
can send in its name over UDP.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ringback.contracts.sip import Ban
from ringback.sip.uri import format_host_port

_MAX_SOURCES = 10_000
_PROVEN_S = 3600.0
_FORGET_S = 86_400.0
"""Seconds without a ban after which the next one is the first again."""


class Offence(Enum):
    """What costs points: the word that operators see, and how many."""

    GARBAGE = ("garbage", 1.0)
    FLOOD = ("flood", 0.2)
    STRANGER = ("stranger", 2.0)
    PASSWORD = ("password", 2.0)
    MISTAKE = ("password", 0.2)
    """A wrong password from an address behind which there is somebody who knows the right one."""

    @property
    def word(self) -> str:
        """What operators see."""
        return self.value[0]

    @property
    def points(self) -> float:
        """What it costs."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class BanRules:
    """`points` within `window_s` seconds lead to a ban of `first_s`, then twice that, up to `longest_s`."""

    points: float
    window_s: float
    first_s: float
    longest_s: float


@dataclass(slots=True)
class _Record:
    points: float
    at: float


class Bans:
    """Points and bans of one proxy; `now` is wall-clock seconds, since bans outlive the process."""

    def __init__(self, rules: BanRules) -> None:
        self._rules = rules
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._proven: OrderedDict[str, float] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()
        self.active: frozenset[str] = frozenset()
        """The sources that are banned; `refresh` lets those go whose time is over."""

    def offend(self, source: str, offence: Offence, now: float) -> Ban | None:
        """Note an offence; the ban that it leads to, if it does."""
        if not self.counts(source, offence, now):
            return None
        record = self._record(source, now)
        record.points += offence.points
        if record.points < self._rules.points:
            return None
        del self._records[source]
        return self._ban(source, offence, now)

    def counts(self, source: str, offence: Offence, now: float) -> bool:
        """False for an offence of a source that is banned, or has proved that others abuse its name."""
        if source in self.active:
            return False
        return offence in (Offence.PASSWORD, Offence.MISTAKE) or not self._is_proven(source, now)

    def blamed(self, host: str, port: int, offence: Offence, now: float) -> list[tuple[str, Offence]]:
        """Whom an offence is laid to, and how heavily.

        Behind one address there may be many phones: where one of them has shown the right password, another
        that tries wrong ones is known by its port, and all of them bear only a part of what it does.
        """
        if offence is Offence.PASSWORD and self._is_proven(host, now):
            return [(format_host_port(host, port), offence), (host, Offence.MISTAKE)]
        return [(host, offence)]

    def _is_proven(self, source: str, now: float) -> bool:
        return now - self._proven.get(source, -_PROVEN_S) < _PROVEN_S

    def holds(self, host: str, port: int) -> bool:
        """True for a source that is banned, or its place is."""
        active = self.active
        return len(active) > 0 and (host in active or format_host_port(host, port) in active)

    def sum_reached(self, source: str, offence: Offence, now: float) -> Ban | None:
        """All proxies together have seen enough of a source; the ban, if it is not banned already."""
        if source in self.active:
            return None
        self._records.pop(source, None)
        return self._ban(source, offence, now)

    def prove(self, source: str, now: float, port: int = 0) -> None:
        """A source has shown the right password: what it did before is forgotten."""
        self._records.pop(source, None)
        self._records.pop(format_host_port(source, port), None)
        _bounded(self._proven)
        self._proven[source] = now

    def lift(self, source: str) -> None:
        """Listen to a source again."""
        self._bans.pop(source, None)
        self._records.pop(source, None)
        self.active -= {source}

    def take(self, known: list[Ban], now: float) -> None:
        """Take over the bans that all proxies know; what is not among them has been lifted."""
        self._bans = OrderedDict((ban.source, ban) for ban in known)
        self.refresh(now)

    def refresh(self, now: float) -> None:
        """Let those go whose time is over, and forget those that have behaved for a day."""
        kept = ((name, ban) for name, ban in self._bans.items() if now < ban.until + _FORGET_S)
        self._bans = OrderedDict(kept)
        self.active = frozenset(name for name, ban in self._bans.items() if now < ban.until)

    def listed(self, now: float) -> list[Ban]:
        """The bans in force, the newest end last."""
        return in_force(self._bans.values(), now)

    def forgotten(self, known: list[Ban], now: float) -> list[str]:
        """The sources among the known whose bans need not be kept any longer."""
        return [ban.source for ban in known if now >= ban.until + _FORGET_S]

    def _record(self, source: str, now: float) -> _Record:
        """The points of a source, less what has faded since."""
        record = self._records.get(source)
        if record is None:
            _bounded(self._records)
            record = self._records[source] = _Record(0.0, now)
        faded = max(0.0, now - record.at) * self._rules.points / self._rules.window_s
        record.points, record.at = max(0.0, record.points - faded), now
        return record

    def _ban(self, source: str, offence: Offence, now: float) -> Ban:
        before = self._bans.get(source)
        count = before.count + 1 if before is not None else 1
        lasts = min(self._rules.longest_s, self._rules.first_s * 2.0 ** min(count - 1, 30))
        ban = Ban(source=source, reason=offence.word, until=now + lasts, count=count)
        _bounded(self._bans)
        self._bans[source] = ban
        self.active |= {source}
        return ban


def in_force(bans: Iterable[Ban], now: float) -> list[Ban]:
    """The bans whose time is not over, the newest end last."""
    return sorted((ban for ban in bans if now < ban.until), key=lambda ban: ban.until)


def _bounded(table: OrderedDict[str, _Record] | OrderedDict[str, float] | OrderedDict[str, Ban]) -> None:
    """Make room: a flood from made-up addresses must not fill the memory.

    An OrderedDict knows its oldest; a dict looks for it among the holes that all those before have left.
    """
    while len(table) >= _MAX_SOURCES:
        table.popitem(last=False)
