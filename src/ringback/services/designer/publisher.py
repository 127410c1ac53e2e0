"""Delivers the published table CALLBACK_SETTINGS to engagement, until it has taken it."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpError, HttpFailure
from ringback.runtime.sql import is_unavailable
from ringback.services.designer.store import Publication, Store

CALLBACK_SETTINGS = "CALLBACK_SETTINGS"


class Publisher:
    """A publication is stored first; what could not be delivered is tried again."""

    def __init__(self, ctx: Context, store: Store, retry_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._retry_s = retry_s
        self._lock = asyncio.Lock()
        self._engagement = HttpClient(ctx, "engagement", connection="ges-14")

    def start(self) -> None:
        """Begin to deliver; runs until the service stops."""
        self._ctx.spawn(self._run(), "publisher")

    async def publish(self, tenant: str, name: str) -> tuple[int, bool]:
        """Publish a table as it stands: its version, and whether the receiver has it already.

        Raises HttpError: 404 without such a table, 400 when the receiver refuses what is in it.
        """
        async with self._lock:
            version = await self._store.publish(tenant, name)
            if version is None:
                raise HttpError(404, "no_table", "there is no such data table")
            refusals = await self._deliver_all()
        if (tenant, name) in refusals:
            raise HttpError(400, "refused", refusals[tenant, name])
        table = await self._store.table(tenant, name)
        return version, table is not None and table.delivered >= version

    async def _deliver_all(self) -> dict[tuple[str, str], str]:
        """Try once to deliver all that is waiting; why what was refused was refused."""
        refusals = {}
        for publication in await self._store.undelivered():
            refusal = await self._deliver(publication)
            if refusal:
                refusals[publication.tenant, publication.name] = refusal
        return refusals

    async def _deliver(self, publication: Publication) -> str:
        refusal = ""
        if publication.name == CALLBACK_SETTINGS:
            path = f"/internal/settings/{quote(publication.tenant, safe='')}?whole=true"
            try:
                await self._engagement.post(path, publication.rows, retry=True)
            except HttpFailure as failure:
                self._ctx.log.warning("settings_refused", tenant=publication.tenant, slug=failure.slug)
                if failure.status >= 500:
                    return ""
                refusal = failure.message or failure.slug
            except ConnectionError as error:
                self._ctx.log.info("settings_wait", tenant=publication.tenant, error=str(error))
                return ""
        await self._store.delivered(publication)
        return refusal

    async def _run(self) -> None:
        while True:
            try:
                async with self._lock:
                    await self._deliver_all()
            except Exception as error:
                if not is_unavailable(error):
                    self._ctx.log.exception("publisher_failed")
            await asyncio.sleep(self._retry_s)
