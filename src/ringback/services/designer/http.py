"""The HTTP API of the designer."""

from __future__ import annotations

from ringback import vxml
from ringback.contracts.applications import (
    HEADER_SHARE,
    ApplicationVersions,
    FetchReply,
    FetchRequest,
    RollBack,
    Share,
)
from ringback.runtime.context import Context
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.scxml import DocumentError, Limits, compile_document, external_sources
from ringback.services.designer.fetcher import Fetcher
from ringback.services.designer.publisher import Publisher
from ringback.services.designer.settings import DesignerSettings
from ringback.services.designer.store import VXML, Store, etag
from ringback.services.designer.tables import TablesHttp, named
from ringback.services.designer.versions import Versions

SCXML_TYPE = "application/scxml+xml"
VXML_TYPE = "application/voicexml+xml"
_DIGITS = 9


class DesignerHttp:
    """Routes of the designer."""

    def __init__(self, ctx: Context, settings: DesignerSettings, store: Store, publisher: Publisher) -> None:
        self._ctx = ctx
        self._settings = settings
        self._store = store
        self._versions = Versions(ctx)
        self._tables = TablesHttp(store, publisher, self._tenant)
        self._fetcher = Fetcher(ctx, settings)

    def add_routes(self, server: HttpServer) -> None:
        """Serve everything on `server`."""
        biggest_app = self._settings.max_application_bytes
        biggest_table = self._settings.max_table_bytes
        server.route("GET", "/apps/{tenant}", self._list)
        server.route("GET", "/apps/{tenant}/{name}.scxml", self._read, connection="voice-43")
        server.route("GET", "/apps/{tenant}/{name}.vxml", self._read_dialog, connection="voice-43")
        server.route("PUT", "/apps/{tenant}/{name}.vxml", self._write_dialog, max_bytes=biggest_app)
        server.route("DELETE", "/apps/{tenant}/{name}.vxml", self._remove_dialog)
        server.route("PUT", "/apps/{tenant}/{name}.scxml", self._write, max_bytes=biggest_app)
        server.route("DELETE", "/apps/{tenant}/{name}.scxml", self._remove)
        app = "/apps/{tenant}/{name}"
        server.route("GET", f"{app}/versions", self._list_versions)
        server.route("GET", f"{app}/versions/{{version}}", self._read_version)
        server.route("GET", f"{app}/draft", self._read_draft)
        server.route("PUT", f"{app}/draft", self._write_draft, max_bytes=biggest_app)
        server.route("POST", f"{app}/publish", self._publish_draft)
        server.route("POST", f"{app}/rollback", self._roll_back)
        server.route("GET", f"{app}/share", self._read_share)
        server.route("PUT", f"{app}/share", self._write_share)
        server.route("DELETE", f"{app}/share", self._remove_share)
        self._tables.add_routes(server, biggest_table)
        server.route("POST", "/fetch", self._fetch, connection="voice-43", max_bytes=biggest_table)

    async def _list(self, request: HttpRequest) -> dict[str, str]:
        return await self._store.applications(self._tenant(request))

    async def _read(self, request: HttpRequest) -> HttpResponse:
        return await self._served(request, named(request, "name"))

    async def _read_dialog(self, request: HttpRequest) -> HttpResponse:
        return await self._served(request, named(request, "name") + VXML)

    async def _served(self, request: HttpRequest, name: str) -> HttpResponse:
        document = await self._store.application(self._tenant(request), name)
        if document is None:
            raise HttpError(404, "no_application", f"there is no application {name}")
        headers = {"ETag": etag(document), "Cache-Control": "no-cache"}
        share = await self._versions.share(request.path_param("tenant"), name)
        content_type = VXML_TYPE if name.endswith(VXML) else SCXML_TYPE
        if share is not None:
            headers[HEADER_SHARE] = f"{share.version or 0} {share.percent}"
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(document, content_type=content_type, headers=headers)

    async def _write(self, request: HttpRequest) -> HttpResponse:
        """Keep an application as a new version and serve it, if it compiles."""
        return await self._publish(request, named(request, "name"))

    async def _write_dialog(self, request: HttpRequest) -> HttpResponse:
        return await self._publish(request, named(request, "name") + VXML)

    async def _publish(self, request: HttpRequest, name: str) -> HttpResponse:
        tenant, document = self._tenant(request), self._document(request, name)
        version = await self._versions.publish(tenant, name, document)
        return HttpResponse({"name": name, "version": version}, headers={"ETag": etag(document)})

    def _document(self, request: HttpRequest, name: str) -> str:
        """The body, which must compile as its name says. Raises HttpError."""
        is_dialog, most = name.endswith(VXML), self._settings.max_application_bytes
        limits = Limits(document_bytes=most)
        try:
            document = request.body.decode("utf-8-sig")
            if is_dialog:
                vxml.Document(document, name, vxml.Limits(document_bytes=most))
                return document
            # Scripts and data from elsewhere are not there yet; the shape of the document is checked.
            compile_document(document, dict.fromkeys(external_sources(document, limits), ""), limits)
        except UnicodeDecodeError:
            raise HttpError(400, "not_utf8", "an application is UTF-8 text") from None
        except DocumentError as error:
            raise HttpError(400, "not_vxml" if is_dialog else "not_scxml", str(error)) from None
        return document

    async def _write_draft(self, request: HttpRequest) -> HttpResponse:
        tenant, name = self._tenant(request), named(request, "name")
        document = self._document(request, name)
        await self._versions.write_draft(tenant, name, document)
        return HttpResponse({"name": name}, headers={"ETag": etag(document)})

    async def _read_draft(self, request: HttpRequest) -> HttpResponse:
        document = await self._versions.draft(self._tenant(request), named(request, "name"))
        if document is None:
            raise _no_draft()
        return HttpResponse(document, content_type=SCXML_TYPE, headers={"ETag": etag(document)})

    async def _publish_draft(self, request: HttpRequest) -> dict[str, int]:
        version = await self._versions.publish_draft(self._tenant(request), named(request, "name"))
        if version is None:
            raise _no_draft()
        return {"version": version}

    async def _list_versions(self, request: HttpRequest) -> ApplicationVersions:
        return await self._versions.all(self._tenant(request), named(request, "name"))

    async def _read_version(self, request: HttpRequest) -> HttpResponse:
        number = request.path_param("version")
        found = None
        if number.isdecimal() and len(number) < _DIGITS:
            found = await self._versions.read(self._tenant(request), named(request, "name"), int(number))
        if found is None:
            raise HttpError(404, "no_version", "there is no such version")
        return HttpResponse(found, content_type=SCXML_TYPE, headers={"ETag": etag(found)})

    async def _roll_back(self, request: HttpRequest) -> dict[str, int]:
        wanted = request.decode(RollBack).version
        if wanted is not None and not 0 < wanted < 10**_DIGITS:
            raise HttpError(404, "no_version", "there is no such version")
        version = await self._versions.roll_back(self._tenant(request), named(request, "name"), wanted)
        if version is None:
            raise HttpError(404, "no_version", "there is no such version")
        return {"version": version}

    async def _read_share(self, request: HttpRequest) -> Share:
        share = await self._versions.share(self._tenant(request), named(request, "name"))
        if share is None:
            raise HttpError(404, "no_share", "all sessions run the published version")
        return share

    async def _write_share(self, request: HttpRequest) -> Share:
        """A part of the new sessions runs another version, from the next one on."""
        tenant, name, share = self._tenant(request), named(request, "name"), request.decode(Share)
        if not 1 <= share.percent <= 100:
            raise HttpError(400, "bad_percent", "'percent' is 1 to 100")
        if not await self._versions.write_share(tenant, name, share):
            raise HttpError(404, "no_version", "there is no such version, or no draft")
        return share

    async def _remove_share(self, request: HttpRequest) -> HttpResponse:
        if not await self._versions.remove_share(self._tenant(request), named(request, "name")):
            raise HttpError(404, "no_share", "all sessions run the published version")
        return HttpResponse(status=204)

    async def _remove(self, request: HttpRequest) -> HttpResponse:
        return await self._forget(request, named(request, "name"))

    async def _remove_dialog(self, request: HttpRequest) -> HttpResponse:
        return await self._forget(request, named(request, "name") + VXML)

    async def _forget(self, request: HttpRequest, name: str) -> HttpResponse:
        if not await self._store.remove_application(self._tenant(request), name):
            raise HttpError(404, "no_application", "the tenant has no application of its own by this name")
        return HttpResponse(status=204)

    async def _fetch(self, request: HttpRequest) -> FetchReply:
        return await self._fetcher.fetch(request.decode(FetchRequest))

    def _tenant(self, request: HttpRequest) -> str:
        tenant = request.path_param("tenant")
        if tenant not in self._ctx.common.tenants:
            raise HttpError(404, "unknown_tenant", "this platform has no such tenant")
        return tenant


def _no_draft() -> HttpError:
    return HttpError(404, "no_draft", "there is no draft of this application")
