"""Applications and data tables: what is shipped, and what tenants keep in PostgreSQL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec

from ringback.runtime.context import Context
from ringback.runtime.sql import load_queries

SQL = load_queries("ringback.services.designer")


def _shipped(ending: str) -> dict[str, str]:
    folder = files("ringback.services.designer").joinpath("shipped")
    return {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(ending)}


SHIPPED = {name.removesuffix(".scxml"): text for name, text in _shipped(".scxml").items()}
VXML = ".vxml"
DIALOGS = _shipped(VXML)
"""Documents of VoiceXML dialogs: these names bear their ending."""

Rows = dict[str, dict[str, Any]]
"""A data table: rows by their key, each a set of columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """A data table; it is delivered when its receiver has the version that was published."""

    rows: Rows
    version: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Publication:
    """A published table that its receiver does not have yet."""

    tenant: str
    name: str
    version: int
    rows: Rows


class Store:
    """Reads and writes what the designer keeps."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def application(self, tenant: str, name: str) -> str | None:
        """The tenant's own application of this name, else the shipped one, else None."""
        own = await self._ctx.postgres.pool.fetchval(SQL["read_application"], tenant, name)
        return own if own is not None else SHIPPED.get(name, DIALOGS.get(name))

    async def applications(self, tenant: str) -> dict[str, str]:
        """Names of all applications, with `shipped` or `own`."""
        rows = await self._ctx.postgres.pool.fetch(SQL["list_applications"], tenant)
        return dict.fromkeys((*SHIPPED, *DIALOGS), "shipped") | {row["name"]: "own" for row in rows}

    async def remove_application(self, tenant: str, name: str) -> bool:
        """Forget a tenant's application; the shipped one of that name stands again."""
        return await self._ctx.postgres.pool.fetchval(SQL["remove_application"], tenant, name) is not None

    async def table(self, tenant: str, name: str) -> Table | None:
        """A data table, or None."""
        row = await self._ctx.postgres.pool.fetchrow(SQL["read_table"], tenant, name)
        if row is None:
            return None
        return Table(msgspec.json.decode(row["rows"], type=Rows), row["version"], row["delivered"])

    async def write_table(self, tenant: str, name: str, rows: Rows) -> int:
        """Keep a whole data table; its new version."""
        body = msgspec.json.encode(rows).decode()
        version: int = await self._ctx.postgres.pool.fetchval(SQL["write_table"], tenant, name, body)
        return version

    async def published(self, tenant: str, name: str) -> str | None:
        """The rows of a table as they were published last, as JSON text, or None."""
        found: str | None = await self._ctx.postgres.pool.fetchval(SQL["read_published_table"], tenant, name)
        return found

    async def publish(self, tenant: str, name: str) -> int | None:
        """Say that the table as it stands is to be delivered; its version, or None without such a table."""
        version: int | None = await self._ctx.postgres.pool.fetchval(SQL["publish_table"], tenant, name)
        return version

    async def undelivered(self) -> list[Publication]:
        """What was published and not taken yet."""
        rows = await self._ctx.postgres.pool.fetch(SQL["undelivered"])
        return [
            Publication(
                row["tenant"],
                row["name"],
                row["wanted"],
                msgspec.json.decode(row["published"], type=Rows),
            )
            for row in rows
        ]

    async def delivered(self, publication: Publication) -> None:
        """The receiver has this version."""
        await self._ctx.postgres.pool.execute(
            SQL["delivered"], publication.tenant, publication.name, publication.version
        )


def etag(text: str) -> str:
    """The entity tag of a document."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
