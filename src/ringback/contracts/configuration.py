"""Configuration across services: keys in Valkey, the change event, the client of the config service.

Paths of the config service: ``/tenants``, ``/tenants/{t}``, ``/tenants/{t}/{kind}``,
``/tenants/{t}/{kind}/{id}``; ``/tenants/{t}/numbers?since=VERSION``: which numbers have changed; the views
``virtual-queues``, ``mailboxes``, ``route-points``, ``extensions`` and ``trunks`` show the DNs of one type.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from ringback.contracts.numbers import NumberChanges, TenantNumbers
from ringback.domain.configuration import (
    DN,
    AgentGroup,
    CallbackService,
    DialRule,
    DnBase,
    Extension,
    Kind,
    Mailbox,
    Person,
    Place,
    RoutePoint,
    Skill,
    Tenant,
    Trunk,
    VirtualQueue,
)
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
VIEWS: dict[str, type[DnBase]] = {
    "virtual-queues": VirtualQueue,
    "mailboxes": Mailbox,
    "route-points": RoutePoint,
    "extensions": Extension,
    "trunks": Trunk,
}
_MAX_CACHED = 20_000
_SOON_S = 0.05
_NOTHING_S = 2.0
"""What was not there is asked for again after so many seconds: its answer bears no version. And soon where so
long ago a change was told of, which the service may have heard of after us."""


def kind_key(tenant: str, kind: Kind) -> str:
    """The hash of one kind: object id to JSON."""
    return f"{{{tenant}}}:config:{kind}"


def changes_stream(tenant: str) -> str:
    """The stream of ConfigChange."""
    return f"{{{tenant}}}:config:changes"


def version_key(tenant: str) -> str:
    """The version that the hashes hold."""
    return f"{{{tenant}}}:config:version"


class ConfigChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object was written or removed; versions count per tenant."""

    kind: Kind
    id: str
    version: int
    removed: bool = False


