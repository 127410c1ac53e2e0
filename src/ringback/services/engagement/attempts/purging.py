"""Finished callbacks are forgotten after the time that their service says, a few at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ringback.runtime.rounds import Rounds, every
from ringback.services.engagement.attempts.numbers import QUERIES
from ringback.services.engagement.catalogue import Catalogue
from ringback.services.engagement.store import Store, moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_EVERY_S = 60.0
_BATCH = 200
_PAUSE_S = 0.2
"""Between two batches: 1,000 a second at the most, which no request notices."""


class Purger:
    """May run on every node: each batch is one statement."""

    def __init__(self, ctx: Context, store: Store, catalogue: Catalogue) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue

    def start(self) -> None:
        """Begin; runs until the service stops."""
        Rounds(self._ctx, "purge", every(_EVERY_S, self.purge)).start()

    async def purge(self) -> int:
        """Forget what is over for long enough, of every published service; returns how many there were."""
        forgotten = 0
        for tenant in self._ctx.common.tenants:
            for service, offer in (await self._catalogue.offers(tenant)).items():
                if offer.settings.callback_purge_time:
                    forgotten += await self._purge_service(
                        tenant, service, offer.settings.callback_purge_time
                    )
        if forgotten:
            self._ctx.log.info("callbacks_forgotten", number=forgotten)
        return forgotten

    async def _purge_service(self, tenant: str, service: str, after_s: float) -> int:
        before, forgotten = moment(self._ctx.now() - after_s), 0
        while True:
            async with self._store.statement() as session:
                gone = await session.connection.fetch(QUERIES["purge"], tenant, service, before, _BATCH)
            forgotten += len(gone)
            if len(gone) < _BATCH:
                return forgotten
            await asyncio.sleep(_PAUSE_S)
