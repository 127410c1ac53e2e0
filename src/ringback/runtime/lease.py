"""Leases: a state that can be left behind has an owner and an expiry."""

from __future__ import annotations

from ringback.runtime.valkey import Commands, Script

_RENEW = Script(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
)
_RELEASE = Script(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"
)
_ACQUIRE = Script(
    "local held = redis.call('GET', KEYS[1]) "
    "if held and held ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1"
)


class Lease:
    """One key owned by at most one owner until it expires."""

    def __init__(self, valkey: Commands, key: str, owner: str, ttl_s: float) -> None:
        self._valkey = valkey
        self.key = key
        self.owner = owner
        self._ttl_ms = int(ttl_s * 1000)

    async def acquire(self) -> bool:
        """Take the lease, or keep it when it is ours already; False when another holds it."""
        return bool(await self._valkey.script(_ACQUIRE, [self.key], [self.owner, self._ttl_ms]))

    async def renew(self) -> bool:
        """Prolong the lease; False when it is no longer ours."""
        return bool(await self._valkey.script(_RENEW, [self.key], [self.owner, self._ttl_ms]))

    async def release(self) -> bool:
        """Give the lease up; False when it was no longer ours."""
        return bool(await self._valkey.script(_RELEASE, [self.key], [self.owner]))
