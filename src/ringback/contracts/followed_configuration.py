"""Numbers at hand: a tenant's configuration that is read once and kept up by the stream of its changes.

For a service that looks numbers up by the thousand: nothing is asked for again because time has passed, and
a change costs what it changes, not what there is.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from ringback.contracts.configuration import ConfigChange, ConfigClient, changes_stream
from ringback.domain.configuration import DN, Tenant
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.streams import StreamEntry, StreamTail

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_LOOK_S = 2.0
_MOST = 10_000_000
_MANY = 1_000
"""So many changed numbers are read at once, not each when it is asked for: somebody brings in a list."""


class FollowedConfiguration:
    """The tenants of this platform and their numbers. `http` and `stream` are rows of the connections' table.

    Valkey may be emptied or restored, which no stream tells: so the version is looked at now and then, and
    where it is another one than the stream has led to, everything is read anew.
    """

    def __init__(self, ctx: Context, *, http: str, stream: str) -> None:
        self._ctx = ctx
        self._stream = stream
        self._config = ConfigClient(ctx, http, ttl_s=math.inf, most=_MOST)
        self._versions = ConfigClient(ctx, http, ttl_s=0.0)
        self._reached = dict.fromkeys(ctx.common.tenants, -1)
        """The version of each tenant that what is at hand has reached."""
        self._changed: dict[str, dict[str, int]] = {tenant: {} for tenant in ctx.common.tenants}
        """The versions of the numbers that have changed since all were read."""
        self._whole: set[str] = set()
        """Tenants of which all numbers were read: there are no others but those that have changed."""
        self._odd: dict[str, int] = {}
        """Tenants whose version was another one when it was looked at last, and what was reached then."""

    def start(self) -> None:
        """Read what there is and follow its changes; runs until the service stops."""
        streams = {changes_stream(tenant): tenant for tenant in self._reached}

        async def follow(entry: StreamEntry) -> None:
            self.changed(streams[entry.stream], entry.json(ConfigChange))

        StreamTail(self._ctx, list(streams), follow, connection=self._stream).start()
        self._ctx.spawn(self._keep(), "numbers")

    def changed(self, tenant: str, change: ConfigChange) -> None:
        """Take in one change."""
        self._config.changed(tenant, change)
        reached = self._reached[tenant]
        if change.version > reached + 1:
            self._whole.discard(tenant)  # some are missing
        if change.kind == "dns":
            self._changed[tenant][change.id] = change.version
        if reached >= 0:
            self._reached[tenant] = max(change.version, reached)

    def tenant_at_hand(self, tenant: str) -> Tenant | None:
        """A tenant, if it is at hand."""
        return self._config.tenant_at_hand(tenant)

    def dn_at_hand(self, tenant: str, number: str) -> tuple[bool, DN | None]:
        """Whether it is at hand what a number is, and what; None for one that there is not.

        That is as soon said as what there is: nobody learns by the time which numbers there are.
        """
        found = self._config.dn_at_hand(tenant, number)
        return found is not None or (tenant in self._whole and number not in self._changed[tenant]), found

    async def tenant(self, tenant: str) -> Tenant | None:
        """One tenant, or None. Raises HttpUnavailable, HttpFailure."""
        return await self._config.tenant(tenant)

    async def dn(self, tenant: str, number: str) -> DN | None:
        """One number, or None. Raises HttpUnavailable, HttpFailure."""
        return await self._config.dn(tenant, number)

    async def look(self, tenant: str) -> None:
        """Read a tenant anew if its version is not the one that its changes have led to, twice in a row.

        Once says nothing: the change may be on its way. Raises HttpUnavailable, HttpFailure.
        """
        held, reached = await self._versions.version(tenant), self._reached[tenant]
        whole = tenant in self._whole and len(self._changed[tenant]) < _MANY
        if held == reached and whole:
            self._odd.pop(tenant, None)
        elif not whole or self._odd.get(tenant) == reached:
            self._odd.pop(tenant, None)
            await self._read(tenant)
        else:
            self._odd[tenant] = reached

    async def _read(self, tenant: str) -> None:
        read = await self._config.prime(tenant)
        later = {name: version for name, version in self._changed[tenant].items() if version > read}
        self._changed[tenant] = later
        if read >= self._config.heard_of(tenant):
            self._reached[tenant] = read
            self._whole.add(tenant)
        else:
            # The service has not met what we have heard of: what it says is good for a moment only.
            self._whole.discard(tenant)

    async def _keep(self) -> None:
        while True:
            for tenant in self._reached:
                try:
                    await self.look(tenant)
                except (HttpUnavailable, HttpFailure) as error:
                    self._ctx.log.info("numbers_not_read", error=repr(error))
            await asyncio.sleep(_LOOK_S)
