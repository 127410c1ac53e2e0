"""The points of sources, summed over all proxies in Valkey: a scanner that spreads its tries gains nothing.

A sorted set has for each source the moment at which its points will have faded, in seconds of Valkey's clock:
what is left until then is the sum. So the set expires by itself, the points of one source are one number, and
those nearest to nothing go first when it is full. Offences are gathered and sent in batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ringback.runtime.valkey import Script
from ringback.services.sip_proxy.bans import Offence
from ringback.sip.transport import Source

if TYPE_CHECKING:
    from ringback.runtime.valkey import Commands
    from ringback.services.sip_proxy.bans import BanRules

KEY = "ringback:sip:points"
_MAX_SOURCES = 10_000
_BATCH = 500
_FORGET = "0"
_ADD = Script(
    "local t = redis.call('TIME') local now = t[1] + t[2] / 1e6 "
    "local points, window, over = tonumber(ARGV[1]), tonumber(ARGV[2]), {} "
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) "
    "for i = 4, #ARGV, 2 do "
    "  local source, given = ARGV[i], tonumber(ARGV[i + 1]) "
    "  local from = tonumber(redis.call('ZSCORE', KEYS[1], source) or now) "
    "  local faded = from + given * window / points "
    "  if given == 0 then redis.call('ZREM', KEYS[1], source) "
    "  elseif faded - now >= window * 0.999999 then "
    "    redis.call('ZREM', KEYS[1], source) over[#over + 1] = source "
    "  else redis.call('ZADD', KEYS[1], string.format('%.6f', faded), source) end "
    "end "
    "redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3]) "
    "redis.call('EXPIRE', KEYS[1], math.ceil(window)) return over"
)
"""Adds points (0: forgets a source); returns the sources that have too many, each to one proxy only."""


class SharedPoints:
    """What one proxy adds to the sum, and whom the sum leads to be banned."""

    def __init__(self, valkey: Commands, rules: BanRules, key: str = KEY) -> None:
        self._valkey = valkey
        self._rules = rules
        self._key = key
        self._new: dict[str, tuple[float, Offence, Source]] = {}
        self._forgotten: dict[str, None] = {}

    def add(self, source: Source, offence: Offence) -> None:
        """Note an offence; it is sent with the next batch."""
        before = self._new.get(source.host)
        if before is None and len(self._new) >= _MAX_SOURCES:
            return
        points = before[0] if before is not None else 0.0
        self._new[source.host] = (points + offence.points, offence, source)

    def forget(self, host: str) -> None:
        """A source has proved who it is, or is banned: its points are gone for all."""
        self._new.pop(host, None)
        if len(self._forgotten) < _MAX_SOURCES:
            self._forgotten[host] = None

    async def flush(self) -> list[tuple[Source, Offence]]:
        """Send what was noted; the sources whose sum is too high, with their last offence here.

        Raises what Valkey raises; what was not sent then is lost to the sum, and this proxy goes on alone.
        """
        new, forgotten = self._new, self._forgotten
        self._new, self._forgotten = {}, {}
        pairs = [(host, _FORGET) for host in forgotten]
        pairs += [(host, str(points)) for host, (points, _, _) in new.items()]
        over: list[bytes] = []
        for batch in _batches(pairs):
            over += await self._send(batch)
        return [(new[host][2], new[host][1]) for host in (name.decode() for name in over) if host in new]

    async def _send(self, pairs: list[tuple[str, str]]) -> list[bytes]:
        rules = self._rules
        args = [str(rules.points), str(rules.window_s), str(_MAX_SOURCES)]
        found: list[bytes] = await self._valkey.script(
            _ADD, (self._key,), [*args, *(word for pair in pairs for word in pair)]
        )
        return found


def _batches(pairs: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    rest = iter(pairs)
    while batch := list(islice(rest, _BATCH)):
        yield batch
