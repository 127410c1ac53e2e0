"""From the name of a trunk to the places where its carrier listens, in the order in which they are tried."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING

from ringback.services.sip_proxy.hops import uri_of
from ringback.services.sip_proxy.marks import Mark
from ringback.services.sip_proxy.room import Limit
from ringback.services.sip_proxy.targets import Target
from ringback.sip.locate import in_order
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.domain.configuration import Trunk
    from ringback.services.sip_proxy.core import ProxyCore
    from ringback.sip import Request


class Gateways:
    """Orders gateways by priority and weight, and what DNS says of each; those that failed come last."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core

    async def groups(self, tenant: str, names: str, sender: str, request: Request) -> list[list[Target]]:
        """The targets of trunks (`carrier` or `carrier,backup`), one after the other; none without a way.

        A call counts for the first of the trunks that has room for it; those that are full are left out.
        """
        trunks = (await self._core.callers.numbers(tenant)).trunks
        wanted = [trunks[name] for name in names.split(",") if name in trunks]
        if request.method == "INVITE":
            wanted = await self._with_room(tenant, wanted, request.call_id)
        user = request.uri.user or ""
        targets = [item for trunk in wanted for item in await self._targets(tenant, trunk, sender, user)]
        core, now = self._core, self._core.ctx.monotonic()

        def last(item: Target) -> tuple[bool, bool]:
            out = core.trunks.is_out(tenant, item.name, item.destination)
            return out, core.hops.avoided.is_avoided(item.destination, now)

        return [[item] for item in sorted(targets, key=last)[: core.settings.attempts]]

    async def _with_room(self, tenant: str, wanted: list[Trunk], call_id: str) -> list[Trunk]:
        core = self._core
        for position, trunk in enumerate(wanted):
            if not core.trunk_calls.begin(tenant, trunk, call_id, core.ctx.monotonic()):
                limit = Limit.of(tenant, trunk)
                if limit is None or not await core.room.claim(limit):
                    return wanted[position:]
                core.trunk_calls.turned(tenant, trunk.id, call_id)
                core.room.changed()
            core.metrics.trunk_rejected.labels(tenant, trunk.id).inc()
        return []

    async def _targets(self, tenant: str, trunk: Trunk, sender: str, user: str) -> list[Target]:
        uris = [uri_of(gateway, user or None) for gateway in in_order(trunk.gateways, random.random)]
        places = await asyncio.gather(*(self._core.hops.find(uri) for uri in uris))
        return [
            self._target(tenant, trunk, str(uri), place, sender)
            for uri, found in zip(uris, places, strict=True)
            for place in found
        ]

    def _target(self, tenant: str, trunk: Trunk, uri: str, place: Destination, sender: str) -> Target:
        core, name = self._core, trunk.id
        return Target(
            "trunk",
            name,
            "edge",
            place,
            uri=uri,
            record_routes=(core.edge.route(Mark(sender), place.transport, place.host),),
            near_routes=(core.inside.route(Mark(sender), "tcp"),),
            trusted=core.trusts(name),
            digest=core.trunks.digest(tenant, trunk),
            proven_route=partial(self._proven_route, place, sender, f"{tenant}/{name}"),
        )

    def _proven_route(self, place: Destination, sender: str, trunk: str, shift: int) -> str:
        return self._core.edge.route(Mark(sender, None, shift, trunk), place.transport, place.host)
