"""A node that lets itself be found: its entry in a directory, for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from ringback.runtime.directory import announce, withdraw
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class Presence:
    """Announces this node every `every_s` seconds; whoever does not hear of it for `ttl_s` takes it for dead.

    `entry` says what there is to tell now. `connection`: the row of the connections' table.
    """

    def __init__(
        self,
        ctx: Context,
        kind: str,
        entry: Callable[[], msgspec.Struct],
        *,
        ttl_s: float,
        every_s: float,
        connection: str = "",
    ) -> None:
        self._ctx = ctx
        self._valkey = ctx.valkey.using(connection) if connection else ctx.valkey
        self._kind = kind
        self._entry = entry
        self._ttl_s = ttl_s
        self._every_s = every_s
        self._keeping: asyncio.Task[None] | None = None
        self._away = False
        self.prepare: Callable[[bool], Awaitable[None]] | None = None
        """Awaited before each announcement; True: the node could not be announced before."""

    async def begin(self) -> None:
        """Announce the node, now and from now on; without Valkey as soon as it is there."""
        await self._try()
        self._keeping = self._ctx.spawn(self._keep(), "presence")

    async def tell(self) -> None:
        """Announce it as it is now. Raises ValkeyUnavailable, ValkeyError."""
        if self.prepare is not None:
            await self.prepare(self._away)
        await announce(self._valkey, self._kind, self._ctx.node, self._entry(), self._ttl_s)

    async def leave(self) -> None:
        """Be found no more; without Valkey the entry ends by itself."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        try:
            await withdraw(self._valkey, self._kind, self._ctx.node)
        except (ValkeyUnavailable, ValkeyError) as error:
            self._ctx.log.info("node_not_withdrawn", kind=self._kind, error=str(error))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.tell()
            self._away = False
        except (ValkeyUnavailable, ValkeyError) as error:
            self._away = True
            self._ctx.log.warning("node_not_announced", kind=self._kind, error=str(error))
