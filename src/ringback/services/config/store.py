"""The configuration of the tenants in this process: filled from Valkey, kept up by the change stream."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.configuration import VIEWS, ConfigChange, changes_stream, kind_key, version_key
from ringback.domain.configuration import KINDS, Kind
from ringback.runtime.streams import StreamEntry, StreamTail
from ringback.runtime.valkey import ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_VIEW_TAGS: dict[str, str] = {view: str(type_.__struct_config__.tag) for view, type_ in VIEWS.items()}


class _Tagged(msgspec.Struct):
    type: str = ""


_MOST_CHANGES = 10_000
"""Whoever has missed more changes of numbers reads them all."""
_tag_of = msgspec.json.Decoder(_Tagged).decode


class TenantCache:
    """One tenant's objects as JSON, by kind and id; ``version`` is that of the newest change seen."""

    def __init__(self) -> None:
        self.version = -1
        self.objects: dict[Kind, dict[str, bytes]] = {kind: {} for kind in KINDS}
        self._lists: dict[str, bytes] = {}
        self._numbers: deque[tuple[int, str]] = deque()
        """The last changes of numbers, the newest last; all from `_numbers_from` on."""
        self._numbers_from = 0

    def replace(self, version: int, objects: dict[Kind, dict[str, bytes]]) -> None:
        """Hold exactly these objects."""
        self.version = version
        self.objects = objects
        self._lists.clear()
        self._numbers.clear()
        self._numbers_from = version

    def change(self, change: ConfigChange, body: bytes | None) -> None:
        """Take in one change."""
        if body is None:
            self.objects[change.kind].pop(change.id, None)
        else:
            self.objects[change.kind][change.id] = body
        self.version = max(self.version, change.version)
        self._lists.clear()
        if change.kind == "dns":
            self._numbers.append((self.version, change.id))
            if len(self._numbers) > _MOST_CHANGES:
                self._numbers_from, _ = self._numbers.popleft()

    def numbers(self, since: int) -> bytes:
        """The numbers that have changed since a version, as the JSON of `contracts.numbers.NumberChanges`."""
        dns = self.objects["dns"]
        if not self._numbers_from <= since <= self.version:
            return _changes(self.version, list(dns.values()), [], whole=True)
        names: dict[str, None] = {}
        for version, name in reversed(self._numbers):
            if version <= since:
                break
            names[name] = None
        bodies = [dns[name] for name in names if name in dns]
        return _changes(self.version, bodies, [name for name in names if name not in dns], whole=False)

    def list(self, kind: str) -> bytes:
        """The JSON list of a kind or view, in the order of the ids; KeyError for a kind that is not."""
        if (cached := self._lists.get(kind)) is not None:
            return cached
        tag = _VIEW_TAGS.get(kind)
        source = self.objects["dns" if tag else _kind(kind)]
        bodies = (body for _, body in sorted(source.items()) if tag is None or _tag_of(body).type == tag)
        self._lists[kind] = text = b"[" + b",".join(bodies) + b"]"
        return text

    def get(self, kind: str, object_id: str) -> bytes | None:
        """One object's JSON; KeyError for a kind that is not."""
        tag = _VIEW_TAGS.get(kind)
        body = self.objects["dns" if tag else _kind(kind)].get(object_id)
        return body if body is None or tag is None or _tag_of(body).type == tag else None


class ConfigStore:
    """All tenants of this platform."""

    def __init__(self, ctx: "Context", tenants: Sequence[str], refresh_s: float) -> None:
        self._ctx = ctx
        self._valkey = ctx.valkey.using("voice-17")
        self._refresh_s = refresh_s
        self.tenants = {tenant: TenantCache() for tenant in tenants}

    async def start(self) -> None:
        """Fill the cache and follow the changes."""
        streams = {changes_stream(tenant): tenant for tenant in self.tenants}

        async def follow(entry: StreamEntry) -> None:
            await self._change(streams[entry.stream], entry.json(ConfigChange))

        # The tail begins before the fill: a change between the two is seen twice, never missed.
        StreamTail(self._ctx, list(streams), follow, connection="voice-17").start()
        await self._compare()
        self._ctx.spawn(self._keep_compared(), "compare-configuration")

    async def _change(self, tenant: str, change: ConfigChange) -> None:
        cache = self.tenants[tenant]
        if 0 <= change.version <= cache.version:
            return None
        if cache.version < 0 or change.version > cache.version + 1:
            # The first of many: what is served is whole from its first moment. Or one of so many that the
            # stream has lost those before it.
            return await self._compare()
        body = await self._valkey.call("HGET", kind_key(tenant, change.kind), change.id)
        return cache.change(change, body)

    async def _keep_compared(self) -> None:
        """Notice what the stream could not tell: a Valkey that was emptied or restored."""
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                await self._compare()
            except ValkeyUnavailable as error:
                self._ctx.log.warning("configuration_not_compared", error=str(error))

    async def _compare(self) -> None:
        for tenant, cache in self.tenants.items():
            held = int(await self._valkey.call("GET", version_key(tenant)) or 0)
            # An empty Valkey is not the truth: the tenant service fills it again.
            if held and held != cache.version:
                await self._fill(tenant, cache, held)

    async def _fill(self, tenant: str, cache: TenantCache, version: int) -> None:
        reads = (self._valkey.call("HGETALL", kind_key(tenant, kind)) for kind in KINDS)
        replies = await asyncio.gather(*reads)
        cache.replace(version, {kind: _hash(reply) for kind, reply in zip(KINDS, replies, strict=True)})


def _changes(version: int, bodies: list[bytes], removed: list[str], *, whole: bool) -> bytes:
    """Objects are passed on as they are stored."""
    rest = msgspec.json.encode({"version": version, "whole": whole, "removed": removed})
    return b'%b,"dns":[%b]}' % (rest[:-1], b",".join(bodies))


def _hash(reply: Any) -> dict[str, bytes]:
    values = iter(reply)
    return {name.decode(): body for name, body in zip(values, values, strict=True)}


def _kind(name: str) -> Kind:
    for kind in KINDS:
        if kind == name:
            return kind
    raise KeyError(name)
