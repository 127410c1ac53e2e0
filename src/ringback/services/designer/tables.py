"""The HTTP API of data tables: JSON and CSV, checked cell by cell, published."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from ringback.domain.tables import faults
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.services.designer.csv_rows import TYPE, CsvError, read_rows, write_rows
from ringback.services.designer.publisher import Publisher
from ringback.services.designer.store import Rows, Store, etag

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TOLD = 20
"""Faults that are named in one answer."""


class TablesHttp:
    """Routes of the data tables."""

    def __init__(self, store: Store, publisher: Publisher, tenant: Callable[[HttpRequest], str]) -> None:
        self._store = store
        self._publisher = publisher
        self._tenant = tenant

    def add_routes(self, server: HttpServer, biggest: int) -> None:
        """Serve the tables on `server`; `biggest` in bytes."""
        table = "/tables/{tenant}/{table}"
        server.route("GET", table, self._read)
        server.route("PUT", table, self._write, max_bytes=biggest)
        server.route("POST", f"{table}/publish", self._publish)
        server.route("GET", f"{table}/published", self._read_published, connection="voice-43")

    async def _read(self, request: HttpRequest) -> HttpResponse:
        table = await self._store.table(self._tenant(request), named(request, "table"))
        if table is None:
            raise _no_table()
        headers = {"ETag": f'"{table.version}"'}
        if TYPE in request.headers.get("Accept", ""):
            return HttpResponse(write_rows(table.rows), content_type=TYPE, headers=headers)
        return HttpResponse(table.rows, headers=headers)

    async def _write(self, request: HttpRequest) -> dict[str, int]:
        tenant, name, rows = self._tenant(request), named(request, "table"), _rows(request)
        found = faults(name, rows)
        if found:
            more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
            raise HttpError(400, "bad_cells", "; ".join(map(str, found[:_TOLD])) + more)
        return {"version": await self._store.write_table(tenant, name, rows)}

    async def _publish(self, request: HttpRequest) -> HttpResponse:
        """200 when the receiver has it, 202 when it gets it later."""
        tenant, name = self._tenant(request), named(request, "table")
        version, delivered = await self._publisher.publish(tenant, name)
        return HttpResponse({"version": version, "delivered": delivered}, status=200 if delivered else 202)

    async def _read_published(self, request: HttpRequest) -> HttpResponse:
        """What applications see."""
        text = await self._store.published(self._tenant(request), named(request, "table"))
        if text is None:
            raise _no_table()
        headers = {"ETag": etag(text), "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(msgspec.Raw(text.encode()), headers=headers)


def _rows(request: HttpRequest) -> Rows:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != TYPE:
        return request.decode(Rows)
    try:
        return read_rows(request.body.decode())
    except UnicodeDecodeError:
        raise HttpError(400, "not_utf8", "a table is UTF-8 text") from None
    except CsvError as error:
        raise HttpError(400, "not_csv", str(error)) from None


def _no_table() -> HttpError:
    return HttpError(404, "no_table", "there is no such data table")


def named(request: HttpRequest, part: str) -> str:
    """A name in the path. Raises HttpError."""
    name = request.path_param(part)
    if not _NAME.fullmatch(name):
        raise HttpError(400, "bad_name", "a name has up to 64 letters, digits, dots, dashes and underscores")
    return name
