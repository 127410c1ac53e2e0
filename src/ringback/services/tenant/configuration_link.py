"""Configuration over the TCP link (8888): read, search, inventory, write, remove, import, subscribe, changes;
and the history of the inventory (`ringback.services.tenant.inventory`).

All methods take ``tenant``. Objects travel as their JSON with ``kind``, ``id`` and ``version`` beside it; a
subscriber gets a ``changed`` notification for each object of the kinds that it named.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ringback.contracts.configuration import ConfigChange, changes_stream, kind_key
from ringback.domain.configuration import Configuration, Kind, decode_object
from ringback.runtime.link import INVALID_PARAMS, LinkError, LinkServer, LinkSession
from ringback.runtime.streams import StreamEntry, StreamTail
from ringback.services.tenant.configuration import ConfigurationStore, InvalidConfiguration, Stored
from ringback.services.tenant.inventory import HistoryPage, HistoryParams, Inventory, Usage, UsageParams

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOT_FOUND = 404
CONFLICT = 409
METHODS = (
    "read",
    "search",
    "inventory",
    "history",
    "usage",
    "changes",
    "write",
    "remove",
    "import",
    "subscribe",
)
_MAX_LIMIT = 1000
_SUBSCRIPTIONS = "configuration"


class ReadParams(Struct, frozen=True, kw_only=True):
    """Names one object."""

    tenant: str
    kind: Kind
    id: str


class SearchParams(Struct, frozen=True, kw_only=True):
    """Objects that contain ``like`` and have ``text`` in id or name; ``after`` is the last id of the page
    before.
    """

    tenant: str
    kind: Kind
    like: dict[str, Any] = {}
    after: str = ""
    limit: int = 100
    text: str = ""


class ChangesParams(Struct, frozen=True, kw_only=True):
    """What has changed since ``version``: for a subscriber that was away."""

    tenant: str
    version: int
    limit: int = 100


class InventoryParams(Struct, frozen=True, kw_only=True):
    """What there is, or was ``at`` a moment (seconds since the epoch)."""

    tenant: str
    at: float | None = None


class WriteParams(Struct, frozen=True, kw_only=True):
    """One object to write."""

    tenant: str
    kind: Kind
    object: dict[str, Any]


class ImportParams(Struct, frozen=True, kw_only=True):
    """A whole configuration: it takes the place of what is there, or with ``add`` only adds what is not."""

    tenant: str
    configuration: Configuration
    add: bool = False


class SubscribeParams(Struct, frozen=True, kw_only=True):
    """Kinds to be told of; none means all."""

    tenant: str
    kinds: tuple[Kind, ...] = ()


class ConfigurationLink:
    """The methods of one link server over the stores of its tenants."""

    def __init__(self, ctx: "Context", server: LinkServer, stores: dict[str, ConfigurationStore]) -> None:
        self._ctx = ctx
        self._server = server
        self._stores = stores
        self._streams = {changes_stream(tenant): tenant for tenant in stores}
        self._history_of = Inventory(ctx)
        for name in METHODS:
            server.method(name, getattr(self, f"_{name}"))

    def start(self) -> None:
        """Begin to follow the changes for the subscribers."""
        StreamTail(self._ctx, list(self._streams), self._changed, connection="voice-9").start()

    async def _read(self, session: LinkSession, params: dict[str, Any]) -> Stored:
        wanted = msgspec.convert(params, ReadParams)
        found = await self._store(wanted.tenant).read(wanted.kind, wanted.id)
        if found is None:
            raise LinkError(NOT_FOUND, f"{wanted.kind} has no {wanted.id}")
        return found

    async def _search(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Any]:
        wanted = msgspec.convert(params, SearchParams)
        limit = max(1, min(wanted.limit, _MAX_LIMIT))
        store = self._store(wanted.tenant)
        if "\0" in wanted.text:
            raise LinkError(INVALID_PARAMS, "no name holds such a character")
        found = await store.search(wanted.kind, wanted.like, wanted.after, limit, wanted.text)
        return {"objects": found, "more": len(found) == limit}

    async def _inventory(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        wanted = msgspec.convert(params, InventoryParams)
        store = self._store(wanted.tenant)
        if wanted.at is None:
            return await store.inventory()
        return await self._history_of.at(wanted.tenant, wanted.at)

    async def _history(self, session: LinkSession, params: dict[str, Any]) -> HistoryPage:
        wanted = msgspec.convert(params, HistoryParams)
        self._store(wanted.tenant)
        return await self._history_of.history(wanted)

    async def _usage(self, session: LinkSession, params: dict[str, Any]) -> list[Usage]:
        wanted = msgspec.convert(params, UsageParams)
        self._store(wanted.tenant)
        return await self._history_of.usage(wanted)

    async def _changes(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Any]:
        wanted = msgspec.convert(params, ChangesParams)
        limit = max(1, min(wanted.limit, _MAX_LIMIT))
        version = max(0, min(wanted.version, 2**62))
        found = await self._store(wanted.tenant).changes(version, limit)
        return {"objects": found, "more": len(found) == limit}

    async def _write(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        wanted = msgspec.convert(params, WriteParams)
        item = decode_object(wanted.kind, wanted.object)
        try:
            return {"changed": await self._store(wanted.tenant).save([(wanted.kind, item)])}
        except InvalidConfiguration as error:
            raise LinkError(INVALID_PARAMS, str(error)) from None

    async def _remove(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        wanted = msgspec.convert(params, ReadParams)
        try:
            return {"changed": int(await self._store(wanted.tenant).remove(wanted.kind, wanted.id))}
        except InvalidConfiguration as error:
            raise LinkError(CONFLICT, str(error)) from None

    async def _import(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        wanted = msgspec.convert(params, ImportParams)
        store = self._store(wanted.tenant)
        bring = store.add if wanted.add else store.import_
        try:
            return {"changed": await bring(wanted.configuration)}
        except InvalidConfiguration as error:
            raise LinkError(INVALID_PARAMS, str(error)) from None

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Any]:
        wanted = msgspec.convert(params, SubscribeParams)
        inventory = await self._store(wanted.tenant).inventory()
        session.state.setdefault(_SUBSCRIPTIONS, {})[wanted.tenant] = frozenset(wanted.kinds)
        return {"subscribed": True, "inventory": inventory}

    async def _changed(self, entry: StreamEntry) -> None:
        tenant, change = self._streams[entry.stream], entry.json(ConfigChange)
        wanting = [session for session in self._server.sessions if _wants(session, tenant, change.kind)]
        if not wanting:
            return
        body = await self._ctx.valkey.using("voice-9").call("HGET", kind_key(tenant, change.kind), change.id)
        told = {"tenant": tenant, "kind": change.kind, "id": change.id, "version": change.version}
        for session in wanting:
            session.notify("changed", {**told, "object": msgspec.Raw(body) if body else None})

    def _store(self, tenant: str) -> ConfigurationStore:
        try:
            return self._stores[tenant]
        except KeyError:
            raise LinkError(NOT_FOUND, f"no tenant {tenant!r} here") from None


def _wants(session: LinkSession, tenant: str, kind: Kind) -> bool:
    kinds = session.state.get(_SUBSCRIPTIONS, {}).get(tenant)
    return kinds is not None and (not kinds or kind in kinds)
