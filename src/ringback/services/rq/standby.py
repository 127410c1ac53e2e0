"""Active and standby: of several rq nodes one listens, the others wait for its lease to end.

Clients are given one name or address for all nodes and connect again when the active node is gone; whoever
listens then serves them from the same Valkey, from the cursor that each names. The lease only chooses: two
nodes that both listen for a moment do no harm, every step is one script in Valkey.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ringback.runtime.lease import Lease
from ringback.runtime.link import LinkServer
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.rq.settings import RqSettings

LEASE = "ringback:rq:active"


class Standby:
    """Opens the link while this node is the active one."""

    def __init__(self, ctx: Context, settings: RqSettings, link: LinkServer) -> None:
        self._ctx = ctx
        self._pause_s = settings.active_lease_s / 6
        self._lease = Lease(ctx.valkey, LEASE, ctx.node, settings.active_lease_s)
        self._link = link
        self._watching: asyncio.Task[None] | None = None
        self.active = False

    async def start(self) -> None:
        """Listen at once when no other node is active; go on standing for it in any case."""
        await self._look()
        self._watching = self._ctx.spawn(self._watch(), "rq-standby")

    async def stop(self) -> None:
        """Let another node go on without waiting for the lease to end."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self.active:
            self.active = False
            await self._link.stop()
            with suppress(ValkeyUnavailable, ValkeyError):
                await self._lease.release()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            try:
                await self._look()
            except OSError as error:
                self._ctx.log.warning("rq_cannot_listen", error=str(error))

    async def _look(self) -> None:
        """Without Valkey nothing changes: nobody else could take the lead either."""
        try:
            ours = await self._lease.acquire()
        except (ValkeyUnavailable, ValkeyError):
            return
        if ours and not self.active:
            await self._link.start()
            self.active = True
            self._ctx.log.info("rq_active", node=self._ctx.node)
        elif self.active and not ours:
            self.active = False
            await self._link.stop()
            self._ctx.log.warning("rq_standby", node=self._ctx.node)
