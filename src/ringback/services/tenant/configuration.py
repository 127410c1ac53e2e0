"""The tenant's configuration: kept in PostgreSQL, published to Valkey.

Every change gets the tenant's next version. Objects that have changed since the version that Valkey holds
are written to the hashes ``{t}:config:<kind>`` and announced on ``{t}:config:changes``; the version is moved
in the same script, so that a publisher that dies anywhere goes on where it was, and an empty Valkey is filled
again.
"""

import asyncio
from collections.abc import Callable, Iterable, KeysView
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.configuration import ConfigChange, changes_stream, kind_key, version_key
from ringback.domain.configuration import KINDS, AnyObject, Configuration, Kind, Problem, decode_object
from ringback.domain.consistency import Key, Whole, validate
from ringback.runtime.sql import is_unavailable, load_queries
from ringback.runtime.valkey import Script, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

SQL = load_queries("ringback.services.tenant", "configuration.sql")
_BATCH = 500
_PUBLISH_EVERY_S = 1.0

_Change = tuple[list[tuple[Kind, AnyObject]], list[Key]]
"""Objects to write, objects to remove."""

# KEYS: version, changes, one hash per change. ARGV: expected version, new version, then kind, id, body
# (empty: removed), version of each change.
_PUBLISH = Script(
    """
local held = tonumber(redis.call('GET', KEYS[1]) or '0')
if held ~= tonumber(ARGV[1]) then return held end
for i = 3, #KEYS do
  local base = 3 + (i - 3) * 3
  if ARGV[base + 1] == '' then redis.call('HDEL', KEYS[i], ARGV[base])
  else redis.call('HSET', KEYS[i], ARGV[base], ARGV[base + 1]) end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'e', ARGV[base + 2])
end
redis.call('SET', KEYS[1], ARGV[2])
return tonumber(ARGV[2])
"""
)


class Stored(msgspec.Struct, frozen=True):
    """One object as it is kept: ``body`` is its JSON, None when it was removed."""

    kind: Kind
    id: str
    version: int
    body: msgspec.Raw | None = None


class InvalidConfiguration(ValueError):
    """The configuration would not hold together; the message has a line per problem."""


