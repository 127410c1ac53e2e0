"""The tenant's configuration: kept in PostgreSQL, published to Valkey.

Every change gets the tenant's next version. Objects that have changed since the version that Valkey holds
are written to the hashes ``{t}:config:<kind>`` and announced on ``{t}:config:changes``; the version is moved
in the same script, so that a publisher that dies anywhere goes on where it was, and an empty Valkey is filled
again.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.configuration import ConfigChange, changes_stream, kind_key, version_key
from ringback.domain.configuration import KINDS, AnyObject, Configuration, Kind
from ringback.domain.consistency import validate
from ringback.runtime.sql import is_unavailable, load_queries
from ringback.runtime.valkey import Script, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

SQL = load_queries("ringback.services.tenant", "configuration.sql")
_BATCH = 500
_PUBLISH_EVERY_S = 1.0

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
        self._changed = asyncio.Event()
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

    async def whole(self) -> Configuration | None:
        """All of it, or None while there is no tenant object."""
        fields: dict[str, list[Any]] = {}
        for row in await self._fetch("read_all", self.tenant):
            fields.setdefault(row["kind"], []).append(msgspec.json.decode(row["body"]))
        if "tenant" not in fields:
            return None
        return msgspec.convert({**fields, "tenant": fields["tenant"][0]}, Configuration)

    async def save(self, objects: Iterable[tuple[Kind, AnyObject]]) -> int:
        """Write objects that differ from what is kept, all or none; returns how many did.

        Raises InvalidConfiguration when the whole would not hold together with them.
        """
        changed = list(objects)
        await self._check(changed, ())
        return await self._write(changed, ())

    async def remove(self, kind: Kind, object_id: str) -> bool:
        """Remove one object; raises InvalidConfiguration while another needs it."""
        await self._check((), ((kind, object_id),))
        return bool(await self._write((), ((kind, object_id),)))

    async def import_(self, configuration: Configuration) -> int:
        """Make the tenant exactly this; returns how many objects changed, 0 when it was so already."""
        problems = validate(configuration)
        if problems:
            raise InvalidConfiguration("\n".join(map(str, problems)))
        wanted = list(configuration.objects())
        keep = {(kind, item.id) for kind, item in wanted}
        present = [(row["kind"], row["id"]) for row in await self._fetch("read_all", self.tenant)]
        return await self._write(wanted, [key for key in present if key not in keep])

    async def add(self, configuration: Configuration) -> int:
        """Write the objects that are not there yet and leave the others as they are; returns how many."""
        rows = await self._fetch("read_all", self.tenant)
        present = {(row["kind"], row["id"]) for row in rows}
        return await self.save(
            (kind, item) for kind, item in configuration.objects() if (kind, item.id) not in present
        )

    async def _check(
        self, changed: Iterable[tuple[Kind, AnyObject]], removed: Iterable[tuple[Kind, str]]
    ) -> None:
        objects: dict[tuple[Kind, str], AnyObject] = {}
        if (whole := await self.whole()) is not None:
            objects = {(kind, item.id): item for kind, item in whole.objects()}
        objects.update({(kind, item.id): item for kind, item in changed})
        for key in removed:
            objects.pop(key, None)
        fields: dict[str, list[AnyObject]] = {}
        for (kind, _), item in objects.items():
            fields.setdefault(kind, []).append(item)
        if len(fields.get("tenant", ())) != 1:
            raise InvalidConfiguration("tenant: there is one and only one")
        raw = msgspec.json.encode({**fields, "tenant": fields["tenant"][0]})
        if problems := validate(msgspec.json.decode(raw, type=Configuration)):
            raise InvalidConfiguration("\n".join(map(str, problems)))

    async def _write(
        self, changed: Iterable[tuple[Kind, AnyObject]], removed: Iterable[tuple[Kind, str]]
    ) -> int:
        count = 0
        pool: Any = self._ctx.postgres.pool
        async with pool.acquire() as connection, connection.transaction():
            self._ctx.connections.count("voice-13", sent=1)
            # One writer at a time per tenant: versions become visible in their order.
            await connection.execute(SQL["lock_tenant"], self.tenant)
            version: int = await connection.fetchval(SQL["newest_version"], self.tenant)
            for kind, item in changed:
                body = msgspec.json.encode(item).decode()
                args = (self.tenant, kind, item.id, body, version + count + 1)
                count += await connection.fetchval(SQL["write_object"], *args) is not None
            for kind, object_id in removed:
                args_ = (self.tenant, kind, object_id, version + count + 1)
                count += await connection.fetchval(SQL["remove_object"], *args_) is not None
        if count:
            await self._try_to_publish()
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
