"""Room for calls over all proxies: how many a trunk or a tenant has, and how fast new ones begin.

A hash of Valkey for each that has a limit: how many calls each proxy has, until when that holds, and the
rate. A proxy tells its count as it is, never a difference, so nothing drifts; one that was killed no longer
tells it, and after `_LEASE_S` its calls are no longer counted. What has no limit never asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringback.runtime.valkey import Script, ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.domain.configuration import Trunk
    from ringback.runtime.context import Context

_LEASE_S = 5.0
_TELL_S = 1.0
_REST_S = 0.1
_FULL_S = 5
_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1e6 "
_CLAIM = Script(
    _NOW + "local own, limit, rate = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]) "
    "local sum, all = own, redis.call('HGETALL', KEYS[1]) "
    "for i = 1, #all, 2 do if all[i] ~= ARGV[1] and all[i] ~= '' then "
    "  local count, till = string.match(all[i + 1], '(%S+) (%S+)') "
    "  if tonumber(till) > now then sum = sum + count else redis.call('HDEL', KEYS[1], all[i]) end "
    "end end "
    "if limit > 0 and sum > limit then return '-1' end "
    "if rate > 0 then "
    "  local due = math.max(tonumber(redis.call('HGET', KEYS[1], '') or now), now) + 1 / rate "
    "  local wait = due - now - math.max(1, rate) / rate "
    "  if wait > 1e-6 then return tostring(wait) end "
    "  redis.call('HSET', KEYS[1], '', string.format('%.6f', due)) "
    "end "
    "redis.call('HSET', KEYS[1], ARGV[1], own .. ' ' .. string.format('%.6f', now + ARGV[5])) "
    "redis.call('EXPIRE', KEYS[1], 60) return '0'"
)
"""Counts one proxy's calls with the others': 0, -1 if that is too many, or the seconds until the rate allows.

The field without a name has the moment at which the rate's bucket is full again.
"""
_TELL = Script(
    _NOW + "if ARGV[2] == '0' then redis.call('HDEL', KEYS[1], ARGV[1]) else "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.6f', now + ARGV[3])) "
    "redis.call('EXPIRE', KEYS[1], 60) end"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a tenant, or one of its trunks, may have over all proxies; 0: no limit."""

    tenant: str
    trunk: str
    calls: int
    per_second: float

    @classmethod
    def of(cls, tenant: str, trunk: Trunk) -> Limit | None:
        """The limits of a trunk; None if it has none, so that nothing has to be asked."""
        if not trunk.capacity and not trunk.calls_per_second:
            return None
        return cls(tenant, trunk.id, trunk.capacity, trunk.calls_per_second)

    @property
    def key(self) -> str:
        """Where the counts are."""
        return f"{{{self.tenant}}}:sip:calls:{self.trunk}"


class Room:
    """The counts of this proxy among those of all; `count(tenant, trunk)` is how many calls it has itself."""

    def __init__(self, ctx: Context, count: Callable[[str, str], int]) -> None:
        self._ctx = ctx
        self._count = count
        self._told: dict[str, Limit] = {}
        self._changed = asyncio.Event()
        self._lost = False

    async def claim(self, limit: Limit) -> int:
        """0 if the call, which this proxy counts already, has room; else the seconds to wait.

        While Valkey is away each proxy goes by its own count.
        """
        self._told[limit.key] = limit
        own = self._count(limit.tenant, limit.trunk)
        args = (self._ctx.node, str(own), str(limit.calls), str(limit.per_second), str(_LEASE_S))
        try:
            wait = float(await self._ctx.valkey.script(_CLAIM, (limit.key,), args))
        except (ValkeyUnavailable, ValkeyError) as error:
            self._away(error)
            return 0
        return _FULL_S if wait < 0 else math.ceil(wait)

    def follow(self, tenant: str, trunk: str) -> None:
        """A trunk has a call for which no room was claimed: the others are told of it all the same."""
        limit = Limit(tenant, trunk, 0, 0.0)
        self._told.setdefault(limit.key, limit)

    def changed(self) -> None:
        """A call has ended; the others are told soon, if there is anybody who wants to know."""
        if self._told:
            self._changed.set()

    async def keep(self) -> None:
        """Tell the counts, at once when a call has ended, and again and again before they run out."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TELL_S):
                    await self._changed.wait()
            self._changed.clear()
            await self.tell()
            await asyncio.sleep(_REST_S)

    async def tell(self) -> None:
        """Tell how many calls there are of each that is counted; what has none is not told again."""
        limits = list(self._told.values())
        counts = [self._count(limit.tenant, limit.trunk) for limit in limits]
        for limit, own in zip(limits, counts, strict=True):
            if not own:
                self._told.pop(limit.key, None)
        scripts = [
            self._ctx.valkey.script(_TELL, (limit.key,), (self._ctx.node, str(own), str(_LEASE_S)))
            for limit, own in zip(limits, counts, strict=True)
        ]
        try:
            await asyncio.gather(*scripts)
            self._lost = False
        except (ValkeyUnavailable, ValkeyError) as error:
            self._away(error)

    def _away(self, error: Exception) -> None:
        if not self._lost:
            self._lost = True
            self._ctx.log.warning("limits_not_shared", error=repr(error))
