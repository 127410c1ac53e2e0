"""Drafts, the published version and earlier ones of a tenant's applications."""

from __future__ import annotations

from typing import Any

from ringback.contracts.applications import ApplicationVersion, ApplicationVersions, Share
from ringback.runtime.context import Context
from ringback.services.designer.store import SQL, etag


class Versions:
    """A version never changes; publishing and rolling back only say which one is served."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def publish(self, tenant: str, name: str, document: str) -> int:
        """Keep a text as a new version and serve it; the text that is served already makes none."""
        async with self._ctx.postgres.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_application"], tenant, name)
            return await _publish(connection, tenant, name, document)

    async def publish_draft(self, tenant: str, name: str) -> int | None:
        """Make the draft the newest version and serve it; None without a draft."""
        async with self._ctx.postgres.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_application"], tenant, name)
            document = await connection.fetchval(SQL["remove_draft"], tenant, name)
            return None if document is None else await _publish(connection, tenant, name, document)

    async def roll_back(self, tenant: str, name: str, version: int | None) -> int | None:
        """Serve an earlier version, without a number the one before that which is served; None: no such."""
        async with self._ctx.postgres.pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock_application"], tenant, name)
            if version is None:
                row = await connection.fetchrow(SQL["read_published"], tenant, name)
                version = 0 if row is None else (row["published"] or 1) - 1
            found: int | None = await connection.fetchval(SQL["publish_version"], tenant, name, version)
            if found is not None:
                await connection.execute(SQL["remove_share"], tenant, name)
            return found

    async def all(self, tenant: str, name: str) -> ApplicationVersions:
        """What there is of an application."""
        rows = await self._ctx.postgres.pool.fetch(SQL["list_versions"], tenant, name)
        versions = [
            ApplicationVersion(
                version=row["version"],
                published=row["published"],
                created_at=row["created_at"],
                etag=etag(row["document"]),
            )
            for row in rows
        ]
        draft = await self.draft(tenant, name) is not None
        return ApplicationVersions(name=name, draft=draft, versions=versions)

    async def read(self, tenant: str, name: str, version: int) -> str | None:
        """The text of one version."""
        found: str | None = await self._ctx.postgres.pool.fetchval(SQL["read_version"], tenant, name, version)
        return found

    async def draft(self, tenant: str, name: str) -> str | None:
        """The draft, or None."""
        found: str | None = await self._ctx.postgres.pool.fetchval(SQL["read_draft"], tenant, name)
        return found

    async def write_draft(self, tenant: str, name: str, document: str) -> None:
        """Keep a draft; nobody is served it."""
        await self._ctx.postgres.pool.execute(SQL["write_draft"], tenant, name, document)

    async def share(self, tenant: str, name: str) -> Share | None:
        """The version that a part of the new sessions runs, or None."""
        row = await self._ctx.postgres.pool.fetchrow(SQL["read_share"], tenant, name)
        return None if row is None else Share(version=row["version"] or None, percent=row["percent"])

    async def write_share(self, tenant: str, name: str, share: Share) -> bool:
        """Share an application; False when there is no such version, or no draft."""
        if share.version is None:
            found = await self.draft(tenant, name)
        else:
            found = await self.read(tenant, name, share.version)
        if found is None:
            return False
        await self._ctx.postgres.pool.execute(
            SQL["write_share"], tenant, name, share.version or 0, share.percent
        )
        return True

    async def remove_share(self, tenant: str, name: str) -> bool:
        """All new sessions run what is published; False when they did so already."""
        return await self._ctx.postgres.pool.fetchval(SQL["remove_share"], tenant, name) is not None


async def _publish(connection: Any, tenant: str, name: str, document: str) -> int:
    await connection.execute(SQL["remove_share"], tenant, name)
    row = await connection.fetchrow(SQL["read_published"], tenant, name)
    if row is not None and row["document"] == document and row["published"]:
        return int(row["published"])
    version: int = await connection.fetchval(SQL["keep_version"], tenant, name, document)
    await connection.execute(SQL["publish_version"], tenant, name, version)
    return version
