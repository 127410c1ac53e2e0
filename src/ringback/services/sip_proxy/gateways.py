"""From the name of a trunk to the places where its carrier listens, in the order in which they are tried."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from ringback.services.sip_proxy.forwarding import Target
from ringback.services.sip_proxy.hops import uri_of
from ringback.services.sip_proxy.routes import Mark
from ringback.sip.locate import in_order
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.domain.configuration import Trunk
    from ringback.services.sip_proxy.core import ProxyCore


class Gateways:
    """Orders gateways by priority and weight, and what DNS says of each; those that failed come last."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core

    async def groups(self, tenant: str, names: str, sender: str, user: str) -> list[list[Target]]:
        """The targets of trunks (`carrier` or `carrier,backup`), one after the other; none without a way."""
        trunks = (await self._core.callers.numbers(tenant)).trunks
        wanted = [trunks[name] for name in names.split(",") if name in trunks]
        targets = [item for trunk in wanted for item in await self._targets(trunk, sender, user)]
        avoided, now = self._core.hops.avoided, self._core.ctx.monotonic()
        targets.sort(key=lambda item: avoided.is_avoided(item.destination, now))
        return [[item] for item in targets[: self._core.settings.attempts]]

    async def _targets(self, trunk: Trunk, sender: str, user: str) -> list[Target]:
        uris = [uri_of(gateway, user or None) for gateway in in_order(trunk.gateways, random.random)]
        places = await asyncio.gather(*(self._core.hops.find(uri) for uri in uris))
        return [
            self._target(trunk.id, str(uri), place, sender)
            for uri, found in zip(uris, places, strict=True)
            for place in found
        ]

    def _target(self, name: str, uri: str, place: Destination, sender: str) -> Target:
        core = self._core
        return Target(
            "trunk",
            name,
            "edge",
            place,
            uri=uri,
            record_routes=(core.edge.route(Mark(sender), place.transport),),
            near_routes=(core.inside.route(Mark(sender), "tcp"),),
            trusted=core.trusts(name),
        )