class ConfigurationStore:
    """One tenant's objects."""

    def __init__(self, ctx: "Context", tenant: str) -> None:
        self._ctx = ctx
        self._valkey = ctx.valkey.using("voice-9")
        self._whole = Whole()
        self._seen = 0
        """The version that `_whole` has reached."""
        self.tenant = tenant
        self.published = False

    def start(self) -> None:
        """Begin to publish; runs until the service stops."""
        self._ctx.spawn(self._keep_published(), f"publish-configuration-{self.tenant}")

    async def read(self, kind: Kind, object_id: str) -> Stored | None:
        """One object, or None."""
        rows = await self._fetch("read_object", self.tenant, kind, object_id)
        return _stored(rows[0]) if rows else None

    async def search(
        self, kind: Kind, like: dict[str, Any], after: str = "", limit: int = 100, text: str = ""
    ) -> list[Stored]:
        """Objects that contain ``like`` and have ``text`` in id or name, by id, from behind ``after`` on."""
        where = msgspec.json.encode(like).decode()
        rows = await self._fetch("search", self.tenant, kind, where, after, limit, text)
        return [_stored(row) for row in rows]

    async def changes(self, version: int, limit: int) -> list[Stored]:
        """Objects as they are now that have changed since a version, in the order of their changes."""
        return [_stored(row) for row in await self._fetch("changes_since", self.tenant, version, limit)]

    async def inventory(self) -> dict[str, int]:
        """How many objects of each kind there are; DNs by their types (``dns.extension``)."""
        rows = await self._fetch("inventory", self.tenant)
        return {f"{kind}.{type_}" if type_ else kind: count for kind, type_, count in rows}

    async def save(self, objects: Iterable[tuple[Kind, AnyObject]]) -> int:
        """Write objects that differ from what is kept, all or none; returns how many did.

        Raises InvalidConfiguration when the whole would not hold together with them.
        """
        changed = list(objects)
        return await self._change(lambda _present: (changed, []))

    async def remove(self, kind: Kind, object_id: str) -> bool:
        """Remove one object; raises InvalidConfiguration while another needs it."""
        return bool(await self._change(lambda _present: ([], [(kind, object_id)])))

    async def import_(self, configuration: Configuration) -> int:
        """Make the tenant exactly this; returns how many objects changed, 0 when it was so already."""
        _refuse(validate(configuration))
        wanted = list(configuration.objects())
        keep = {(kind, item.id) for kind, item in wanted}
        return await self._change(lambda present: (wanted, list(present - keep)), checked=True)

    async def add(self, configuration: Configuration) -> int:
        """Write the objects that are not there yet and leave the others as they are; returns how many."""
        wanted = list(configuration.objects())
        return await self._change(
            lambda present: ([(kind, item) for kind, item in wanted if (kind, item.id) not in present], [])
        )

    async def _change(self, choose: Callable[[KeysView[Key]], _Change], *, checked: bool = False) -> int:
        """Check and write what `choose` makes of the keys that are there; returns how many were written.

        `checked`: it makes the whole anew, which is known to hold together.
        """
        pool: Any = self._ctx.postgres.pool
        async with pool.acquire() as connection, connection.transaction():
            self._ctx.connections.count("voice-13", sent=1)
            # One writer at a time per tenant: versions become visible in their order.
            await connection.execute(SQL["lock_tenant"], self.tenant)
            await self._catch_up(connection)
            changed, removed = choose(self._whole.keys())
            if not checked:
                _refuse(self._whole.problems_with(changed, removed))
            count = await self._write(connection, changed, removed)
        if count:
            await self._try_to_publish()
        return count

    async def _catch_up(self, connection: Any) -> None:
        """Bring what is known of the objects up to date, in portions: the router shares this loop."""
        if await connection.fetchval(SQL["newest_version"], self.tenant) < self._seen:
            self._whole, self._seen = Whole(), 0  # the database was restored
        while rows := await connection.fetch(SQL["changes_since"], self.tenant, self._seen, _BATCH):
            for row in rows:
                if row["body"] is None:
                    self._whole.drop(row["kind"], row["id"])
                else:
                    item = decode_object(row["kind"], msgspec.json.decode(row["body"]))
                    self._whole.put(row["kind"], item)
                self._seen = row["version"]
            if len(rows) < _BATCH:
                return

    async def _write(
        self, connection: Any, changed: Iterable[tuple[Kind, AnyObject]], removed: Iterable[Key]
    ) -> int:
        count, version = 0, self._seen
        for kind, item in changed:
            body = msgspec.json.encode(item).decode()
            args = (self.tenant, kind, item.id, body, version + count + 1)
            count += await connection.fetchval(SQL["write_object"], *args) is not None
        for kind, object_id in removed:
            args_ = (self.tenant, kind, object_id, version + count + 1)
            count += await connection.fetchval(SQL["remove_object"], *args_) is not None
        return count

    async def publish(self) -> None:
        """Bring Valkey up to date, batch by batch."""
        while True:
            held = int(await self._valkey.call("GET", version_key(self.tenant)) or 0)
            rows = await self._fetch("changes_since", self.tenant, held, _BATCH)
            if not rows:
                self.published = True
                return await self._start_over(held)
            await self._publish_batch(held, [_stored(row) for row in rows])

    async def _start_over(self, held: int) -> None:
        """Empty a Valkey that is ahead of the database (which was restored); the next turn fills it."""
        if held > (await self._fetch("newest_version", self.tenant))[0][0]:
            hashes = (kind_key(self.tenant, kind) for kind in KINDS)
            await self._valkey.call("DEL", version_key(self.tenant), *hashes)
            self.published = False

    async def _publish_batch(self, held: int, batch: list[Stored]) -> None:
        keys = [version_key(self.tenant), changes_stream(self.tenant)]
        args: list[str | bytes | int] = [held, batch[-1].version]
        for item in batch:
            change = ConfigChange(item.kind, item.id, item.version, removed=item.body is None)
            keys.append(kind_key(self.tenant, item.kind))
            args += [item.id, bytes(item.body or b""), msgspec.json.encode(change)]
        await self._valkey.script(_PUBLISH, keys, args)

    async def _keep_published(self) -> None:
        """Repair what a crash or an emptied Valkey left behind."""
        while True:
            await self._try_to_publish()
            await asyncio.sleep(_PUBLISH_EVERY_S)

    async def _try_to_publish(self) -> None:
        try:
            await self.publish()
        except ValkeyUnavailable as error:
            self._ctx.log.warning("configuration_not_published", error=str(error))
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._ctx.log.warning("configuration_not_read", error=repr(error))

    async def _fetch(self, query: str, *args: Any) -> list[Any]:
        self._ctx.connections.count("voice-13", sent=1)
        rows: list[Any] = await self._ctx.postgres.pool.fetch(SQL[query], *args)
        return rows


def _stored(row: Any) -> Stored:
    body = None if row["body"] is None else msgspec.Raw(row["body"].encode())
    return Stored(row["kind"], row["id"], row["version"], body)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidConfiguration("\n".join(map(str, problems)))