class ConfigClient:
    """Reads the config service and remembers each answer for ``ttl_s`` seconds, ``most`` answers at a time.

    While the service is away the last answer stands in; without one HttpUnavailable is raised.
    """

    def __init__(self, ctx: Context, connection: str, *, ttl_s: float = 2.0, most: int = _MAX_CACHED) -> None:
        self._ctx = ctx
        self._http = HttpClient(ctx, "config", connection=connection)
        self._ttl_s = ttl_s
        self._most = most
        self._cache: OrderedDict[str, tuple[float, str, Any]] = OrderedDict()
        self._wanted: dict[str, int] = {}
        self._told_at: dict[str, float] = {}
        """When each tenant had its last change (monotonic)."""

    async def tenants(self) -> list[Tenant]:
        """All tenants."""
        return await self._read("/tenants", list[Tenant]) or []

    async def tenant(self, tenant: str) -> Tenant | None:
        """One tenant."""
        return await self._read(f"/tenants/{_part(tenant)}", Tenant)

    async def dns(self, tenant: str) -> list[DN]:
        """Every number and trunk."""
        return await self._read(f"/tenants/{_part(tenant)}/dns", list[DN]) or []

    async def numbers(self, tenant: str) -> TenantNumbers:
        """Every number and trunk, where they are asked for again and again: changes alone are read."""
        path = f"/tenants/{_part(tenant)}/numbers"
        known = self._cache.get(path)
        if known is not None and self._ctx.monotonic() < known[0]:
            found: TenantNumbers = known[2]
            return found
        numbers = TenantNumbers() if known is None else known[2]
        before = None if known is None else (0.0, known[1], None)
        etag, told = await self._ask(f"{path}?since={numbers.version}", NumberChanges, before)
        if told is not None:
            numbers.take(told)
        self._cache[path] = (self._until(path, etag), etag, numbers)
        return numbers

    async def dn(self, tenant: str, number: str) -> DN | None:
        """One number, or None."""
        found: DN | None = await self._read(f"/tenants/{_part(tenant)}/dns/{_part(number)}", DN)  # type: ignore[arg-type]
        return found

    async def trunks(self, tenant: str) -> list[Trunk]:
        """The carriers."""
        return await self._read(f"/tenants/{_part(tenant)}/trunks", list[Trunk]) or []

    async def persons(self, tenant: str) -> list[Person]:
        """Everybody."""
        return await self._read(f"/tenants/{_part(tenant)}/persons", list[Person]) or []

    async def person(self, tenant: str, person: str) -> Person | None:
        """One person, or None."""
        return await self._read(f"/tenants/{_part(tenant)}/persons/{_part(person)}", Person)

    async def place(self, tenant: str, place: str) -> Place | None:
        """One desk, or None."""
        return await self._read(f"/tenants/{_part(tenant)}/places/{_part(place)}", Place)

    async def skills(self, tenant: str) -> list[Skill]:
        """The skills."""
        return await self._read(f"/tenants/{_part(tenant)}/skills", list[Skill]) or []

    async def agent_groups(self, tenant: str) -> list[AgentGroup]:
        """The groups of agents."""
        return await self._read(f"/tenants/{_part(tenant)}/agent-groups", list[AgentGroup]) or []

    async def virtual_queues(self, tenant: str) -> list[VirtualQueue]:
        """The virtual queues."""
        return await self._read(f"/tenants/{_part(tenant)}/virtual-queues", list[VirtualQueue]) or []

    async def dial_plan(self, tenant: str) -> list[DialRule]:
        """The dial-plan rules in their written order."""
        return await self._read(f"/tenants/{_part(tenant)}/dial-plan", list[DialRule]) or []

    async def callback_services(self, tenant: str) -> list[CallbackService]:
        """The callback services."""
        return await self._read(f"/tenants/{_part(tenant)}/callback-services", list[CallbackService]) or []

    def changed(self, tenant: str, change: ConfigChange) -> None:
        """Ask anew for what a change is about: called when the change stream tells of it.

        Changes come in the order of their versions. Where one is missing, everything is asked for anew.
        """
        before = self._wanted.get(tenant, 0)
        self._wanted[tenant] = max(change.version, before)
        self._told_at[tenant] = self._ctx.monotonic()
        touched = _touched(tenant, change)
        if change.version > before + 1:
            touched = [path for path in self._cache if path.startswith(f"/tenants/{_part(tenant)}")]
        for path in touched:
            if (known := self._cache.get(path)) is not None:
                self._cache[path] = (0.0, known[1], known[2])

    async def version(self, tenant: str) -> int:
        """The version that the config service holds of a tenant; 0 where it has none."""
        path = f"/tenants/{_part(tenant)}"
        await self._read(path, Tenant)
        return _version(self._cache[path][1])

    def heard_of(self, tenant: str) -> int:
        """The newest version of a tenant that was told of; 0 where none was."""
        return self._wanted.get(tenant, 0)

    async def prime(self, tenant: str) -> int:
        """Read all numbers of a tenant at once, and ask anew for all else of it; returns their version.

        Raises HttpUnavailable, HttpFailure; what was known is known still.
        """
        own, numbers = f"/tenants/{_part(tenant)}", f"/tenants/{_part(tenant)}/dns"
        etag, found = await self._ask(numbers, list[DN], None)
        until = self._until(numbers, etag)
        self._cache = OrderedDict(
            (path, (0.0, *kept[1:]) if path.startswith(own) else kept)
            for path, kept in self._cache.items()
            if not path.startswith(f"{numbers}/")
        )
        for item in found or []:
            self._cache[f"{numbers}/{_part(item.id)}"] = (until, etag, item)
        self._wanted[tenant] = max(_version(etag), self._wanted.get(tenant, 0))
        return _version(etag)

    def tenant_at_hand(self, tenant: str) -> Tenant | None:
        """What `tenant` would say without asking; None where it would have to ask, or there is none."""
        found: Tenant | None = self._at_hand(f"/tenants/{_part(tenant)}")
        return found

    def dn_at_hand(self, tenant: str, number: str) -> DN | None:
        """What `dn` would say without asking; None where it would have to ask, or there is none."""
        found: DN | None = self._at_hand(f"/tenants/{_part(tenant)}/dns/{_part(number)}")
        return found

    def tenants_at_hand(self) -> list[Tenant] | None:
        """What `tenants` would say without asking; None where it would have to ask."""
        found: list[Tenant] | None = self._at_hand("/tenants")
        return found

    def numbers_at_hand(self, tenant: str) -> TenantNumbers | None:
        """What `numbers` would say without asking; None where it would have to ask."""
        found: TenantNumbers | None = self._at_hand(f"/tenants/{_part(tenant)}/numbers")
        return found

    def _at_hand(self, path: str) -> Any:
        known = self._cache.get(path)
        return known[2] if known is not None and self._ctx.monotonic() < known[0] else None

    async def _read(self, path: str, kind: type[T]) -> T | None:
        known = self._cache.get(path)
        now = self._ctx.monotonic()
        if known is not None and now < known[0]:
            found: T | None = known[2]
            return found
        etag, value = await self._ask(path, kind, known)
        if path not in self._cache and len(self._cache) >= self._most:
            self._cache.popitem(last=False)
        self._cache[path] = (self._until(path, etag), etag, value)
        return value

    def _until(self, path: str, etag: str) -> float:
        """How long an answer that came just now is good (monotonic)."""
        now = self._ctx.monotonic()
        owner = path.removeprefix("/tenants/").partition("/")[0]
        if not etag:
            changes = now - self._told_at.get(owner, -_NOTHING_S) < _NOTHING_S
            return now + min(self._ttl_s, _SOON_S if changes else _NOTHING_S)
        # The service hears of a change when we do: an answer from before it is asked for again soon.
        stale = _version(etag) < self._wanted.get(owner, 0)
        return now + (_SOON_S if stale else self._ttl_s)

    async def _ask(
        self, path: str, kind: type[T], known: tuple[float, str, Any] | None
    ) -> tuple[str, T | None]:
        headers = {"If-None-Match": known[1]} if known and known[1] else {}
        try:
            reply = await self._http.request("GET", path, headers=headers, retry=True)
        except HttpFailure as failure:
            if failure.status == 404:
                return "", None
            if failure.status < 500:
                raise
            if known is None:
                # Not loaded yet is as good as away: whoever asks tries again.
                raise HttpUnavailable(str(failure)) from failure
            return known[1], known[2]
        except HttpUnavailable:
            if known is not None:
                return known[1], known[2]
            raise
        if reply.status == 304 and known is not None:
            return known[1], known[2]
        return reply.headers.get("ETag", ""), msgspec.json.decode(reply.body, type=kind)


def _touched(tenant: str, change: ConfigChange) -> list[str]:
    """The paths whose answers a change may have made old."""
    base = f"/tenants/{_part(tenant)}"
    kinds = [change.kind, *VIEWS] if change.kind == "dns" else [change.kind]
    lists = [f"{base}/{kind}" for kind in kinds]
    if change.kind == "dns":
        lists.append(f"{base}/numbers")
    return ["/tenants", base, *lists, *(f"{path}/{_part(change.id)}" for path in lists)]


def _part(text: str) -> str:
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


def _version(etag: str) -> int:
    digits = etag.strip('"')
    return int(digits) if digits.isdigit() else 0
